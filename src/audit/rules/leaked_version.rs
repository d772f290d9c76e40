//! The very version that leaked was given out after the exposure to callers nobody expected: whoever they are, they hold
//! what must be revoked. Only where it is known which version leaked; its known readers are what rotation waits for.

use super::deeds::{SECRETS_STORE, finding, is_read, times, total};
use super::facts::{Deed, Facts};
use crate::audit::findings::{Finding, Severity};
use std::collections::BTreeSet;

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(version) = &facts.question.version else { return Vec::new() };
    let is_it = |(key, _): &Deed<'_>| is_read(key) && key.version == *version && facts.is_stranger(&key.caller);
    let reads: Vec<Deed<'_>> = facts.others().filter(is_it).collect();
    if reads.is_empty() {
        return Vec::new();
    }
    let callers = reads.iter().map(|(key, _)| key.caller.as_str()).collect::<BTreeSet<_>>().len();
    let who = if callers == 1 { "1 unrecognised caller".into() } else { format!("{callers} unrecognised callers") };
    let summary = format!("the leaked version was read {} after the exposure, by {who}", times(total(&reads)));
    vec![finding("leaked-version-read", Severity::High, summary, facts.evidence_of(&reads), &[SECRETS_STORE])]
}
