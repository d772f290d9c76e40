//! PagerDuty, Events API v2.

use super::channel::{Channel, ChannelKind, KEY_READ, KEYED, SENT_UNDER_SAME_KEY};
use super::message::{Message, Receipt};
use super::received::post;
use super::settings::ChannelSettings;
use crate::azure::Azure;
use crate::failure::Failure;
use crate::settings::SecretReference;
use async_trait::async_trait;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const ENQUEUE: &str = "https://events.pagerduty.com/v2/enqueue";
/// PagerDuty cuts longer summaries off.
const LONGEST_SUMMARY: usize = 1024;

/// Its settings.
#[derive(Clone, Debug)]
pub struct PagerDuty {
    pub routing_key: SecretReference,
}

/// What is known of every such channel.
pub static KIND: ChannelKind = ChannelKind {
    name: "pagerduty",
    action: "notify/pagerduty",
    summary: "opens a PagerDuty incident",
    if_lost: SENT_UNDER_SAME_KEY,
    idempotency: KEYED,
    example: r#"- id: page
  uses: notify/pagerduty
  with: { title: "Leaked secret: ${{ inputs.secret }}", severity: sev1 }
"#,
    keys: &["routing_key"],
    open_keys: &[],
    read,
};

fn read(settings: &mut ChannelSettings<'_, '_, '_>) -> Option<Arc<dyn Channel>> {
    let routing_key = settings.required_secret("routing_key")?;
    Some(Arc::new(PagerDuty { routing_key }))
}

#[async_trait(?Send)]
impl Channel for PagerDuty {
    fn kind(&self) -> &'static ChannelKind {
        &KIND
    }

    async fn send(&self, message: &Message<'_>, azure: &Azure) -> Result<Receipt, Failure> {
        let routing_key = self.routing_key.resolve(azure).await?;
        let severity = match message.severity {
            "sev1" => "critical",
            "sev2" => "error",
            _ => "warning",
        };
        let mut details: Map<String, Value> =
            message.all_facts().into_iter().map(|(name, value)| (name, Value::from(value))).collect();
        details.insert("summary".to_owned(), Value::from(message.summary()));
        let summary: String = message.headline().chars().take(LONGEST_SUMMARY).collect();
        let event = json!({
            "routing_key": routing_key.expose(),
            "event_action": "trigger",
            "dedup_key": message.key,
            "payload": { "summary": summary, "source": "stanch", "severity": severity, "custom_details": details },
        });
        post("PagerDuty", ENQUEUE, &event, azure).await?;
        Ok(Receipt { id: message.key.to_owned() })
    }

    async fn reach(&self, azure: &Azure) -> Result<&'static str, Failure> {
        self.routing_key.resolve(azure).await.map(|_| KEY_READ)
    }
}
