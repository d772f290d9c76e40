//! Tokens that are revoked through their issuer's interface, and made anew by a person.
//!
//! ```text
//! survey   does the current version hold a token of this issuer?
//! issue    a person makes a new token and enters it, as with [`super::manual`]
//! publish, adopt
//! retire   revoke the old token, and those of every older version that can still be read, in one batch
//! prove    ask the issuer with each of them who it is
//! ```

use super::envelope;
use super::issuer::{Held, Impact, Issuance, Issuer, Work};
use super::manual::{compose, impact, one_old};
use super::record::IssuerState;
use super::surroundings::Surroundings;
use super::trial::Trial;
use crate::azure::Transport;
use crate::failure::Failure;
use crate::secret::Secret;
use async_trait::async_trait;
use futures::future::LocalBoxFuture;

type Attempt = for<'a> fn(&'a Transport, &'a Secret) -> LocalBoxFuture<'a, Result<Trial, Failure>>;
type Revoke = for<'a> fn(&'a Transport, &'a [Secret]) -> LocalBoxFuture<'a, Result<(), Failure>>;

/// A kind of token.
pub(super) struct Kind {
    /// Who issues it.
    pub(super) issuer: &'static str,
    /// How it begins, in one of these ways.
    pub(super) prefixes: &'static [&'static str],
    /// Asks the issuer who a token is.
    pub(super) attempt: Attempt,
    /// Revokes tokens. Revoking one that is dead changes nothing.
    pub(super) revoke: Revoke,
}

pub(super) struct RevokedToken {
    kind: &'static Kind,
    surroundings: Surroundings,
}

impl RevokedToken {
    pub(super) fn new(kind: &'static Kind, surroundings: Surroundings) -> Self {
        Self { kind, surroundings }
    }

    fn is_token(&self, text: &str) -> bool {
        self.kind.prefixes.iter().any(|prefix| text.starts_with(prefix))
    }

    /// The tokens that are to die, each once.
    fn doomed(&self, work: &Work<'_>) -> Vec<Secret> {
        // Whoever entered a token that stood in an older version keeps it: the proof will say that it works.
        let kept = work.new.map(|value| envelope::open(value).password);
        let is_kept = |token: &Secret| kept.as_ref().is_some_and(|kept| kept.expose() == token.expose());
        let mut doomed: Vec<Secret> = Vec::new();
        for value in work.old.into_iter().chain(work.older) {
            let token = envelope::open(value).password;
            if self.is_token(token.expose())
                && !is_kept(&token)
                && doomed.iter().all(|known| known.expose() != token.expose())
            {
                doomed.push(token);
            }
        }
        doomed
    }
}

#[async_trait(?Send)]
impl Issuer for RevokedToken {
    fn issuance(&self) -> Issuance {
        Issuance::Entered
    }

    fn impact(&self) -> Impact {
        impact(self.kind.issuer)
    }

    fn retires_older(&self) -> bool {
        true
    }

    async fn survey(&self, held: &Held<'_>) -> Result<IssuerState, Failure> {
        if self.is_token(envelope::open(held.value).password.expose()) {
            return Ok(one_old());
        }
        let summary = format!("the current version holds no token of a kind that {} revokes", self.kind.issuer);
        Err(Failure::refused(summary).help(format!("it begins with one of {}", self.kind.prefixes.join(", "))))
    }

    fn compose(&self, _: &IssuerState, old: &Secret, fresh: &Secret) -> Result<Secret, Failure> {
        Ok(compose(old, fresh))
    }

    async fn try_credential(&self, _: &IssuerState, value: &Secret) -> Result<Trial, Failure> {
        (self.kind.attempt)(&self.surroundings.azure.transport, &envelope::open(value).password).await
    }

    async fn retire(&self, work: &Work<'_>) -> Result<(), Failure> {
        if work.old.is_none() {
            return Err(Failure::refused("the old token cannot be read any more, so it cannot be revoked")
                .help("enable the version that holds it, then resume; or revoke it by hand"));
        }
        (self.kind.revoke)(&self.surroundings.azure.transport, &self.doomed(work)).await
    }

    async fn retired(&self, work: &Work<'_>) -> Result<Option<bool>, Failure> {
        if work.old.is_none() {
            return Ok(None);
        }
        for token in self.doomed(work) {
            let trial = (self.kind.attempt)(&self.surroundings.azure.transport, &token).await?;
            if !matches!(trial, Trial::Refused { .. }) {
                return Ok(Some(false));
            }
        }
        Ok(Some(true))
    }
}
