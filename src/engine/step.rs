//! The state of a step: its part of the fold.

use super::event::{
    AfterFailure, Answer, EffectOutcome, Event, LOCKED, Question, SettledAs, StepOutcome, VALUE_WANTED,
};
use super::illegal::{IllegalEvent, illegal};
use super::person::Person;
use crate::clock::Timestamp;
use crate::failure::Failure;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How much a state keeps of what was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Keeps {
    #[default]
    All,
    /// Of an item of a list no outputs, of a list the items' names, of an effect no result, and only those observations
    /// that others than the step itself read.
    Shown,
    /// The same without any outputs.
    Outline,
}

/// Where a step stands.
#[derive(Clone, Debug, Default)]
pub struct StepState {
    pub status: StepStatus,
    /// Number of the latest attempt, from 1; 0 before the first.
    pub attempt: u32,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// In which life of the run it came to its end.
    pub(super) ended_in_life: u32,
    /// When the next attempt begins.
    pub retry_at: Option<Timestamp>,
    pub outputs: Map<String, Value>,
    pub error: Option<Failure>,
    /// Why it was skipped.
    pub because: Option<String>,
    pub effects: BTreeMap<String, EffectState>,
    pub observations: BTreeMap<String, Value>,
    pub timers: BTreeMap<String, TimerState>,
    pub gate: Option<GateState>,
    /// Gates that were answered before the present one opened: a step may ask more than once.
    pub answered: Vec<GateState>,
    /// Gates that were answered with a no, or not in time, and are asked again: nothing of their answers counts any more.
    pub refused: Vec<GateState>,
    /// The list of a step with `for_each`, once it is known.
    pub items: Option<Vec<Value>>,
    /// Whether a person must say how to go on after a failure.
    pub asks_after_failure: bool,
    /// Whether a person let the run go on in spite of the failure, or it had come to its end before.
    pub tolerated: bool,
    /// Whether it came to its end before, and works on what was to be done later.
    pub(super) follows_up: bool,
}

impl Keeps {
    fn outputs(self, event: &Event, outputs: &Map<String, Value>) -> Map<String, Value> {
        let is_item = event.step().is_some_and(|step| split_item(step).1.is_some());
        match self {
            Self::All => outputs.clone(),
            Self::Shown if !is_item => outputs.clone(),
            Self::Shown | Self::Outline => Map::new(),
        }
    }

    fn items(self, items: &[Value]) -> Vec<Value> {
        // An item that comes of another list holds what it is, and what became of it there.
        let name = |item: &Value| item.get("item").filter(|name| name.is_string()).unwrap_or(item).clone();
        if self == Self::All { items.to_vec() } else { items.iter().map(name).collect() }
    }
}

/// The id of one item of a step.
pub fn item_id(step: &str, index: usize) -> String {
    format!("{step}[{index}]")
}

/// A step's id and, if one of its items is meant, the item's index.
pub fn split_item(id: &str) -> (&str, Option<usize>) {
    let item = id.strip_suffix(']').and_then(|rest| rest.split_once('['));
    match item.and_then(|(step, index)| Some((step, index.parse().ok()?))) {
        Some((step, index)) => (step, Some(index)),
        None => (id, None),
    }
}

/// The life of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepStatus {
    #[default]
    Pending,
    Running,
    /// An attempt failed and another one will begin.
    Retrying,
    /// It waits for a person.
    Waiting,
    /// A person must say whether an effect of it happened.
    Unknown,
    Done,
    Failed,
    Skipped,
}

impl StepStatus {
    /// The word that scripts see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running | Self::Retrying => "running",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    /// Whether nothing more will happen to the step by itself.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Skipped)
    }
}

/// The life of one outside effect.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectState {
    pub key: String,
    pub attempt: u32,
    pub phase: EffectPhase,
    pub summary: String,
}

/// Where an effect stands.
#[derive(Clone, Debug, PartialEq)]
pub enum EffectPhase {
    /// The intent is durable; nothing is known of the request.
    Started,
    Done(Value),
    /// A person said that it happened; there is no answer to read.
    AssumedDone,
    Refused,
    Unknown,
}

/// A durable deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerState {
    pub until: Timestamp,
    pub fired: bool,
    /// Whether the step ends before it, and begins once more after it.
    pub follow_up: bool,
}

/// A question to people.
#[derive(Clone, Debug, PartialEq)]
pub struct GateState {
    pub question: Question,
    pub opened_at: Timestamp,
    /// Those who said yes so far, while more must.
    pub agreed: Vec<Agreed>,
    /// The answer that decided.
    pub answer: Option<GateAnswer>,
}

/// A yes, of which more may be needed.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreed {
    pub who: Person,
    pub at: Timestamp,
}

/// The answer to it.
#[derive(Clone, Debug, PartialEq)]
pub struct GateAnswer {
    pub answer: Answer,
    /// Everybody who said yes, or the one who said no.
    pub by: Vec<Person>,
    pub comment: Option<String>,
    pub answers: Map<String, Value>,
}

