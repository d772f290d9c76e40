//! The state of a run: a fold over its events.
//!
//! [`State::apply`] is one exhaustive table; an event that cannot happen now is an error that names both, never a
//! panic and never ignored. Live running and resuming both go through it, so they cannot disagree.

use super::answering::{Answered, may_answer};
use super::event::{Event, Halt, LOCKED, Mode, Pin, RunOpened, RunStatus};
use super::illegal::{IllegalEvent, illegal};
use super::step::{Keeps, StepState, StepStatus, TimerState};
use crate::clock::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// Where a run stands.
#[derive(Clone, Debug, Default)]
pub struct State {
    opened: Option<(Timestamp, Arc<RunOpened>)>,
    /// Shared with copies of the state, which are made after every event.
    steps: BTreeMap<Arc<str>, Arc<StepState>>,
    ended: Option<RunStatus>,
    /// Whether the run was completed once. What it put off is done in later lives, which take nothing of that back.
    completed: bool,
    /// Whether its last life ended before anything was changed.
    changed_nothing: bool,
    abandoned: Option<Abandoned>,
    halted: Option<Halt>,
    /// Since when the run's time limit counts: its beginning, or when it was last taken over.
    limit_from: Option<Timestamp>,
    /// How often the run was taken over. A `finally` step that ended in an earlier life of the run runs once more.
    lives: u32,
    last_at: Option<Timestamp>,
    keeps: Keeps,
}

/// Who gave a run up, why and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Abandoned {
    pub by: String,
    pub because: String,
    pub at: Timestamp,
}

impl State {
    /// A state that says where everything stands, and keeps no value that a step's work rests on: however much was
    /// recorded, it is small. Nobody can drive a run by it.
    pub fn outline() -> Self {
        Self { keeps: Keeps::Outline, ..Self::default() }
    }

    /// The same with the outputs of the runbook's steps, which are shown to people; not those of single items.
    pub fn shown() -> Self {
        Self { keeps: Keeps::Shown, ..Self::default() }
    }

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

    /// Whether nothing of the run is left to do but what it put off, or it was given up: it holds its targets no more.
    pub fn is_over(&self) -> bool {
        self.completed || self.abandoned.is_some()
    }

    /// Whether the run keeps others from its targets: until it is over, unless it failed before it changed anything.
    pub fn holds_targets(&self) -> bool {
        !(self.is_over() || self.ended == Some(RunStatus::Failed) && self.changed_nothing)
    }

    /// Who gave the run up, if somebody did.
    pub fn abandoned(&self) -> Option<&Abandoned> {
        self.abandoned.as_ref()
    }

    /// What the run keeps from other runs until it is over: what its runbook locks, and what its steps came upon.
    pub fn targets(&self) -> Vec<String> {
        let found = self.steps().filter_map(|(_, step)| step.observations.get(LOCKED)?.as_array());
        let found = found.flatten().filter_map(|target| target.as_str().map(str::to_owned));
        self.opened().and_then(|opened| opened.lock.clone()).into_iter().chain(found).collect()
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
        if let Some(Abandoned { by, because, .. }) = &self.abandoned {
            return Err(illegal(event, &format!("the run was abandoned by {by}: {because}")));
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
            Event::RunPaused { status, .. } => self.ended = Some(*status),
            Event::RunFinished { status, changed_nothing } => {
                self.ended = Some(*status);
                self.completed |= *status == RunStatus::Completed;
                self.changed_nothing = *changed_nothing;
            }
            Event::RunAbandoned { by, because } => {
                self.ended = Some(RunStatus::Failed);
                self.abandoned = Some(Abandoned { by: by.clone(), because: because.clone(), at });
            }
            _ => {
                may_answer(self.answered(event.step().unwrap_or_default()), at, event)?;
                let step = event.step().unwrap_or_default();
                let step = match self.steps.get_mut(step) {
                    Some(step) => step,
                    None => self.steps.entry(step.into()).or_default(),
                };
                Arc::make_mut(step).apply(at, event, self.lives, self.keeps)?;
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
            Event::GateAnswered { .. }
            | Event::FailureAnswered { .. }
            | Event::Settled { .. }
            | Event::RunAbandoned { .. } => waits,
            _ => false,
        }
    }

    fn answered(&self, step: &str) -> Answered<'_> {
        Answered { opened: self.opened(), step: self.step(step) }
    }

    /// Whether a typed name is no answer to what a step asks.
    pub fn takes_sign_ins_alone(&self, step: &str) -> bool {
        self.answered(step).takes_sign_ins_alone()
    }

    /// How whoever answers a step says who they are, as the commands that answer have it.
    pub fn says_who(&self, step: &str) -> &'static str {
        let is_drill = || self.opened().is_some_and(|opened| opened.mode == Mode::Drill);
        match self.takes_sign_ins_alone(step) {
            // Nobody is signed in on the machine of a game day.
            true if is_drill() => "--signed-in --by NAME",
            true => "--signed-in",
            false => "--by NAME",
        }
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

    /// What is put off until after the end of its step, in the order of time: the step, and the timer. Nobody does it for
    /// a run that was given up.
    pub fn follow_ups(&self) -> Vec<(&str, TimerState)> {
        let timers = self.steps().flat_map(|(id, step)| step.timers.values().map(move |timer| (id, *timer)));
        let is_due = |timer: &TimerState| timer.follow_up && self.abandoned.is_none();
        let mut found: Vec<(&str, TimerState)> = timers.filter(|(_, timer)| is_due(timer)).collect();
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
    ///
    /// Where a no has brought the run to its end, a person is asked again. Before that it counts in every life of the
    /// run: it must not get lost because a process died before `finally` had told of it, or because `finally` waits for
    /// a person itself.
    fn resume(&mut self, at: Timestamp) {
        let has_failed = self.ended == Some(RunStatus::Failed) && !self.completed;
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
                    if has_failed {
                        step.ask_again();
                    }
                }
                step.status = StepStatus::Pending;
                step.ended_at = None;
                step.retry_at = None;
            }
        }
    }
}
