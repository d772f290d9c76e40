//! Key Vault, as far as its secrets go.

mod access;
mod audit_event;
mod backup;
mod bundle;
mod front;
mod operation;
mod outcome;
mod paging;
mod refusal;
mod secret_request;
mod secrets;

pub(crate) use front::{answer, refuse};
