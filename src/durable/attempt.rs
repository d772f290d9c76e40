//! One attempt of a step, as the durable protocol knows it.

use super::ledger::{DisplayEvent, DisplayEvents, Ledger};
use crate::clock::{self, Timestamp};
use crate::failure::Failure;
use crate::journal::AppendError;
use crate::runbook::model::OnUnknown;
use sha2::{Digest, Sha256};
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

/// A running attempt of a step. It may be run again from its beginning at any time.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub run: String,
    pub step: String,
    /// Digest of the runbook and its inputs, lower-case hex.
    pub plan_digest: String,
    pub on_unknown: OnUnknown,
    pub ledger: Ledger,
    pub notices: DisplayEvents,
    /// Turns true when the run is to end.
    pub stopping: watch::Receiver<bool>,
}

impl Attempt {
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
        drop(self.notices.send(DisplayEvent::Progress { step: self.step.clone(), text: text.into() }));
    }

    /// The idempotency key of an effect: the same for every attempt, in every life of the run. Whoever may tag secrets
    /// cannot tell it before it is sent, so no version can carry it that was there before.
    pub fn key(&self, effect: &str) -> String {
        let nonce = self.ledger.look(|state| state.opened().and_then(|opened| opened.nonce.clone()));
        let digest = Sha256::new()
            .chain_update(nonce.unwrap_or_default())
            .chain_update(&self.run)
            .chain_update([0])
            .chain_update(&self.step)
            .chain_update([0])
            .chain_update(effect)
            .finalize();
        hex::encode(digest).chars().take(32).collect()
    }
}
