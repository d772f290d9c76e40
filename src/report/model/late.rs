//! What reached the audit trail after the run had its answer, and when it is to be asked again.

use super::access::{self, AccessLine, FindingLine, SecondOrderLine};
use super::source::Source;
use crate::audit::{self, LateLook};
use crate::clock::Timestamp;
use crate::clock::second;
use crate::evidence::{Evidence, Item};
use serde::Serialize;
use std::collections::BTreeSet;

/// A later look at the audit trail: an amendment to an earlier answer.
#[derive(Clone, Debug, Serialize)]
pub struct LateLine {
    pub step: String,
    pub asked_at: String,
    /// Up to when the trail spoke before; empty where it held nothing.
    pub horizon_before: String,
    /// Up to when it spoke then.
    pub horizon: String,
    /// Whether anything is new.
    pub anything: bool,
    /// What is new; `count` is by how much it grew.
    pub accesses: Vec<AccessLine>,
    pub unknown_callers: Vec<String>,
    pub second_order: Vec<SecondOrderLine>,
    pub findings: Vec<FindingLine>,
    /// The channels that were told of it.
    pub told: Vec<String>,
    /// The record it stands in.
    pub seq: u64,
}

/// All later looks, in their order.
pub(super) fn looks(source: &Source<'_>) -> Vec<LateLine> {
    let look = |item: &Item| match &item.evidence {
        Evidence::LateLook { follow_up, look } => Some(line(source, &item.step, follow_up, look, item.seq)),
        _ => None,
    };
    source.known.items().iter().filter_map(look).collect()
}

fn line(source: &Source<'_>, step: &str, timer: &str, look: &LateLook, seq: u64) -> LateLine {
    let late = &look.late;
    let accesses = &look.blast_radius.accesses;
    let caller = |oid: &String| {
        let named = accesses.iter().find(|access| access.id() == *oid).map(audit::Access::caller);
        named.unwrap_or(oid).to_owned()
    };
    LateLine {
        step: step.to_owned(),
        asked_at: second(look.asked_at),
        horizon_before: late.horizon_before.map(second).unwrap_or_default(),
        horizon: late.horizon.map(second).unwrap_or_default(),
        anything: !late.is_empty(),
        accesses: late.accesses.iter().map(access::line).collect(),
        unknown_callers: late.unknown_callers.iter().map(caller).collect(),
        second_order: late.second_order.iter().map(|touched| access::second_order(touched, accesses)).collect(),
        findings: late.findings.iter().map(access::finding).collect(),
        told: source.known.told_of_look(step, timer),
        seq,
    }
}

/// When the audit trail is still to be asked again, each time once.
pub(super) fn to_come(source: &Source<'_>) -> Vec<String> {
    let open = source.known.state().follow_ups().into_iter().filter(|(_, timer)| !timer.fired);
    let times: BTreeSet<Timestamp> = open.map(|(_, timer)| timer.until).collect();
    let mut times: Vec<String> = times.into_iter().map(second).collect();
    // Of each of many secrets, the same again.
    times.dedup();
    times
}
