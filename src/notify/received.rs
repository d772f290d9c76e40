//! What counts as delivered, where the receiver speaks HTTP.

use crate::azure::{Azure, HttpAnswer, Unavailable, again};
use crate::failure::Failure;
use crate::secret::Secret;
use crate::visible;
use serde_json::Value;

/// Sends JSON to a receiver that is known by this name.
pub(super) async fn post(who: &str, url: &str, body: &Value, azure: &Azure) -> Result<(), Failure> {
    let body = body.to_string().into_bytes();
    let answer = azure.transport.send("POST", url, &[("content-type", "application/json")], body).await?;
    received(who, &answer)
}

/// Sends JSON to a webhook whose address is a secret.
pub(super) async fn post_to_webhook(who: &str, webhook: &Secret, body: &Value, azure: &Azure) -> Result<(), Failure> {
    // Whoever reads the address on its way may write there as well.
    if !webhook.expose().starts_with("https://") && azure.transport.cloud().is_none() {
        return Err(Failure::refused(format!("the address of {who}'s webhook is not `https://…`, and it is a secret"))
            .help("put the whole address into the vault or the file that stanch.yaml points to"));
    }
    post(who, webhook.expose(), body, azure).await
}

/// What an answer of a receiver means. What the receiver said is repeated, on one line, as far as it may be.
pub(super) fn received(who: &str, answer: &HttpAnswer) -> Result<(), Failure> {
    let said = answer.said().replace(char::is_control, "");
    let failure = Failure::refused(format!("{who} answered {}", answer.status));
    let failure = if said.is_empty() { failure } else { failure.because(visible::line(&said)) };
    match answer.status {
        200..=299 => Ok(()),
        status if Unavailable::of(status).is_some() => Err(failure.retry(again(answer.retry_after))),
        _ => Err(failure),
    }
}
