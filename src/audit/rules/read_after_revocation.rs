//! A version was asked for after its attributes were changed, as a revocation does. If it was refused, a consumer is
//! still pinned to it, or a thief tries what he has: the log does not tell one from the other. If we revoked it and the
//! value was given out all the same, the revocation did not hold.
//!
//! The log does not say what a change was. A change by others is taken for a revocation only if nobody got the value
//! afterwards: whoever changes a tag revokes nothing, and a refusal now and then is ordinary.

use super::deeds::{SECRETS_STORE, by_caller, finding, is_read, times};
use super::facts::{Deed, Facts};
use crate::audit::findings::{Evidence, Finding, Severity};
use crate::audit::groups::minute_of;
use crate::clock::Timestamp;
use std::collections::BTreeMap;

pub(super) fn rule(facts: &Facts<'_>) -> Vec<Finding> {
    let changed = revoked(facts, false);
    let ours = revoked(facts, true);
    let since = |(key, group): &Deed<'_>| {
        let since = changed.get(key.version.as_str()).filter(|_| !key.version.is_empty()).copied()?;
        (key.operation == "SecretGet" && group.last.at >= since).then_some(since)
    };
    let refused = facts.others().filter(|deed| since(deed).is_some() && deed.1.statuses.contains_key(&403));
    let mut findings = Vec::new();
    for (oid, (name, deeds)) in by_caller(facts, refused) {
        let summary = format!("`{name}` still asked for a version after it was revoked, and was refused");
        let severity = facts.severity_for(oid, Severity::Medium);
        let evidence = noted(facts, &deeds, since, "refused");
        findings.push(finding("read-after-revocation", severity, summary, evidence, &[SECRETS_STORE]));
    }
    // The first change of a version by us may have been another than its revocation, so a read right after it is not
    // enough: the version must have been seen refused before it was read again.
    let reads = facts.others().filter(|deed| {
        let revoked = ours.contains_key(deed.0.version.as_str()) && since(deed).is_some();
        revoked && deed.0.succeeded() && first_refusal(facts, deed).is_some_and(|at| deed.1.last.at > at)
    });
    for (_, (name, deeds)) in by_caller(facts, reads) {
        let summary = format!("`{name}` got the value of a version after it was revoked");
        let evidence = noted(facts, &deeds, since, "given the value");
        findings.push(finding("read-despite-revocation", Severity::High, summary, evidence, &[SECRETS_STORE]));
    }
    findings
}

/// Versions that were revoked, and when their attributes were first changed.
fn revoked<'a>(facts: &Facts<'a>, only_by_us: bool) -> BTreeMap<&'a str, Timestamp> {
    let mut changed: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for (key, group) in facts.accesses.iter().filter(|(key, _)| key.operation == "SecretUpdate" && key.succeeded()) {
        let given_out_later = facts
            .others()
            .any(|(other, read)| is_read(other) && other.version == key.version && read.last.at > group.last.at);
        if key.is_own() || (!only_by_us && !given_out_later) {
            let at = changed.entry(&key.version).or_insert(group.first.at);
            *at = group.first.at.min(*at);
        }
    }
    changed
}

/// When the version was first refused to anybody, ourselves included: we ask for it to prove the revocation.
fn first_refusal(facts: &Facts<'_>, (key, _): &Deed<'_>) -> Option<Timestamp> {
    let same = facts.accesses.iter().filter(|(other, group)| {
        other.version == key.version && other.operation == "SecretGet" && group.statuses.contains_key(&403)
    });
    same.map(|(_, group)| group.first.at).min()
}

fn noted<'a>(
    facts: &Facts<'_>,
    deeds: &[Deed<'a>],
    since: impl Fn(&Deed<'a>) -> Option<Timestamp>,
    what: &str,
) -> Vec<Evidence> {
    let note = |deed: &Deed<'a>| {
        let after = since(deed).map_or(0, |since| deed.1.pace.since(minute_of(since)));
        Evidence { note: format!("{what} {} since the revocation", times(after)), ..facts.evidence(*deed) }
    };
    deeds.iter().map(note).collect()
}
