//! A record → the evidence in it.

use super::item::{Evidence, MessageOutcome, MessageOutputs};
use super::names::{EffectName, ObservationName};
use super::outputs;
use crate::engine::event::{EffectOutcome, Event, StepOutcome};
use crate::journal::Record;
use crate::plan::Aim;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Version {
    version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Targets {
    disable: Vec<String>,
}

/// A refusal or an acceptance. What an earlier program did not record says so.
#[derive(Deserialize)]
#[serde(default)]
struct Answer {
    provider: String,
    how: String,
    answer: String,
    request_id: String,
}

impl Default for Answer {
    fn default() -> Self {
        let not_recorded = || "not recorded".to_owned();
        Self { provider: not_recorded(), how: not_recorded(), answer: not_recorded(), request_id: not_recorded() }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Because {
    because: String,
}

/// The evidence that a record holds. `aim` says what its step is for; `is_loop` that the step is done for each item of
/// a list, so that its own outputs only gather those of its items.
pub(super) fn evidence(record: &Record, aim: Aim, is_loop: bool) -> Vec<Evidence> {
    match &record.event {
        Event::EffectFinished { effect, key, outcome, by, result, error, .. } => match EffectName::parse(effect) {
            EffectName::Tell { channel, .. } => {
                let mut message: MessageOutputs = read(result);
                message.sent = *outcome == EffectOutcome::Done;
                message.because = error.as_ref().map(|error| error.summary.clone());
                vec![Evidence::LateMessage { channel, key: key.clone(), message }]
            }
            _ if *outcome != EffectOutcome::Done => Vec::new(),
            EffectName::Publish => vec![Evidence::Published { version: read::<Version>(result).version, by: *by }],
            EffectName::PutInAgain(after) => {
                vec![Evidence::PutInAgain { version: read::<Version>(result).version, after }]
            }
            EffectName::Disable(version) => vec![Evidence::Disabled { version, by: *by }],
            _ => Vec::new(),
        },
        Event::Observed { name, value, .. } => observed(name, value).into_iter().collect(),
        Event::StepFinished { status: StepOutcome::Done, outputs, .. } if !is_loop => outputs::evidence(aim, outputs),
        Event::StepFinished { status: StepOutcome::Failed, error, .. } if !is_loop => {
            let because = error.as_ref().map(|error| error.summary.clone()).unwrap_or_default();
            match aim {
                Aim::BlastRadius => vec![Evidence::AccessesNotKnown { because }],
                Aim::Tell => vec![message(MessageOutcome::NotDelivered, because)],
                _ => Vec::new(),
            }
        }
        Event::StepSkipped { because, .. } if aim == Aim::Tell => {
            vec![message(MessageOutcome::Skipped, because.clone())]
        }
        _ => Vec::new(),
    }
}

fn message(outcome: MessageOutcome, because: String) -> Evidence {
    Evidence::Message { channel: String::new(), outcome, id: String::new(), head: String::new(), because }
}

/// The evidence in an observation, if it is one that others need.
fn observed(name: &str, value: &Value) -> Option<Evidence> {
    Some(match ObservationName::parse(name) {
        ObservationName::Targets => Evidence::ToDisable { versions: read::<Targets>(value).disable },
        ObservationName::RefusedByVault(version) => {
            let Answer { answer, request_id, .. } = read(value);
            Evidence::RefusedByVault { version, answer, request_id }
        }
        ObservationName::RefusedByIssuer(version) => {
            let Answer { provider: issuer, how, answer, .. } = read(value);
            Evidence::RefusedByIssuer { version, issuer, how, answer }
        }
        ObservationName::AcceptedByIssuer(version) => {
            let Answer { provider: issuer, how, answer, .. } = read(value);
            Evidence::AcceptedByIssuer { version, issuer, how, answer }
        }
        ObservationName::NotProvenAtIssuer(version) => {
            let because = value.as_str().unwrap_or("not recorded").to_owned();
            Evidence::NotProvenAtIssuer { version, because }
        }
        ObservationName::IssuerNotAsked => Evidence::IssuerNotAsked { because: read::<Because>(value).because },
        ObservationName::Staging => Evidence::Staged { secret: value.as_str()?.to_owned() },
        ObservationName::Adoption => Evidence::Adopted(serde_json::from_value(value.clone()).ok()?),
        ObservationName::BlastRadius => Evidence::Accesses(Box::new(serde_json::from_value(value.clone()).ok()?)),
        ObservationName::BlastRadiusNotKnown => Evidence::AccessesNotKnown { because: read::<Because>(value).because },
        ObservationName::LateLook(follow_up) => {
            Evidence::LateLook { follow_up, look: Box::new(serde_json::from_value(value.clone()).ok()?) }
        }
        ObservationName::Locked | ObservationName::ValueWanted | ObservationName::Other(_) => return None,
    })
}

fn read<T: DeserializeOwned + Default>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_default()
}
