//! What is recorded of a secret's issuer: what all later stages rest on.

use super::kind::IssuerKind;
use super::resolve::Named;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is known of the credentials before anything is changed. Public: it stands in the journal.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
pub(crate) struct IssuerState {
    /// The credential in the version that is replaced: `key1`, a role, a key id.
    pub(crate) old: String,
    /// The one to come; empty where only the issuer can say.
    pub(crate) next: String,
    /// All that are to die; `old` is one of them.
    pub(crate) retire: Vec<String>,
    /// What tells a change from no change: keyed fingerprints, places, times.
    #[serde(default)]
    pub(crate) marks: BTreeMap<String, String>,
}

/// A secret's issuer and how its credentials stand; recorded once, and what all later stages rest on.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct IssuerRecord {
    pub(crate) provider: IssuerKind,
    /// Why this one, and where that is written.
    pub(crate) because: String,
    /// Nothing names an issuer, so the vault was taken for it.
    #[serde(default)]
    pub(crate) assumed: bool,
    /// The issuer's address: a resource's id, a server.
    pub(crate) address: String,
    #[serde(default)]
    pub(crate) settings: Map<String, Value>,
    #[serde(flatten)]
    pub(crate) state: IssuerState,
    /// The new credential, once there is one.
    #[serde(default)]
    pub(crate) new: String,
    /// The key of the effect that issued it.
    #[serde(default)]
    pub(crate) issue_key: String,
    /// The version that is replaced.
    #[serde(default)]
    pub(crate) replaced: String,
    /// Who killed the old credential before the new one was published; empty where nobody did.
    #[serde(default)]
    pub(crate) retired_by: String,
    /// The staging secret's name, where there is one.
    #[serde(default)]
    pub(crate) staging: Option<String>,
}

impl IssuerRecord {
    /// How it stands after the survey.
    pub(crate) fn of(named: &Named, state: IssuerState) -> Self {
        Self {
            provider: named.provider,
            because: named.because.clone(),
            assumed: named.assumed,
            address: named.address.clone(),
            settings: named.settings.clone(),
            state,
            new: String::new(),
            issue_key: String::new(),
            replaced: String::new(),
            retired_by: String::new(),
            staging: None,
        }
    }
}
