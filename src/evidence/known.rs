//! All evidence of a run: a fold over its records.

use super::item::{Evidence, Item, StepEvidence};
use super::leaked_value::LeakedValue;
use super::names::{EffectName, ObservationName};
use super::reading;
use super::verdict::{Verdict, verdict};
use crate::audit::BlastRadius;
use crate::clock::Timestamp;
use crate::engine::event::{Event, RunStatus};
use crate::engine::{EffectPhase, IllegalEvent, State, StepState, StepStatus, item_id, split_item};
use crate::journal::Record;
use crate::plan::{Aim, PlannedStep};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// What a run knows.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// In the order of the runbook.
    steps: Vec<PlannedStep>,
    aims: BTreeMap<String, Aim>,
    state: State,
    items: Vec<Item>,
    /// Which kinds of evidence that can replace another each step has given.
    replaceable: HashMap<String, Replaceable>,
}

/// Kinds of evidence of one step of which a later one can take the place.
#[derive(Clone, Copy, Debug, Default)]
struct Replaceable {
    adopted: bool,
    looked: bool,
    not_known: bool,
    not_asked: bool,
}

impl Known {
    /// Nothing is known yet.
    pub fn new(steps: Vec<PlannedStep>) -> Self {
        let aims = steps.iter().map(|step| (step.id.clone(), step.aim)).collect();
        Self { steps, aims, state: State::shown(), items: Vec::new(), replaceable: HashMap::new() }
    }

    /// Takes one record in.
    pub fn apply(&mut self, record: &Record) -> Result<(), IllegalEvent> {
        self.state.apply(record.at, &record.event)?;
        let Some(step) = record.event.step() else { return Ok(()) };
        let (id, index) = split_item(step);
        let aim = self.aims.get(id).copied().unwrap_or(Aim::Other);
        let is_loop = index.is_none() && self.state.step(id).items.is_some();
        let observed = matches!(record.event, Event::Observed { .. });
        for evidence in reading::evidence(record, aim, is_loop) {
            self.take(Item { seq: record.seq, at: record.at, step: step.to_owned(), evidence }, observed);
        }
        Ok(())
    }

    /// Adds an item, unless the step has said it already or knows better. What it was not `observed` as it was found
    /// stands in the step's outputs.
    fn take(&mut self, item: Item, observed: bool) {
        let mut before = self.replaceable.get(&item.step).copied().unwrap_or_default();
        let known_already = match &item.evidence {
            Evidence::Adopted(_) => !observed && before.adopted,
            // A later look that failed leaves the earlier answer as it is.
            Evidence::AccessesNotKnown { .. } => before.looked || (!observed && before.not_known),
            Evidence::IssuerNotAsked { .. } => !observed && before.not_asked,
            _ => false,
        };
        if known_already {
            return;
        }
        match &item.evidence {
            Evidence::Adopted(_) => {
                if std::mem::replace(&mut before.adopted, true) {
                    self.take_back(&item.step, |evidence| matches!(evidence, Evidence::Adopted(_)));
                }
            }
            Evidence::Accesses(_) | Evidence::AccessesNotKnown { .. } => {
                if before.not_known {
                    self.take_back(&item.step, |evidence| matches!(evidence, Evidence::AccessesNotKnown { .. }));
                }
                before.not_known = matches!(item.evidence, Evidence::AccessesNotKnown { .. });
                before.looked |= !before.not_known;
            }
            Evidence::LateLook { .. } => before.looked = true,
            Evidence::IssuerNotAsked { .. } => before.not_asked = true,
            _ => {
                self.items.push(item);
                return;
            }
        }
        self.replaceable.insert(item.step.clone(), before);
        self.items.push(item);
    }

    fn take_back(&mut self, step: &str, kind: fn(&Evidence) -> bool) {
        self.items.retain(|other| other.step != step || !kind(&other.evidence));
    }

    /// Evidence in the order in which it was found.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Where the run stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The steps of the plan.
    pub fn steps(&self) -> &[PlannedStep] {
        &self.steps
    }

    /// The steps that are for something; of a step that is done for each of a list, its items.
    pub fn steps_for(&self, aim: Aim) -> impl Iterator<Item = (String, &StepState)> {
        self.expanded().filter(move |(planned, ..)| planned.aim == aim).map(|(_, id, step)| (id, step))
    }

