//! The audit trail of a secret's vault, asked on behalf of a step or a plan.
//!
//! No source, one that cannot be opened or read, and one that holds nothing of the vault are three different things, and
//! none of them means that nobody read the secret: each is a [`NotKnown`] that says why. What is answered at all carries
//! its coverage.

use crate::actions::context::Context;
use crate::audit::{Covered, Nothing, Own, Query, Source};
use crate::azure::Azure;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::correlation::Prefix;
use crate::failure::Failure;
use crate::vault::SecretUrl;
use std::time::Duration;

/// So long is waited for an identity that is needed for nothing but to tell our own requests of other runs.
pub(crate) const SIGN_IN: Duration = Duration::from_secs(10);

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) azure: &'a Azure,
    pub(crate) config: &'a Config,
    /// How our own requests begin, as far as this state directory knows.
    pub(crate) prefixes: &'a [Prefix],
    /// The run that asks, where one does.
    pub(crate) run: Option<&'a str>,
}

impl<'a> From<&'a Context> for Asker<'a> {
    fn from(context: &'a Context) -> Self {
        let services = &context.services;
        Self {
            azure: &services.azure,
            config: &services.config,
            prefixes: &services.own_prefixes,
            run: Some(&services.run),
        }
    }
}

/// Why nothing is known of who read a secret.
#[derive(Clone, Debug)]
pub(crate) enum NotKnown {
    /// No source is configured.
    NoSource(String),
    /// The source cannot be opened or read.
    Unreadable(Failure),
    /// The source answered, and holds nothing of the vault.
    Empty(String),
}

impl NotKnown {
    /// In one line.
    pub(crate) fn because(&self) -> String {
        match self {
            Self::NoSource(because) | Self::Empty(because) => because.clone(),
            Self::Unreadable(failure) => {
                let why = failure.reasons.first().map(|why| format!(": {why}")).unwrap_or_default();
                format!("{}{why}", failure.summary)
            }
        }
    }
}

/// A question about a secret, in which our own requests are told apart, and the trail that answers it.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    source: Source,
    query: Query,
}

impl Trail {
    /// Opens the trail of the secret's vault.
    pub(crate) async fn open(
        asker: impl Into<Asker<'_>>,
        secret: &SecretUrl,
        (since, until): (Timestamp, Timestamp),
    ) -> Result<Self, NotKnown> {
        let Asker { azure, config, prefixes, run } = asker.into();
        let trail = config.audit_trail(&secret.vault.name);
        let Some(place) = trail.place else {
            return Err(NotKnown::NoSource(format!("no audit source is configured for `{}`", secret.vault.name)));
        };
        let source =
            Source::open(&place, azure, &secret.vault.host).map_err(NotKnown::Unreadable)?.with_times(trail.times);
        // Without it, requests of other runs only claim to be ours; nothing else depends on it.
        let caller = azure.identity.caller_within(SIGN_IN, &secret.vault.host).await;
        let own = Own { prefixes: prefixes.to_vec(), run: run.map(str::to_owned), caller };
        let query = Query {
            baseline: trail.baseline,
            thresholds: trail.thresholds,
            known: config.known_callers(secret),
            names: config.caller_names(secret),
            own,
            ..Query::new(secret, since, until)
        };
        Ok(Self { source, query })
    }

    /// The same trail, asked about another time.
    pub(crate) fn within(&self, since: Timestamp, until: Timestamp) -> Self {
        Self { source: self.source.clone(), query: Query { since, until, ..self.query.clone() } }
    }

    /// The source, for people.
    pub(crate) fn describe(&self) -> String {
        self.source.describe()
    }

    /// Puts a question to it, and gives the answer as it is: also one that holds nothing.
    pub(crate) async fn answer<T: Send + 'static>(
        &self,
        question: fn(&Source, &Query) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Self { source, query } = self.clone();
        tokio::task::spawn_blocking(move || question(&source, &query))
            .await
            .map_err(|error| Failure::refused(format!("the audit trail could not be read: {error}")))?
    }

    /// Puts a question to it; an answer that holds nothing is none.
    pub(crate) async fn ask<T: Covered + Send + 'static>(
        &self,
        question: fn(&Source, &Query) -> Result<T, Failure>,
    ) -> Result<T, NotKnown> {
        let answer = self.answer(question).await.map_err(NotKnown::Unreadable)?;
        not_known(&answer).map_or(Ok(answer), Err)
    }
}

/// Why an answer says nothing, if it does not.
pub(crate) fn not_known(answer: &impl Covered) -> Option<NotKnown> {
    answer.coverage().nothing().map(|nothing| match nothing {
        Nothing::Unreadable(why) => {
            NotKnown::Unreadable(Failure::refused("the audit trail could not be read").because(why))
        }
        Nothing::Empty(why) => NotKnown::Empty(why),
    })
}
