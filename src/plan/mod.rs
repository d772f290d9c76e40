//! A runbook plus inputs becomes a [`Plan`] that can no longer be wrong about itself: checked against the actions
//! there are, in order, with every input typed.

mod check;
mod inputs;
mod order;
mod spec;

use crate::engine::Order;
use crate::runbook::model::Step;
use crate::runbook::{Diagnostics, Runbook, read};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

pub use inputs::answer;
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

/// Gates that do not say otherwise follow the runbook's policy.
fn apply_gates(runbook: &mut Runbook) {
    let Runbook { policy, steps, finally, .. } = runbook;
    for step in steps.iter_mut().chain(finally).filter(|step| step.uses.value == "human/approve") {
        for default in &policy.gates.defaults {
            if step.with.iter().all(|parameter| parameter.name != default.name) {
                step.with.push(default.clone());
            }
        }
    }
}

impl Plan {
    /// Makes a plan. `name` is how the text is called in messages; `given` are the inputs as the user gave them.
    pub fn new(name: &str, text: &str, given: &Map<String, Value>, catalogue: &Catalogue) -> Result<Self, PlanError> {
        let mut runbook = lint(name, text, catalogue).map_err(PlanError::Runbook)?;
        apply_gates(&mut runbook);
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

    /// Whether a step is one of those that run whatever happened.
    pub fn is_finally(&self, id: &str) -> bool {
        self.runbook.finally.iter().any(|step| step.id.value == id)
    }

    /// What expressions see of the runbook's policy.
    pub fn policy(&self) -> Value {
        let overlap = self.runbook.policy.overlap.as_ref().map(|overlap| &overlap.value);
        json!({ "lock": self.lock, "overlap": overlap })
    }

    /// Digest of what people agree to: the runbook's bytes and its inputs. Lower-case hex.
    pub fn digest(&self) -> String {
        let inputs = Value::Object(self.inputs.clone()).to_string();
        hex::encode(Sha256::new().chain_update(&self.sha256).chain_update(inputs).finalize())
    }

    /// All steps in the order in which they are written.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.runbook.steps.iter().chain(&self.runbook.finally)
    }
}
