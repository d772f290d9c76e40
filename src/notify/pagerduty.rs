//! PagerDuty, Events API v2.

use super::channel::{Channel, ChannelKind, KEY_READ, KEYED, SENT_UNDER_SAME_KEY};
use super::message::{Message, Receipt};
use super::received::{Taken, member, post};
use super::settings::ChannelSettings;
use super::shortened::shortened;
use crate::azure::Azure;
use crate::failure::{Failure, Retry};
use crate::settings::SecretReference;
use async_trait::async_trait;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const ENQUEUE: &str = "https://events.pagerduty.com/v2/enqueue";
/// PagerDuty cuts longer summaries off, and refuses events of more than 512 KB.
const LONGEST_SUMMARY: usize = 1024;
const LONGEST_DETAIL: usize = 3_000;
const MOST_DETAILS: usize = 30;

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
        let detail =
            |(name, value): &(String, String)| (shortened(name, 200), Value::from(shortened(value, LONGEST_DETAIL)));
        let mut details: Map<String, Value> = message.as_many_facts(MOST_DETAILS).iter().map(detail).collect();
        details.insert("summary".to_owned(), Value::from(shortened(&message.summary(), LONGEST_DETAIL)));
        let summary = shortened(&message.headline(), LONGEST_SUMMARY);
        let event = json!({
            "routing_key": routing_key.expose(),
            "event_action": "trigger",
            "dedup_key": message.key,
            "payload": { "summary": summary, "source": "stanch", "severity": severity, "custom_details": details },
        });
        let warning = post("PagerDuty", ENQUEUE, &event, says, azure).await?;
        Ok(Receipt { id: message.key.to_owned(), warning })
    }

    async fn reach(&self, azure: &Azure) -> Result<&'static str, Failure> {
        self.routing_key.resolve(azure).await.map(|_| KEY_READ)
    }
}

/// `{"status": "success", …}`; what else it says stands in `message` and `errors`.
pub fn says(_: u16, answer: &str) -> Taken {
    let Ok(answer) = serde_json::from_str::<Value>(answer) else { return Taken::NotKnown };
    match member(&answer, "status") {
        Some("success") => Taken::Yes,
        Some(_) => Taken::No { why: "it calls the event no success".to_owned(), retry: Retry::Never },
        None => Taken::NotKnown,
    }
}
