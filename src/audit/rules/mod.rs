//! The rules: each looks at the facts and gives its findings. One file each, with its reasoning.
//!
//! They follow what is publicly known to work for Key Vault, and add what a leak of one secret makes suspicious.
//! Statuses decide, not the log's result type: that says "Success" of refusals too. Ordinary traffic must stay quiet: a
//! rule that cries every night is a rule nobody reads.

mod beyond_secrets;
mod burst;
mod changed_by_others;
mod denied_then_success;
mod enumeration;
mod leaked_version;
mod mass_retrieval;
mod new_origin;
mod no_evidence;

mod re_enabled;
mod read_after_revocation;
mod sensitive_operation;
mod tool_user_agent;
mod unattributed_access;
mod unknown_reader;
mod unreadable_evidence;
mod vault_changed;

use super::findings::{Deed, Evidence, Facts, Finding, Severity};
use super::groups::{Groups, Key};
use crate::clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

type Rule = fn(&Facts<'_>) -> Vec<Finding>;

/// All rules, in the order their findings of one severity appear.
pub(crate) const RULES: [Rule; 17] = [
    no_evidence::rule,
    leaked_version::rule,
    unknown_reader::rule,
    read_after_revocation::rule,
    re_enabled::rule,
    sensitive_operation::rule,
    vault_changed::rule,
    mass_retrieval::rule,
    enumeration::rule,
    burst::rule,
    denied_then_success::rule,
    new_origin::rule,
    changed_by_others::rule,
    unreadable_evidence::rule,
    unattributed_access::rule,
    beyond_secrets::rule,
    tool_user_agent::rule,
];

const SECRETS_STORE: &str = "T1555.006 Cloud Secrets Management Stores";
const CLOUD_ACCOUNTS: &str = "T1078.004 Cloud Accounts";

fn finding(rule: &str, severity: Severity, summary: String, evidence: Vec<Evidence>, techniques: &[&str]) -> Finding {
    let techniques = techniques.iter().map(|technique| (*technique).to_owned()).collect();
    Finding { rule: rule.into(), severity, summary, evidence, techniques }
}

fn total(deeds: &[Deed<'_>]) -> u64 {
    deeds.iter().map(|(_, group)| group.count).sum()
}

fn is_read(key: &Key) -> bool {
    key.operation == "SecretGet" && key.succeeded()
}

/// Deeds by their caller, with the caller's name; those without an object id are left out.
fn by_caller<'a>(
    facts: &Facts<'_>,
    deeds: impl Iterator<Item = Deed<'a>>,
) -> BTreeMap<&'a str, (String, Vec<Deed<'a>>)> {
    let mut callers: BTreeMap<&str, (String, Vec<Deed<'_>>)> = BTreeMap::new();
    for deed in deeds.filter(|(key, _)| !key.oid.is_empty()) {
        let caller = callers.entry(&deed.0.oid).or_insert_with(|| (facts.name_of(deed), Vec::new()));
        caller.1.push(deed);
    }
    callers
}

/// The caller's name, and its successful reads of any secret, of which the last was at or after `since`.
fn reads_of<'a>(facts: &Facts<'a>, oid: &'a str, since: Option<Timestamp>) -> (String, Vec<Deed<'a>>) {
    let counts = |(key, group): &Deed<'_>| is_read(key) && since.is_none_or(|since| group.last.at >= since);
    let reads: Vec<Deed<'a>> = facts.deeds_of(oid).filter(counts).collect();
    (reads.first().map_or_else(|| oid.to_owned(), |deed| facts.name_of(*deed)), reads)
}

fn distinct_secrets(reads: &[Deed<'_>]) -> usize {
    reads.iter().map(|(key, _)| (key.vault.as_str(), key.secret.as_str())).collect::<BTreeSet<_>>().len()
}

/// Evidence drawn together over secrets and versions.
fn by_address(facts: &Facts<'_>, deeds: &[Deed<'_>]) -> Vec<Evidence> {
    let mut groups = Groups::default();
    for (key, group) in deeds {
        let key = Key { vault: String::new(), secret: String::new(), version: String::new(), ..(*key).clone() };
        groups.put(key, (*group).clone());
    }
    groups.iter().map(|deed| facts.evidence(deed)).collect()
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

fn times(count: u64) -> String {
    match count {
        1 => "once".into(),
        2 => "twice".into(),
        count => format!("{count} times"),
    }
}