impl GateState {
    /// Those who said yes so far.
    pub fn agreed(&self) -> impl Iterator<Item = &Person> {
        self.agreed.iter().map(|agreed| &agreed.who)
    }

    /// How many said yes of those who must, who and when; nothing where one yes answers.
    pub fn standing(&self) -> Option<String> {
        let said = self.agreed.iter().map(|Agreed { who, at }| format!("{}, {}", who.told(), at.format("%H:%M:%SZ")));
        let said = said.collect::<Vec<_>>().join("; ");
        let said = if said.is_empty() { said } else { format!(": {said}") };
        (self.question.min > 1).then(|| format!("{} of {} said yes{said}", self.agreed.len(), self.question.min))
    }

    /// How often the same question was asked among these.
    pub fn times_asked(question: &Question, among: &[Self]) -> usize {
        among.iter().filter(|gate| gate.question.asks_the_same(question)).count()
    }
}

impl GateAnswer {
    /// Who answered, as they are called.
    pub fn names(&self) -> Vec<&str> {
        self.by.iter().map(|person| person.name.as_str()).collect()
    }

    /// The same as one text.
    pub fn who(&self) -> String {
        self.names().join(", ")
    }

    /// What became of the question.
    pub fn outcome(&self) -> String {
        match self.answer {
            Answer::Approved => format!("it was approved by {}", self.told()),
            Answer::Rejected => format!("it was rejected by {}", self.told()),
            Answer::Expired => "it has expired: nobody answered in time, which counts as a no".to_owned(),
        }
    }

    /// Who answered, and what that rests on.
    pub fn told(&self) -> String {
        self.by.iter().map(Person::told).collect::<Vec<_>>().join(", ")
    }
}

impl StepState {
    /// The question that was asked and has no answer yet.
    pub fn open_gate(&self) -> Option<&GateState> {
        self.gate.as_ref().filter(|gate| gate.answer.is_none())
    }

    /// Whether a person must say something before it goes on.
    pub fn is_asking(&self) -> bool {
        matches!(self.status, StepStatus::Waiting | StepStatus::Unknown)
    }

    pub(super) fn apply(&mut self, at: Timestamp, event: &Event, life: u32, keeps: Keeps) -> Result<(), IllegalEvent> {
        use StepStatus::{Done, Failed, Pending, Retrying, Running, Skipped, Unknown, Waiting};
        match (self.status, event) {
            (Done | Failed | Skipped, Event::StepStarted { .. } | Event::StepSkipped { .. })
                if self.ended_in_life < life =>
            {
                self.follows_up = self.status != Skipped && self.is_due(at);
                self.status = Pending;
                self.ended_at = None;
                if self.follows_up {
                    // Its times are those of what it did last.
                    self.started_at = None;
                }
                return self.apply(at, event, life, keeps);
            }
            (Pending | Retrying, Event::StepStarted { attempt, .. }) => {
                self.status = Running;
                self.attempt = *attempt;
                self.started_at.get_or_insert(at);
                self.retry_at = None;
                self.error = None;
            }
            (Pending, Event::StepSkipped { because, .. }) => {
                self.status = Skipped;
                self.because = Some(because.clone());
                self.ended_at = Some(at);
                self.ended_in_life = life;
            }
            (Running, Event::AttemptFailed { error, retry_at, .. }) => {
                self.error = Some(error.clone());
                self.retry_at = *retry_at;
                if retry_at.is_some() {
                    self.status = Retrying;
                }
            }
            (Running, Event::StepFinished { status, outputs, error, .. }) => {
                self.status = match status {
                    StepOutcome::Done => Done,
                    StepOutcome::Failed => Failed,
                };
                self.ended_at = Some(at);
                self.ended_in_life = life;
                self.error = error.clone();
                let follows_up = std::mem::take(&mut self.follows_up);
                // Nothing rests on a later look: what the step gave stays, and the run is not stopped.
                let late_look_failed = follows_up && *status == StepOutcome::Failed;
                self.tolerated |= late_look_failed;
                if !late_look_failed {
                    self.outputs = keeps.outputs(event, outputs);
                }
            }
            (Running, Event::Observed { name, value, .. }) => {
                if keeps == Keeps::All || [LOCKED, VALUE_WANTED].contains(&name.as_str()) {
                    self.observations.insert(name.clone(), value.clone());
                }
            }
            (Running, Event::EffectStarted { .. }) => self.start_effect(event)?,
            (Running, Event::EffectFinished { .. }) => self.finish_effect(event, keeps)?,
            (Running, Event::LoopOpened { items, .. }) => match &self.items {
                None => self.items = Some(keeps.items(items)),
                Some(_) => return Err(illegal(event, "its list is known already")),
            },
            (Running, Event::FailureAsked { .. }) => {
                self.status = Waiting;
                self.asks_after_failure = true;
            }
            (Waiting, Event::FailureAnswered { answer, .. }) if self.asks_after_failure => {
                self.asks_after_failure = false;
                self.attempt = 0;
                match answer {
                    AfterFailure::Retry => {
                        self.status = Pending;
                        self.ask_again();
                    }
                    AfterFailure::Continue | AfterFailure::Stop => {
                        self.status = Failed;
                        self.tolerated = *answer == AfterFailure::Continue;
                        self.ended_at = Some(at);
                        self.ended_in_life = life;
                    }
                }
            }
            (Running, Event::GateOpened { question, .. }) => {
                self.status = Waiting;
                self.answered.extend(self.gate.take().filter(|gate| gate.answer.is_some()));
                self.gate =
                    Some(GateState { question: question.clone(), opened_at: at, agreed: Vec::new(), answer: None });
            }
            (Waiting, Event::GateAnswered { .. }) if !self.asks_after_failure => self.answer(at, event),
            (Running, Event::TimerSet { timer, until, follow_up, .. }) => {
                let timer_state = TimerState { until: *until, fired: false, follow_up: *follow_up };
                self.timers.insert(timer.clone(), timer_state);
            }
            (Running, Event::TimerFired { timer, .. }) => match self.timers.get_mut(timer) {
                Some(timer) => timer.fired = true,
                None => return Err(illegal(event, "the timer was never set")),
            },
            (Running, Event::DecisionAsked { .. }) => self.status = Unknown,
            (Unknown, Event::Settled { effect, outcome, .. }) => {
                let open =
                    |effect: &&mut EffectState| matches!(effect.phase, EffectPhase::Unknown | EffectPhase::Started);
                let Some(effect) = self.effects.get_mut(effect).filter(open) else {
                    return Err(illegal(event, "the effect's outcome is not in doubt"));
                };
                effect.phase = match outcome {
                    SettledAs::Done => EffectPhase::AssumedDone,
                    SettledAs::NotDone => EffectPhase::Refused,
                };
                self.status = Pending;
            }
            (status, event) => return Err(illegal(event, &format!("the step is {}", status.name()))),
        }
        Ok(())
    }

