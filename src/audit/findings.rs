//! What was gathered → what deserves attention, each with its evidence.
//!
//! A finding says what the log shows, not who is guilty. The rules themselves are in [`super::rules`].

use super::blast_radius::caller;
use super::coverage::{Coverage, Seen};
use super::groups::{Group, Groups, Key};
use super::question::Question;
use super::rules::RULES;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Something in the log that deserves attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's name, stable: `unknown-reader`.
    pub rule: String,
    /// How grave it is.
    pub severity: Severity,
    /// One sentence for a person.
    pub summary: String,
    /// The entries it rests on, grouped.
    pub evidence: Vec<Evidence>,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Someone should look.
    Medium,
    /// It decides how the incident goes on.
    High,
}

/// Entries of the log that a finding rests on. What the log does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The caller's object id.
    pub oid: String,
    /// The caller in words.
    pub caller: String,
    /// The caller's address.
    pub ip: String,
    /// What was done.
    pub operation: String,
    /// The version concerned.
    pub version: String,
    /// The HTTP status.
    pub status: u16,
    /// How often.
    pub count: u64,
    /// The first time, as it stands in the log.
    pub first: String,
    /// The last time, as it stands in the log.
    pub last: String,
    /// The user agents, as the caller gave them.
    pub user_agent: String,
    /// Anything else; left out when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What the rules look at.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) question: &'a Question,
    /// What was done to the secret.
    pub(crate) accesses: &'a Groups,
    /// What the unknown callers did to all else.
    pub(crate) reach: &'a Groups,
    pub(crate) unknown: &'a BTreeSet<String>,
    pub(crate) seen: &'a Seen,
    pub(crate) coverage: &'a Coverage,
}

impl<'a> Facts<'a> {
    /// What others than we did to the secret.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&'a Key, &'a Group)> {
        self.accesses.iter().filter(|(key, _)| !key.own)
    }

    /// What one unknown caller did, to this secret and to all else.
    pub(crate) fn deeds_of(&self, oid: &str) -> impl Iterator<Item = (&'a Key, &'a Group)> {
        self.others().chain(self.reach.iter()).filter(move |(key, _)| key.oid == oid)
    }

    /// High for unknown callers, else `otherwise`.
    pub(crate) fn severity_for(&self, oid: &str, otherwise: Severity) -> Severity {
        if self.unknown.contains(oid) { Severity::High } else { otherwise }
    }
}

/// All findings, the gravest first.
pub(crate) fn find(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(facts)).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// A group as evidence.
pub(crate) fn evidence((key, group): (&Key, &Group)) -> Evidence {
    Evidence {
        oid: key.oid.clone(),
        caller: name_of(key, group).to_owned(),
        ip: key.ip.clone(),
        operation: key.operation.clone(),
        version: key.version.clone(),
        status: group.status(),
        count: group.count,
        first: group.first.text.clone(),
        last: group.last.text.clone(),
        user_agent: group.agents(),
        note: String::new(),
    }
}

pub(crate) fn name_of<'a>(key: &'a Key, group: &'a Group) -> &'a str {
    caller(&group.upn, &group.resource, &group.appid, &key.oid)
}
