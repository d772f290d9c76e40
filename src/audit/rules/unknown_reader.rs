//! A caller nobody expected read the value, or tried to. It decides the night: was it someone of ours who is missing
//! from the list, or the one who has the secret now?
//!
//! Silent where neither a list nor a baseline says who is expected: there, everybody would be a finding.

use super::deeds::{CLOUD_ACCOUNTS, SECRETS_STORE, by_caller, finding, is_read, times, total};
use super::facts::{Deed, Facts};
use crate::audit::findings::{Finding, Severity};
use std::collections::BTreeSet;

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let deeds = facts.others().filter(|(key, _)| facts.is_stranger(&key.caller));
    let mut findings = Vec::new();
    for (name, deeds) in by_caller(facts, deeds).into_values() {
        let reads: Vec<Deed<'_>> = deeds.iter().copied().filter(|(key, _)| is_read(key)).collect();
        let versions: BTreeSet<&str> = reads.iter().map(|(key, _)| key.version.as_str()).collect();
        findings.push(if reads.is_empty() {
            let count = times(total(&deeds));
            let summary = format!("unrecognised caller `{name}` touched the secret {count} without reading it");
            let evidence = facts.evidence_of(&deeds);
            finding("unknown-caller", Severity::Medium, summary, evidence, &[CLOUD_ACCOUNTS])
        } else {
            let versions =
                if versions.len() == 1 { "1 version".into() } else { format!("{} versions", versions.len()) };
            let summary =
                format!("unrecognised caller `{name}` read {versions} of the secret, {}", times(total(&reads)));
            let evidence = facts.evidence_of(&reads);
            finding("unknown-reader", Severity::High, summary, evidence, &[SECRETS_STORE, CLOUD_ACCOUNTS])
        });
    }
    findings
}
