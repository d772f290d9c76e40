//! What reached the audit trail after the run had its answer, and when it is to be asked again.

use super::access::{AccessLine, FindingLine, SecondOrderLine};
use super::{Notification, Source, access, plain, second};
use crate::audit::{self, LateLook};
use crate::clock::Timestamp;
use crate::engine::EffectPhase;
use crate::engine::event::{EffectOutcome, Event};
use crate::journal::Record;
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

/// What the answer to a question about the audit trail is recorded as.
const ANSWER: &str = "blast_radius";

/// What the effect of telling a channel begins with; the channel and the follow-up come behind it.
const TELL: &str = "tell-";

/// The follow-up that an observation answers, if it is a later look.
pub(crate) fn follow_up(observation: &str) -> Option<&str> {
    observation.strip_prefix(audit::LATE_LOOK)?.strip_prefix(' ')
}

/// The last answer of a run about the audit trail, and the number of its record.
pub fn blast_radius(records: &[Record]) -> Option<(audit::BlastRadius, u64)> {
    records.iter().rev().find_map(|record| Some((answer(&record.event)?.1, record.seq)))
}

/// The answer about the audit trail that an event records, and its step: the first one, or what a later look made of it.
pub(super) fn answer(event: &Event) -> Option<(&str, audit::BlastRadius)> {
    let Event::Observed { step, name, value } = event else { return None };
    let found = match follow_up(name) {
        Some(_) => serde_json::from_value::<LateLook>(value.clone()).ok()?.blast_radius,
        None if name == ANSWER => serde_json::from_value(value.clone()).ok()?,
        None => return None,
    };
    Some((step, found))
}

/// All later looks, in their order.
pub(super) fn looks(source: &Source<'_>) -> Vec<LateLine> {
    let look = |record: &Record| match &record.event {
        Event::Observed { step, name, value } => {
            let timer = follow_up(name)?;
            let look: LateLook = serde_json::from_value(value.clone()).ok()?;
            Some(line(source, step, timer, &look, record.seq))
        }
        _ => None,
    };
    source.records.iter().filter_map(look).collect()
}

fn line(source: &Source<'_>, step: &str, timer: &str, look: &LateLook, seq: u64) -> LateLine {
    let late = &look.late;
    let accesses = &look.blast_radius.accesses;
    let caller = |oid: &String| {
        let named = accesses.iter().find(|access| access.oid == *oid).map(audit::Access::caller);
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
        told: told(source, step, timer),
        seq,
    }
}

/// The messages about later looks, in their order; of one that was sent again, what became of it last.
pub(super) fn notifications(source: &Source<'_>) -> Vec<Notification> {
    let mut messages: Vec<(&str, Notification)> = Vec::new();
    for record in source.records {
        let Event::EffectFinished { step, effect, key, outcome, result, error, .. } = &record.event else { continue };
        let Some((channel, _)) = effect.strip_prefix(TELL).and_then(|rest| rest.rsplit_once(' ')) else { continue };
        let text = |name: &str| result.get(name).map(plain).unwrap_or_default();
        messages.retain(|(sent, _)| sent != key);
        let message = Notification {
            step: step.clone(),
            channel: channel.to_owned(),
            sent: *outcome == EffectOutcome::Done,
            at: second(record.at),
            id: text("id"),
            head: text("head"),
            because: error.as_ref().map(|error| error.summary.clone()).unwrap_or_default(),
        };
        messages.push((key, message));
    }
    messages.into_iter().map(|(_, message)| message).collect()
}

/// The channels that were told of a later look.
fn told(source: &Source<'_>, of: &str, timer: &str) -> Vec<String> {
    let effects = source.state.step(of).effects.iter();
    let done = effects.filter(|(_, effect)| matches!(effect.phase, EffectPhase::Done(_) | EffectPhase::AssumedDone));
    let of_this = format!(" {timer}");
    let channel = |name: &String| Some(name.strip_prefix(TELL)?.strip_suffix(&of_this)?.to_owned());
    done.filter_map(|(name, _)| channel(name)).collect()
}

/// When the audit trail is still to be asked again, each time once.
pub(super) fn to_come(source: &Source<'_>) -> Vec<String> {
    let open = source.state.follow_ups().into_iter().filter(|(_, timer)| !timer.fired);
    let times: BTreeSet<Timestamp> = open.map(|(_, timer)| timer.until).collect();
    let mut times: Vec<String> = times.into_iter().map(second).collect();
    // Of each of many secrets, the same again.
    times.dedup();
    times
}
