//! Game-day scenarios: a YAML text → the vault's contents, who reads it, who must not, and what is to go wrong.
//!
//! Main type: [`Scenario`], which exists only if it passed every check.

mod checks;
mod model;
mod reading;
pub(crate) mod seeding;
mod syntax;

pub use crate::cloud::faults::{Cut, Fault, FaultEffect, FaultMatch};
pub use model::{Attacker, Caller, Consumer, SCHEMA, Scenario, SeededSecret, SeededVersion, Targets};
pub use reading::DEFAULT;
pub use syntax::{EnteredValue, ReadMode};

#[cfg(test)]
mod tests;
