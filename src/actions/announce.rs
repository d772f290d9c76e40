//! News for those who were told of an incident: more is known than they were told.

use super::context::Context;
use super::notify::{Content, Sent, deliver};
use crate::durable::{Intent, Stop, Unprobed};
use crate::engine::split_item;
use crate::evidence::{EffectName, MessageOutputs};
use crate::plan::Aim;
use serde_json::Value;
use std::collections::BTreeSet;

/// What is told.
#[derive(Debug)]
pub(crate) struct Announcement {
    pub(crate) title: String,
    pub(crate) summary: String,
    /// Further facts, by name.
    pub(crate) facts: Vec<(String, String)>,
}

/// Tells every channel that this run has sent a message through, each once about this; one that fails holds up no
/// other.
///
/// # Errors
/// If a channel could not be told: the first failure. Those that were told are not told again.
pub(crate) async fn announce(context: &Context, about: &str, announcement: &Announcement) -> Result<(), Stop> {
    let services = &context.services;
    let severity = services.inputs.get("severity").and_then(Value::as_str).unwrap_or("sev1");
    let mut failed = None;
    for told in told(context) {
        let Some(channel) = services.config.channels.get(&told) else { continue };
        let content = Content {
            title: &announcement.title,
            summary: &announcement.summary,
            severity,
            facts: &announcement.facts,
        };
        let name = EffectName::Tell { channel: told.clone(), follow_up: about.to_owned() };
        let intent = Intent::new(name, format!("message to `{told}`: more is known"));
        let sent: Result<Sent, Stop> = context
            .blind_effect(intent, Unprobed::Repeat, async |key| {
                deliver(context, channel.as_ref(), &content, &key).await
            })
            .await;
        match sent {
            Ok(_) => {}
            Err(Stop::Failed(failure)) => drop(failed.get_or_insert(failure)),
            Err(stop) => return Err(stop),
        }
    }
    failed.map_or(Ok(()), |failure| Err(failure.into()))
}

/// The channels that this run has sent a message through.
fn told(context: &Context) -> BTreeSet<String> {
    let steps = context.services.steps.iter().filter(|step| step.aim == Aim::Tell);
    let ids: BTreeSet<&str> = steps.map(|step| step.id.as_str()).collect();
    context.ledger().look(|state| {
        let of_channels = state.steps().filter(|(id, _)| ids.contains(split_item(id).0));
        let messages = of_channels.map(|(_, step)| MessageOutputs::read(&step.outputs));
        messages.filter(|message| message.sent).map(|message| message.channel).collect()
    })
}
