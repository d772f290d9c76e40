//! Someone else changed the attributes of a version of the secret, or an unrecognised caller put in a new one: whoever can
//! write the secret can make its users trust a value of his own. What a caller did in the baseline too is its work.

use super::deeds::{by_caller, finding, times, total};
use super::facts::Facts;
use crate::audit::findings::{Finding, Severity};

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let deeds = facts.others().filter(|(key, _)| {
        let set_by_unknown = facts.is_stranger(&key.caller)
            && matches!(&*key.operation, "SecretSet" | "SecretRestore" | "SecretRecover");
        let did_so_before = facts
            .before
            .iter()
            .any(|(before, _)| before.caller == key.caller && before.operation == key.operation && before.succeeded());
        key.succeeded() && !did_so_before && (key.operation == "SecretUpdate" || set_by_unknown)
    });
    let mut findings = Vec::new();
    for (oid, (name, deeds)) in by_caller(facts, deeds) {
        let count = times(total(&deeds));
        let summary = format!("`{name}` changed the secret {count}; a change may enable a revoked version again");
        let severity = facts.severity_for(oid, Severity::Medium);
        let evidence = facts.evidence_of(&deeds);
        findings.push(finding("changed-by-others", severity, summary, evidence, &["T1098 Account Manipulation"]));
    }
    findings
}
