//! What an action is given: the durable protocol of its attempt, and what the actions of a run share.

use crate::azure::Azure;
use crate::config::Config;
use crate::correlation::Prefix;
use crate::durable::{Attempt, DisplayEvent, Stop};
use crate::engine::event::{LOCKED, Mode};
use crate::failure::Failure;
use crate::journal::{TargetError, Targets};
use crate::plan::PlannedStep;
use crate::secret::{FingerprintKey, Secret, SecretPrompt};
use crate::vault;
use serde_json::{Map, Value};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

/// What the actions of a run share.
#[derive(Debug)]
pub struct Services {
    pub run: String,
    pub runbook: String,
    pub operator: String,
    pub mode: Mode,
    pub request_prefix: String,
    /// How the request ids of all runs of this user begin, this one's among them: none of them is a stranger's.
    pub own_prefixes: Vec<Prefix>,
    pub inputs: Map<String, Value>,
    /// Digest of the runbook and its inputs, lower-case hex.
    pub plan_digest: String,
    /// All steps, in the order in which they are written.
    pub steps: Vec<PlannedStep>,
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

/// A running attempt of a step, with its surroundings.
#[derive(Clone, Debug)]
pub struct Context {
    attempt: Attempt,
    pub services: Arc<Services>,
}

/// An action touches the world through its attempt.
impl Deref for Context {
    type Target = Attempt;

    fn deref(&self) -> &Attempt {
        &self.attempt
    }
}

impl Context {
    /// Surrounds one attempt of a step.
    pub fn new(attempt: Attempt, services: Arc<Services>) -> Self {
        Self { attempt, services }
    }

    /// Asks for a value that must not be shown; nothing if nobody is there. It is recorded nowhere: after a crash it is
    /// asked for again.
    pub async fn ask_secret(&self, prompt: &str) -> Result<Option<Secret>, Stop> {
        let asked = |question: &str, entered: &str| {
            let (question, entered) = (question.to_owned(), entered.to_owned());
            drop(self.notices.send(DisplayEvent::Asked { question, entered }));
        };
        let shown = |entered: &str| asked(prompt, entered);
        shown("");
        let mut stopping = self.stopping.clone();
        let given = tokio::select! {
            given = self.services.secret_prompt.ask(&shown) => given.map_err(Stop::from),
            _ = stopping.wait_for(|stopping| *stopping) => Err(Stop::Interrupted),
        };
        asked("", "");
        given
    }

    /// Whether somebody said that the value that is entered is meant as it is.
    pub fn is_meant(&self) -> bool {
        self.services.secret_prompt.is_meant()
    }

    /// Keeps every other run from secrets that this one came upon, until this one is over.
    pub async fn lock(&self, secrets: &[String]) -> Result<(), Stop> {
        for secret in secrets {
            self.services.targets.take(&vault::target(secret)).map_err(|error| cannot_lock(secret, error))?;
            // Each is made durable: the other steps get a turn.
            tokio::task::yield_now().await;
        }
        self.note(LOCKED, &secrets).await
    }

    /// The same for those that no other run holds. Takes the others out; gives them, each with who holds it.
    pub async fn lock_free(&self, secrets: &mut Vec<String>) -> Result<Vec<(String, String)>, Stop> {
        let mut held = Vec::new();
        for secret in std::mem::take(secrets) {
            match self.services.targets.take(&vault::target(&secret)) {
                Ok(()) => secrets.push(secret),
                Err(TargetError::Held(by)) => held.push((secret, by.in_short())),
                Err(error) => return Err(cannot_lock(&secret, error).into()),
            }
            tokio::task::yield_now().await;
        }
        self.note(LOCKED, secrets).await?;
        Ok(held)
    }
}

fn cannot_lock(secret: &str, error: TargetError) -> Failure {
    match error {
        TargetError::Held(held) => held.refusal().and("resume this run when that one is over"),
        TargetError::Io(error) => {
            Failure::refused(format!("{secret} cannot be kept from other runs")).because(error.to_string())
        }
    }
}
