//! What rules share: deeds by caller, counted and drawn together, and how a finding is made of them.

use super::facts::{Deed, Facts};
use crate::audit::findings::{Evidence, Finding, Severity};
use crate::audit::groups::{Groups, Key};
use crate::clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const SECRETS_STORE: &str = "T1555.006 Cloud Secrets Management Stores";
pub(super) const CLOUD_ACCOUNTS: &str = "T1078.004 Cloud Accounts";

pub(super) fn finding(
    rule: &str,
    severity: Severity,
    summary: String,
    evidence: Vec<Evidence>,
    techniques: &[&str],
) -> Finding {
    let techniques = techniques.iter().map(|technique| (*technique).to_owned()).collect();
    Finding { rule: rule.into(), severity, summary, evidence, techniques }
}

pub(super) fn total(deeds: &[Deed<'_>]) -> u64 {
    deeds.iter().map(|(_, group)| group.count).sum()
}

pub(super) fn is_read(key: &Key) -> bool {
    key.operation == "SecretGet" && key.succeeded()
}

/// Deeds by their caller, with the caller's name; those without an object id are left out.
pub(super) fn by_caller<'a>(
    facts: &Facts<'_>,
    deeds: impl Iterator<Item = Deed<'a>>,
) -> BTreeMap<&'a str, (String, Vec<Deed<'a>>)> {
    let mut callers: BTreeMap<&str, (String, Vec<Deed<'_>>)> = BTreeMap::new();
    for deed in deeds.filter(|(key, _)| !key.caller.is_empty()) {
        let caller = callers.entry(&deed.0.caller).or_insert_with(|| (facts.name_of(deed), Vec::new()));
        caller.1.push(deed);
    }
    callers
}

/// The caller's name, and its successful reads of any secret, of which the last was at or after `since`.
pub(super) fn reads_of<'a>(facts: &Facts<'a>, oid: &'a str, since: Option<Timestamp>) -> (String, Vec<Deed<'a>>) {
    let counts = |(key, group): &Deed<'_>| is_read(key) && since.is_none_or(|since| group.last.at >= since);
    let reads: Vec<Deed<'a>> = facts.deeds_of(oid).filter(counts).collect();
    (reads.first().map_or_else(|| oid.to_owned(), |deed| facts.name_of(*deed)), reads)
}

pub(super) fn distinct_secrets(reads: &[Deed<'_>]) -> usize {
    reads.iter().map(|(key, _)| (key.vault.as_str(), key.secret.as_str())).collect::<BTreeSet<_>>().len()
}

/// Evidence drawn together over secrets and versions.
pub(super) fn by_address(facts: &Facts<'_>, deeds: &[Deed<'_>]) -> Vec<Evidence> {
    let mut groups = Groups::default();
    for (key, group) in deeds {
        let key = Key { vault: String::new(), secret: String::new(), version: String::new(), ..(*key).clone() };
        groups.put(key, (*group).clone());
    }
    groups.iter().map(|deed| facts.evidence(deed)).collect()
}

pub(super) fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

pub(super) fn times(count: u64) -> String {
    match count {
        1 => "once".into(),
        2 => "twice".into(),
        count => format!("{count} times"),
    }
}
