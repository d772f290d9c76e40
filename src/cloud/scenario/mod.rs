//! Game-day scenarios.

mod checks;
mod model;
pub(crate) mod seeding;
pub(crate) mod syntax;

pub use model::{
    Attacker, Caller, Consumer, DEFAULT, Endpoint, Enters, Player, Reads, SCHEMA, Scenario, SeededSecret,
    SeededVersion, Targets,
};

#[cfg(test)]
mod tests;
