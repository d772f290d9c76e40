//! What counts as delivered, where the receiver speaks HTTP.

use crate::azure::{HttpAnswer, Unavailable, again};
use crate::failure::Failure;

/// What an answer of a receiver means. What the receiver said is repeated, on one line, unless it holds one of the
/// secrets that were sent to it.
pub(super) fn received<'a>(
    who: &str,
    answer: &HttpAnswer,
    sent: impl IntoIterator<Item = &'a str>,
) -> Result<(), Failure> {
    let whole = String::from_utf8_lossy(&answer.body);
    let is_safe = !sent.into_iter().any(|secret| whole.contains(secret));
    let said = whole.chars().filter(|character| is_safe && !character.is_control()).take(200).collect::<String>();
    let failure = Failure::refused(format!("{who} answered {}", answer.status));
    let failure = if said.is_empty() { failure } else { failure.because(said) };
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
