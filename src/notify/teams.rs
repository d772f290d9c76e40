//! Microsoft Teams, by a workflow's webhook: an adaptive card.

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

/// Its settings. Who knows the address of an incoming webhook may write there, so the address is a secret.
#[derive(Clone, Debug)]
pub struct Teams {
    pub webhook: SecretReference,
}

/// What is known of every such channel.
pub static KIND: ChannelKind = ChannelKind {
    name: "teams",
    action: "notify/teams",
    summary: "writes to a Teams channel",
    if_lost: SENT_TWICE,
    idempotency: UNKEYED,
    example: r#"- id: tell_stakeholders
  uses: notify/teams
  with: { title: "Contained: ${{ secret_name(inputs.secret) }}", summary: Nothing is left to do for you }
"#,
    keys: &["webhook"],
    open_keys: &[],
    read,
};

fn read(settings: &mut ChannelSettings<'_, '_, '_>) -> Option<Arc<dyn Channel>> {
    let webhook = settings.required_secret("webhook")?;
    Some(Arc::new(Teams { webhook }))
}

#[async_trait(?Send)]
impl Channel for Teams {
    fn kind(&self) -> &'static ChannelKind {
        &KIND
    }

    async fn send(&self, message: &Message<'_>, azure: &Azure) -> Result<Receipt, Failure> {
        let webhook = self.webhook.resolve(azure).await?;
        let facts: Vec<Value> = message
            .all_facts()
            .iter()
            .map(|(name, value)| json!({ "title": plain(name), "value": plain(value) }))
            .collect();
        let body = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [
                        { "type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": true, "text": plain(&message.headline()) },
                        { "type": "TextBlock", "wrap": true, "text": plain(&message.summary()) },
                        { "type": "FactSet", "facts": facts },
                    ],
                },
            }],
        });
        post_to_webhook("Teams", &webhook, &body, azure).await?;
        Ok(Receipt { id: message.key.to_owned() })
    }

    async fn reach(&self, azure: &Azure) -> Result<&'static str, Failure> {
        self.webhook.resolve(azure).await.map(|_| KEY_READ)
    }
}

/// A card's text is Markdown: what would mark it up is taken literally.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if "\\`*_[]()#!<>".contains(character) {
            plain.push('\\');
        }
        plain.push(character);
    }
    plain
}
