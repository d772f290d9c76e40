//! What counts as delivered, where the receiver speaks HTTP.

use crate::azure::{Azure, HttpAnswer, Unavailable, again};
use crate::failure::Failure;
use crate::secret::Secret;
use crate::visible;
use serde_json::Value;

/// Sends JSON to a receiver that is known by this name; `sent` are the secrets in what is sent.
pub(super) async fn post<'a>(
    who: &str,
    url: &str,
    body: &Value,
    sent: impl IntoIterator<Item = &'a str>,
    azure: &Azure,
) -> Result<(), Failure> {
    let body = body.to_string().into_bytes();
    let answer = azure.transport.send("POST", url, &[("content-type", "application/json")], body).await?;
    received(who, &answer, sent)
}

/// Sends JSON to a webhook whose address is a secret.
pub(super) async fn post_to_webhook(who: &str, webhook: &Secret, body: &Value, azure: &Azure) -> Result<(), Failure> {
    let sent = [Some(webhook.expose()), path(webhook.expose())].into_iter().flatten();
    post(who, webhook.expose(), body, sent, azure).await
}

/// What an answer of a receiver means. What the receiver said is repeated, on one line, unless it holds one of the
/// secrets that were sent to it.
pub(super) fn received<'a>(
    who: &str,
    answer: &HttpAnswer,
    sent: impl IntoIterator<Item = &'a str>,
) -> Result<(), Failure> {
    let whole = String::from_utf8_lossy(&answer.body);
    let is_safe = !sent.into_iter().any(|secret| whole.contains(secret));
    let said = whole.trim().chars().filter(|_| is_safe).take(200).collect::<String>();
    let failure = Failure::refused(format!("{who} answered {}", answer.status));
    let failure = if said.is_empty() { failure } else { failure.because(visible::line(&said)) };
    match answer.status {
        200..=299 => Ok(()),
        status if Unavailable::of(status).is_some() => Err(failure.retry(again(answer.retry_after))),
        _ => Err(failure),
    }
}

/// The part of a webhook's address that makes it a secret, for answers that repeat what they were asked for.
pub(super) fn path(webhook: &str) -> Option<&str> {
    let (_, path) = webhook.split_once("://")?.1.split_once('/')?;
    (!path.is_empty()).then_some(path)
}
