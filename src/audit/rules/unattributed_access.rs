//! Something succeeded, or nothing says that it did not, and the log does not say who did it. The 401 of a first request without a token, which every
//! official client makes, is no success and no finding.

use super::deeds::{finding, times, total};
use super::facts::{Deed, Facts};
use crate::audit::findings::{Finding, Severity};
use crate::audit::groups::Key;

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let is_unattributed =
        |key: &Key| key.caller.is_empty() && key.may_have_succeeded() && !key.operation.ends_with("Notification");
    let deeds: Vec<Deed<'_>> = facts.others().filter(|(key, _)| is_unattributed(key)).collect();
    if deeds.is_empty() {
        return Vec::new();
    }
    let summary = format!("the secret was touched {} by callers without any id", times(total(&deeds)));
    vec![finding(
        "unattributed-access",
        Severity::Medium,
        summary,
        facts.evidence_of(&deeds),
        &["T1078 Valid Accounts"],
    )]
}
