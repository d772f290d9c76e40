//! Telling people. Containment never waits for a message, and no message carries a secret value.
//!
//! Every message has a key. Where the receiver knows keys (PagerDuty, webhooks, mail), a repeated message is the
//! same message; a chat may show it twice, which harms less than losing it.

mod email;
pub(crate) mod message;
mod pagerduty;
mod slack;
mod teams;
mod webhook;

#[cfg(test)]
mod tests;

use crate::azure::{Azure, HttpAnswer, Unavailable, again};
use crate::config::{Channel, Config};
use crate::failure::Failure;
use message::{Message, Receipt};

/// A message that belongs to no run.
#[derive(Debug)]
pub(crate) struct Notice<'a> {
    pub(crate) title: &'a str,
    pub(crate) summary: &'a str,
    /// `sev1`, `sev2` or `sev3`.
    pub(crate) severity: &'a str,
    pub(crate) drill: bool,
    /// The same for every attempt to send it.
    pub(crate) key: &'a str,
}

/// Sends a message that belongs to no run.
///
/// # Errors
/// If it was not taken, or nobody knows whether it was.
pub(crate) async fn notice(channel: &Channel, notice: &Notice<'_>, azure: &Azure) -> Result<(), Failure> {
    let Notice { title, summary, severity, drill, key } = *notice;
    let message = Message { title, summary, severity, facts: &[], run: "", runbook: "", drill, key, head: "" };
    send(channel, &message, azure).await.map(drop)
}

pub(crate) async fn send(channel: &Channel, message: &Message<'_>, azure: &Azure) -> Result<Receipt, Failure> {
    match channel {
        Channel::PagerDuty(channel) => pagerduty::send(channel, message, azure).await,
        Channel::Slack(channel) => slack::send(channel, message, azure).await,
        Channel::Teams(channel) => teams::send(channel, message, azure).await,
        Channel::Email(channel) => email::send(channel, message, azure).await,
        Channel::Webhook(channel) => webhook::send(channel, message, azure).await,
    }
}

/// Looks whether a channel can be used, without telling anybody anything; says how far that could be seen.
pub(crate) async fn reach(channel: &Channel, azure: &Azure) -> Result<&'static str, Failure> {
    match channel {
        Channel::PagerDuty(channel) => channel.routing_key.resolve(azure).await.map(|_| KEY_READ),
        Channel::Slack(channel) | Channel::Teams(channel) => channel.webhook.resolve(azure).await.map(|_| KEY_READ),
        Channel::Email(channel) => email::reach(channel, azure).await.map(|()| "the mail server answers"),
        Channel::Webhook(channel) => {
            for secret in [&channel.signing_key, &channel.token].into_iter().flatten() {
                secret.resolve(azure).await?;
            }
            Ok(KEY_READ)
        }
    }
}

/// There is no way to ask a chat or a pager whether it would take a message without sending one.
const KEY_READ: &str = "its secret can be read; nothing was sent";

/// The channel that is meant; none where none of the kind is configured and none is named.
pub(crate) fn channel<'a>(
    config: &'a Config,
    kind: &str,
    named: Option<&str>,
) -> Result<Option<(&'a str, &'a Channel)>, Failure> {
    let of_kind: Vec<(&str, &Channel)> = config
        .channels
        .iter()
        .filter(|(_, channel)| channel.kind() == kind)
        .map(|(name, channel)| (name.as_str(), channel))
        .collect();
    let names = || of_kind.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    match (named, of_kind.as_slice()) {
        (Some(named), _) => match of_kind.iter().find(|(name, _)| *name == named) {
            Some(chosen) => Ok(Some(*chosen)),
            None => Err(Failure::refused(format!("there is no {kind} channel `{named}`"))
                .help(format!("the {kind} channels in stanch.yaml are: {}", names()))),
        },
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(*only)),
        (None, _) => Err(Failure::refused(format!("there are several {kind} channels"))
            .help(format!("name one of them with `channel`: {}", names()))),
    }
}

/// What an answer of a receiver means. What the receiver said is repeated, on one line, unless it holds one of the
/// secrets that were sent to it.
fn received(who: &str, answer: &HttpAnswer, sent: &[&str]) -> Result<(), Failure> {
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
fn path(webhook: &str) -> &str {
    webhook.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path)
}
