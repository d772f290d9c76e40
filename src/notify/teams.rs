//! Microsoft Teams, by a workflow's webhook: an adaptive card.

use super::channel::{Channel, ChannelKind, KEY_READ, SENT_TWICE, UNKEYED};
use super::message::{Message, Receipt};
use super::received::{Taken, post_to_webhook};
use super::settings::ChannelSettings;
use super::shortened::shortened;
use crate::azure::Azure;
use crate::failure::{Failure, Retry};
use crate::settings::SecretReference;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;

/// Teams refuses a message of more than 28 KB; how it counts is not said.
const LARGEST: usize = 25_000;
/// How long each text may be, tried one after the other until the whole message is small enough, and how many facts.
const TRIED: [(usize, usize); 7] =
    [(20_000, 200), (4_000, 100), (2_000, 60), (1_000, 40), (500, 30), (250, 20), (150, 10)];

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
        let mut body = Value::Null;
        for (longest, facts) in TRIED {
            body = card(message, longest, facts);
            if body.to_string().len() <= LARGEST {
                break;
            }
        }
        let warning = post_to_webhook("Teams", &webhook, &body, says, azure).await?;
        Ok(Receipt { id: message.key.to_owned(), warning })
    }

    async fn reach(&self, azure: &Azure) -> Result<&'static str, Failure> {
        self.webhook.resolve(azure).await.map(|_| KEY_READ)
    }
}

/// The message as a card, with texts of so many characters at most, and so many facts.
fn card(message: &Message<'_>, longest: usize, most_facts: usize) -> Value {
    let text = |text: &str, longest: usize| plain(&shortened(text, longest));
    let fact = |(name, value): &(String, String)| json!({ "title": text(name, 100), "value": text(value, longest) });
    let facts: Vec<Value> = message.as_many_facts(most_facts).iter().map(fact).collect();
    let (headline, summary) = (text(&message.headline(), longest), text(&message.summary(), longest));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    { "type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": true, "text": headline },
                    { "type": "TextBlock", "wrap": true, "text": summary },
                    { "type": "FactSet", "facts": facts },
                ],
            },
        }],
    })
}

/// A workflow answers 202, a connector 200 and `1`. A connector also answers 200 where it failed, with the failure's
/// status in its text: `Webhook message delivery failed with error: … returned HTTP error 413 with ContextId …`.
pub fn says(status: u16, answer: &str) -> Taken {
    let answer = answer.trim();
    if answer.is_empty() || answer == "1" {
        return Taken::Yes;
    }
    if let Some((_, after)) = answer.split_once("HTTP error ") {
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        return match digits.parse() {
            Ok(413) => Taken::status(413, "it is too large".to_owned()),
            Ok(failed) => Taken::status(failed, format!("it failed with {failed}")),
            Err(_) => Taken::NotKnown,
        };
    }
    let lower = answer.to_lowercase();
    match () {
        () if lower.contains("failed") || lower.contains("\"error\"") => {
            Taken::No { why: "its answer tells of an error".to_owned(), retry: Retry::Never }
        }
        // A workflow's own answer may hold anything; a page of HTML is none of its.
        () if status == 202 && !lower.starts_with('<') => Taken::Yes,
        () => Taken::NotKnown,
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
