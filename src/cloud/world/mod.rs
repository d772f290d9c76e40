//! The state of the embedded cloud: what there is, whoever asks for it. It knows no service and no HTTP.

pub(crate) mod access;
pub(crate) mod accounts;
pub(crate) mod applications;
pub(crate) mod audit_trail;
pub(crate) mod blobs;
pub(crate) mod calls;
pub(crate) mod identity;
pub(crate) mod issued_tokens;
pub(crate) mod issuer;
mod issuing;
pub(crate) mod limits;
pub(crate) mod notifications;
pub(crate) mod people;
pub(crate) mod secret_seed;
pub(crate) mod signing_keys;
pub(crate) mod sink_credentials;
pub(crate) mod sites;
pub(crate) mod slack;
mod state;
pub(crate) mod vault;

pub(crate) use state::Cloud;
