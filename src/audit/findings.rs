//! What was gathered → what deserves attention, each with its evidence.
//!
//! A finding says what the log shows, not who is guilty. The rules themselves are in [`super::rules`].

use super::coverage::Coverage;
use super::groups::{Group, Groups, Key};
use super::question::Question;
use super::rules::RULES;
use super::who;
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
    /// Techniques of MITRE ATT&CK that it may be a sign of: `T1555.006 Cloud Secrets Management Stores`.
    #[serde(default)]
    pub techniques: Vec<String>,
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

/// What was done, and what is known of it.
pub(crate) type Deed<'a> = (&'a Key, &'a Group);

/// What the rules look at.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) question: &'a Question,
    /// What was done to the secret.
    pub(crate) accesses: &'a Groups,
    /// The same in the baseline before the window.
    pub(crate) before: &'a Groups,
    /// What was done to the vault itself.
    pub(crate) vault_changes: &'a Groups,
    pub(crate) vault_changes_before: &'a Groups,
    /// What the unknown callers did to all else.
    pub(crate) reach: &'a Groups,
    pub(crate) unknown: &'a BTreeSet<String>,
    /// How many records that may be about the secret could not be read.
    pub(crate) unreadable: u64,
    pub(crate) coverage: &'a Coverage,
}

impl<'a> Facts<'a> {
    /// What others than we did to the secret.
    pub(crate) fn others(&self) -> impl Iterator<Item = Deed<'a>> {
        self.accesses.iter().filter(|(key, _)| !key.own)
    }

    /// What one unknown caller did, to this secret and to all else.
    pub(crate) fn deeds_of(&self, oid: &str) -> impl Iterator<Item = Deed<'a>> {
        self.others().chain(self.reach.iter()).filter(move |(key, _)| key.oid == oid)
    }

    /// Whether a caller was not expected. Where nothing says who is meant to read the secret, nobody is known, and
    /// nobody is a stranger either: there the rules look at what is done, not at who does it.
    pub(crate) fn is_stranger(&self, oid: &str) -> bool {
        self.question.has_reference() && self.unknown.contains(oid)
    }

    /// High for strangers, else `otherwise`.
    pub(crate) fn severity_for(&self, oid: &str, otherwise: Severity) -> Severity {
        if self.is_stranger(oid) { Severity::High } else { otherwise }
    }

    /// `unknown caller`, or `caller`.
    pub(crate) fn kind_of(&self, oid: &str) -> &'static str {
        if self.is_stranger(oid) { "unknown caller" } else { "caller" }
    }

    /// A caller in words.
    pub(crate) fn name_of(&self, (key, group): Deed<'_>) -> String {
        who::name_of(&self.question.names, &group.upn, &group.resource, &group.appid, &key.oid)
    }

    /// A group as evidence.
    pub(crate) fn evidence(&self, deed: Deed<'_>) -> Evidence {
        let (key, group) = deed;
        Evidence {
            oid: key.oid.clone(),
            caller: self.name_of(deed),
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

    pub(crate) fn evidence_of(&self, deeds: &[Deed<'_>]) -> Vec<Evidence> {
        deeds.iter().map(|deed| self.evidence(*deed)).collect()
    }
}

/// All findings, the gravest first.
pub(crate) fn find(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(facts)).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}
