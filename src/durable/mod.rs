//! The durable protocol between an action and the journal.

mod context;
mod ledger;

pub use context::{Context, Intent, LOCKED, Probed, Services, Stop, Unprobed};
pub use ledger::{Ledger, Notice, Notices};
