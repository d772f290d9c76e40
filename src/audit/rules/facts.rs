//! What was gathered, as the rules look at it.

use crate::audit::coverage::Coverage;
use crate::audit::findings::{Evidence, Severity};
use crate::audit::groups::{Group, Groups, Key};
use crate::audit::question::Question;
use crate::audit::who;
use std::collections::BTreeSet;

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
    /// What the unrecognised callers did to all else.
    pub(crate) reach: &'a Groups,
    pub(crate) unknown: &'a BTreeSet<String>,
    /// How many records that may be about the secret could not be read.
    pub(crate) unreadable: u64,
    pub(crate) coverage: &'a Coverage,
}

impl<'a> Facts<'a> {
    /// What others than we did to the secret.
    pub(crate) fn others(&self) -> impl Iterator<Item = Deed<'a>> {
        self.accesses.iter().filter(|(key, _)| !key.is_own())
    }

    /// What one unrecognised caller did, to this secret and to all else.
    pub(crate) fn deeds_of(&self, oid: &str) -> impl Iterator<Item = Deed<'a>> {
        self.others().chain(self.reach.iter()).filter(move |(key, _)| key.caller == oid)
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

    /// `unrecognised caller`, or `caller`.
    pub(crate) fn kind_of(&self, oid: &str) -> &'static str {
        if self.is_stranger(oid) { "unrecognised caller" } else { "caller" }
    }

    /// A caller in words.
    pub(crate) fn name_of(&self, (key, group): Deed<'_>) -> String {
        let name = who::name_of(&self.question.names, &group.upn, &group.resource, &group.appid, &key.caller);
        who::shown_as(name, key.whose)
    }

    /// A group as evidence.
    pub(crate) fn evidence(&self, deed: Deed<'_>) -> Evidence {
        let (key, group) = deed;
        Evidence {
            oid: key.caller.clone(),
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
