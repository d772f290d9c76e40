//! An unrecognised caller used what is not a secret: keys, certificates, the vault itself. What it signed or unwrapped is part
//! of the blast radius and is not undone by rotating secrets.

use super::deeds::{by_caller, finding, joined, times, total};
use super::facts::Facts;
use crate::audit::findings::{Finding, Severity};
use crate::audit::groups::Key;

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let is_beyond = |key: &Key| {
        key.secret.is_empty()
            && key.succeeded()
            && facts.is_stranger(&key.caller)
            && !key.operation.starts_with("Secret")
            && !matches!(&*key.operation, "Authentication" | "VaultGet")
    };
    let mut findings = Vec::new();
    for (name, deeds) in by_caller(facts, facts.reach.iter().filter(|(key, _)| is_beyond(key))).into_values() {
        let operations = joined(deeds.iter().map(|(key, _)| key.operation.as_str()));
        let count = times(total(&deeds));
        let summary = format!("unrecognised caller `{name}` did more than touch secrets: {operations}, {count}");
        let evidence = facts.evidence_of(&deeds);
        findings.push(finding("beyond-secrets", Severity::Medium, summary, evidence, &["T1552.004 Private Keys"]));
    }
    findings
}
