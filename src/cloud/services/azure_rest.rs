//! What Azure's interfaces but Key Vault's have in common: who is let in, and how a refusal is worded.

use crate::cloud::lock::lock;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::Cloud;
use serde_json::json;

/// A refusal.
pub(crate) fn refuse(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "error": { "code": code, "message": message } }))
}

/// Whether the bearer token is one of this cloud's, for this audience, and still good.
pub(crate) fn is_admitted(cloud: &Cloud, exchange: &Exchange, audience: &str) -> bool {
    let Some(token) = exchange.bearer_token() else { return false };
    let directory = lock(&cloud.directory);
    directory
        .bearer(token.trim())
        .is_some_and(|bearer| bearer.audience.trim_end_matches('/') == audience && bearer.expires > exchange.at)
}
