//! `management.azure.com`: who asks, then accounts and sites.

pub(crate) mod sites;

use crate::cloud::server::dispatcher::{Cloud, lock};
use crate::cloud::wire::exchange::{Exchange, Reply};
use serde_json::json;

const AUDIENCE: &str = "https://management.azure.com";

/// An error as the resource manager words it.
pub(crate) fn refuse(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "error": { "code": code, "message": message } }))
}

/// Answers a request to the resource manager.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange) -> Reply {
    if !is_admitted(cloud, exchange, AUDIENCE) {
        return refuse(
            401,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing or invalid.",
        );
    }
    if exchange.parameter("api-version").is_none_or(|version| version.is_empty()) {
        return refuse(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        );
    }
    let account = lock(&cloud.accounts).act(exchange);
    account
        .or_else(|| lock(&cloud.sites).answer(cloud, exchange))
        .unwrap_or_else(|| refuse(404, "ResourceNotFound", "The Resource was not found."))
}

/// Whether the bearer token is one of this cloud's, for this audience, and still good.
pub(crate) fn is_admitted(cloud: &Cloud, exchange: &Exchange, audience: &str) -> bool {
    let header = exchange.header("authorization").unwrap_or_default();
    let Some(token) = header.strip_prefix("Bearer ") else { return false };
    let directory = lock(&cloud.directory);
    directory
        .bearer(token.trim())
        .is_some_and(|bearer| bearer.audience.trim_end_matches('/') == audience && bearer.expires > exchange.at)
}
