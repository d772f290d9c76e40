//! What is served under the hosts of the cloud.

pub(crate) mod graph;
pub(crate) mod key_vault;
pub(crate) mod resource_manager;
pub mod sinks;
pub(crate) mod token_endpoints;
