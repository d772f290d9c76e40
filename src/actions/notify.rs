//! Telling people. Containment never waits for a message, and no message carries a secret value.
//!
//! Every message has a key. Where the receiver knows keys (PagerDuty, webhooks, mail), a repeated message is the
//! same message; a chat may show it twice, which harms less than losing it.

use super::action::Action;
use super::context::Context;
use crate::actions::plan_line::{PlanLine, Surroundings, early};
use crate::config::Channel;
use crate::durable::{Intent, Stop, Unprobed};
use crate::engine::event::Mode;
use crate::failure::Failure;
use crate::notify::message::Message;
use crate::notify::{channel, send};
use crate::plan::{Aim, Class, Fact};
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

#[derive(Default, Deserialize, Serialize, JsonSchema)]
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
pub(super) struct Sent {
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
            .aim(Aim::Tell)
            .plan(|known: &Known, around| plan("pagerduty", known, around))
            .fact(fact)
            .idempotency(keyed)
            .example(PAGERDUTY),
        Action::new("notify/slack", Class::Notify, "writes to a Slack channel", twice, slack)
            .aim(Aim::Tell)
            .plan(|known: &Known, around| plan("slack", known, around))
            .fact(fact)
            .idempotency(unkeyed)
            .example(SLACK),
        Action::new("notify/teams", Class::Notify, "writes to a Teams channel", twice, teams)
            .aim(Aim::Tell)
            .plan(|known: &Known, around| plan("teams", known, around))
            .fact(fact)
            .idempotency(unkeyed)
            .example(TEAMS),
        Action::new("notify/email", Class::Notify, "sends a mail", same_key, email)
            .aim(Aim::Tell)
            .plan(|known: &Known, around| plan("email", known, around))
            .fact(fact)
            .idempotency(keyed)
            .example(EMAIL),
        Action::new("notify/webhook", Class::Notify, "calls another system", same_key, webhook)
            .aim(Aim::Tell)
            .plan(|known: &Known, around| plan("webhook", known, around))
            .fact(fact)
            .idempotency(keyed)
            .example(WEBHOOK),
    ]
}

early!(Known of Parameters { channel: Option<String> });

fn plan(kind: &'static str, known: &Known, surroundings: &Surroundings) -> PlanLine {
    let channel = surroundings.channel.as_ref();
    let does = channel.map_or_else(|| "nobody is told".to_owned(), |channel| format!("message to `{channel}`"));
    PlanLine { tells: Some((kind, known.channel.clone().flatten())), ..PlanLine::default().does(does) }
}

fn fact(outputs: &Outputs) -> Fact {
    if outputs.sent {
        return Fact::from(format!("sent through {}", outputs.channel));
    }
    Fact { text: format!("not sent: {}", outputs.because.as_deref().unwrap_or_default()), in_vain: true }
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
pub(super) struct Content<'a> {
    pub(super) title: &'a str,
    pub(super) summary: &'a str,
    /// `sev1`, `sev2` or `sev3`.
    pub(super) severity: &'a str,
    pub(super) facts: &'a [(String, String)],
}

/// Sends a message of a run. It carries the journal's head: what was recorded so far cannot be cut off unseen once its
/// head is somewhere else.
pub(super) async fn deliver(
    context: &Context,
    channel: &Channel,
    content: &Content<'_>,
    key: &str,
) -> Result<Sent, Failure> {
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
