//! What an action is given: its parameters' surroundings, and the durable ways to touch the world.
//!
//! An action is straight-line code that may be run again from its beginning at any time. Whatever it does to the
//! outside goes through [`Context::effect`], whatever its later decisions rest on through [`Context::observe`]; both
//! give back what the journal holds when they are met again.

use super::ledger::{Ledger, Notice, Notices};
use crate::audit::{Own, Query, Source};
use crate::azure::{Azure, correlation};
use crate::clock::{self, Timestamp};
use crate::config::Config;
use crate::engine::event::{EffectOutcome, Event, Mode, Question, SettledBy};
use crate::engine::{EffectPhase, GateAnswer, GateState, TimerState};
use crate::failure::{FailedOutcome, Failure, Retry};
use crate::journal::{AppendError, LockError, Targets};
use crate::runbook::model::OnUnknown;
use crate::secret::{FingerprintKey, Secret, SecretPrompt};
use crate::vault::SecretUrl;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Why an action ended before its end.
#[derive(Debug)]
pub enum Stop {
    /// It failed; what is known about the world stands in the failure.
    Failed(Failure),
    /// A person must answer first. The question is in the journal.
    Waiting,
    /// The run is to end in good order; the step goes on from here when it is resumed.
    Interrupted,
    /// The journal cannot be written: nothing more may be done.
    Journal(AppendError),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<AppendError> for Stop {
    fn from(error: AppendError) -> Self {
        Self::Journal(error)
    }
}

/// What the actions of a run share.
#[derive(Debug)]
pub struct Services {
    pub run: String,
    pub runbook: String,
    pub operator: String,
    pub mode: Mode,
    pub request_prefix: String,
    /// How the request ids of all runs of this user begin, this one's among them: none of them is a stranger's.
    pub own_prefixes: Vec<String>,
    pub inputs: Map<String, Value>,
    /// Digest of the runbook and its inputs, lower-case hex.
    pub plan_digest: String,
    /// Ids and actions of all steps, in the order in which they are written.
    pub steps: Vec<(String, String)>,
    pub azure: Azure,
    pub config: Config,
    /// Who is asked for a value that no input may hold.
    pub secret_prompt: Arc<dyn SecretPrompt>,
    /// The key of the fingerprints that stand for such values in the journal.
    pub fingerprints: FingerprintKey,
    /// Where the report is written to.
    pub report_folder: PathBuf,
    /// What no other run may work on.
    pub targets: Targets,
}

/// The observation that says what a step keeps other runs from.
pub const LOCKED: &str = "locked";

/// A running attempt of a step.
#[derive(Clone, Debug)]
pub struct Context {
    pub step: String,
    pub services: Arc<Services>,
    pub on_unknown: OnUnknown,
    ledger: Ledger,
    notices: Notices,
    stopping: watch::Receiver<bool>,
}

/// What asking the other side told.
#[derive(Debug)]
pub enum Probed<T> {
    Done(T),
    NotDone,
}

/// What is done about an unknown outcome that nobody can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unprobed {
    /// It is sent again under the same key: the receiver knows the key, or a repetition harms less than a loss.
    Repeat,
    /// A person decides.
    Ask,
}

/// An effect as it is described in the journal.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Its name, unique within the step.
    pub name: String,
    /// What it does, for people.
    pub summary: String,
}

impl Intent {
    /// Describes an effect.
    pub fn new(name: impl Into<String>, summary: impl Into<String>) -> Self {
        Self { name: name.into(), summary: summary.into() }
    }
}

impl Context {
    /// Surrounds one attempt of a step.
    pub fn new(
        step: String,
        services: Arc<Services>,
        on_unknown: OnUnknown,
        ledger: Ledger,
        notices: Notices,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { step, services, on_unknown, ledger, notices, stopping }
    }

