//! The vault itself was changed in the window: its access policies, its network, its existence. Who gives himself access
//! and takes it away again leaves two such entries and nothing else.
//!
//! Whoever did so in the baseline too, or is listed as known, is at work.

use super::deeds::{by_caller, finding, joined, times, total};
use super::facts::Facts;
use crate::audit::findings::{Finding, Severity};

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let deeds = facts.vault_changes.iter().filter(|(key, _)| {
        let did_so_before = facts.vault_changes_before.iter().any(|(before, _)| before.caller == key.caller);
        !key.is_own() && key.succeeded() && !did_so_before && !facts.question.is_listed(&key.caller)
    });
    let mut findings = Vec::new();
    for (oid, (name, deeds)) in by_caller(facts, deeds) {
        let operations = joined(deeds.iter().map(|(key, _)| key.operation.as_str()));
        let reads_too = facts.unknown.contains(oid);
        let severity = if reads_too { Severity::High } else { Severity::Medium };
        let also = if reads_too { ", and touched the secret" } else { "" };
        let summary = format!("`{name}` changed the vault itself ({operations}), {}{also}", times(total(&deeds)));
        let techniques = &["T1098.003 Additional Cloud Roles", "T1562 Impair Defenses"];
        findings.push(finding("vault-changed", severity, summary, facts.evidence_of(&deeds), techniques));
    }
    findings
}
