//! A plan becomes what it would do: a look at the world before anything is changed.
//!
//! The main type is [`Preflight`]. Nothing here writes: requests are reads of the vault, of the audit trail and of the
//! secrets that the configuration refers to, and greetings to mail servers.

mod channels;
mod effects;
mod findings;
mod issuers;
mod known;
mod look;
mod obstacles;
mod secrets;
mod sites;

pub use effects::Effect;
pub use findings::{Broken, Check, CheckResult, Issuer};
pub use look::{Preflight, asks, look, looks_since};
pub use obstacles::{Obstacles, obstacles};
