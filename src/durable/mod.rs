//! The durable protocol between an action and the journal.
//!
//! An action is straight-line code that may be run again from its beginning at any time. Whatever it does to the
//! outside goes through [`Attempt::effect`], whatever its later decisions rest on through [`Attempt::observe`]; both
//! give back what the journal holds when they are met again. Nothing here knows a vendor, or a configuration.

mod attempt;
mod effect;
mod gate;
mod ledger;
mod observation;
mod timer;

pub use attempt::{Attempt, Stop};
pub use effect::{Intent, Probed, Unprobed};
pub use ledger::{DisplayEvent, DisplayEvents, Ledger};
