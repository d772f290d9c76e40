//! Any other system, by the Standard Webhooks convention: `webhook-id`, `webhook-timestamp`, `webhook-signature`.

use super::channel::{Channel, ChannelKind, KEY_READ, KEYED, SENT_UNDER_SAME_KEY};
use super::message::{Message, Receipt};
use super::received::{Taken, received};
use super::settings::ChannelSettings;
use crate::azure::Azure;
use crate::clock;
use crate::failure::Failure;
use crate::settings::{SecretReference, is_near};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use std::sync::Arc;
use url::Url;
use zeroize::Zeroizing;

/// Its settings.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub url: String,
    /// Signs the body with HMAC-SHA256.
    pub signing_key: Option<SecretReference>,
    /// Sent as a bearer token.
    pub token: Option<SecretReference>,
}

/// What is known of every such channel.
pub static KIND: ChannelKind = ChannelKind {
    name: "webhook",
    action: "notify/webhook",
    summary: "calls another system",
    if_lost: SENT_UNDER_SAME_KEY,
    idempotency: KEYED,
    example: r#"- id: tell_siem
  uses: notify/webhook
  with: { channel: siem, title: "Contained: ${{ inputs.secret }}" }
"#,
    keys: &["url", "signing_key", "token"],
    open_keys: &["url"],
    read,
};

fn read(settings: &mut ChannelSettings<'_, '_, '_>) -> Option<Arc<dyn Channel>> {
    let url = address(settings)?;
    let signing_key = settings.secret("signing_key");
    let token = settings.secret("token");
    Some(Arc::new(Webhook { url, signing_key, token }))
}

/// Where a webhook is: encrypted, or on this machine; without a password in it.
fn address(settings: &mut ChannelSettings<'_, '_, '_>) -> Option<String> {
    let what = settings.what;
    let text = settings.required("url")?;
    let place = settings.get("url").map_or(settings.span, |node| node.span);
    let url = Url::parse(&text).ok().filter(Url::has_host);
    let Some(url) = url else {
        settings.decoder.literals.push(place);
        settings.decoder.wrong(format!("the `url` of {what} is not an address"), place, "write `url: https://…`");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        settings.decoder.literals.push(place);
        settings.decoder.wrong(
            format!("a secret stands in the `url` of {what}"),
            place,
            "put it in a vault and refer to it with `token:`",
        );
        return None;
    }
    if url.scheme() != "https" && !(is_near(&url) && url.scheme() == "http") {
        settings.decoder.wrong(format!("{what} would be told without encryption"), place, "write `url: https://…`");
        return None;
    }
    // Anybody on this machine may listen where nobody does.
    if url.scheme() != "https" && settings.get("token").is_some() && !settings.decoder.in_drill {
        settings.decoder.wrong(
            format!("{what} would send its token without encryption"),
            place,
            "write `url: https://…`, or take `token:` out; `signing_key:` proves who sent it without being sent",
        );
        return None;
    }
    Some(text)
}

#[async_trait(?Send)]
impl Channel for Webhook {
    fn kind(&self) -> &'static ChannelKind {
        &KIND
    }

    async fn send(&self, message: &Message<'_>, azure: &Azure) -> Result<Receipt, Failure> {
        let facts: Map<String, Value> =
            message.all_facts().into_iter().map(|(name, value)| (name, Value::from(value))).collect();
        let body = json!({
            "id": message.key,
            "type": "stanch.incident",
            "drill": message.drill,
            "run": message.origin.map_or("", |origin| origin.run),
            "runbook": message.origin.map_or("", |origin| origin.runbook),
            "severity": message.severity,
            "title": message.headline(),
            "summary": message.summary(),
            "facts": facts,
        })
        .to_string();
        let timestamp = clock::now().timestamp().to_string();
        let mut headers =
            vec![("content-type", "application/json"), ("webhook-id", message.key), ("webhook-timestamp", &timestamp)];
        let signature = match &self.signing_key {
            Some(key) => Some(sign(key.resolve(azure).await?.expose(), message.key, &timestamp, &body)?),
            None => None,
        };
        if let Some(signature) = &signature {
            headers.push(("webhook-signature", signature));
        }
        let token = match &self.token {
            Some(token) => Some(token.resolve(azure).await?),
            None => None,
        };
        let authorization = token.as_ref().map(|token| Zeroizing::new(format!("Bearer {}", token.expose())));
        if let Some(authorization) = &authorization {
            headers.push(("authorization", authorization));
        }
        let answer = azure.transport.send("POST", &self.url, &headers, body.into_bytes()).await?;
        let warning = received("the webhook", &answer, says)?;
        Ok(Receipt { id: message.key.to_owned(), warning })
    }

    async fn reach(&self, azure: &Azure) -> Result<&'static str, Failure> {
        for secret in [&self.signing_key, &self.token].into_iter().flatten() {
            secret.resolve(azure).await?;
        }
        Ok(KEY_READ)
    }
}

/// The convention knows the status alone.
pub fn says(_: u16, _: &str) -> Taken {
    Taken::Yes
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
