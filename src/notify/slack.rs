//! Slack, by an incoming webhook.

use super::channel::{Channel, ChannelKind, KEY_READ, SENT_TWICE, UNKEYED};
use super::message::{Message, Receipt};
use super::received::{Taken, member, post_to_webhook};
use super::settings::ChannelSettings;
use super::shortened::dressed;
use crate::azure::Azure;
use crate::failure::{Failure, Retry};
use crate::settings::SecretReference;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;

/// Slack takes ten fields to a section, fifty blocks to a message, and refuses a message whose texts are longer than these,
/// in characters.
const MOST_FIELDS: usize = 10;
const MOST_SECTIONS: usize = 48;
const LONGEST_HEADLINE: usize = 1000;
const LONGEST_SECTION: usize = 3000;
const LONGEST_FIELD: usize = 2000;
const LONGEST_NAME: usize = 200;

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
        let headline = dressed(&message.headline(), LONGEST_HEADLINE, escape);
        let summary = dressed(&message.summary(), LONGEST_SECTION - LONGEST_HEADLINE - 3, escape);
        let mut blocks = vec![json!({ "type": "section", "text": text(format!("*{headline}*\n{summary}")) })];
        let field = |(name, value): &(String, String)| {
            let name = dressed(name, LONGEST_NAME, escape);
            let value = dressed(value, LONGEST_FIELD - LONGEST_NAME - 3, escape);
            text(format!("*{name}*\n{value}"))
        };
        let fields: Vec<Value> = message.as_many_facts(MOST_FIELDS * MOST_SECTIONS).iter().map(field).collect();
        blocks.extend(fields.chunks(MOST_FIELDS).map(|fields| json!({ "type": "section", "fields": fields })));
        let body = json!({ "text": headline, "blocks": blocks });
        let warning = post_to_webhook("Slack", &webhook, &body, says, azure).await?;
        Ok(Receipt { id: message.key.to_owned(), warning })
    }

    async fn reach(&self, azure: &Azure) -> Result<&'static str, Failure> {
        self.webhook.resolve(azure).await.map(|_| KEY_READ)
    }
}

/// `ok`, or an object that says `"ok": true`; errors of its interfaces stand in an object with the status 200.
pub fn says(_: u16, answer: &str) -> Taken {
    if answer.trim() == "ok" {
        return Taken::Yes;
    }
    let Ok(answer) = serde_json::from_str::<Value>(answer) else { return Taken::NotKnown };
    match answer.get("ok").and_then(Value::as_bool) {
        Some(true) => member(&answer, "warning").map_or(Taken::Yes, |warning| Taken::Warned(warning.to_owned())),
        Some(false) => {
            let error = member(&answer, "error").unwrap_or("no reason is given");
            let may_pass = ["ratelimited", "rate_limited", "service_unavailable", "internal_error", "fatal_error"];
            let retry = if may_pass.contains(&error) { Retry::Later } else { Retry::Never };
            Taken::No { why: "its answer says `ok: false`".to_owned(), retry }
        }
        None => Taken::NotKnown,
    }
}

/// A text of Slack's, in which nothing becomes a link or a mention by itself.
pub(crate) fn text(marked_up: String) -> Value {
    json!({ "type": "mrkdwn", "verbatim": true, "text": marked_up })
}

/// Slack's three control characters; without them nobody can be mentioned and nothing is linked.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
