//! The state of the embedded cloud.

pub(crate) mod accounts;
pub(crate) mod audit_trail;
pub(crate) mod identity;
pub(crate) mod issued_tokens;
pub(crate) mod issuing;
pub(crate) mod limits;
pub(crate) mod vault;
