//! A caller was refused many times in a row and then let in: somebody tried identities, roles or networks until one
//! worked, or gave himself the right in between.

use super::deeds::{CLOUD_ACCOUNTS, by_caller, finding, times};
use super::facts::{Deed, Facts};
use crate::audit::findings::{Finding, Severity};
use crate::audit::groups::Group;
use std::collections::BTreeMap;

const BURST_MINUTES: i64 = 10;
/// A success so long after a burst belongs to it.
const AFTER_BURST_MINUTES: i64 = 60;

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (oid, (name, deeds)) in by_caller(facts, facts.others()) {
        let is_denied = |group: &Group| group.statuses.keys().any(|status| matches!(status, 401 | 403));
        let (denied, rest): (Vec<Deed<'_>>, Vec<Deed<'_>>) = deeds.into_iter().partition(|(_, group)| is_denied(group));
        let succeeded: Vec<Deed<'_>> = rest.into_iter().filter(|(key, _)| key.succeeded()).collect();
        let last_denied = denied.iter().map(|(_, group)| group.last.at).max();
        let last_success = succeeded.iter().map(|(_, group)| group.last.at).max();
        let burst = burst_before_success(
            &minutes(&denied),
            &minutes(&succeeded),
            last_success > last_denied,
            facts.question.thresholds.burst_denials,
        );
        let Some((denials, end)) = burst else { continue };
        let after = |(_, group): &Deed<'_>| group.pace.any_within(end, end + AFTER_BURST_MINUTES);
        let mut deeds = denied;
        deeds.extend(succeeded.into_iter().filter(after));
        let summary =
            format!("`{name}` was refused {} within {BURST_MINUTES} minutes, and then succeeded", times(denials));
        let severity = facts.severity_for(oid, Severity::Low);
        let techniques = &["T1110 Brute Force", CLOUD_ACCOUNTS, "T1098.003 Additional Cloud Roles"];
        findings.push(finding("denied-then-success", severity, summary, facts.evidence_of(&deeds), techniques));
    }
    findings
}

fn minutes(deeds: &[Deed<'_>]) -> BTreeMap<i64, u64> {
    let mut minutes = BTreeMap::new();
    for (minute, count) in deeds.iter().flat_map(|(_, group)| group.pace.minutes()) {
        *minutes.entry(minute).or_insert(0) += count;
    }
    minutes
}

/// The first burst of refusals with a success soon after: how many refusals, and its last minute. A success within that
/// minute counts if `success_is_last`: minutes alone do not tell which came first.
fn burst_before_success(
    denied: &BTreeMap<i64, u64>,
    succeeded: &BTreeMap<i64, u64>,
    success_is_last: bool,
    burst_denials: u64,
) -> Option<(u64, i64)> {
    denied.keys().find_map(|end| {
        let denials = denied.range(end - BURST_MINUTES + 1..=*end).map(|(_, count)| count).sum();
        let from = if success_is_last { *end } else { end + 1 };
        let let_in = succeeded.range(from..=end + AFTER_BURST_MINUTES).next().is_some();
        (denials >= burst_denials && let_in).then_some((denials, *end))
    })
}
