//! What counts as delivered, where the receiver speaks HTTP.

use crate::azure::{HttpAnswer, Unavailable, again};
use crate::failure::Failure;

/// What an answer of a receiver means. What the receiver said is repeated, on one line, unless it holds one of the
/// secrets that were sent to it.
pub(super) fn received(who: &str, answer: &HttpAnswer, sent: &[&str]) -> Result<(), Failure> {
    let whole = String::from_utf8_lossy(&answer.body);
    let is_safe = !sent.iter().any(|secret| !secret.is_empty() && whole.contains(secret));
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
pub(super) fn path(webhook: &str) -> &str {
    webhook.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path)
}
