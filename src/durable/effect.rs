//! What is done to the outside: an intent that is durable before anything is sent, and an outcome.

use super::attempt::{Attempt, Stop};
use super::observation::read_result;
use crate::correlation;
use crate::engine::EffectPhase;
use crate::engine::event::{EffectOutcome, Event, SettledBy};
use crate::failure::{FailedOutcome, Failure, Retry};
use crate::runbook::model::OnUnknown;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

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

impl Attempt {
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
                if let Some(result) = self.probed(&intent, &key, &probe).await? {
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
            Err(failure) => match self.probed(&intent, &key, &probe).await? {
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
        // The line was durable then; a process that was stopped since may be taken for dead by now.
        self.ledger.confirm().await?;
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
    async fn probed<T: Serialize>(
        &self,
        intent: &Intent,
        key: &str,
        probe: &impl AsyncFn(String) -> Result<Probed<T>, Failure>,
    ) -> Result<Option<T>, Stop> {
        self.progress(format!("{}: outcome not confirmed; asking the service", intent.summary));
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
