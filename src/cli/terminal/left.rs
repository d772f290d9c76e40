//! Answers with a sign-in, which is checked before they count: those that others left, and those that are typed here.
//!
//! An answer from a file says of a sign-in whatever its writer likes. What counts is what this process found out by
//! itself, from what is shown with the answer and the keys that the tenant publishes.

use super::signing_in::SigningIn;
use crate::azure::Transport;
use crate::engine::event::Event;
use crate::engine::person::Verified;
use crate::failure::Failure;
use crate::sign_in::{Checker, Shown};
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// An answer as it lies in a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GivenAnswer {
    #[serde(flatten)]
    pub(crate) event: Event,
    /// What is shown of the sign-in of whoever gave it.
    #[serde(default, rename = "sign_in", skip_serializing_if = "Option::is_none")]
    pub(crate) shown: Option<Shown>,
}

/// What checks sign-ins in a run.
#[derive(Clone)]
pub(crate) struct SignInDesk {
    pub(crate) transport: Transport,
    pub(crate) checker: Arc<Checker>,
}

/// An answer whose sign-in is looked at.
pub(super) struct Checking {
    event: Event,
    looking: JoinHandle<Result<Verified, Failure>>,
}

impl SignInDesk {
    /// Looks at what was shown with an answer to the run.
    pub(super) fn look(&self, event: Event, shown: Shown) -> Checking {
        let (checker, answer) = (Arc::clone(&self.checker), event.clone());
        Checking { event, looking: tokio::spawn(async move { checker.shown(&shown, &answer).await }) }
    }

    /// Signs whoever sits here in, who gave an answer.
    pub(super) fn sign_in(&self, event: Event, player: &str) -> Checking {
        let (desk, player) = (self.clone(), player.to_owned());
        let looking = tokio::spawn(async move {
            let signed_in = SigningIn::default().sign_in(&desk.transport, &desk.checker, None, &player).await?;
            Ok(signed_in.verified().clone())
        });
        Checking { event, looking }
    }
}

impl Checking {
    /// The answer with what was found out, or why it does not count; nothing while it is looked at. `listed` are those
    /// who may answer, and `is_typed` says that the name is this process' own.
    pub(super) fn ended(&mut self, listed: &[String], is_typed: bool) -> Option<Result<Event, String>> {
        let found = (&mut self.looking).now_or_never()?;
        let found = found.unwrap_or_else(|error| Err(Failure::refused(format!("nobody looked at it: {error}"))));
        Some(match found {
            Ok(verified) => self.event.clone().signed(verified, listed, is_typed),
            Err(Failure { summary, reasons, .. }) => Err([vec![summary], reasons].concat().join(": ")),
        })
    }

    /// The step that it answers.
    pub(super) fn step(&self) -> &str {
        self.event.step().unwrap_or_default()
    }
}

impl Drop for Checking {
    fn drop(&mut self) {
        self.looking.abort();
    }
}
