//! The only loop: asks the engine what should happen now, does it, and records what came of it.
//!
//! Steps run side by side on one thread; each is a task that records its own effects. The driver begins and ends
//! steps, keeps their time limits, carries answers of people into the journal, and stops in good order when it is
//! told to: what is in flight comes to its outcome, and what runs whatever happened still runs, both for a short while.
//! What does not end in it is left to the next life of the run.

mod begin;

use crate::actions::Action;
use crate::actions::Services;
use crate::clock::{self, Timestamp};
use crate::durable::{DisplayEvents, Ledger, Stop};
use crate::engine::event::{Answer, EffectOutcome, Event, Halt, RunStatus, SettledBy, StepOutcome};
use crate::engine::{Command, EffectPhase, OnFailure, State, StepState, StepStatus, item_id, next, split_item};
use crate::failure::Failure;
use crate::journal::AppendError;
use crate::plan::{Class, Plan};
use futures::future::LocalBoxFuture;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

/// How long effects in flight may take to get their answers once the run's time is over.
const GRACE: Duration = Duration::from_secs(20);
/// The same once the run was told to stop. What got no answer is asked about by whoever resumes the run.
const SHORT_GRACE: Duration = Duration::from_secs(2);
/// How long after it was told to stop a run still works at `finally`. What did not end is done by whoever resumes it.
const LAST_WORK: Duration = Duration::from_secs(3);

/// Those who can be asked while a run is at work.
pub trait People {
    /// Whether it is worth waiting for an answer of theirs when nothing else can go on.
    fn are_there(&self, state: &State) -> bool;
    /// Waits for the next answer. The event is a gate's answer, a settlement, or what is to follow a failure; it may be
    /// about a question that is not open any more, or never was.
    /// Nothing where those who were there have gone.
    fn answer<'a>(&'a mut self, state: &'a State) -> LocalBoxFuture<'a, Option<Event>>;
    /// Says whether the last answer was taken, and why not.
    fn heard(&mut self, refused: Option<String>);
}

/// A run at work.
#[derive(Debug)]
pub struct Driver {
    pub plan: Arc<Plan>,
    pub services: Arc<Services>,
    pub ledger: Ledger,
    pub notices: DisplayEvents,
    /// Turns true when the run is to end.
    pub stopping: watch::Receiver<bool>,
}

/// The name of a step, and how its attempt ended.
type Ended = (String, Result<Map<String, Value>, Stop>);

/// What is in the driver's hands.
struct Hands {
    actions: BTreeMap<&'static str, Rc<Action>>,
    steps: JoinSet<Ended>,
    /// Tells the steps to end.
    halt: watch::Sender<bool>,
    /// What runs whatever happened is not told to end.
    finally: JoinSet<Ended>,
    never: watch::Sender<bool>,
}

impl Driver {
    /// Drives the run until it is over, waits for a person, or was told to stop. Must run inside a `LocalSet`.
    pub async fn drive(self, people: &mut impl People) -> Result<RunStatus, AppendError> {
        let mut hands = Hands {
            actions: crate::actions::all().into_iter().map(|action| (action.spec.name, Rc::new(action))).collect(),
            steps: JoinSet::new(),
            halt: watch::Sender::new(false),
            finally: JoinSet::new(),
            never: watch::Sender::new(false),
        };
        let mut stopping = self.stopping.clone();
        // When the run ends, ready or not, once it was told to.
        let mut last_moment: Option<Instant> = None;
        loop {
            let mut wake: Option<Timestamp> = None;
            let mut paused = false;
            let mut obeyed = false;
            for command in self.ledger.look(|state| next(&self.plan.order, state, clock::now())) {
                obeyed = true;
                match command {
                    Command::Start { step, attempt } => self.begin(&step, attempt, &mut hands).await?,
                    Command::Close { step } => self.close(&step).await?,
                    Command::Wake { at } => wake = Some(wake.map_or(at, |wake| wake.min(at))),
                    Command::Expire { step } => self.expire(step).await?,
                    Command::TimeOut => self.halt(Halt::TimedOut, GRACE, &mut hands).await?,
                    Command::Pause { .. } => paused = true,
                    Command::Finish { status } => {
                        let changed_nothing = status == RunStatus::Failed && self.changed_nothing(&hands);
                        self.ledger.record(Event::RunFinished { status, changed_nothing }).await?;
                        return Ok(status);
                    }
                }
            }
            if paused && !people.are_there(&self.ledger.state()) {
                return self.pause().await;
            }
            if !paused && hands.are_empty() && wake.is_none() {
                if obeyed {
                    // What was just begun is over already: ask again.
                    continue;
                }
                return Err(AppendError::Refused("nothing is at work, and nothing can go on".to_owned()));
            }
            let state = self.ledger.state();
            tokio::select! {
                biased;
                () = until(last_moment) => return self.leave_to_the_next_life(hands).await,
                _ = stopping.wait_for(|stopping| *stopping), if last_moment.is_none() => {
                    last_moment = Some(Instant::now() + LAST_WORK);
                    self.halt(Halt::Interrupted, SHORT_GRACE, &mut hands).await?;
                }
                Some(ended) = hands.steps.join_next() => self.end(ended).await?,
                Some(ended) = hands.finally.join_next() => self.end(ended).await?,
                () = sleep_until(wake) => {}
                event = people.answer(&state) => if let Some(event) = event {
                    people.heard(self.answer(event).await?);
                },
            }
        }
    }

