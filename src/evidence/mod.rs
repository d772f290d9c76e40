//! What a run knows: one enum of everything that was proven, refused, seen or not seen, and the one verdict that follows.
//!
//! ```text
//! action ── evidence ──► journal ──► reading (names, outputs of earlier programs) ──► Known ──► verdict, leaked value
//! ```
//!
//! An action writes [`Evidence`]; whoever shows, reports, tells or judges something reads it from [`Known`]. The names
//! that evidence has in a journal stand in `names` alone, the outputs that others need of a step in `outputs` alone.
//! Nobody else judges: every screen, message, report and exit code shows [`Known::verdict`].

mod adoption;
mod consequences;
mod item;
mod known;
mod leaked_value;
mod names;
mod outputs;
mod reading;
mod verdict;

pub use adoption::{Adoption, AdoptionEnd, AdoptionReader, Baseline, LogSeen};
pub use item::{
    Consumer, Consumers, Evidence, Item, LeftToPerson, MessageOutcome, MessageOutputs, PinnedSetting, RevokedBy,
    StepEvidence,
};
pub use known::{Known, wants_value};
pub use leaked_value::{LeakedValue, Works};
pub use names::{EffectName, ObservationName};
pub use verdict::{AtIssuer, AtVault, Parts, State, Verdict, verdict};

#[cfg(test)]
mod tests;