    /// Waits for a while, or until the run is to end.
    pub async fn sleep(&self, duration: Duration) -> Result<(), Stop> {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            () = clock::sleep(duration) => Ok(()),
            _ = stopping.wait_for(|stopping| *stopping) => Err(Stop::Interrupted),
        }
    }

    /// Waits until a point in time, or until the run is to end.
    pub async fn sleep_until(&self, deadline: Timestamp) -> Result<(), Stop> {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            () = clock::sleep_until(deadline) => Ok(()),
            _ = stopping.wait_for(|stopping| *stopping) => Err(Stop::Interrupted),
        }
    }

    /// Ends the step in good order where the run is to end: for steps that ask many things one after the other.
    pub fn go_on(&self) -> Result<(), Stop> {
        if *self.stopping.borrow() { Err(Stop::Interrupted) } else { Ok(()) }
    }

    /// The run's journal and state.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Tells those who look on what is being done. Not recorded.
    pub fn progress(&self, text: impl Into<String>) {
        drop(self.notices.send(Notice::Progress { step: self.step.clone(), text: text.into() }));
    }

    /// Asks for a value that must not be shown; nothing if nobody is there. It is recorded nowhere: after a crash it is
    /// asked for again.
    pub async fn ask_secret(&self, prompt: &str) -> Result<Option<Secret>, Stop> {
        let asked = |text: &str| drop(self.notices.send(Notice::Asked { text: text.to_owned() }));
        asked(prompt);
        let mut stopping = self.stopping.clone();
        let given = tokio::select! {
            given = self.services.secret_prompt.ask(prompt) => given.map_err(Stop::from),
            _ = stopping.wait_for(|stopping| *stopping) => Err(Stop::Interrupted),
        };
        asked("");
        given
    }

    /// A question to a vault's audit trail about a secret, in which our own calls are told apart; and the trail.
    /// Nothing if no trail is configured, or the one that is cannot be opened.
    pub fn audit_query(&self, secret: &SecretUrl, since: Timestamp, until: Timestamp) -> Option<(Source, Query)> {
        let config = &self.services.config;
        let trail = config.audit_trail(&secret.vault.name);
        let source = Source::open(&trail.place?, &self.services.azure, &secret.vault.host).ok()?;
        let query = Query {
            baseline: trail.baseline,
            thresholds: trail.thresholds,
            known: config.known_callers(secret),
            names: config.caller_names(secret),
            own: Own { prefixes: self.services.own_prefixes.clone() },
            ..Query::new(secret, since, until)
        };
        Some((source, query))
    }

    /// Keeps every other run from secrets that this one came upon, in every life of the run.
    pub async fn lock(&self, secrets: &[String]) -> Result<(), Stop> {
        for secret in secrets {
            self.services.targets.take(secret).map_err(|error| is_locked(secret, &error))?;
        }
        self.note(LOCKED, &secrets).await
    }

    /// The idempotency key of an effect: the same for every attempt, in every life of the run.
    pub fn key(&self, effect: &str) -> String {
        let digest = Sha256::new()
            .chain_update(&self.services.run)
            .chain_update([0])
            .chain_update(&self.step)
            .chain_update([0])
            .chain_update(effect)
            .finalize();
        hex::encode(digest).chars().take(32).collect()
    }

    /// Does something to the outside, durably, where the outside can be asked whether it happened.
    ///
    /// `perform` is never called before the intent is durable, and never twice without `probe` between.
    pub async fn effect<T: Serialize + DeserializeOwned>(
        &self,
        intent: Intent,
        perform: impl AsyncFn(String) -> Result<T, Failure>,
        probe: impl AsyncFn(String) -> Result<Probed<T>, Failure>,
    ) -> Result<T, Stop> {
        let key = self.key(&intent.name);
        let label = format!("{}/{}", self.step, intent.name);
        match self.phase(&intent.name) {
            Some(EffectPhase::Done(result)) => return read_result(&intent.name, result),
            Some(EffectPhase::Started | EffectPhase::Unknown) => {
                if let Some(result) = self.settle(&intent, &key, &probe).await? {
                    return Ok(result);
                }
            }
            Some(EffectPhase::AssumedDone) => {
                return match correlation::scope(label, probe(key)).await? {
                    Probed::Done(result) => Ok(result),
                    Probed::NotDone => Err(Failure::refused(format!(
                        "`{}` was settled as done, but the other side knows nothing of it",
                        intent.summary
                    ))
                    .into()),
                };
            }
            Some(EffectPhase::Refused) | None => {}
        }
        match self.send(&intent, &key, perform).await? {
            Ok(result) => Ok(result),
            Err(failure) => match self.settle(&intent, &key, &probe).await? {
                Some(result) => Ok(result),
                // The other side does not know of it: it may be tried again, after the back-off.
                None => Err(Failure { outcome: FailedOutcome::Refused, retry: Retry::Later, ..failure }.into()),
            },
        }
    }

    /// Does something to the outside, durably, where nobody can be asked whether it happened.
    pub async fn blind_effect<T: Serialize + DeserializeOwned + Default>(
        &self,
        intent: Intent,
        unprobed: Unprobed,
        perform: impl AsyncFn(String) -> Result<T, Failure>,
    ) -> Result<T, Stop> {
        let key = self.key(&intent.name);
        let unprobed = match self.on_unknown {
            OnUnknown::Probe => unprobed,
            OnUnknown::Rerun => Unprobed::Repeat,
            OnUnknown::Ask => Unprobed::Ask,
        };
        match self.phase(&intent.name) {
            Some(EffectPhase::Done(result)) => return read_result(&intent.name, result),
            Some(EffectPhase::AssumedDone) => return Ok(T::default()),
            Some(EffectPhase::Started | EffectPhase::Unknown) if unprobed == Unprobed::Ask => {
                return Err(self.ask(&intent).await);
            }
            Some(EffectPhase::Started | EffectPhase::Unknown | EffectPhase::Refused) | None => {}
        }
        match self.send(&intent, &key, perform).await? {
            Ok(result) => Ok(result),
            Err(failure) if unprobed == Unprobed::Repeat => Err(failure.into()),
            Err(_) => Err(self.ask(&intent).await),
        }
    }

    /// Sends a request once, between its durable intent and its durable outcome. The inner failure is one that leaves
    /// open what happened.
    async fn send<T: Serialize>(
        &self,
        intent: &Intent,
        key: &str,
        perform: impl AsyncFn(String) -> Result<T, Failure>,
    ) -> Result<Result<T, Failure>, Stop> {
        let attempt = self.start(intent, key).await?;
        let label = format!("{}/{}", self.step, intent.name);
        match correlation::scope(label, perform(key.to_owned())).await {
            Ok(result) => {
                self.finish(intent, key, attempt, Outcome::done(&result, SettledBy::Answer)).await?;
                Ok(Ok(result))
            }
            Err(failure) if failure.outcome == FailedOutcome::Refused => {
                self.finish(intent, key, attempt, Outcome::refused(Some(&failure), SettledBy::Answer)).await?;
                Err(failure.into())
            }
            Err(failure) => {
                self.finish(intent, key, attempt, Outcome::unknown(&failure)).await?;
                Ok(Err(failure))
            }
        }
    }

    /// Asks the other side about an effect in doubt, and records what it said. Gives nothing if it did not happen.
    async fn settle<T: Serialize>(
        &self,
        intent: &Intent,
        key: &str,
        probe: &impl AsyncFn(String) -> Result<Probed<T>, Failure>,
    ) -> Result<Option<T>, Stop> {
        self.progress(format!("{}: the answer never came; asking", intent.summary));
        let attempt = self.ledger.step(&self.step).effects.get(&intent.name).map_or(1, |effect| effect.attempt);
        let label = format!("{}/{}/probe", self.step, intent.name);
        match correlation::scope(label, probe(key.to_owned())).await? {
            Probed::Done(result) => {
                self.finish(intent, key, attempt, Outcome::done(&result, SettledBy::Probe)).await?;
                Ok(Some(result))
            }
            Probed::NotDone => {
                self.finish(intent, key, attempt, Outcome::refused(None, SettledBy::Probe)).await?;
                Ok(None)
            }
        }
    }

    async fn ask(&self, intent: &Intent) -> Stop {
        let event = Event::DecisionAsked {
            step: self.step.clone(),
            effect: intent.name.clone(),
            known: format!("`{}` was sent", intent.summary),
            not_known: "whether it happened: no answer came, and nobody can be asked".to_owned(),
        };
        match self.ledger.record(event).await {
            Ok(_) => Stop::Waiting,
            Err(error) => Stop::Journal(error),
        }
    }

    fn phase(&self, effect: &str) -> Option<EffectPhase> {
        self.ledger.step(&self.step).effects.get(effect).map(|effect| effect.phase.clone())
    }

    async fn start(&self, intent: &Intent, key: &str) -> Result<u32, Stop> {
        self.go_on()?;
        let attempt = self.ledger.step(&self.step).effects.get(&intent.name).map_or(0, |effect| effect.attempt) + 1;
        let event = Event::EffectStarted {
            step: self.step.clone(),
            effect: intent.name.clone(),
            key: key.to_owned(),
            attempt,
            summary: intent.summary.clone(),
        };
        self.ledger.record(event).await?;
        Ok(attempt)
    }

    async fn finish(&self, intent: &Intent, key: &str, attempt: u32, outcome: Outcome) -> Result<(), Stop> {
        let event = Event::EffectFinished {
            step: self.step.clone(),
            effect: intent.name.clone(),
            key: key.to_owned(),
            attempt,
            outcome: outcome.outcome,
            by: outcome.by,
            result: outcome.result,
            error: outcome.error,
        };
        self.ledger.record(event).await?;
        Ok(())
    }

    /// Reads something that later decisions rest on, once: met again, it gives what the journal holds.
    pub async fn observe<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        read: impl AsyncFnOnce() -> Result<T, Failure>,
    ) -> Result<T, Stop> {
        if let Some(value) = self.recorded(name)? {
            return Ok(value);
        }
        let value = correlation::scope(format!("{}/{name}", self.step), read()).await?;
        self.note(name, &value).await?;
        Ok(value)
    }

    /// What the journal holds of something that was read or noted before.
    pub fn recorded<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Stop> {
        let value = self.ledger.step(&self.step).observations.get(name).cloned();
        value.map(|value| read_result(name, value)).transpose()
    }

    /// Records a fact that was just read; a later one of the same name replaces it.
    pub async fn note(&self, name: &str, value: &impl Serialize) -> Result<(), Stop> {
        let value = serde_json::to_value(value)
            .map_err(|error| Failure::refused(format!("`{name}` cannot be recorded: {error}")))?;
        self.ledger.record(Event::Observed { step: self.step.clone(), name: name.to_owned(), value }).await?;
        Ok(())
    }

    /// Asks people; the action goes on when it is run again after the answer. An answer is bound to what was asked:
    /// where that has changed since, it is asked again.
    pub async fn gate(&self, question: Question, expires_in: Option<Duration>) -> Result<GateAnswer, Stop> {
        let plan = self.plan_digest(&question);
        let step = self.ledger.step(&self.step);
        let about_this = |gate: &&GateState| gate.question.plan == plan;
        let answer = step.gate.iter().chain(&step.answered).filter(about_this).find_map(|gate| gate.answer.clone());
        if let Some(answer) = answer {
            return Ok(answer);
        }
        let expires_at =
            expires_in.and_then(|after| chrono::Duration::from_std(after).ok()).map(|after| clock::now() + after);
        let question = Question { expires_at, plan, ..question };
        self.ledger.record(Event::GateOpened { step: self.step.clone(), question }).await?;
        Err(Stop::Waiting)
    }

    /// Digest of what people agree to: the plan of the run, the step, and what they are told. Lower-case hex.
    fn plan_digest(&self, question: &Question) -> String {
        let told = Question { expires_at: None, plan: String::new(), ..question.clone() };
        let told = serde_json::to_vec(&told).unwrap_or_default();
        let digest = Sha256::new().chain_update(&self.services.plan_digest).chain_update(&self.step).chain_update(told);
        hex::encode(digest.finalize())
    }

    /// A deadline that outlives the process. Set once; met again, it is the same.
    pub async fn deadline(&self, timer: &str, after: Duration) -> Result<Timestamp, Stop> {
        let after = chrono::Duration::from_std(after).unwrap_or(chrono::Duration::MAX);
        let until = clock::now().checked_add_signed(after).unwrap_or(Timestamp::MAX_UTC);
        if let Some(timer) = self.ledger.step(&self.step).timers.get(timer) {
            // A clock that was put back since must not make the wait longer.
            return Ok(timer.until.min(until));
        }
        let event = Event::TimerSet { step: self.step.clone(), timer: timer.to_owned(), until, follow_up: false };
        self.ledger.record(event).await?;
        Ok(until)
    }

    /// Puts something off until a point in time after the end of the step, which begins once more when the run is gone on
    /// with after it. Set once; met again, it is the same.
    pub async fn follow_up(&self, timer: &str, until: Timestamp) -> Result<(), Stop> {
        if self.ledger.step(&self.step).timers.contains_key(timer) {
            return Ok(());
        }
        let (step, timer) = (self.step.clone(), timer.to_owned());
        self.ledger.record(Event::TimerSet { step, timer, until, follow_up: true }).await?;
        Ok(())
    }

    /// What was put off, in the order of time.
    pub fn follow_ups(&self) -> Vec<(String, TimerState)> {
        let timers = self.ledger.step(&self.step).timers;
        let mut timers: Vec<_> = timers.into_iter().filter(|(_, timer)| timer.follow_up).collect();
        timers.sort_by_key(|(_, timer)| timer.until);
        timers
    }

    /// Records that a deadline has come, or is no longer waited for.
    pub async fn end_timer(&self, timer: &str) -> Result<(), Stop> {
        if self.ledger.step(&self.step).timers.get(timer).is_some_and(|timer| !timer.fired) {
            self.ledger.record(Event::TimerFired { step: self.step.clone(), timer: timer.to_owned() }).await?;
        }
        Ok(())
    }
}