    /// Takes in an answer that may be given. A yes counts once as many agree as must.
    fn answer(&mut self, at: Timestamp, event: &Event) {
        let Event::GateAnswered { answer, by, seen, comment, answers, .. } = event else { return };
        let Some(gate) = self.gate.as_mut() else { return };
        let person = Person::new(by, seen.as_ref());
        let mut who = vec![person.clone()];
        if *answer == Answer::Approved {
            gate.agreed.push(Agreed { who: person, at });
            if gate.agreed.len() < usize::try_from(gate.question.min).unwrap_or(usize::MAX) {
                return;
            }
            who = gate.agreed.iter().map(|agreed| agreed.who.clone()).collect();
        }
        gate.answer = Some(GateAnswer { answer: *answer, by: who, comment: comment.clone(), answers: answers.clone() });
        self.status = StepStatus::Pending;
    }

    /// Lets a question be asked again that was answered with a no, or not in time.
    pub(super) fn ask_again(&mut self) {
        let is_no = |gate: &GateState| gate.answer.as_ref().is_some_and(|given| given.answer != Answer::Approved);
        self.refused.extend(self.gate.take_if(|gate| is_no(gate)));
    }

    /// Whether something that was put off has become due.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.timers.values().any(|timer| timer.follow_up && !timer.fired && timer.until <= now)
    }

    fn start_effect(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        let Event::EffectStarted { effect, key, attempt, summary, .. } = event else { return Ok(()) };
        match self.effects.get(effect).map(|effect| &effect.phase) {
            Some(EffectPhase::Done(_) | EffectPhase::AssumedDone) => {
                return Err(illegal(event, "the effect has already happened"));
            }
            // Sent again only where a repetition under the same key is harmless; the key makes it one effect.
            Some(EffectPhase::Started | EffectPhase::Unknown | EffectPhase::Refused) | None => {}
        }
        let state =
            EffectState { key: key.clone(), attempt: *attempt, phase: EffectPhase::Started, summary: summary.clone() };
        self.effects.insert(effect.clone(), state);
        Ok(())
    }

    fn finish_effect(&mut self, event: &Event, keeps: Keeps) -> Result<(), IllegalEvent> {
        let Event::EffectFinished { effect, outcome, result, .. } = event else { return Ok(()) };
        let Some(effect) = self.effects.get_mut(effect) else {
            return Err(illegal(event, "the effect was never started"));
        };
        effect.phase = match (&effect.phase, outcome) {
            (EffectPhase::Started | EffectPhase::Unknown, EffectOutcome::Done) => {
                EffectPhase::Done(if keeps == Keeps::All { result.clone() } else { Value::Null })
            }
            (EffectPhase::Started | EffectPhase::Unknown, EffectOutcome::Refused) => EffectPhase::Refused,
            (EffectPhase::Started | EffectPhase::Unknown, EffectOutcome::Unknown) => EffectPhase::Unknown,
            (EffectPhase::Done(_) | EffectPhase::AssumedDone | EffectPhase::Refused, _) => {
                return Err(illegal(event, "the effect's outcome is already known"));
            }
        };
        Ok(())
    }
}
