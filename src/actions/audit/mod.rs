//! What the audit trail tells.

pub(super) mod blast_radius;
mod late;
pub(super) mod trail;
