//! PagerDuty, Events API v2.

use super::message::{Message, Receipt};
use super::received;
use crate::azure::Azure;
use crate::config::PagerDuty;
use crate::failure::Failure;
use serde_json::{Map, Value, json};

const ENQUEUE: &str = "https://events.pagerduty.com/v2/enqueue";
/// PagerDuty cuts longer summaries off.
const LONGEST_SUMMARY: usize = 1024;

pub(super) async fn send(channel: &PagerDuty, message: &Message<'_>, azure: &Azure) -> Result<Receipt, Failure> {
    let routing_key = channel.routing_key.resolve(azure).await?;
    let severity = match message.severity {
        "sev1" => "critical",
        "sev2" => "error",
        _ => "warning",
    };
    let mut details: Map<String, Value> =
        message.all_facts().into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    details.insert("summary".to_owned(), Value::from(message.summary));
    let summary: String = message.headline().chars().take(LONGEST_SUMMARY).collect();
    let event = json!({
        "routing_key": routing_key.expose(),
        "event_action": "trigger",
        "dedup_key": message.key,
        "payload": { "summary": summary, "source": "stanch", "severity": severity, "custom_details": details },
    });
    let body = event.to_string().into_bytes();
    let answer = azure.transport.send("POST", ENQUEUE, &[("content-type", "application/json")], body).await?;
    received("PagerDuty", &answer, &[routing_key.expose()])?;
    Ok(Receipt { id: message.key.to_owned() })
}
