//! A runbook's steps as others know them: by what their actions say of themselves, never by the names of outputs.

use super::renamed::canonical;
use super::spec::{Aim, Catalogue, Class, Fact, FactOf};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A step, with what its action says of itself.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    pub id: String,
    /// The action.
    pub uses: String,
    pub class: Class,
    pub aim: Aim,
    /// It runs at last, whatever happened, and only under a condition: where that does not hold there is nothing to say.
    pub only_if_needed: bool,
    fact: FactOf,
}

impl PlannedStep {
    /// An action that is not known has an aim that nobody knows, and leaves no facts.
    pub fn new(id: &str, uses: &str, catalogue: &Catalogue) -> Self {
        let (id, only_if_needed) = (id.to_owned(), false);
        match catalogue.get(canonical(uses)) {
            Some(spec) => Self {
                id,
                uses: spec.name.to_owned(),
                class: spec.class,
                aim: spec.aim,
                only_if_needed,
                fact: spec.fact.clone(),
            },
            None => Self {
                id,
                uses: uses.to_owned(),
                class: Class::Read,
                aim: Aim::Other,
                only_if_needed,
                fact: FactOf::default(),
            },
        }
    }

    /// The fact of a step that is done.
    pub fn fact(&self, outputs: &Map<String, Value>) -> Fact {
        match serde_json::from_value::<Loop>(Value::Object(outputs.clone())) {
            Ok(Loop { items }) => {
                let done = items.iter().filter(|item| item.status == "done").count();
                Fact::from(format!("{done} of {} done", items.len()))
            }
            Err(_) => self.fact.tell(outputs),
        }
    }
}

/// The outputs of a step that is done for each item of a list.
#[derive(Deserialize)]
struct Loop {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    status: String,
}