    /// Every step; of a step that is done for each of a list, its items.
    fn expanded(&self) -> impl Iterator<Item = (&PlannedStep, String, &StepState)> {
        self.steps.iter().flat_map(move |planned| {
            let items = self.state.step(&planned.id).items.as_ref().map(Vec::len).filter(|count| *count > 0);
            let ids: Vec<String> = match items {
                Some(count) => (0..count).map(|index| item_id(&planned.id, index)).collect(),
                None => vec![planned.id.clone()],
            };
            ids.into_iter().map(move |id| {
                let step = self.state.step(&id);
                (planned, id, step)
            })
        })
    }

    /// What a step works on, where it is done for each of a list of secrets: the secret's URL.
    pub fn secret_of(&self, step: &str) -> Option<&str> {
        let (id, index) = split_item(step);
        let item = self.state.step(id).items.as_ref()?.get(index?)?;
        item.as_str().or_else(|| item.get("item")?.as_str())
    }

    /// Everything that the verdict rests on.
    fn evidence(&self) -> Vec<Cow<'_, Evidence>> {
        let found = self.items.iter().map(|item| Cow::Borrowed(&item.evidence));
        let steps = self.expanded().filter(|(planned, ..)| planned.aim != Aim::Other).map(|(planned, id, step)| {
            let because = match step.status {
                StepStatus::Skipped => step.because.clone(),
                _ => step.error.as_ref().map(|error| error.summary.clone()),
            };
            let over_nothing = step.items.as_ref().is_some_and(Vec::is_empty);
            let aim = planned.aim;
            Cow::Owned(Evidence::Step(StepEvidence { step: id, aim, status: step.status, because, over_nothing }))
        });
        found.chain(steps).chain(self.in_doubt().map(Cow::Owned)).collect()
    }

    /// Effects of which nobody knows whether they happened.
    pub fn in_doubt(&self) -> impl Iterator<Item = Evidence> {
        let open = |phase: &EffectPhase| matches!(phase, EffectPhase::Started | EffectPhase::Unknown);
        self.state.steps().flat_map(move |(id, step)| {
            let doubtful = step.effects.iter().filter(move |(_, effect)| open(&effect.phase));
            // Whether a message came takes nothing from the containment.
            let is_message = |name: &str| matches!(EffectName::parse(name), EffectName::Send | EffectName::Tell { .. });
            doubtful
                .filter(move |(name, _)| !is_message(name))
                .map(move |(_, effect)| Evidence::InDoubt { step: id.to_owned(), summary: effect.summary.clone() })
        })
    }

    /// The channels that were told of a later look, which `follow_up` names.
    pub fn told_of_look(&self, step: &str, follow_up: &str) -> Vec<String> {
        let effects = self.state.step(step).effects.iter();
        let done =
            effects.filter(|(_, effect)| matches!(effect.phase, EffectPhase::Done(_) | EffectPhase::AssumedDone));
        let told = done.filter_map(|(name, _)| match EffectName::parse(name) {
            EffectName::Tell { channel, follow_up: of } if of == follow_up => Some(channel),
            _ => None,
        });
        told.collect()
    }

    /// The one verdict.
    pub fn verdict(&self) -> Verdict {
        verdict(&self.evidence())
    }

    /// Whether the leaked value still works, where, and until which step; nothing where the plan contains nothing.
    pub fn leaked_value(&self) -> Option<LeakedValue> {
        LeakedValue::of(&self.evidence(), self.state.is_over(), self.has_stopped())
    }

    /// The last answer about the audit trail, or what was looked at where there is none.
    pub fn last_look(&self) -> Option<&BlastRadius> {
        let looked = || {
            self.items.iter().rev().find_map(|item| match &item.evidence {
                Evidence::AccessesNotKnown { looked, .. } => looked.as_deref(),
                _ => None,
            })
        };
        self.blast_radius().or_else(looked)
    }

    /// The last answer about the audit trail.
    pub fn blast_radius(&self) -> Option<&BlastRadius> {
        self.items.iter().rev().find_map(|item| match &item.evidence {
            Evidence::Accesses(found) => Some(found.as_ref()),
            Evidence::LateLook { look, .. } => Some(&look.blast_radius),
            _ => None,
        })
    }

    /// Whether the run has ended before its end, and nobody goes on with it by now.
    fn has_stopped(&self) -> bool {
        matches!(self.state.ended(), Some(RunStatus::Failed | RunStatus::Interrupted))
    }

    /// When the last refusal by the vault was recorded.
    pub fn proven_at(&self) -> Option<Timestamp> {
        let refused = self.items.iter().filter(|item| matches!(item.evidence, Evidence::RefusedByVault { .. }));
        refused.map(|item| item.at).max()
    }
}

/// Whether a step waits for a value that is entered, and recorded nowhere.
pub fn wants_value(step: &StepState) -> bool {
    step.observations.contains_key(&ObservationName::ValueWanted.to_string())
}
