//! Which secret of which vault holds a value; usable without any runbook.
//!
//! A [`Needle`] is what leaked. [`search`] lists the vaults, reads every version that can be read, compares each in
//! memory, and forgets it. The [`Answer`] holds addresses, counts and reasons, never a value.

mod layers;
mod needle;
mod sweep;

pub use layers::Place;
pub use needle::{Match, Needle};
pub use sweep::{Answer, Because, Found, Progress, Searched, Unread, search};
