//! The state of a run: a fold over its events.
//!
//! [`State::apply`] is one exhaustive table; an event that cannot happen now is an error that names both, never a
//! panic and never ignored. Live running and resuming both go through it, so they cannot disagree.

use super::event::{
    AfterFailure, Answer, EffectOutcome, Event, Halt, Pin, Question, RunOpened, RunStatus, SettledAs, StepOutcome,
};
use crate::clock::Timestamp;
use crate::failure::Failure;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// Where a run stands.
#[derive(Clone, Debug, Default)]
pub struct State {
    opened: Option<(Timestamp, Arc<RunOpened>)>,
    /// Shared with copies of the state, which are made after every event.
    steps: BTreeMap<Arc<str>, Arc<StepState>>,
    ended: Option<RunStatus>,
    halted: Option<Halt>,
    /// Since when the run's time limit counts: its beginning, or when it was last taken over.
    limit_from: Option<Timestamp>,
    /// How often the run was taken over. A `finally` step that ended in an earlier life of the run runs once more.
    lives: u32,
    last_at: Option<Timestamp>,
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
    ended_in_life: u32,
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
    /// The list of a step with `for_each`, once it is known.
    pub items: Option<Vec<Value>>,
    /// Whether a person must say how to go on after a failure.
    pub asks_after_failure: bool,
    /// Whether a person let the run go on in spite of the failure, or it had come to its end before.
    pub tolerated: bool,
    /// Whether it came to its end before, and works on what was to be done later.
    pub(super) follows_up: bool,
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
    pub agreed: Vec<String>,
    /// The answer that decided.
    pub answer: Option<GateAnswer>,
}

/// The answer to it.
#[derive(Clone, Debug, PartialEq)]
pub struct GateAnswer {
    pub answer: Answer,
    /// Everybody who said yes, or the one who said no.
    pub by: Vec<String>,
    pub comment: Option<String>,
    pub answers: Map<String, Value>,
}

impl GateAnswer {
    /// Who answered, as one text.
    pub fn who(&self) -> String {
        self.by.join(", ")
    }
}

/// An event that cannot happen in the present state.
#[derive(Debug, thiserror::Error)]
#[error("{event} cannot follow: {because}")]
pub struct IllegalEvent {
    event: String,
    /// Why it cannot.
    pub because: String,
}

impl State {
    /// What is pinned: at the beginning, and by what a person accepted since.
    pub fn opened(&self) -> Option<&RunOpened> {
        self.opened.as_ref().map(|(_, opened)| opened.as_ref())
    }

    /// When the run began.
    pub fn opened_at(&self) -> Option<Timestamp> {
        self.opened.as_ref().map(|(at, _)| *at)
    }

    /// Time of the latest event.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }

    /// How the run, or the process that ran it, came to its end; nothing while one is at work or after a crash.
    pub fn ended(&self) -> Option<RunStatus> {
        self.ended
    }

    /// Why nothing more begins, in this life of the run.
    pub fn halted(&self) -> Option<Halt> {
        self.halted
    }

    /// Since when the run's time limit counts.
    pub fn limit_from(&self) -> Option<Timestamp> {
        self.limit_from
    }

    /// A step's state; a step of which nothing is known yet is pending.
    pub fn step(&self, step: &str) -> &StepState {
        static PENDING: LazyLock<StepState> = LazyLock::new(StepState::default);
        self.steps.get(step).map_or(&PENDING, Arc::as_ref)
    }

    /// All steps of which something is known.
    pub fn steps(&self) -> impl Iterator<Item = (&str, &StepState)> {
        self.steps.iter().map(|(id, state)| (id.as_ref(), state.as_ref()))
    }

