//! What a look before anything is changed finds.

use crate::failure::Failure;
use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    pub verdict: CheckResult,
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// What became of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    Fine,
    /// The run goes on, with less than could be had.
    Warning,
    /// The run would stop there.
    Failed,
    /// It cannot be seen by reading.
    Unseen,
}

/// A consumer that fails once the old versions are disabled.
#[derive(Clone, Debug, Serialize)]
pub struct Broken {
    pub consumer: String,
    /// The version it asks for.
    pub version: String,
    /// Why we think so.
    pub because: String,
    pub help: String,
}

/// Who issues a secret, and what ending the old credential would break.
#[derive(Clone, Debug, Serialize)]
pub struct Issuer {
    pub secret: String,
    pub provider: &'static str,
    /// Why this one, and where that is written.
    pub because: String,
    /// Nothing names an issuer, so the vault is treated as the issuer.
    pub assumed: bool,
    /// Whether the secret's tags decided it, which anybody may have written who may set the secret.
    pub from_tags: bool,
    /// The credential in the current version; empty where it has no name.
    pub old: String,
    /// The one to come, where it is known beforehand.
    pub next: String,
    /// Whether the old one would be ended before the new one is published.
    pub revoke_first: bool,
    pub breaks_with_overlap: String,
    pub breaks_with_revoke_first: String,
    /// What the value is, where that matters to a random one in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// What a person would be asked to do at the issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<String>,
}

impl Check {
    pub(super) fn new(verdict: CheckResult, what: impl Into<String>) -> Self {
        Self { verdict, what: what.into(), help: None }
    }

    pub(super) fn fine(what: impl Into<String>) -> Self {
        Self::new(CheckResult::Fine, what)
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn of(verdict: CheckResult, failure: &Failure) -> Self {
        let why = failure.reasons.first().map(|reason| format!(": {reason}")).unwrap_or_default();
        Self { verdict, what: format!("{}{why}", failure.summary), help: failure.help.clone() }
    }

    /// What was found and what to do, in a line for those who are told of it.
    pub(super) fn in_a_line(&self) -> String {
        let help = self.help.as_deref().and_then(|help| help.lines().next()).map(|help| format!("; {help}"));
        format!("{}{}", self.what, help.unwrap_or_default())
    }
}