struct Outcome {
    outcome: EffectOutcome,
    by: SettledBy,
    result: Value,
    error: Option<Failure>,
}

impl Outcome {
    fn done(result: &impl Serialize, by: SettledBy) -> Self {
        let result = serde_json::to_value(result).unwrap_or(Value::Null);
        Self { outcome: EffectOutcome::Done, by, result, error: None }
    }

    fn refused(failure: Option<&Failure>, by: SettledBy) -> Self {
        Self { outcome: EffectOutcome::Refused, by, result: Value::Null, error: failure.cloned() }
    }

    fn unknown(failure: &Failure) -> Self {
        Self {
            outcome: EffectOutcome::Unknown,
            by: SettledBy::Nobody,
            result: Value::Null,
            error: Some(failure.clone()),
        }
    }
}

fn read_result<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, Stop> {
    serde_json::from_value(value)
        .map_err(|error| Failure::refused(format!("the journal's record of `{name}` cannot be read: {error}")).into())
}

fn is_locked(secret: &str, error: &LockError) -> Failure {
    match error {
        LockError::Held(Some(holder)) | LockError::NotKnown(holder) => {
            let run = &holder.run;
            Failure::refused(format!("{secret} is being worked on by the run `{run}`"))
                .because(format!("{} on {} holds it, process {}", holder.operator, holder.host, holder.process))
                .help(format!("`stanch status {run}` shows where it stands; resume this run when that one is over"))
        }
        LockError::Held(None) => Failure::refused(format!("{secret} is being worked on by another process"))
            .help("resume this run when that one is over"),
        LockError::Io(error) => {
            Failure::refused(format!("the lock on {secret} cannot be taken")).because(error.to_string())
        }
    }
}