    /// Takes one event in.
    pub fn apply(&mut self, at: Timestamp, event: &Event) -> Result<(), IllegalEvent> {
        if self.opened.is_none() != matches!(event, Event::RunOpened(_)) {
            return Err(illegal(event, "a journal begins with run_opened, once"));
        }
        if self.ended.is_some() && !self.may_follow_the_end(event) {
            return Err(illegal(event, "the run has ended and was not resumed"));
        }
        match event {
            Event::RunOpened(opened) => {
                self.opened = Some((at, Arc::new(opened.clone())));
                self.limit_from = Some(at);
            }
            Event::RunResumed { .. } => self.resume(at),
            Event::TailCut { .. } | Event::ClockSetBack { .. } => {}
            Event::PinAccepted { pin, now, .. } => self.accept(*pin, now),
            Event::RunHalted { because } => self.halted = Some(*because),
            Event::RunPaused { status, .. } | Event::RunFinished { status } => self.ended = Some(*status),
            _ => {
                self.may_answer(at, event)?;
                let step = event.step().unwrap_or_default();
                let step = match self.steps.get_mut(step) {
                    Some(step) => step,
                    None => self.steps.entry(step.into()).or_default(),
                };
                Arc::make_mut(step).apply(at, event, self.lives)?;
            }
        }
        self.last_at = Some(at);
        Ok(())
    }

    /// After the end come a new process, and answers that were given while no process was at work.
    fn may_follow_the_end(&self, event: &Event) -> bool {
        let waits = !matches!(self.ended, Some(RunStatus::Completed));
        match event {
            Event::RunResumed { .. } | Event::TailCut { .. } | Event::ClockSetBack { .. } => true,
            Event::GateAnswered { .. } | Event::FailureAnswered { .. } | Event::Settled { .. } => waits,
            _ => false,
        }
    }

    /// Approvals fail closed: whatever a yes lacks makes it none. A no needs nothing but the right to answer.
    fn may_answer(&self, at: Timestamp, event: &Event) -> Result<(), IllegalEvent> {
        let Event::GateAnswered { step, answer, by, plan, .. } = event else { return Ok(()) };
        let Some(gate) = self.step(step).gate.as_ref().filter(|gate| gate.answer.is_none()) else {
            return Err(illegal(event, "no question of it is open"));
        };
        let question = &gate.question;
        if *answer == Answer::Expired {
            return Ok(());
        }
        if !question.from.is_empty() && !question.from.contains(by) {
            return Err(illegal(event, &format!("{by} may not answer; {} may", question.from.join(", "))));
        }
        if *answer == Answer::Rejected {
            return Ok(());
        }
        if question.expires_at.is_some_and(|expires| expires <= at) {
            return Err(illegal(event, "the gate has expired, which counts as a no"));
        }
        let requester = self.opened().map(|opened| opened.operator.as_str());
        if question.not_requester && requester == Some(by.as_str()) {
            return Err(illegal(event, &format!("{by} started this run and may not approve it")));
        }
        if plan.as_deref().unwrap_or_default() != question.plan {
            return Err(illegal(event, "the answer is about another plan than the one that is asked about"));
        }
        if gate.agreed.contains(by) {
            return Err(illegal(event, &format!("{by} has agreed already; somebody else must")));
        }
        Ok(())
    }

    /// From here on the run is pinned to what a person accepted.
    fn accept(&mut self, pin: Pin, now: &str) {
        let Some((_, opened)) = &mut self.opened else { return };
        let opened = Arc::make_mut(opened);
        match pin {
            Pin::ProgramVersion => opened.program_version = now.to_owned(),
            Pin::Configuration => opened.config_sha256 = Some(now.to_owned()),
        }
    }

    /// Whether a step that is over ended since the run was taken over last.
    pub(super) fn is_of_this_life(&self, step: &StepState) -> bool {
        step.ended_in_life == self.lives
    }

    /// What is put off until after the end of its step, in the order of time: the step, and the timer.
    pub fn follow_ups(&self) -> Vec<(&str, TimerState)> {
        let timers = self.steps().flat_map(|(id, step)| step.timers.values().map(move |timer| (id, *timer)));
        let mut found: Vec<(&str, TimerState)> = timers.filter(|(_, timer)| timer.follow_up).collect();
        found.sort_by_key(|(_, timer)| timer.until);
        found
    }

