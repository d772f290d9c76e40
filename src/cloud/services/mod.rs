//! What is served, by the host that is called. A service knows the world and the wire, and no other service.

mod azure_rest;
mod blobs;
mod graph;
mod issuers;
mod key_vault;
mod resource_manager;
mod signature;
pub(crate) mod sinks;
mod token_endpoints;

use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::wire::host::Destination;
use crate::cloud::world::Cloud;
use serde_json::json;

/// Answers a request.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange) -> Reply {
    if let Some(reply) = sinks::slack_app::answer(cloud, exchange) {
        return reply;
    }
    match &exchange.destination {
        Destination::Entra | Destination::InstanceMetadata => token_endpoints::answer(cloud, exchange),
        Destination::Local(_) if token_endpoints::is_token_path(&exchange.path) => {
            token_endpoints::answer(cloud, exchange)
        }
        Destination::ResourceManager => resource_manager::answer(cloud, exchange),
        Destination::Graph => graph::answer(cloud, exchange),
        Destination::Vault(address) | Destination::Local(address) => key_vault::answer(cloud, exchange, address),
        Destination::Other => {
            let answer = blobs::answer(cloud, exchange).or_else(|| issuers::answer(cloud, exchange));
            answer.or_else(|| sinks::answer(cloud, exchange)).unwrap_or_else(|| {
                Reply::json(404, &json!({ "error": format!("there is no host `{}` in this cloud", exchange.host) }))
            })
        }
    }
}

/// A planned answer that has no effect, in the words of the service that was called.
pub(crate) fn refuse(cloud: &Cloud, exchange: &Exchange, status: u16) -> Reply {
    match &exchange.destination {
        Destination::Entra => token_endpoints::unavailable(status),
        Destination::Vault(address) => key_vault::refuse(cloud, exchange, address, status),
        Destination::Local(address) if !token_endpoints::is_token_path(&exchange.path) => {
            key_vault::refuse(cloud, exchange, address, status)
        }
        Destination::Other if blobs::is_meant(exchange) => blobs::refuse((status, "PlannedFault")),
        _ => Reply::json(status, &json!({ "error": "planned fault", "status": status })),
    }
}
