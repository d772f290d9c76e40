//! Key Vault, as far as its secrets go.

pub(crate) mod access;
mod backup;
mod bundle;
pub(crate) mod front;
pub(crate) mod operation;
mod paging;
pub(crate) mod refusal;
mod secret_request;
mod secrets;
