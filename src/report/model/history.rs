//! A run's records → what the report tells of them, one record after the other.

use crate::clock::second;
use crate::engine::IllegalEvent;
use crate::engine::event::{EffectOutcome, Event, RunOpened, SettledBy};
use crate::evidence::Known;
use crate::journal::Record;
use crate::plan::PlannedStep;
use crate::report::timeline::{Days, Entry};
use serde::Serialize;
use std::collections::HashMap;

/// All that a report tells of a run. It keeps what is told of each record, not the records.
#[derive(Debug, Default)]
pub struct History {
    pub(super) known: Known,
    /// What belongs into a short account.
    pub(super) entries: Vec<Entry>,
    pub(super) days: Days,
    pub(super) actions: Actions,
    /// How often another process went on with it.
    pub(super) taken_over: usize,
    pub(super) records: u64,
}

impl History {
    /// Nothing has happened yet. `steps` are those of the pinned runbook in its order.
    pub fn new(steps: Vec<PlannedStep>) -> Self {
        Self { known: Known::new(steps), ..Self::default() }
    }

    /// What is pinned.
    pub fn opened(&self) -> Option<&RunOpened> {
        self.known.state().opened()
    }

    /// What is known of the run.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Takes one record in.
    pub fn apply(&mut self, record: &Record) -> Result<(), IllegalEvent> {
        self.known.apply(record)?;
        self.records += 1;
        self.taken_over += usize::from(matches!(record.event, Event::RunResumed { .. }));
        self.days.take(record.at);
        self.entries.extend(Some(Entry::new(record)).filter(|entry| entry.notable));
        self.actions.take(record);
        Ok(())
    }
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

/// The outside effects, in the order in which each was begun last.
#[derive(Debug, Default)]
pub(super) struct Actions {
    lines: Vec<Option<ActionLine>>,
    /// Where the line of an effect's key stands.
    places: HashMap<String, usize>,
}

impl Actions {
    fn take(&mut self, record: &Record) {
        match &record.event {
            Event::EffectStarted { step, key, attempt, summary, .. } => {
                if let Some(before) = self.places.insert(key.clone(), self.lines.len()) {
                    self.lines.get_mut(before).map(Option::take);
                }
                self.lines.push(Some(ActionLine {
                    at: second(record.at),
                    step: step.clone(),
                    summary: summary.clone(),
                    outcome: "not known".to_owned(),
                    attempts: *attempt,
                    key: key.clone(),
                    seq: record.seq,
                }));
            }
            Event::EffectFinished { key, outcome, by, .. } => {
                let place = self.places.get(key).and_then(|place| self.lines.get_mut(*place));
                if let Some(line) = place.and_then(Option::as_mut) {
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

    pub(super) fn lines(self) -> Vec<ActionLine> {
        self.lines.into_iter().flatten().collect()
    }
}
