//! `management.azure.com`: who asks, then accounts and sites.

mod accounts;
mod sites;

use super::azure_rest::{is_admitted, refuse};
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::Cloud;

const AUDIENCE: &str = "https://management.azure.com";

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
    accounts::answer(cloud, exchange)
        .or_else(|| sites::answer(cloud, exchange))
        .unwrap_or_else(|| refuse(404, "ResourceNotFound", "The Resource was not found."))
}
