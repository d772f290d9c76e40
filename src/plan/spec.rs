//! What a plan knows of an action: static data, from the same types that the action uses.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// The action whose parameters `policy.gates` gives defaults for.
pub(super) const GATE: &str = "human/approve";

/// What an action does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Read,
    Write,
    /// It takes something away that somebody may still need.
    Irreversible,
    Notify,
    /// A person decides or does it.
    Human,
}

impl Class {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Irreversible => "irreversible",
            Self::Notify => "notify",
            Self::Human => "human",
        }
    }
}

/// Static data about an action.
#[derive(Clone, Debug)]
pub struct Spec {
    pub name: &'static str,
    pub summary: &'static str,
    pub class: Class,
    /// What happens if an answer is lost.
    pub if_lost: &'static str,
    /// What keeps a step that runs again from doing its work twice.
    pub idempotency: &'static str,
    /// Steps that use it, as they stand under `steps:`. They may use the inputs `secret` and `exposed_at`.
    pub example: &'static str,
    /// JSON Schema of `with`.
    pub parameters: Value,
    /// JSON Schema of the outputs.
    pub outputs: Value,
    /// Whether these parameters can be read, all of them being literals.
    pub accepts: fn(&Value) -> Result<(), String>,
}

impl Spec {
    /// Describes an action by its parameter and output types.
    pub fn of<Parameters, Outputs>(
        name: &'static str,
        class: Class,
        summary: &'static str,
        if_lost: &'static str,
    ) -> Self
    where
        Parameters: JsonSchema + DeserializeOwned,
        Outputs: JsonSchema,
    {
        Self {
            name,
            summary,
            class,
            if_lost,
            idempotency: "",
            example: "",
            parameters: schemars::schema_for!(Parameters).to_value(),
            outputs: schemars::schema_for!(Outputs).to_value(),
            accepts: |with| {
                serde_json::from_value::<Parameters>(with.clone()).map(drop).map_err(|error| error.to_string())
            },
        }
    }

    /// The names of the parameters.
    pub fn parameter_names(&self) -> Vec<&str> {
        property_names(&self.parameters)
    }

    /// The names of the outputs.
    pub fn output_names(&self) -> Vec<&str> {
        property_names(&self.outputs)
    }

    /// The parameters that have no default.
    pub fn required(&self) -> Vec<&str> {
        let required = self.parameters.get("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

fn property_names(schema: &Value) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str)).collect()
}

/// All actions there are, by name.
pub type Catalogue = BTreeMap<&'static str, Spec>;