    /// When the next of it is due; nothing where all of it is done.
    pub fn next_follow_up(&self) -> Option<Timestamp> {
        self.follow_ups().iter().find(|(_, timer)| !timer.fired).map(|(_, timer)| timer.until)
    }

    /// Whether a step that came to its end in an earlier life of the run has something left to do by now.
    pub(super) fn has_follow_up(&self, step: &str, now: Timestamp) -> bool {
        let at = self.step(step);
        let ended = matches!(at.status, StepStatus::Done | StepStatus::Failed) && at.ended_in_life < self.lives;
        ended && at.is_due(now)
    }

    /// What ran goes on, what failed gets another chance; what is done stays done, and what waits for a person waits.
    fn resume(&mut self, at: Timestamp) {
        self.ended = None;
        self.lives += 1;
        self.halted = None;
        // Whoever takes a run over late must not meet a limit that passed while nobody worked on it.
        self.limit_from = Some(at);
        for step in self.steps.values_mut().map(Arc::make_mut) {
            let given_up = step.status == StepStatus::Failed && !step.tolerated;
            if matches!(step.status, StepStatus::Running | StepStatus::Retrying) || given_up {
                if step.status == StepStatus::Failed {
                    step.attempt = 0;
                }
                step.status = StepStatus::Pending;
                step.ended_at = None;
                step.retry_at = None;
            }
        }
    }
}

impl StepState {
    fn apply(&mut self, at: Timestamp, event: &Event, life: u32) -> Result<(), IllegalEvent> {
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
                return self.apply(at, event, life);
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
                    self.outputs = outputs.clone();
                }
            }
            (Running, Event::Observed { name, value, .. }) => {
                self.observations.insert(name.clone(), value.clone());
            }
            (Running, Event::EffectStarted { .. }) => self.start_effect(event)?,
            (Running, Event::EffectFinished { .. }) => self.finish_effect(event)?,
            (Running, Event::LoopOpened { items, .. }) => match &self.items {
                None => self.items = Some(items.clone()),
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
                    AfterFailure::Retry => self.status = Pending,
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
            (Waiting, Event::GateAnswered { .. }) if !self.asks_after_failure => self.answer(event),
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
    fn answer(&mut self, event: &Event) {
        let Event::GateAnswered { answer, by, comment, answers, .. } = event else { return };
        let Some(gate) = self.gate.as_mut() else { return };
        let mut who = vec![by.clone()];
        if *answer == Answer::Approved {
            gate.agreed.push(by.clone());
            if gate.agreed.len() < usize::try_from(gate.question.min).unwrap_or(usize::MAX) {
                return;
            }
            who.clone_from(&gate.agreed);
        }
        gate.answer = Some(GateAnswer { answer: *answer, by: who, comment: comment.clone(), answers: answers.clone() });
        self.status = StepStatus::Pending;
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

    fn finish_effect(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        let Event::EffectFinished { effect, outcome, result, .. } = event else { return Ok(()) };
        let Some(effect) = self.effects.get_mut(effect) else {
            return Err(illegal(event, "the effect was never started"));
        };
        effect.phase = match (&effect.phase, outcome) {
            (EffectPhase::Started | EffectPhase::Unknown, EffectOutcome::Done) => EffectPhase::Done(result.clone()),
            (EffectPhase::Started | EffectPhase::Unknown, EffectOutcome::Refused) => EffectPhase::Refused,
            (EffectPhase::Started | EffectPhase::Unknown, EffectOutcome::Unknown) => EffectPhase::Unknown,
            (EffectPhase::Done(_) | EffectPhase::AssumedDone | EffectPhase::Refused, _) => {
                return Err(illegal(event, "the effect's outcome is already known"));
            }
        };
        Ok(())
    }
}

fn illegal(event: &Event, because: &str) -> IllegalEvent {
    let name = serde_json::to_value(event)
        .ok()
        .and_then(|value| value.get("type").and_then(Value::as_str).map(str::to_owned))
        .unwrap_or_default();
    let event = match event.step() {
        Some(step) => format!("{name} of step `{step}`"),
        None => name,
    };
    IllegalEvent { event, because: because.to_owned() }
}
