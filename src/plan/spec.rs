//! What a plan knows of an action: static data, from the same types that the action uses.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What an action does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
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

/// What a step is for in an incident: how others speak of a step without knowing its action's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aim {
    /// A new version that readers get.
    Rotate,
    /// The older versions answer nobody.
    DisableOld,
    /// The vault refuses the older versions.
    ProveAtVault,
    /// The old credential is dead at its issuer.
    RevokeAtIssuer,
    /// The issuer refuses the old credential.
    ProveAtIssuer,
    /// Nothing of the rotation is left behind at the issuer.
    Close,
    /// Versions that arrived late are put right.
    Reconcile,
    /// Those who read the secret have moved to the new version.
    AwaitReaders,
    /// Who read the secret, and what else they touched.
    BlastRadius,
    /// Who issues the secret.
    Identify,
    /// What stands there before anything is changed.
    Preflight,
    /// Where a leaked value is stored.
    Search,
    /// Which secrets there are.
    List,
    /// People or other systems know.
    Tell,
    Report,
    /// People say whether the run goes on: `policy.gates` holds for it.
    Gate,
    /// Sites fetch the new version.
    RefreshSites,
    Other,
}

/// Static data about an action.
#[derive(Clone, Debug)]
pub struct Spec {
    pub name: &'static str,
    pub summary: &'static str,
    pub class: Class,
    pub aim: Aim,
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
    pub fact: FactOf,
}

/// What a finished step is worth knowing for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// One line; empty where there is nothing to say.
    pub text: String,
    /// It is done, and nothing came of what it is for: a message that nobody got.
    pub in_vain: bool,
}

impl<Text: Into<String>> From<Text> for Fact {
    fn from(text: Text) -> Self {
        Self { text: text.into(), in_vain: false }
    }
}

/// How an action tells the fact of its outputs. Outputs that cannot be read leave none.
#[derive(Clone)]
pub struct FactOf(Arc<Tell>);

type Tell = dyn Fn(&Map<String, Value>) -> Fact + Send + Sync;

impl FactOf {
    /// Reads the action's own type. What journals of earlier versions do not hold has its default.
    pub fn outputs<Outputs>(fact: impl Fn(&Outputs) -> Fact + Send + Sync + 'static) -> Self
    where
        Outputs: Default + Serialize + DeserializeOwned,
    {
        Self(Arc::new(move |recorded| {
            let Ok(Value::Object(mut outputs)) = serde_json::to_value(Outputs::default()) else {
                return Fact::default();
            };
            outputs.extend(recorded.clone());
            let outputs = serde_json::from_value(Value::Object(outputs));
            outputs.map_or_else(|_| Fact::default(), |outputs| fact(&outputs))
        }))
    }

    pub(super) fn tell(&self, outputs: &Map<String, Value>) -> Fact {
        (self.0)(outputs)
    }
}

impl Default for FactOf {
    fn default() -> Self {
        Self(Arc::new(|_| Fact::default()))
    }
}

impl fmt::Debug for FactOf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FactOf")
    }
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
            aim: Aim::Other,
            if_lost,
            idempotency: "",
            example: "",
            parameters: schemars::schema_for!(Parameters).to_value(),
            outputs: schemars::schema_for!(Outputs).to_value(),
            accepts: |with| {
                serde_json::from_value::<Parameters>(with.clone()).map(drop).map_err(|error| error.to_string())
            },
            fact: FactOf::default(),
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

/// The action that `policy.gates` holds for.
pub(super) fn gate(catalogue: &Catalogue) -> Option<&Spec> {
    catalogue.values().find(|spec| spec.aim == Aim::Gate)
}

/// All actions there are, by name.
pub type Catalogue = BTreeMap<&'static str, Spec>;
