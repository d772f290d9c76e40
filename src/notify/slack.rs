//! Slack, by an incoming webhook.

use super::channel::{Channel, ChannelKind, KEY_READ, SENT_TWICE, UNKEYED};
use super::message::{Message, Receipt};
use super::received::post_to_webhook;
use super::settings::ChannelSettings;
use crate::azure::Azure;
use crate::failure::Failure;
use crate::settings::SecretReference;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;

/// Slack takes ten fields to a section, and refuses a message whose texts are longer than these, in characters.
const MOST_FIELDS: usize = 10;
const LONGEST_SECTION: usize = 3000;
const LONGEST_FIELD: usize = 2000;

/// Its settings. Who knows the address of an incoming webhook may write there, so the address is a secret.
#[derive(Clone, Debug)]
pub struct Slack {
    pub webhook: SecretReference,
}

/// What is known of every such channel.
pub static KIND: ChannelKind = ChannelKind {
    name: "slack",
    action: "notify/slack",
    summary: "writes to a Slack channel",
    if_lost: SENT_TWICE,
    idempotency: UNKEYED,
    example: r#"- id: tell_channel
  uses: notify/slack
  with:
    channel: incident
    title: "Contained: ${{ secret_name(inputs.secret) }}"
    facts: { exposed since: "${{ inputs.exposed_at }}" }
"#,
    keys: &["webhook"],
    open_keys: &[],
    read,
};

fn read(settings: &mut ChannelSettings<'_, '_, '_>) -> Option<Arc<dyn Channel>> {
    let webhook = settings.required_secret("webhook")?;
    Some(Arc::new(Slack { webhook }))
}

#[async_trait(?Send)]
impl Channel for Slack {
    fn kind(&self) -> &'static ChannelKind {
        &KIND
    }

    async fn send(&self, message: &Message<'_>, azure: &Azure) -> Result<Receipt, Failure> {
        let webhook = self.webhook.resolve(azure).await?;
        let headline = escape(&message.headline());
        let mut blocks = vec![json!({
            "type": "section",
            "text": text(format!("*{headline}*\n{}", escape(&message.summary())), LONGEST_SECTION),
        })];
        let fields: Vec<Value> = message
            .all_facts()
            .iter()
            .map(|(name, value)| text(format!("*{}*\n{}", escape(name), escape(value)), LONGEST_FIELD))
            .collect();
        blocks.extend(fields.chunks(MOST_FIELDS).map(|fields| json!({ "type": "section", "fields": fields })));
        let body = json!({ "text": headline, "blocks": blocks });
        post_to_webhook("Slack", &webhook, &body, azure).await?;
        Ok(Receipt { id: message.key.to_owned() })
    }

    async fn reach(&self, azure: &Azure) -> Result<&'static str, Failure> {
        self.webhook.resolve(azure).await.map(|_| KEY_READ)
    }
}

/// A text of Slack's, in which nothing becomes a link or a mention by itself.
fn text(marked_up: String, longest: usize) -> Value {
    let mut text = marked_up;
    if text.chars().count() > longest {
        text = text.chars().take(longest - 1).collect();
        // An escape that was cut in two would be shown as it is.
        if let Some(escape) = text.rfind('&').filter(|start| !text.get(*start..).unwrap_or_default().contains(';')) {
            text.truncate(escape);
        }
        text.push('…');
    }
    json!({ "type": "mrkdwn", "verbatim": true, "text": text })
}

/// Slack's three control characters; without them nobody can be mentioned and nothing is linked.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
