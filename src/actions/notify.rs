//! Telling people: one action for each kind of channel. A message of a run carries the journal's head off this machine.

use super::action::Action;
use super::context::Context;
use super::plan_line::{PlanLine, Surroundings, early};
use crate::durable::{Intent, Stop, Unprobed};
use crate::engine::StepStatus;
use crate::engine::event::Mode;
use crate::evidence::EffectName;
use crate::failure::Failure;
use crate::notify::{Channel, ChannelKind, KINDS, Message, Origin, choose};
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

#[derive(Default, Serialize, Deserialize, JsonSchema)]
struct Outputs {
    sent: bool,
    channel: String,
    /// How the receiver knows the message.
    id: String,
    /// The journal's head that the message carried off this machine: `sha256:` and lower-case hex.
    #[serde(default)]
    head: String,
    /// Why it was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    /// What the receiver complains of, though it took the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// A message that was taken, as it is recorded.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Sent {
    id: String,
    #[serde(default)]
    head: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// One action for each kind of channel.
pub(super) fn actions() -> impl Iterator<Item = Action> {
    KINDS.iter().map(|kind| {
        let run = async |context: &Context, parameters: Parameters| tell(context, kind, parameters).await;
        Action::new(kind.action, Class::Notify, kind.summary, kind.if_lost, run)
            .aim(Aim::Tell)
            .plan(|known: &Known, surroundings| plan(kind.name, known, surroundings))
            .fact(fact)
            .idempotency(kind.idempotency)
            .example(kind.example)
    })
}

early!(Known of Parameters { channel: Option<String> });

fn plan(kind: &'static str, known: &Known, surroundings: &Surroundings) -> PlanLine {
    let channel = surroundings.channel.as_ref();
    let does = channel.map_or_else(|| "nobody is told".to_owned(), |channel| format!("message to `{channel}`"));
    PlanLine { tells: Some((kind, known.channel.clone().flatten())), ..PlanLine::default().does(does) }
}

fn fact(outputs: &Outputs) -> Fact {
    if outputs.sent {
        let warned = outputs.warning.as_ref().map(|warning| format!("; its receiver warns: {warning}"));
        return Fact::from(format!("sent through {}{}", outputs.channel, warned.unwrap_or_default()));
    }
    Fact { text: format!("not sent: {}", outputs.because.as_deref().unwrap_or_default()), in_vain: true }
}

async fn tell(context: &Context, kind: &ChannelKind, parameters: Parameters) -> Result<Outputs, Stop> {
    let chosen = choose(&context.services.config.channels, kind.name, parameters.channel.as_deref())?;
    let Some((name, channel)) = chosen else {
        let because = Some(format!("no {} channel is configured", kind.name));
        return Ok(Outputs { because, ..Outputs::default() });
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let facts = parameters.facts.iter().map(|(name, value)| (name.clone(), text(value)));
    let facts: Vec<_> = facts.chain(cannot_be_done(context)).collect();
    let content = Content {
        title: &parameters.title,
        summary: &parameters.summary,
        severity: &parameters.severity,
        facts: &facts,
    };
    let sent = context
        .blind_effect(Intent::new(EffectName::Send, format!("message to `{name}`")), Unprobed::Repeat, async |key| {
            deliver(context, channel, &content, &key).await
        })
        .await?;
    Ok(Outputs {
        sent: true,
        channel: name.to_owned(),
        id: sent.id,
        head: sent.head,
        because: None,
        warning: sent.warning,
    })
}

/// What could not be done when the run began, until a step shows that it can. Who is paged knows it with the page.
fn cannot_be_done(context: &Context) -> Option<(String, String)> {
    let looked = context.services.steps.iter().filter(|step| matches!(step.aim, Aim::Preflight | Aim::Rotate));
    let looked: Vec<&str> = looked.map(|step| step.id.as_str()).collect();
    let obstacles = context.ledger().look(|state| {
        let shown = looked.iter().any(|id| state.step(id).status == StepStatus::Done);
        state.opened().filter(|_| !shown).map(|opened| opened.obstacles.clone())
    })?;
    (!obstacles.is_empty()).then(|| ("cannot be done now".to_owned(), obstacles.join("\n")))
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
    channel: &dyn Channel,
    content: &Content<'_>,
    key: &str,
) -> Result<Sent, Failure> {
    let services = &context.services;
    context.ledger().flush().await.ok();
    let head = format!("sha256:{}", context.ledger().head());
    let message = Message {
        title: content.title,
        summary: content.summary,
        severity: content.severity,
        facts: content.facts,
        origin: Some(Origin { run: &services.run, runbook: &services.runbook, head: &head }),
        drill: services.mode == Mode::Drill,
        key,
    };
    let receipt = channel.send(&message, &services.azure).await?;
    Ok(Sent { id: receipt.id, head, warning: receipt.warning })
}