    /// Whether no step has changed anything, and no person was asked to. An effect that was refused changed nothing.
    fn changed_nothing(&self, hands: &Hands) -> bool {
        let changes = |step: &str| {
            let uses = self.plan.step(split_item(step).0).map(|step| step.uses.value.as_str())?;
            let class = hands.actions.get(uses)?.spec.class;
            Some(matches!(class, Class::Write | Class::Irreversible | Class::Human))
        };
        let happened = |step: &StepState| {
            step.gate.is_some() || step.effects.values().any(|effect| effect.phase != EffectPhase::Refused)
        };
        self.ledger.look(|state| !state.steps().any(|(id, step)| changes(id).unwrap_or(true) && happened(step)))
    }

    /// Lets every effect in flight come to its outcome; nothing but `finally` begins any more.
    async fn halt(&self, because: Halt, grace: Duration, hands: &mut Hands) -> Result<(), AppendError> {
        hands.halt.send_replace(true);
        let drained = async {
            while let Some(ended) = hands.steps.join_next().await {
                self.end(ended).await?;
            }
            Ok(())
        };
        if let Ok(drained) = tokio::time::timeout(grace, drained).await {
            drained?;
        }
        hands.steps.shutdown().await;
        self.leave_open(false).await?;
        self.ledger.record(Event::RunHalted { because }).await.map(drop)
    }

    /// Ends with `finally` unfinished: the run's time is up, and whoever resumes it does what is left.
    async fn leave_to_the_next_life(&self, mut hands: Hands) -> Result<RunStatus, AppendError> {
        hands.finally.shutdown().await;
        self.leave_open(true).await?;
        let (status, because) = (RunStatus::Interrupted, "told to stop before `finally` had ended".to_owned());
        self.ledger.record(Event::RunPaused { status, because }).await?;
        Ok(status)
    }

    /// Says of every effect, of `finally` or of the steps before, that got no answer in time that nobody knows what
    /// became of it.
    async fn leave_open(&self, finally: bool) -> Result<(), AppendError> {
        let state = self.ledger.state();
        let cut_off = |step: &str| {
            self.plan.is_finally(split_item(step).0) == finally && state.step(step).status == StepStatus::Running
        };
        for (step, at) in state.steps().filter(|(step, _)| cut_off(step)) {
            for (name, effect) in at.effects.iter().filter(|(_, effect)| effect.phase == EffectPhase::Started) {
                let event = Event::EffectFinished {
                    step: step.to_owned(),
                    effect: name.clone(),
                    key: effect.key.clone(),
                    attempt: effect.attempt,
                    outcome: EffectOutcome::Unknown,
                    by: SettledBy::Nobody,
                    result: Value::Null,
                    error: Some(Failure::unknown("the program ended before an answer came")),
                };
                self.ledger.record(event).await?;
            }
        }
        Ok(())
    }

    /// Records how an attempt ended.
    async fn end(&self, ended: Result<Ended, JoinError>) -> Result<(), AppendError> {
        let (step, ended) = match ended {
            Ok(ended) => ended,
            Err(error) => return Err(AppendError::Refused(format!("a step's task broke: {error}"))),
        };
        match ended {
            Ok(outputs) => self.finish(step, StepOutcome::Done, outputs, None).await,
            Err(Stop::Waiting | Stop::Interrupted) => Ok(()),
            Err(Stop::Journal(error)) => Err(error),
            Err(Stop::Failed(failure)) => self.attempt_failed(step, failure).await,
        }
    }

