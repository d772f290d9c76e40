//! Which secret of which vault holds a value; usable without any runbook.
//!
//! A [`Needle`] is what leaked. [`search`] lists the vaults, reads every version that can be read, compares each in
//! memory, and forgets it. The [`Answer`] holds addresses, counts and reasons, never a value.

mod digest;
mod heads;
mod layers;
mod matched;
mod needle;
mod openings;
mod placeholder;
mod sweep;

pub use digest::Digest;
pub use layers::{LAYERS, Place, SHORTEST};
pub(crate) use layers::{text_of, uncoloured, wide, without_prefix};
pub use matched::{Certainty, Match, Reading};
pub use needle::Needle;
pub use openings::names_a_secret;
pub use placeholder::is_placeholder;
pub use sweep::{Answer, Because, Found, Progress, Searched, Unread, search};
