//! A receiver that follows Standard Webhooks: the sender signs, and the receiver takes each `webhook-id` once.

use super::accepted::Accepted;
use crate::cloud::services::signature::sign;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::sink_credentials::{SigningKey, SinkCredentials};
use serde_json::json;

/// How far the sender's clock may be off, in seconds.
const TOLERANCE: i64 = 300;

pub(crate) fn receive(credentials: &SinkCredentials, exchange: &Exchange) -> Result<Accepted, Reply> {
    if exchange.method != "POST" {
        return Err(refusal(405, "POST only"));
    }
    if let Some(key) = &credentials.signing_key {
        verify(key, exchange)?;
    }
    // The body as JSON, else as text.
    let body = serde_json::from_slice(&exchange.body)
        .unwrap_or_else(|_| String::from_utf8_lossy(&exchange.body).into_owned().into());
    let mut accepted = Accepted::new("webhook", exchange, body, Reply::json(200, &json!({ "status": "received" })));
    accepted.notification.id = exchange.header("webhook-id").map(str::to_owned);
    let is_checked = credentials.signing_key.is_some();
    accepted.notification.facts.insert("signature_checked".to_owned(), is_checked.into());
    Ok(accepted)
}

fn verify(key: &SigningKey, exchange: &Exchange) -> Result<(), Reply> {
    let given = |name: &str| exchange.header(name).filter(|value| !value.is_empty());
    let missing = |name: &str| refusal(400, &format!("missing header {name}"));
    let id = given("webhook-id").ok_or_else(|| missing("webhook-id"))?;
    let timestamp = given("webhook-timestamp").ok_or_else(|| missing("webhook-timestamp"))?;
    let signatures = given("webhook-signature").ok_or_else(|| missing("webhook-signature"))?;
    let sent: i64 = timestamp.parse().map_err(|_| refusal(400, "webhook-timestamp is no number of seconds"))?;
    if exchange.at.timestamp().abs_diff(sent) > TOLERANCE.unsigned_abs() {
        return Err(refusal(401, "webhook-timestamp is too far from now"));
    }
    let content = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &exchange.body].concat();
    let expected = sign(&key.bytes(), &content);
    // Several may stand side by side while the key is being changed.
    let good = signatures.split_ascii_whitespace().any(|signature| signature.strip_prefix("v1,") == Some(&expected));
    if good { Ok(()) } else { Err(refusal(401, "no matching signature")) }
}

fn refusal(status: u16, error: &str) -> Reply {
    Reply::json(status, &json!({ "error": error }))
}
