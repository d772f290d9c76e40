//! `slack_token`: a token of Slack's, revoked by `auth.revoke`. The states are those of [`super::revoked_token`].
//!
//! Revoking a bot's token deactivates the bot's user.

use super::revoked_token::Kind;
use super::trial::Trial;
use crate::azure::Transport;
use crate::failure::{Failure, Retry};
use crate::secret::Secret;
use crate::told::told;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use serde_json::Value;

/// What Slack says of a token that does not work.
const DEAD: [&str; 4] = ["invalid_auth", "token_revoked", "account_inactive", "token_expired"];

pub(super) static KIND: Kind = Kind { issuer: "Slack", prefixes: &["xox"], attempt, revoke };

/// Calls a method with the token; gives whether it is `ok`, and the error's word if not.
async fn call(transport: &Transport, method: &str, token: &Secret) -> Result<Result<Value, String>, Failure> {
    let authorization = zeroize::Zeroizing::new(format!("Bearer {}", token.expose()));
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let answer = transport.send("POST", &format!("https://slack.com/api/{method}"), &headers, Vec::new()).await?;
    if answer.status == 429 {
        return Err(
            Failure::refused("`slack.com` is throttling").retry(answer.retry_after.map_or(Retry::Later, Retry::After))
        );
    }
    let said = answer.json().ok_or_else(|| {
        Failure::unknown("the answer of `slack.com` cannot be read").because(format!("it answered {}", answer.status))
    })?;
    if said.get("ok").and_then(Value::as_bool) == Some(true) {
        return Ok(Ok(said));
    }
    Ok(Err(said.get("error").and_then(Value::as_str).map_or_else(|| "no error named".to_owned(), told)))
}

fn attempt<'a>(transport: &'a Transport, token: &'a Secret) -> LocalBoxFuture<'a, Result<Trial, Failure>> {
    async move {
        let how = "called `auth.test` with it";
        match call(transport, "auth.test", token).await? {
            Ok(_) => Ok(Trial::accepted(how, "ok")),
            Err(word) if DEAD.contains(&word.as_str()) => Ok(Trial::refused(how, word)),
            Err(word) => {
                Err(Failure::refused("`slack.com` gives no answer that tells").because(word).retry(Retry::Later))
            }
        }
    }
    .boxed_local()
}

fn revoke<'a>(transport: &'a Transport, tokens: &'a [Secret]) -> LocalBoxFuture<'a, Result<(), Failure>> {
    async move {
        for token in tokens {
            match call(transport, "auth.revoke", token).await? {
                Ok(said) if said.get("revoked").and_then(Value::as_bool) == Some(true) => {}
                Err(word) if DEAD.contains(&word.as_str()) => {}
                Ok(_) => return Err(Failure::refused("`slack.com` answered, but revoked nothing")),
                Err(word) => return Err(Failure::refused("`slack.com` did not revoke the token").because(word)),
            }
        }
        Ok(())
    }
    .boxed_local()
}
