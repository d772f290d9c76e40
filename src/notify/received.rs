//! What counts as delivered, where the receiver speaks HTTP: what it says, not its status alone. A proxy's page has a
//! status as well.

use crate::azure::{Azure, HttpAnswer, Unavailable, again};
use crate::failure::{Failure, Retry};
use crate::secret::Secret;
use crate::visible;
use serde_json::Value;

/// What a receiver's answer says of the message.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    Yes,
    /// Taken, with this to complain of.
    Warned(String),
    No {
        why: String,
        retry: Retry,
    },
    /// It is not what this receiver says where it takes a message.
    NotKnown,
}

impl Taken {
    /// What an error that a receiver names by a status of HTTP means.
    pub(super) fn status(status: u16, why: String) -> Self {
        let retry = if Unavailable::of(status).is_some() { Retry::Later } else { Retry::Never };
        Self::No { why, retry }
    }
}

/// How a receiver says that it took a message: from the status and the text of its answer.
pub type Says = fn(u16, &str) -> Taken;

/// Sends JSON to a receiver that is known by this name. Gives what it complains of, though it took the message.
pub(super) async fn post(
    who: &str,
    url: &str,
    body: &Value,
    says: Says,
    azure: &Azure,
) -> Result<Option<String>, Failure> {
    let body = body.to_string().into_bytes();
    let answer = azure.transport.send("POST", url, &[("content-type", "application/json")], body).await?;
    received(who, &answer, says)
}

/// Sends JSON to a webhook whose address is a secret.
pub(super) async fn post_to_webhook(
    who: &str,
    webhook: &Secret,
    body: &Value,
    says: Says,
    azure: &Azure,
) -> Result<Option<String>, Failure> {
    // Whoever reads the address on its way may write there as well.
    if !webhook.expose().starts_with("https://") && azure.transport.cloud().is_none() {
        return Err(Failure::refused(format!("the address of {who}'s webhook is not `https://…`, and it is a secret"))
            .help("put the whole address into the vault or the file that stanch.yaml points to"));
    }
    post(who, webhook.expose(), body, says, azure).await
}

/// What an answer of a receiver means. What the receiver said is repeated, on one line, as far as it may be. Gives what it
/// complains of, though it took the message.
///
/// # Errors
/// If it did not take it, or nobody knows whether it did.
pub fn received(who: &str, answer: &HttpAnswer, says: Says) -> Result<Option<String>, Failure> {
    let said = answer.said().replace(char::is_control, "");
    let said = visible::line(&said);
    let told = |failure: Failure| if said.is_empty() { failure } else { failure.because(said.clone()) };
    let failure = || told(Failure::refused(format!("{who} answered {}", answer.status)));
    match answer.status {
        200..=299 => match says(answer.status, &String::from_utf8_lossy(answer.bytes())) {
            Taken::Yes => Ok(None),
            Taken::Warned(_) => Ok(Some(said)),
            Taken::No { why, retry } => {
                let summary = format!("{who} answered {}, and did not take the message: {why}", answer.status);
                Err(told(Failure::refused(summary)).retry(retry))
            }
            Taken::NotKnown => {
                let summary = format!("{who} answered {}, and did not say that it took the message", answer.status);
                Err(told(Failure::unknown(summary)).help("a proxy or another server may have answered in its place"))
            }
        },
        status if Unavailable::of(status).is_some() => Err(failure().retry(again(answer.retry_after))),
        _ => Err(failure()),
    }
}

/// The member of a JSON object that is text.
pub(super) fn member<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}
