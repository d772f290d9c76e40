//! `slack_token`: a token of Slack's, revoked by `auth.revoke`. Revoking a bot's token deactivates the bot's user.
//!
//! It revokes only: a person makes the new token and enters it, as with [`super::manual`].

use super::manual::{breaks, compose, one_old};
use super::{Breaks, Held, Issued, NoSettings, Provider, Supply, Surroundings, Survey, Trial, Work, envelope};
use crate::failure::{Failure, Retry};
use crate::secret::Secret;
use async_trait::async_trait;
use serde_json::Value;

/// What Slack says of a token that does not work.
const DEAD: [&str; 4] = ["invalid_auth", "token_revoked", "account_inactive", "token_expired"];

pub(super) struct SlackToken {
    surroundings: Surroundings,
}

impl SlackToken {
    pub(super) fn new(_: NoSettings, surroundings: Surroundings) -> Self {
        Self { surroundings }
    }

    /// Calls a method with the token; gives whether it is `ok`, and the error's word if not.
    async fn call(&self, method: &str, value: &Secret) -> Result<Result<Value, String>, Failure> {
        let authorization = zeroize::Zeroizing::new(format!("Bearer {}", envelope::open(value).password.expose()));
        let headers =
            [("authorization", authorization.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let transport = &self.surroundings.azure.transport;
        let answer = transport.send("POST", &format!("https://slack.com/api/{method}"), &headers, Vec::new()).await?;
        if answer.status == 429 {
            return Err(Failure::refused("`slack.com` is throttling")
                .retry(answer.retry_after.map_or(Retry::Later, Retry::After)));
        }
        let said: Value = serde_json::from_slice(&answer.body).map_err(|_| {
            Failure::unknown("the answer of `slack.com` cannot be read")
                .because(format!("it answered {}", answer.status))
        })?;
        if said.get("ok").and_then(Value::as_bool) == Some(true) {
            return Ok(Ok(said));
        }
        Ok(Err(said.get("error").and_then(Value::as_str).unwrap_or("no error named").to_owned()))
    }
}

#[async_trait(?Send)]
impl Provider for SlackToken {
    fn supply(&self) -> Supply {
        Supply::Entered
    }

    fn breaks(&self) -> Breaks {
        breaks("Slack")
    }

    async fn survey(&self, held: &Held<'_>) -> Result<Survey, Failure> {
        if !envelope::open(held.value).password.expose().starts_with("xox") {
            return Err(Failure::refused("the current version holds no token of Slack's").help("it begins with `xox`"));
        }
        Ok(one_old())
    }

    async fn issue(&self, _: &Work<'_>) -> Result<Issued, Failure> {
        Ok(Issued::default())
    }

    async fn issued(&self, _: &Work<'_>) -> Result<bool, Failure> {
        Ok(true)
    }

    fn compose(&self, _: &Survey, old: &Secret, fresh: &Secret) -> Result<Secret, Failure> {
        Ok(compose(old, fresh))
    }

    async fn attempt(&self, _: &Survey, value: &Secret) -> Result<Trial, Failure> {
        let how = "called `auth.test` with it";
        match self.call("auth.test", value).await? {
            Ok(_) => Ok(Trial::accepted(how, "ok")),
            Err(word) if DEAD.contains(&word.as_str()) => Ok(Trial::refused(how, word)),
            Err(word) => {
                Err(Failure::refused("`slack.com` gives no answer that tells").because(word).retry(Retry::Later))
            }
        }
    }

    async fn retire(&self, work: &Work<'_>) -> Result<(), Failure> {
        let Some(old) = work.old else {
            return Err(Failure::refused("the old token cannot be read any more, so it cannot be revoked")
                .help("enable the version that holds it, then resume; or revoke it by hand"));
        };
        match self.call("auth.revoke", old).await? {
            Ok(said) if said.get("revoked").and_then(Value::as_bool) == Some(true) => Ok(()),
            Err(word) if DEAD.contains(&word.as_str()) => Ok(()),
            Ok(_) => Err(Failure::refused("`slack.com` answered, but revoked nothing")),
            Err(word) => Err(Failure::refused("`slack.com` did not revoke the token").because(word)),
        }
    }

    async fn retired(&self, work: &Work<'_>) -> Result<Option<bool>, Failure> {
        let Some(old) = work.old else { return Ok(None) };
        Ok(Some(matches!(self.attempt(work.survey, old).await?, Trial::Refused { .. })))
    }
}
