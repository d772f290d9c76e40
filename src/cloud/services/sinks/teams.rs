//! The webhook of a Teams workflow: takes a message with adaptive cards, answers with nothing at all.

use super::{Accepted, Delivery, Record, SinkAnswer, SinkCredentials};
use serde_json::{Value, json};

const ADAPTIVE_CARD: &str = "application/vnd.microsoft.card.adaptive";

/// A workflow's own address, on the host of its region.
pub(super) fn judge(credentials: &SinkCredentials, delivery: &Delivery<'_>) -> Result<Accepted, SinkAnswer> {
    let (path, query) = delivery.path_and_query();
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
    take(delivery)
}

/// An address that was made for a connector and was moved to a workflow.
pub(super) fn judge_connector(delivery: &Delivery<'_>) -> Result<Accepted, SinkAnswer> {
    let (path, _) = delivery.path_and_query();
    if !path.starts_with("/webhookb2/") {
        return Err(refusal(404, "WorkflowNotFound", "The webhook could not be found."));
    }
    take(delivery)
}

fn take(delivery: &Delivery<'_>) -> Result<Accepted, SinkAnswer> {
    if delivery.method != "POST" {
        return Err(refusal(405, "MethodNotAllowed", "The trigger `manual` takes POST only."));
    }
    let body = delivery.json().map_err(|error| {
        refusal(400, "InvalidRequestContent", &format!("The request content is not valid: {error}"))
    })?;
    if let Err(problem) = check(&body) {
        let message = format!(
            "The input body for trigger 'manual' of type 'Request' did not match its schema definition. \
             Error details: '{problem}'."
        );
        return Err(refusal(400, "TriggerInputSchemaMismatch", &message));
    }
    let record = Record::new("teams", delivery, body);
    Ok(Accepted { answer: SinkAnswer::text(202, ""), record, once_per_id: false })
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

fn refusal(status: u16, code: &str, message: &str) -> SinkAnswer {
    SinkAnswer::json(status, &json!({ "error": { "code": code, "message": message } }))
}
