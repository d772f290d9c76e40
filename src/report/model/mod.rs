//! The report's model: what a template sees. A function of the journal, of nothing else.
//!
//! Every statement names the records it rests on. What is not in the journal is said to be not recorded; nothing is
//! filled in.

mod access;
mod containment;
mod late;
mod loose_ends;

use super::fact::fact;
use super::timeline::Timeline;
use crate::clock::Timestamp;
use crate::engine::event::{EffectOutcome, Event, Mode, RunOpened, SettledBy};
use crate::engine::{State, StepState, StepStatus, item_id};
use crate::journal::Record;
use access::BlastRadius;
use containment::{Containment, Exposure, Verdict};
use late::LateLine;
pub use late::blast_radius;
pub(super) use late::follow_up;
use serde::Serialize;
use serde_json::Value;

/// Everything a report says.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub run: RunHeader,
    /// The leaked secret's URL, where the runbook has such an input.
    pub secret: String,
    pub found_at: String,
    pub verdict: Verdict,
    pub exposure: Exposure,
    pub containment: Containment,
    /// Who read the run's own secret.
    pub blast_radius: BlastRadius,
    /// The same for every secret that was looked at, that one first; never empty.
    pub blast_radii: Vec<BlastRadius>,
    /// Whether that are more than one.
    pub several_secrets: bool,
    /// What reached the audit trail after the answer, by the look that found it. The blast radius holds it as well.
    pub late: Vec<LateLine>,
    /// When the audit trail is still to be asked again: by whoever goes on with the run then.
    pub asked_again: Vec<String>,
    pub timeline: Vec<Moment>,
    pub steps: Vec<StepLine>,
    pub actions: Vec<ActionLine>,
    pub notifications: Vec<Notification>,
    /// What could not be seen or was not proven.
    pub unseen: Vec<String>,
    /// What is left to do.
    pub follow_ups: Vec<FollowUp>,
    pub evidence: Evidence,
}

/// Which run it was.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunHeader {
    pub id: String,
    pub runbook: String,
    pub drill: bool,
    pub operator: String,
    pub host: String,
    pub program_version: String,
    pub runbook_sha256: String,
    pub began: String,
    pub last: String,
    pub inputs: Vec<Named>,
    /// How often another process went on with it.
    pub taken_over: usize,
}

/// A name and a value.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    pub name: String,
    pub value: String,
}

/// One line of the timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Moment {
    pub at: String,
    pub seq: u64,
    pub step: String,
    pub what: String,
}

/// How a step ended.
#[derive(Clone, Debug, Serialize)]
pub struct StepLine {
    pub id: String,
    pub uses: String,
    pub status: String,
    pub took: String,
    pub fact: String,
}

/// One outside effect, with its evidence.
#[derive(Clone, Debug, Serialize)]
pub struct ActionLine {
    pub at: String,
    pub step: String,
    pub summary: String,
    pub outcome: String,
    pub attempts: u32,
    pub key: String,
    pub seq: u64,
}

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

/// Something left to do, with the command that does it where there is one.
#[derive(Clone, Debug, Serialize)]
pub struct FollowUp {
    pub what: String,
    pub command: String,
}

/// How to check the report.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    pub records: usize,
    pub head: String,
}

/// What the parts of the report are made from.
pub(super) struct Source<'a> {
    pub(super) records: &'a [Record],
    pub(super) state: &'a State,
    pub(super) opened: Option<&'a RunOpened>,
    /// Ids and actions of the runbook's steps in its order.
    pub(super) steps: &'a [(String, String)],
}

impl Source<'_> {
    /// An input as text; empty where there is none.
    pub(super) fn input(&self, name: &str) -> String {
        self.opened.and_then(|opened| opened.inputs.get(name)).map(plain).unwrap_or_default()
    }

    /// What the run is about: the secret it was given or found, or the whole vault.
    pub(super) fn secret(&self) -> String {
        let found = || {
            let mut finds = self.of("keyvault/search");
            finds.find_map(|(_, step)| step.outputs.get("secret")?.as_str().map(str::to_owned))
        };
        Some(self.input("secret"))
            .filter(|secret| !secret.is_empty())
            .or_else(found)
            .unwrap_or_else(|| self.input("vault"))
    }

    /// Whether a rotation drew a random value although nothing says that the vault issues it.
    pub(super) fn took_the_vault_for_the_issuer(&self) -> bool {
        self.of("keyvault/rotate").any(|(_, step)| {
            let by_vault = step.outputs.get("provider").is_some_and(|provider| provider == "random");
            // Journals of earlier versions do not say whether the vault was named.
            let assumed = step.outputs.get("issuer").and_then(|issuer| issuer.get("assumed")).and_then(Value::as_bool);
            step.status == StepStatus::Done && by_vault && assumed.unwrap_or(true)
        })
    }

    /// The steps of an action; of a step that is done for each of a list, its items.
    pub(super) fn of(&self, uses: &str) -> impl Iterator<Item = (String, &StepState)> {
        let same = move |(_, own): &&(String, String)| own == uses;
        self.steps.iter().filter(same).flat_map(|(id, _)| {
            let step = self.state.step(id);
            let each = step.items.as_ref().map(|items| (0..items.len()).map(|index| item_id(id, index)));
            let ids: Vec<String> = each.map_or_else(|| vec![id.clone()], Iterator::collect);
            ids.into_iter().map(|id| {
                let step = self.state.step(&id);
                (id, step)
            })
        })
    }
}

