//! What went wrong, in the words a tired person needs: what, where and why, and what to do next.
//!
//! A [`Failure`] also says what is known about the world: whether the request was refused or its outcome is unknown,
//! and whether trying again may help. Text follows the house's voice: lower case, no full stop.
//!
//! A failure is shown, recorded and sent on, so no text enters one that holds a secret value or an address with a
//! credential. What somebody else said goes through [`told`](crate::told::told) before, which looks closer.

use crate::known;
use crate::redaction::without_credentials;
use crate::visible;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A failed request or check.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Failure {
    /// What could not be done: `stanch may not set secrets in `kv-prod``.
    pub summary: String,
    /// Why, as the other side said it, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whether the world may have changed.
    #[serde(default)]
    pub outcome: FailedOutcome,
    /// Whether, and when, trying again may help. Not kept in the journal: it decides what happens next, not what happened.
    #[serde(skip)]
    pub retry: Retry,
}

/// What is known of a request that did not succeed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum FailedOutcome {
    /// It was never sent, or the other side answered no: nothing was changed.
    #[default]
    Refused,
    /// It was sent and no trustworthy answer came.
    Unknown,
}

/// Whether the same request may succeed later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retry {
    /// Not without a person changing something.
    #[default]
    Never,
    /// It may; wait as the back-off says.
    Later,
    /// It may, not before this long.
    After(Duration),
}

impl Failure {
    /// A refusal that will not mend itself.
    pub fn refused(summary: impl Into<String>) -> Self {
        Self {
            summary: fit(summary.into()),
            reasons: Vec::new(),
            help: None,
            outcome: FailedOutcome::Refused,
            retry: Retry::Never,
        }
    }

    /// A request that was not answered.
    pub fn unknown(summary: impl Into<String>) -> Self {
        Self { outcome: FailedOutcome::Unknown, retry: Retry::Later, ..Self::refused(summary) }
    }

    /// The same failure, met after a request was sent whose outcome it leaves open.
    #[must_use]
    pub fn after_sending(self) -> Self {
        Self { outcome: FailedOutcome::Unknown, ..self }
    }

    /// Adds a reason, one line.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reasons.push(fit(reason.into()));
        self
    }

    /// Says what to do next, in one line: whatever others wrote into it begins no other.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(visible::line(&fit(help.into())));
        self
    }

    /// Says what else to do or to know, in a line below.
    #[must_use]
    pub fn and(mut self, help: impl Into<String>) -> Self {
        let below = visible::line(&fit(help.into()));
        self.help = Some(self.help.map_or_else(|| below.clone(), |above| format!("{above}\n{below}")));
        self
    }

    /// Says that trying again may help.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }
}

/// A text of a failure, if it may be shown.
fn fit(text: String) -> String {
    if known::holds(&text, known::LONGER_THAN_WORDS) {
        return "(not shown: a secret value stands in it)".to_owned();
    }
    without_credentials(&text).into_owned()
}
