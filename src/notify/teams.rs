//! Microsoft Teams, by a workflow's webhook: an adaptive card.

use super::message::{Message, Receipt};
use super::{path, received};
use crate::azure::Azure;
use crate::config::WebhookUrl;
use crate::failure::Failure;
use serde_json::{Value, json};

pub(super) async fn send(channel: &WebhookUrl, message: &Message<'_>, azure: &Azure) -> Result<Receipt, Failure> {
    let webhook = channel.webhook.resolve(azure).await?;
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
                    { "type": "TextBlock", "wrap": true, "text": plain(message.summary) },
                    { "type": "FactSet", "facts": facts },
                ],
            },
        }],
    });
    let body = body.to_string().into_bytes();
    let answer = azure.transport.send("POST", webhook.expose(), &[("content-type", "application/json")], body).await?;
    received("Teams", &answer, &[webhook.expose(), path(webhook.expose())])?;
    Ok(Receipt { id: message.key.to_owned() })
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
