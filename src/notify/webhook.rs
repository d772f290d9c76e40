//! Any other system, by the Standard Webhooks convention: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

use super::message::{Message, Receipt};
use super::received;
use crate::azure::Azure;
use crate::clock;
use crate::config::Webhook;
use crate::failure::Failure;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use zeroize::Zeroizing;

pub(super) async fn send(channel: &Webhook, message: &Message<'_>, azure: &Azure) -> Result<Receipt, Failure> {
    let facts: Map<String, Value> =
        message.all_facts().into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    let body = json!({
        "id": message.key,
        "type": "stanch.incident",
        "drill": message.drill,
        "run": message.run,
        "runbook": message.runbook,
        "severity": message.severity,
        "title": message.headline(),
        "summary": message.summary,
        "facts": facts,
    })
    .to_string();
    let timestamp = clock::now().timestamp().to_string();
    let mut headers =
        vec![("content-type", "application/json"), ("webhook-id", message.key), ("webhook-timestamp", &timestamp)];
    let signature = match &channel.signing_key {
        Some(key) => Some(sign(key.resolve(azure).await?.expose(), message.key, &timestamp, &body)?),
        None => None,
    };
    if let Some(signature) = &signature {
        headers.push(("webhook-signature", signature));
    }
    let token = match &channel.token {
        Some(token) => Some(token.resolve(azure).await?),
        None => None,
    };
    let authorization = token.as_ref().map(|token| Zeroizing::new(format!("Bearer {}", token.expose())));
    if let Some(authorization) = &authorization {
        headers.push(("authorization", authorization));
    }
    let answer = azure.transport.send("POST", &channel.url, &headers, body.into_bytes()).await?;
    received("the webhook", &answer, &[token.as_ref().map_or("", Secret::expose)])?;
    Ok(Receipt { id: message.key.to_owned() })
}

/// Signs the id, the time and the body. A key in the convention's own form, `whsec_` and base64, is decoded.
fn sign(key: &str, id: &str, timestamp: &str, body: &str) -> Result<String, Failure> {
    let decoded = key.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
    let key = Zeroizing::new(decoded.unwrap_or_else(|| key.as_bytes().to_vec()));
    let mut mac = Hmac::<Sha256>::new_from_slice(&key)
        .map_err(|error| Failure::refused("the signing key cannot be used").because(error.to_string()))?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}
