//! What the log answered, never without what was looked at to find it.

use super::blast_radius::BlastRadius;
use super::coverage::Coverage;

/// What was found, and what it rests on: a list without an entry means one thing in a log that was seen whole, and nothing
/// in one that holds nothing of the vault. Hence the one is not to be had without the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    found: T,
    coverage: Coverage,
}

impl<T> Answer<T> {
    pub(crate) fn new(found: T, coverage: Coverage) -> Self {
        Self { found, coverage }
    }

    /// Both.
    pub fn into_parts(self) -> (T, Coverage) {
        (self.found, self.coverage)
    }
}

/// An answer that says what it rests on.
pub trait Covered {
    /// What the log could, and could not, show.
    fn coverage(&self) -> &Coverage;
}

impl<T> Covered for Answer<T> {
    fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

impl Covered for BlastRadius {
    fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}
