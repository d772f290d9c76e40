//! A caller read the secret in a burst. An application reads at its start or by the clock; a tool that is tried out, or a
//! loop that somebody wrote for the occasion, reads as fast as it can.
//!
//! A known caller is measured by itself: it must have been so many times busier than its busiest ten minutes of the
//! baseline, and without a baseline than its own average, so that a chatty application stays quiet.

use super::deeds::{SECRETS_STORE, by_caller, finding, is_read, total};
use super::facts::{Deed, Facts};
use crate::audit::findings::{Finding, Severity};
use crate::audit::pace::Pace;

const MINUTES: i64 = 10;

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let thresholds = &facts.question.thresholds;
    let mut findings = Vec::new();
    for (oid, (name, reads)) in by_caller(facts, facts.others().filter(|(key, _)| is_read(key))) {
        let (busiest, minute) = pace(&reads).busiest(MINUTES);
        if busiest < thresholds.burst_reads {
            continue;
        }
        let before: Vec<Deed<'_>> = facts.before.iter().filter(|(key, _)| key.caller == oid && is_read(key)).collect();
        let ordinary = if before.is_empty() { average(facts, &reads) } else { pace(&before).busiest(MINUTES).0 };
        if !facts.is_stranger(oid) && busiest < ordinary.saturating_mul(thresholds.burst_factor) {
            continue;
        }
        let at = crate::audit::reading::hour_start(0).map(|zero| zero + chrono::TimeDelta::minutes(minute));
        let at = at.map(|at| at.format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
        let kind = facts.kind_of(oid);
        let summary = format!("{kind} `{name}` read the secret {busiest} times within {MINUTES} minutes from {at}");
        let within = |(_, group): &Deed<'_>| group.pace.any_within(minute, minute + MINUTES - 1);
        let deeds: Vec<Deed<'_>> = reads.into_iter().filter(within).collect();
        let severity = facts.severity_for(oid, Severity::Medium);
        findings.push(finding("burst", severity, summary, facts.evidence_of(&deeds), &[SECRETS_STORE]));
    }
    findings
}

fn pace(deeds: &[Deed<'_>]) -> Pace {
    let mut pace = Pace::default();
    deeds.iter().for_each(|(_, group)| pace.merge(group.pace.clone()));
    pace
}

/// How many reads ten minutes of the window hold on average.
fn average(facts: &Facts<'_>, reads: &[Deed<'_>]) -> u64 {
    let slots = (facts.question.until - facts.question.since).num_minutes().max(MINUTES) / MINUTES;
    total(reads) / u64::try_from(slots).unwrap_or(1).max(1)
}
