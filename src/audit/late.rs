//! An earlier answer and a later one to the same question → what has reached the log in between.

use super::blast_radius::{Access, BlastRadius};
use super::findings::{Finding, Severity};
use super::rules::present_name;
use super::second_order::SecondOrder;
use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a later look found that an earlier one had not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Late {
    /// Up to when the earlier answer spoke.
    pub horizon_before: Option<Timestamp>,
    /// Up to when the later one speaks.
    pub horizon: Option<Timestamp>,
    /// Groups of accesses, but for our own, that are new or grew: `count` is by how much.
    pub accesses: Vec<Access>,
    /// Callers that nobody knows and that were not seen before.
    pub unknown_callers: Vec<String>,
    /// Secrets that they touched, new or more often than before: `count` is how often in all.
    pub second_order: Vec<SecondOrder>,
    /// Findings that were not made before, or not of that caller, or graver than before.
    pub findings: Vec<Finding>,
}

/// An answer, and what is new in it: an amendment to an earlier one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LateLook {
    /// When the log was asked.
    pub asked_at: Timestamp,
    /// What is new.
    pub late: Late,
    /// The whole answer, which takes the place of the earlier one.
    pub blast_radius: BlastRadius,
}

/// A look that found nothing to look at, as it is recorded: it says nothing of who read the secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoAnswer {
    /// Why nothing is known.
    pub because: String,
    /// The answer without an entry, which a later look amends; nothing where there was none at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<BlastRadius>,
}

impl LateLook {
    /// Takes a later answer to a question that was answered before.
    pub fn new(before: &BlastRadius, after: BlastRadius, asked_at: Timestamp) -> Self {
        Self { asked_at, late: late(before, &after), blast_radius: after }
    }
}

impl Late {
    /// Whether nothing is new.
    pub fn is_empty(&self) -> bool {
        self.accesses.is_empty()
            && self.unknown_callers.is_empty()
            && self.second_order.is_empty()
            && self.findings.is_empty()
    }

    /// Whether those who were told of the incident were told too little: somebody unknown had the secret as well, or
    /// something that someone should look at came to light.
    pub fn changes_the_picture(&self) -> bool {
        let grave = |finding: &Finding| finding.severity >= Severity::Medium;
        !self.unknown_callers.is_empty() || self.findings.iter().any(grave)
    }
}

/// Compares two answers.
pub fn late(before: &BlastRadius, after: &BlastRadius) -> Late {
    let key = |access: &Access| {
        let text = [&access.ip, &access.operation, &access.version].map(Clone::clone);
        (access.id(), text, access.status / 100, access.own, access.claims_to_be_own)
    };
    let counted: BTreeMap<_, u64> = before.accesses.iter().map(|access| (key(access), access.count)).collect();
    let grown = after.accesses.iter().filter(|access| !access.own).filter_map(|access| {
        let more = access.count.saturating_sub(counted.get(&key(access)).copied().unwrap_or(0));
        (more > 0).then(|| Access { count: more, ..access.clone() })
    });
    let place = |row: &SecondOrder| [&row.oid, &row.vault, &row.secret, &row.operation].map(Clone::clone);
    let touched: BTreeMap<_, u64> = before.second_order.iter().map(|row| (place(row), row.count)).collect();
    let known: BTreeSet<&String> = before.unknown_callers.iter().collect();
    let told: BTreeSet<_> = before.findings.iter().flat_map(|finding| about(finding).into_iter()).collect();
    // A count that grew makes no new finding.
    let is_new = |finding: &&Finding| {
        about(finding)
            .iter()
            .any(|(rule, oid, severity)| !told.iter().any(|(had, of, was)| had == rule && of == oid && was >= severity))
    };
    Late {
        horizon_before: before.coverage.horizon,
        horizon: after.coverage.horizon,
        accesses: grown.collect(),
        unknown_callers: after.unknown_callers.iter().filter(|oid| !known.contains(oid)).cloned().collect(),
        second_order: after
            .second_order
            .iter()
            .filter(|row| touched.get(&place(row)).is_none_or(|count| *count < row.count))
            .cloned()
            .collect(),
        findings: after.findings.iter().filter(is_new).cloned().collect(),
    }
}

/// What a finding is about: its rule, each caller, and how grave it is.
fn about(finding: &Finding) -> BTreeSet<(&str, &str, Severity)> {
    let mut about: BTreeSet<_> =
        finding.evidence.iter().map(|entry| (present_name(&finding.rule), &*entry.oid, finding.severity)).collect();
    if about.is_empty() {
        about.insert((present_name(&finding.rule), "", finding.severity));
    }
    about
}
