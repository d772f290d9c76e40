//! The messages of a run: what became of each.

use super::source::Source;
use crate::clock::Timestamp;
use crate::clock::second;
use crate::engine::StepStatus;
use crate::evidence::{Evidence, Item, MessageOutcome};
use crate::plan::Aim;
use serde::Serialize;

/// One message.
#[derive(Clone, Debug, Serialize)]
pub struct Notification {
    pub step: String,
    pub channel: String,
    pub sent: bool,
    pub at: String,
    pub id: String,
    /// The journal's head that it carried off the machine.
    pub head: String,
    pub because: String,
}

/// The messages of the steps, in the order of the runbook, then those about later looks, in the order of time.
pub(super) fn notifications(source: &Source<'_>) -> Vec<Notification> {
    let mut told: Vec<Notification> = source
        .known
        .steps_for(Aim::Tell)
        .filter(|(step, at)| is_needed(source, step, at.status))
        .map(|(step, at)| of_step(source, step, at.ended_at))
        .collect();
    told.extend(late(source));
    told
}

/// A message that turned out not to be needed is none.
fn is_needed(source: &Source<'_>, step: &str, status: StepStatus) -> bool {
    let unused = matches!(status, StepStatus::Skipped | StepStatus::Pending);
    !(unused && source.steps.iter().any(|planned| planned.id == step && planned.only_if_needed))
}

fn of_step(source: &Source<'_>, step: String, ended_at: Option<Timestamp>) -> Notification {
    let at = ended_at.map(second).unwrap_or_default();
    let last = source.known.items().iter().rev().find_map(|item| match &item.evidence {
        Evidence::Message { channel, outcome, id, head, because } if item.step == step => {
            Some((channel.clone(), *outcome, id.clone(), head.clone(), because.clone()))
        }
        _ => None,
    });
    let (channel, outcome, id, head, because) = last.unwrap_or_else(|| {
        let not_yet = "not sent yet".to_owned();
        (String::new(), MessageOutcome::Skipped, String::new(), String::new(), not_yet)
    });
    Notification { step, channel, sent: outcome == MessageOutcome::Delivered, at, id, head, because }
}

/// The messages about later looks, in their order; of one that was sent again, what became of it last.
fn late(source: &Source<'_>) -> Vec<Notification> {
    let mut messages: Vec<(&str, Notification)> = Vec::new();
    for Item { at, step, evidence, .. } in source.known.items() {
        let Evidence::LateMessage { channel, key, message } = evidence else { continue };
        messages.retain(|(sent, _)| sent != key);
        let notification = Notification {
            step: step.clone(),
            channel: channel.clone(),
            sent: message.sent,
            at: second(*at),
            id: message.id.clone(),
            head: message.head.clone(),
            because: message.because.clone().unwrap_or_default(),
        };
        messages.push((key, notification));
    }
    messages.into_iter().map(|(_, message)| message).collect()
}
