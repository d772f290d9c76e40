//! Events that cannot happen.

use super::event::Event;
use serde_json::Value;

/// An event that cannot happen in the present state.
#[derive(Debug, thiserror::Error)]
#[error("{event} cannot follow: {because}")]
pub struct IllegalEvent {
    event: String,
    /// Why it cannot.
    pub because: String,
}

pub(super) fn illegal(event: &Event, because: &str) -> IllegalEvent {
    let name = serde_json::to_value(event)
        .ok()
        .and_then(|value| value.get("type").and_then(Value::as_str).map(str::to_owned))
        .unwrap_or_default();
    let event = match event.step() {
        Some(step) => format!("{name} of step `{step}`"),
        None => name,
    };
    IllegalEvent { event, because: because.to_owned() }
}
