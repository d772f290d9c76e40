//! Everything that a run can know, typed: what was proven, refused, seen or not seen.

mod adoption;

pub use adoption::{Adoption, AdoptionEnd, AdoptionReader, Baseline, LogSeen};
