//! PagerDuty's Events API, second version: events with one `dedup_key` are one incident until it is resolved.

use super::accepted::Accepted;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::notifications::EventAction;
use crate::cloud::world::sink_credentials::SinkCredentials;
use serde_json::{Value, json};
use uuid::Uuid;

const ROUTING_KEY_LENGTH: usize = 32;
const LONGEST_DEDUP_KEY: usize = 255;
const LARGEST_EVENT: usize = 512 * 1024;
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

pub(crate) fn receive(credentials: &SinkCredentials, exchange: &Exchange) -> Result<Accepted, Reply> {
    let path = exchange.path.as_str();
    if path.trim_end_matches('/') != "/v2/enqueue" {
        return Err(Reply::json(404, &json!({ "status": "not found", "message": "Not Found" })));
    }
    if exchange.method != "POST" {
        return Err(Reply::json(405, &json!({ "status": "invalid method", "message": "Method Not Allowed" })));
    }
    if exchange.body.len() > LARGEST_EVENT {
        return Err(Reply::json(413, &json!({ "status": "too large", "message": "Request Entity Too Large" })));
    }
    let Some(body) = serde_json::from_slice::<Value>(&exchange.body).ok().filter(Value::is_object) else {
        return Err(invalid(&["Request body is not a JSON object".to_owned()]));
    };
    let errors = check(credentials, &body);
    if !errors.is_empty() {
        return Err(invalid(&errors));
    }
    let action = text(&body, "event_action").to_owned();
    let given = Some(text(&body, "dedup_key")).filter(|key| !key.is_empty());
    let dedup_key = given.map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    let answer = json!({ "status": "success", "message": "Event processed", "dedup_key": dedup_key });
    let mut accepted = Accepted::new("pagerduty", exchange, body, Reply::json(202, &answer));
    accepted.notification.id = Some(dedup_key);
    // An acknowledgement is no second trigger: only triggers fall together.
    accepted.notification.action = match action.as_str() {
        "trigger" => EventAction::Opens,
        "resolve" => EventAction::Resolves,
        _ => EventAction::Follows,
    };
    accepted.notification.facts.insert("action".to_owned(), action.into());
    Ok(accepted)
}

fn invalid(errors: &[String]) -> Reply {
    let body = json!({ "status": "invalid event", "message": "Event object is invalid", "errors": errors });
    Reply::json(400, &body)
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn check(credentials: &SinkCredentials, event: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    let routing_key = text(event, "routing_key");
    if routing_key.is_empty() {
        errors.push("'routing_key' is missing or blank".to_owned());
    } else if routing_key.chars().count() != ROUTING_KEY_LENGTH {
        errors.push(format!("Length of 'routing_key' is incorrect (should be {ROUTING_KEY_LENGTH} characters)"));
    } else if credentials.routing_key.as_deref().is_some_and(|expected| expected != routing_key) {
        errors.push("Invalid routing key".to_owned());
    }
    let dedup_key = text(event, "dedup_key");
    if dedup_key.chars().count() > LONGEST_DEDUP_KEY {
        errors.push(format!("Length of 'dedup_key' is incorrect (should be at most {LONGEST_DEDUP_KEY} characters)"));
    }
    match text(event, "event_action") {
        "trigger" => errors.extend(check_payload(event.get("payload"))),
        "acknowledge" | "resolve" if dedup_key.is_empty() => {
            errors.push("'dedup_key' is missing or blank".to_owned());
        }
        "acknowledge" | "resolve" => {}
        "" => errors.push("'event_action' is missing or blank".to_owned()),
        _ => errors.push("'event_action' is invalid (must be one of trigger, acknowledge, resolve)".to_owned()),
    }
    errors
}

fn check_payload(payload: Option<&Value>) -> Vec<String> {
    let Some(payload) = payload.filter(|payload| payload.is_object()) else {
        return vec!["'payload' is missing or blank".to_owned()];
    };
    let mut errors: Vec<String> = ["summary", "source", "severity"]
        .into_iter()
        .filter(|field| text(payload, field).trim().is_empty())
        .map(|field| format!("'payload.{field}' is missing or blank"))
        .collect();
    let severity = text(payload, "severity");
    if !severity.is_empty() && !SEVERITIES.contains(&severity) {
        errors.push(format!("'payload.severity' is invalid (must be one of {})", SEVERITIES.join(", ")));
    }
    errors
}
