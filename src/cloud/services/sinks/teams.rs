//! The webhook of a Teams workflow: takes a message with adaptive cards, answers with nothing at all.

use super::accepted::Accepted;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::sink_credentials::SinkCredentials;
use serde_json::{Value, json};

const ADAPTIVE_CARD: &str = "application/vnd.microsoft.card.adaptive";

/// A workflow's own address, on the host of its region.
pub(crate) fn receive(credentials: &SinkCredentials, exchange: &Exchange) -> Result<Accepted, Reply> {
    let (path, query) = (exchange.path.as_str(), exchange.query.as_deref());
    if let Some(expected) = &credentials.teams_path {
        let (expected_path, expected_query) = expected.split_once('?').unwrap_or((expected, ""));
        if path != expected_path {
            return Err(refusal(404, "WorkflowNotFound", "The workflow could not be found."));
        }
        if query.is_some_and(|query| query != expected_query) {
            let message = "The request must be authenticated only by Shared Access scheme.";
            return Err(refusal(401, "DirectApiAuthorizationRequired", message));
        }
    } else if !path.starts_with("/workflows/") {
        return Err(refusal(404, "WorkflowNotFound", "The workflow could not be found."));
    }
    take(exchange)
}

/// An address that was made for a connector and was moved to a workflow.
pub(crate) fn receive_for_connector(exchange: &Exchange) -> Result<Accepted, Reply> {
    let path = exchange.path.as_str();
    if !path.starts_with("/webhookb2/") {
        return Err(refusal(404, "WorkflowNotFound", "The webhook could not be found."));
    }
    take(exchange)
}

fn take(exchange: &Exchange) -> Result<Accepted, Reply> {
    if exchange.method != "POST" {
        return Err(refusal(405, "MethodNotAllowed", "The trigger `manual` takes POST only."));
    }
    let body = serde_json::from_slice::<Value>(&exchange.body).map_err(|error| {
        refusal(400, "InvalidRequestContent", &format!("The request content is not valid: {error}"))
    })?;
    if let Err(problem) = check(&body) {
        let message = format!(
            "The input body for trigger 'manual' of type 'Request' did not match its schema definition. \
             Error details: '{problem}'."
        );
        return Err(refusal(400, "TriggerInputSchemaMismatch", &message));
    }
    Ok(Accepted::new("teams", exchange, body, Reply::plain(202, "")))
}

fn check(body: &Value) -> Result<(), String> {
    if body.get("type").and_then(Value::as_str) != Some("message") {
        return Err("type must be message".to_owned());
    }
    let attachments = body.get("attachments").and_then(Value::as_array);
    let Some(attachments) = attachments.filter(|attachments| !attachments.is_empty()) else {
        return Err("attachments must be a list with at least one card".to_owned());
    };
    for attachment in attachments {
        if attachment.get("contentType").and_then(Value::as_str) != Some(ADAPTIVE_CARD) {
            return Err(format!("contentType must be {ADAPTIVE_CARD}"));
        }
        let content = attachment.get("content");
        if content.and_then(|content| content.get("type")).and_then(Value::as_str) != Some("AdaptiveCard") {
            return Err("content must be an object of type AdaptiveCard".to_owned());
        }
    }
    Ok(())
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "error": { "code": code, "message": message } }))
}