impl Report {
    /// Folds the records. `steps` are the ids and actions of the pinned runbook in its order. Records that cannot
    /// follow each other end the fold; what was before them is reported.
    pub fn new(records: &[Record], head: &str, steps: &[(String, String)]) -> Self {
        let mut state = State::default();
        let mut taken = 0;
        for record in records {
            if state.apply(record.at, &record.event).is_err() {
                break;
            }
            taken += 1;
        }
        let records = records.get(..taken).unwrap_or_default();
        let source = Source { records, state: &state, opened: state.opened(), steps };
        let containment = Containment::new(&source);
        let exposure = Exposure::new(&source, &containment);
        let blast_radii = BlastRadius::all(&source);
        Self {
            run: header(&source),
            secret: source.secret(),
            found_at: source.input("found_at"),
            verdict: Verdict::new(&source, &containment, &exposure),
            blast_radius: blast_radii.first().cloned().unwrap_or_default(),
            several_secrets: blast_radii.len() > 1,
            blast_radii,
            late: late::looks(&source),
            asked_again: late::to_come(&source),
            timeline: timeline(records),
            steps: steps.iter().map(|(id, uses)| step_line(id, uses, state.step(id))).collect(),
            actions: actions(records),
            notifications: notifications(&source),
            unseen: loose_ends::unseen(&source, &containment),
            follow_ups: loose_ends::follow_ups(&source, &containment),
            evidence: Evidence { records: records.len(), head: format!("sha256:{head}") },
            containment,
            exposure,
        }
    }
}

/// A moment as the report writes it: to the second, UTC.
pub(super) fn second(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A length of time in its two largest units.
pub(super) fn length(duration: chrono::Duration) -> String {
    let seconds = duration.num_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn header(source: &Source<'_>) -> RunHeader {
    let Some(opened) = source.opened else { return RunHeader::default() };
    let inputs = opened.inputs.iter().filter(|(_, value)| !value.is_null());
    RunHeader {
        id: opened.run.clone(),
        runbook: opened.runbook.clone(),
        drill: opened.mode == Mode::Drill,
        operator: opened.operator.clone(),
        host: opened.host.clone(),
        program_version: opened.program_version.clone(),
        runbook_sha256: opened.runbook_sha256.clone(),
        began: source.state.opened_at().map(second).unwrap_or_default(),
        last: source.state.last_at().map(second).unwrap_or_default(),
        inputs: inputs.map(|(name, value)| Named { name: name.clone(), value: plain(value) }).collect(),
        taken_over: source.records.iter().filter(|record| matches!(record.event, Event::RunResumed { .. })).count(),
    }
}

fn timeline(records: &[Record]) -> Vec<Moment> {
    let timeline = Timeline::new(records);
    let format = timeline.time_format();
    let notable = timeline.entries.into_iter().filter(|entry| entry.notable);
    notable
        .map(|entry| Moment {
            at: entry.at.format(format).to_string(),
            seq: entry.seq,
            step: entry.step.unwrap_or_default(),
            what: entry.what,
        })
        .collect()
}

fn step_line(id: &str, uses: &str, step: &StepState) -> StepLine {
    let fact = match step.status {
        StepStatus::Done => fact(uses, &step.outputs),
        StepStatus::Skipped => step.because.clone().unwrap_or_default(),
        _ => step.error.as_ref().map(|error| error.summary.clone()).unwrap_or_default(),
    };
    let took = step.started_at.zip(step.ended_at).map(|(from, to)| length(to - from)).unwrap_or_default();
    StepLine { id: id.to_owned(), uses: uses.to_owned(), status: step.status.name().to_owned(), took, fact }
}

fn actions(records: &[Record]) -> Vec<ActionLine> {
    let mut lines: Vec<ActionLine> = Vec::new();
    for record in records {
        match &record.event {
            Event::EffectStarted { step, key, attempt, summary, .. } => {
                lines.retain(|line| line.key != *key);
                lines.push(ActionLine {
                    at: second(record.at),
                    step: step.clone(),
                    summary: summary.clone(),
                    outcome: "not known".to_owned(),
                    attempts: *attempt,
                    key: key.clone(),
                    seq: record.seq,
                });
            }
            Event::EffectFinished { key, outcome, by, .. } => {
                if let Some(line) = lines.iter_mut().find(|line| line.key == *key) {
                    line.at = second(record.at);
                    line.seq = record.seq;
                    line.outcome = match (outcome, by) {
                        (EffectOutcome::Done, SettledBy::Probe) => "done, found by asking",
                        (EffectOutcome::Done, _) => "done",
                        (EffectOutcome::Refused, _) => "did not happen",
                        (EffectOutcome::Unknown, _) => "not known",
                    }
                    .to_owned();
                }
            }
            _ => {}
        }
    }
    lines
}

fn notifications(source: &Source<'_>) -> Vec<Notification> {
    let mut told = Vec::new();
    for (id, _) in source.steps.iter().filter(|(_, uses)| uses.starts_with("notify/")) {
        let step = source.state.step(id);
        let text = |name: &str| step.outputs.get(name).map(plain).unwrap_or_default();
        let because = match step.status {
            StepStatus::Done => text("because"),
            StepStatus::Skipped => step.because.clone().unwrap_or_default(),
            StepStatus::Failed => step.error.as_ref().map(|error| error.summary.clone()).unwrap_or_default(),
            _ => "not sent yet".to_owned(),
        };
        told.push(Notification {
            step: id.clone(),
            channel: text("channel"),
            sent: step.outputs.get("sent") == Some(&Value::Bool(true)),
            at: step.ended_at.map(second).unwrap_or_default(),
            id: text("id"),
            head: text("head"),
            because,
        });
    }
    told.extend(late::notifications(source));
    told
}
