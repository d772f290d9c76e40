//! Slack's incoming webhook: one text line as an answer, whatever happens.

use super::accepted::Accepted;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::sink_credentials::SinkCredentials;
use serde_json::Value;

/// Slack refuses messages with more blocks.
const MOST_BLOCKS: usize = 50;

pub(crate) fn receive(credentials: &SinkCredentials, exchange: &Exchange) -> Result<Accepted, Reply> {
    let refuse = |status, word: &str| Err(Reply::plain(status, word));
    let path = exchange.path.as_str();
    let Some(service) = path.strip_prefix("/services/") else {
        return refuse(404, "no_service");
    };
    let parts: Vec<&str> = service.split('/').collect();
    let [team, hook, token] = parts.as_slice() else {
        return refuse(404, "no_service");
    };
    if !is_identifier(team, 'T') || !is_identifier(hook, 'B') || token.is_empty() {
        return refuse(404, "no_service");
    }
    if let Some(expected) = credentials.slack_path.as_deref().filter(|expected| *expected != path) {
        let same_hook = expected.starts_with(&format!("/services/{team}/{hook}/"));
        return if same_hook { refuse(403, "invalid_token") } else { refuse(404, "no_service") };
    }
    if exchange.method != "POST" {
        return refuse(405, "method_not_allowed");
    }
    let Some(body) = payload(exchange).filter(Value::is_object) else {
        return refuse(400, "invalid_payload");
    };
    check(&body).map_err(|word| Reply::plain(400, word))?;
    Ok(Accepted::new("slack", exchange, body, Reply::plain(200, "ok")))
}

fn is_identifier(text: &str, initial: char) -> bool {
    text.starts_with(initial)
        && text.chars().all(|character| character.is_ascii_uppercase() || character.is_ascii_digit())
}

/// The message: the body itself, or the form's field `payload`.
fn payload(exchange: &Exchange) -> Option<Value> {
    let form =
        exchange.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !form {
        return serde_json::from_slice::<Value>(&exchange.body).ok();
    }
    let (_, text) = url::form_urlencoded::parse(&exchange.body).find(|(name, _)| name == "payload")?;
    serde_json::from_str(&text).ok()
}

fn check(body: &Value) -> Result<(), &'static str> {
    let blocks = match body.get("blocks") {
        None | Some(Value::Null) => 0,
        Some(Value::Array(blocks)) if blocks.len() <= MOST_BLOCKS && blocks.iter().all(is_block) => blocks.len(),
        Some(Value::Array(_)) => return Err("invalid_blocks"),
        Some(_) => return Err("invalid_blocks_format"),
    };
    let attachments = body.get("attachments").and_then(Value::as_array).map_or(0, Vec::len);
    let text = match body.get("text") {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text.as_str(),
        Some(_) => return Err("invalid_payload"),
    };
    if text.trim().is_empty() && blocks == 0 && attachments == 0 { Err("no_text") } else { Ok(()) }
}

fn is_block(block: &Value) -> bool {
    block.get("type").is_some_and(Value::is_string)
}
