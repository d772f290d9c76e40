//! `stanch.yaml`: who stanch is, where the audit trails lie, whom to tell, whose secrets there are.
//!
//! It holds references to secrets, never a secret: a literal where a secret belongs is refused, and not shown.

mod audit;
mod configuration;
mod decode;
mod inventory;

pub use audit::AuditTrail;
pub use configuration::Config;
pub use inventory::{Inventory, SecretFacts, USUAL_RUNBOOK, matches};
