//! An earlier answer and a later one to the same question → what has reached the log in between.

use super::blast_radius::{Access, BlastRadius};
use super::findings::Finding;
use super::second_order::SecondOrder;
use crate::clock::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a later look found that an earlier one had not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Late {
    /// Up to when the earlier answer spoke.
    pub horizon_before: Option<Timestamp>,
    /// Up to when the later one speaks.
    pub horizon: Option<Timestamp>,
    /// Groups of accesses that are new, or grew: `count` is by how much.
    pub accesses: Vec<Access>,
    /// Callers that nobody knows and that were not seen before.
    pub unknown_callers: Vec<String>,
    /// Secrets that they touched, new or more often than before: `count` is how often in all.
    pub second_order: Vec<SecondOrder>,
    /// Findings that were not made before.
    pub findings: Vec<Finding>,
}

impl Late {
    /// Whether nothing is new.
    pub fn is_empty(&self) -> bool {
        self.accesses.is_empty()
            && self.unknown_callers.is_empty()
            && self.second_order.is_empty()
            && self.findings.is_empty()
    }
}

/// Compares two answers.
pub fn late(before: &BlastRadius, after: &BlastRadius) -> Late {
    let key = |access: &Access| {
        let text = [&access.oid, &access.ip, &access.operation, &access.version].map(Clone::clone);
        (text, access.status / 100, access.own)
    };
    let counted: BTreeMap<_, u64> = before.accesses.iter().map(|access| (key(access), access.count)).collect();
    let grown = after.accesses.iter().filter_map(|access| {
        let more = access.count.saturating_sub(counted.get(&key(access)).copied().unwrap_or(0));
        (more > 0).then(|| Access { count: more, ..access.clone() })
    });
    let place = |row: &SecondOrder| [&row.oid, &row.secret, &row.operation].map(Clone::clone);
    let touched: BTreeMap<_, u64> = before.second_order.iter().map(|row| (place(row), row.count)).collect();
    let known: BTreeSet<&String> = before.unknown_callers.iter().collect();
    let told: BTreeSet<(&str, &str)> =
        before.findings.iter().map(|finding| (&*finding.rule, &*finding.summary)).collect();
    let is_new = |finding: &&Finding| !told.contains(&(&*finding.rule, &*finding.summary));
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
