//! What is done at a credential's issuer, beside the rotation itself: find it, revoke the old credential, prove it dead,
//! leave nothing behind.

pub(super) mod close;
pub(super) mod identify;
pub(super) mod prove;
mod replaced;
pub(super) mod revoke;