    async fn attempt_failed(&self, step: String, error: Failure) -> Result<(), AppendError> {
        let attempt = self.ledger.step(&step).attempt;
        let ordered = self.plan.order.step(&step);
        let policy = ordered.map(|step| step.retry).unwrap_or_default();
        let seed = format!("{}/{step}", self.services.run);
        let timeout = ordered.and_then(|step| step.timeout);
        let wait =
            policy.wait(attempt, error.retry, timeout, &seed).and_then(|wait| chrono::Duration::from_std(wait).ok());
        let retry_at = wait.map(|wait| clock::now() + wait);
        let event = Event::AttemptFailed { step: step.clone(), attempt, error: error.clone(), retry_at };
        self.ledger.record(event).await?;
        if retry_at.is_some() {
            return Ok(());
        }
        if ordered.is_some_and(|step| step.on_failure == OnFailure::Ask) {
            return self.ledger.record(Event::FailureAsked { step }).await.map(drop);
        }
        self.finish(step, StepOutcome::Failed, Map::new(), Some(error)).await
    }

    async fn finish(
        &self,
        step: String,
        status: StepOutcome,
        outputs: Map<String, Value>,
        error: Option<Failure>,
    ) -> Result<(), AppendError> {
        self.ledger.record(Event::StepFinished { step, status, outputs, error }).await.map(drop)
    }

    /// Ends a step that is done for each item of a list, with what became of each.
    async fn close(&self, step: &str) -> Result<(), AppendError> {
        let state = self.ledger.state();
        let items = state.step(step).items.clone().unwrap_or_default();
        let (mut told, mut failed, mut open) = (Vec::new(), 0, 0);
        let mut first = None;
        for (index, item) in items.iter().enumerate() {
            let at = state.step(&item_id(step, index));
            match at.status {
                StepStatus::Done | StepStatus::Skipped => {}
                // A person let the run go on without it.
                StepStatus::Failed if at.tolerated => {}
                StepStatus::Failed => {
                    failed += 1;
                    first = first.or_else(|| at.error.as_ref().map(|error| (item.clone(), error.clone())));
                }
                _ => open += 1,
            }
            told.push(json!({ "item": item, "status": at.status.name(), "outputs": at.outputs }));
        }
        let outputs = Map::from_iter([("items".to_owned(), Value::Array(told))]);
        if failed + open == 0 {
            return self.finish(step.to_owned(), StepOutcome::Done, outputs, None).await;
        }
        let mut error = Failure::refused(format!("{failed} of {} failed, {open} were not done", items.len()));
        if let Some((item, cause)) = first {
            error = error.because(format!("{}: {}", plain(&item), cause.summary));
            error.help = cause.help;
        }
        self.finish(step.to_owned(), StepOutcome::Failed, outputs, Some(error)).await
    }

    async fn expire(&self, step: String) -> Result<(), AppendError> {
        let comment = Some("nobody answered in time".to_owned());
        let (by, answers) = ("stanch".to_owned(), Map::new());
        let event = Event::GateAnswered { step, answer: Answer::Expired, by, seen: None, comment, answers, plan: None };
        self.answer(event).await.map(drop)
    }

    /// An answer that came too late, or to nothing, or from somebody who may not give it, is refused by the journal.
    async fn answer(&self, event: Event) -> Result<Option<String>, AppendError> {
        match self.ledger.record(event).await {
            Ok(_) => Ok(None),
            Err(AppendError::Refused(why)) => Ok(Some(why)),
            Err(error) => Err(error),
        }
    }

    async fn pause(&self) -> Result<RunStatus, AppendError> {
        let (status, because) = (RunStatus::Waiting, "a person must answer".to_owned());
        self.ledger.record(Event::RunPaused { status, because }).await?;
        Ok(status)
    }
}

impl Hands {
    fn are_empty(&self) -> bool {
        self.steps.is_empty() && self.finally.is_empty()
    }
}

async fn sleep_until(wake: Option<Timestamp>) {
    match wake {
        Some(at) => clock::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
