//! Somebody else changed a version's attributes after we had changed them, and it was read afterwards: it was enabled
//! again. Disabling is reversible by anyone who may set secrets.

use super::deeds::{by_caller, finding, is_read};
use super::facts::{Deed, Facts};
use crate::audit::findings::{Finding, Severity};

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let is_update = |deed: &Deed<'_>| deed.0.operation == "SecretUpdate" && deed.0.succeeded();
    let ours: Vec<Deed<'_>> = facts.accesses.iter().filter(|deed| deed.0.is_own() && is_update(deed)).collect();
    let undone = facts.others().filter(|deed| {
        let same = |(key, group): &Deed<'_>| key.version == deed.0.version && group.first.at <= deed.1.last.at;
        let refused = |(key, group): &Deed<'_>| {
            key.version == deed.0.version
                && key.operation == "SecretGet"
                && group.statuses.contains_key(&403)
                && group.first.at <= deed.1.last.at
        };
        is_update(deed) && (ours.iter().any(same) || facts.accesses.iter().any(|deed| refused(&deed)))
    });
    let mut findings = Vec::new();
    for (_, (name, deeds)) in by_caller(facts, undone) {
        let read_again = facts.others().any(|(key, group)| {
            is_read(key)
                && deeds
                    .iter()
                    .any(|(update, change)| update.version == key.version && group.last.at >= change.first.at)
        });
        let outcome = if read_again { "it has been read since" } else { "it has not been read since" };
        let summary = format!("`{name}` changed a version after it was disabled, which may enable it again; {outcome}");
        let severity = if read_again { Severity::High } else { Severity::Medium };
        let techniques = &["T1098 Account Manipulation", "T1562 Impair Defenses"];
        findings.push(finding("re-enabled", severity, summary, facts.evidence_of(&deeds), techniques));
    }
    findings
}
