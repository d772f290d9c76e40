//! The response in a vault: look, put a new version in, wait for the readers, disable the old ones, prove it.

pub(super) mod await_readers;
pub(super) mod check;
pub(super) mod disable_old;
pub(super) mod list;
pub(super) mod prove_revoked;
pub(super) mod reconcile;
pub(super) mod rotate;
pub(super) mod search;
