//! A runbook plus inputs becomes a [`Plan`] that can no longer be wrong about itself: checked against the actions
//! there are, in order, with every input typed.

mod check;
mod inputs;
mod order;
mod spec;

use crate::engine::Order;
use crate::runbook::model::Step;
use crate::runbook::{Diagnostics, Runbook, read};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub use spec::{Catalogue, Class, Spec};

/// A checked runbook with its inputs.
#[derive(Clone, Debug)]
pub struct Plan {
    pub runbook: Runbook,
    /// The runbook's bytes, as they are pinned.
    pub text: String,
    /// SHA-256 of them, lower-case hex.
    pub sha256: String,
    pub inputs: Map<String, Value>,
    pub order: Order,
    /// One live run per value.
    pub lock: Option<String>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("{0}")]
    Runbook(Diagnostics),
    #[error("{}", .0.join("\n"))]
    Inputs(Vec<String>),
}

/// Finds everything that is wrong with a runbook, in the order of the text.
pub fn lint(name: &str, text: &str, catalogue: &Catalogue) -> Result<Runbook, Diagnostics> {
    let told = |found| Diagnostics { name: name.to_owned(), text: text.to_owned(), found };
    let (runbook, mut found) = read(text).map_err(|problem| told(vec![problem]))?;
    found.extend(check::check(&runbook, catalogue));
    found.sort_by_key(|problem| problem.span.offset);
    if found.is_empty() { Ok(runbook) } else { Err(told(found)) }
}

impl Plan {
    /// Makes a plan. `name` is how the text is called in messages; `given` are the inputs as the user gave them.
    pub fn new(name: &str, text: &str, given: &Map<String, Value>, catalogue: &Catalogue) -> Result<Self, PlanError> {
        let runbook = lint(name, text, catalogue).map_err(PlanError::Runbook)?;
        let inputs = inputs::resolve(&runbook, given).map_err(PlanError::Inputs)?;
        let lock = match &runbook.policy.lock {
            Some(lock) => {
                let scope = Map::from_iter([("inputs".to_owned(), Value::Object(inputs.clone()))]);
                let value = lock.value.evaluate(&scope).map_err(|problem| PlanError::Inputs(vec![problem]))?;
                Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            }
            None => None,
        };
        let order = order::order(&runbook, catalogue);
        let sha256 = hex::encode(Sha256::digest(text));
        Ok(Self { runbook, text: text.to_owned(), sha256, inputs, order, lock })
    }

    /// A step by its id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.runbook.steps.iter().chain(&self.runbook.finally).find(|step| step.id.value == id)
    }

    /// All steps in the order in which they are written.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.runbook.steps.iter().chain(&self.runbook.finally)
    }
}
