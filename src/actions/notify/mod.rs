//! Telling people. Containment never waits for a message, and no message carries a secret value.
//!
//! Every message has a key. Where the receiver knows keys (PagerDuty, webhooks, mail), a repeated message is the
//! same message; a chat may show it twice, which harms less than losing it.

mod announce;
mod email;
mod message;
mod pagerduty;
mod slack;
mod teams;
mod webhook;

#[cfg(test)]
mod tests;

use super::action::Action;
use crate::actions::context::Context;
use crate::azure::{Azure, HttpAnswer, Unavailable, again};
use crate::config::{Channel, Config};
use crate::durable::{Intent, Stop, Unprobed};
use crate::engine::event::Mode;
use crate::failure::Failure;
use crate::plan::Class;
pub(crate) use announce::{Announcement, announce};
use message::{Message, Receipt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The channel's name in the configuration; the only one of the kind unless given.
    #[serde(default)]
    channel: Option<String>,
    /// The first line.
    title: String,
    /// What to know.
    #[serde(default)]
    summary: String,
    /// How bad it is: `sev1`, `sev2` or `sev3`.
    #[serde(default = "most_severe")]
    severity: String,
    /// Further facts, by name.
    #[serde(default)]
    facts: Map<String, Value>,
}

fn most_severe() -> String {
    "sev1".to_owned()
}

#[derive(Serialize, JsonSchema)]
struct Outputs {
    sent: bool,
    channel: String,
    /// How the receiver knows the message.
    id: String,
    /// The journal's head that the message carried off this machine: `sha256:` and lower-case hex.
    head: String,
    /// Why it was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

/// A message that was taken, as it is recorded.
#[derive(Default, Serialize, Deserialize)]
struct Sent {
    id: String,
    #[serde(default)]
    head: String,
}

/// One action for each kind of channel.
pub(super) fn actions() -> Vec<Action> {
    let same_key = "sent again under the same key: no second message";
    let twice = "sent again: the message may stand there twice";
    let keyed = "the message carries a key by which its receiver knows a repetition";
    let unkeyed = "sent once per step unless the answer is lost; a chat knows no keys";
    vec![
        Action::new("notify/pagerduty", Class::Notify, "opens a PagerDuty incident", same_key, pagerduty)
            .idempotency(keyed)
            .example(PAGERDUTY),
        Action::new("notify/slack", Class::Notify, "writes to a Slack channel", twice, slack)
            .idempotency(unkeyed)
            .example(SLACK),
        Action::new("notify/teams", Class::Notify, "writes to a Teams channel", twice, teams)
            .idempotency(unkeyed)
            .example(TEAMS),
        Action::new("notify/email", Class::Notify, "sends a mail", same_key, email).idempotency(keyed).example(EMAIL),
        Action::new("notify/webhook", Class::Notify, "calls another system", same_key, webhook)
            .idempotency(keyed)
            .example(WEBHOOK),
    ]
}

const PAGERDUTY: &str = r#"- id: page
  uses: notify/pagerduty
  with: { title: "Leaked secret: ${{ inputs.secret }}", severity: sev1 }
"#;

const SLACK: &str = r#"- id: tell_channel
  uses: notify/slack
  with:
    channel: incident
    title: "Contained: ${{ secret_name(inputs.secret) }}"
    facts: { exposed since: "${{ inputs.exposed_at }}" }
"#;

const TEAMS: &str = r#"- id: tell_stakeholders
  uses: notify/teams
  with: { title: "Contained: ${{ secret_name(inputs.secret) }}", summary: Nothing is left to do for you }
"#;

const EMAIL: &str = r#"- id: mail_security
  uses: notify/email
  with: { title: "Contained: ${{ secret_name(inputs.secret) }}", severity: sev2 }
"#;

const WEBHOOK: &str = r#"- id: tell_siem
  uses: notify/webhook
  with: { channel: siem, title: "Contained: ${{ inputs.secret }}" }
"#;

async fn pagerduty(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    tell(context, "pagerduty", parameters).await
}

async fn slack(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    tell(context, "slack", parameters).await
}

async fn teams(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    tell(context, "teams", parameters).await
}

async fn email(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    tell(context, "email", parameters).await
}

async fn webhook(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    tell(context, "webhook", parameters).await
}

async fn tell(context: &Context, kind: &str, parameters: Parameters) -> Result<Outputs, Stop> {
    let services = &context.services;
    let (name, channel) = match channel(&services.config, kind, parameters.channel.as_deref())? {
        Some(chosen) => chosen,
        None => {
            let because = format!("no {kind} channel is configured");
            return Ok(Outputs {
                sent: false,
                channel: String::new(),
                id: String::new(),
                head: String::new(),
                because: Some(because),
            });
        }
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let facts: Vec<_> = parameters.facts.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let content = Content {
        title: &parameters.title,
        summary: &parameters.summary,
        severity: &parameters.severity,
        facts: &facts,
    };
    let sent = context
        .blind_effect(Intent::new("send", format!("message to `{name}`")), Unprobed::Repeat, async |key| {
            deliver(context, channel, &content, &key).await
        })
        .await?;
    Ok(Outputs { sent: true, channel: name.to_owned(), id: sent.id, head: sent.head, because: None })
}

/// What a message of a run says.
struct Content<'a> {
    title: &'a str,
    summary: &'a str,
    /// `sev1`, `sev2` or `sev3`.
    severity: &'a str,
    facts: &'a [(String, String)],
}

/// Sends a message of a run. It carries the journal's head: what was recorded so far cannot be cut off unseen once its
/// head is somewhere else.
async fn deliver(context: &Context, channel: &Channel, content: &Content<'_>, key: &str) -> Result<Sent, Failure> {
    let services = &context.services;
    context.ledger().settle().await.ok();
    let head = format!("sha256:{}", context.ledger().head());
    let message = Message {
        title: content.title,
        summary: content.summary,
        severity: content.severity,
        facts: content.facts,
        run: &services.run,
        runbook: &services.runbook,
        drill: services.mode == Mode::Drill,
        key,
        head: &head,
    };
    let receipt = send(channel, &message, &services.azure).await?;
    Ok(Sent { id: receipt.id, head })
}

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

async fn send(channel: &Channel, message: &Message<'_>, azure: &Azure) -> Result<Receipt, Failure> {
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
