//! Backups, deletions and purges by others than us: of this secret, and of any by the unrecognised callers. A backup takes
//! every version away in one piece; a purge destroys evidence and service alike.
//!
//! Backups on several days are a schedule, by whoever is no stranger, and so is what was done in the baseline: both are
//! quiet.

use super::deeds::{SECRETS_STORE, by_caller, finding, joined, times, total};
use super::facts::{Deed, Facts};
use crate::audit::findings::{Evidence, Finding, Severity};

const MINUTES_OF_A_DAY: i64 = 24 * 60;

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let deeds = facts.others().chain(facts.reach.iter());
    let deeds = deeds.filter(|deed| is_sensitive(&deed.0.operation) && !is_ordinary(facts, deed));
    let mut findings = Vec::new();
    for (oid, (name, deeds)) in by_caller(facts, deeds) {
        let succeeded = deeds.iter().any(|(key, _)| key.succeeded());
        let outcome = if succeeded { "carried out" } else { "was refused" };
        let severity = if succeeded { facts.severity_for(oid, Severity::Medium) } else { Severity::Medium };
        let operations = joined(deeds.iter().map(|(key, _)| key.operation.as_str()));
        let summary = format!("`{name}` {outcome} {operations}, {}", times(total(&deeds)));
        let evidence = deeds.iter().map(|deed| Evidence { note: about(deed), ..facts.evidence(*deed) }).collect();
        findings.push(finding(
            "sensitive-operation",
            severity,
            summary,
            evidence,
            &["T1485 Data Destruction", SECRETS_STORE],
        ));
    }
    findings
}

fn is_sensitive(operation: &str) -> bool {
    operation.starts_with("Secret") && ["Backup", "Purge", "Delete"].iter().any(|verb| operation.ends_with(verb))
}

fn is_ordinary(facts: &Facts<'_>, (key, group): &Deed<'_>) -> bool {
    let did_so_before = facts
        .before
        .iter()
        .any(|(before, _)| before.caller == key.caller && before.operation == key.operation && before.succeeded());
    let days = || {
        let mut days: Vec<i64> = group.pace.minutes().map(|(minute, _)| minute.div_euclid(MINUTES_OF_A_DAY)).collect();
        days.dedup();
        days.len()
    };
    let is_known = facts.question.is_listed(&key.caller) || did_so_before || !facts.question.has_reference();
    is_known && key.succeeded() && (did_so_before || (key.operation == "SecretBackup" && days() >= 2))
}

fn about((key, _): &Deed<'_>) -> String {
    if key.secret.is_empty() { String::new() } else { format!("secret `{}`", key.secret) }
}
