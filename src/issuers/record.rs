//! What is recorded of a secret's issuer: what all later stages rest on.
//!
//! In the journal a record is one flat object, and always was; earlier programs wrote an empty text for none.

use super::empty_text::none_if_empty;
use super::kind::IssuerKind;
use super::resolve::Named;
use crate::failure::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is known of the credentials before anything is changed. Public: it stands in the journal.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct IssuerState {
    /// The credential in the version that is replaced: `key1`, a role, a key id.
    #[serde(default, deserialize_with = "none_if_empty")]
    pub(crate) old: Option<String>,
    /// The one to come, unless only the issuer can say.
    #[serde(default, deserialize_with = "none_if_empty")]
    pub(crate) next: Option<String>,
    /// All that are to die; `old` is one of them.
    pub(crate) retire: Vec<String>,
    /// What tells a change from no change: keyed fingerprints, places, times.
    #[serde(default)]
    pub(crate) marks: BTreeMap<String, String>,
}

impl IssuerState {
    /// The credential that is replaced, for an issuer that names its credentials.
    pub(crate) fn old(&self) -> Result<&str, Failure> {
        self.old.as_deref().ok_or_else(|| Failure::refused("which credential is replaced was not recorded"))
    }

    /// The credential to come, for an issuer that knows it beforehand.
    pub(crate) fn next(&self) -> Result<&str, Failure> {
        self.next.as_deref().ok_or_else(|| Failure::refused("which credential is to come was not recorded"))
    }
}

/// A secret's issuer and how its credentials stand; recorded once, and what all later stages rest on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(from = "Recorded", into = "Recorded")]
pub(crate) struct IssuerRecord {
    pub(crate) named: Named,
    pub(crate) state: IssuerState,
    /// The new credential, once there is one that has a name.
    pub(crate) new: Option<String>,
    /// The key of the effect that issued it.
    pub(crate) issue_key: Option<String>,
    /// The version that is replaced.
    pub(crate) replaced: Option<String>,
    /// Who revoked the old credential before the new one was published, if anybody did.
    pub(crate) retired_by: Option<String>,
    /// The staging secret's name, where there is one.
    pub(crate) staging: Option<String>,
}

impl IssuerRecord {
    /// How it stands before anything is changed.
    pub(crate) fn of(named: Named, state: IssuerState) -> Self {
        Self { named, state, new: None, issue_key: None, replaced: None, retired_by: None, staging: None }
    }
}

/// A record as it stands in the journal.
#[derive(Clone, Deserialize, JsonSchema, Serialize)]
#[schemars(rename = "IssuerRecord")]
struct Recorded {
    provider: IssuerKind,
    /// Why this one, and where that is written.
    because: String,
    /// Nothing names an issuer, so the vault was taken for it.
    #[serde(default)]
    assumed: bool,
    /// The issuer's address: a resource's id, a server.
    #[serde(default, deserialize_with = "none_if_empty")]
    address: Option<String>,
    #[serde(default)]
    settings: Map<String, Value>,
    /// The credential in the version that is replaced: `key1`, a role, a key id.
    #[serde(default, deserialize_with = "none_if_empty")]
    old: Option<String>,
    /// The one to come, unless only the issuer can say.
    #[serde(default, deserialize_with = "none_if_empty")]
    next: Option<String>,
    /// All that are to die; `old` is one of them.
    retire: Vec<String>,
    /// What tells a change from no change: keyed fingerprints, places, times.
    #[serde(default)]
    marks: BTreeMap<String, String>,
    /// The new credential, once there is one that has a name.
    #[serde(default, deserialize_with = "none_if_empty")]
    new: Option<String>,
    /// The key of the effect that issued it.
    #[serde(default, deserialize_with = "none_if_empty")]
    issue_key: Option<String>,
    /// The version that is replaced.
    #[serde(default, deserialize_with = "none_if_empty")]
    replaced: Option<String>,
    /// Who revoked the old credential before the new one was published, if anybody did.
    #[serde(default, deserialize_with = "none_if_empty")]
    retired_by: Option<String>,
    /// The staging secret's name, where there is one.
    #[serde(default, deserialize_with = "none_if_empty")]
    staging: Option<String>,
}

impl From<Recorded> for IssuerRecord {
    fn from(recorded: Recorded) -> Self {
        let Recorded { provider, because, assumed, address, settings, old, next, retire, marks, .. } = recorded;
        Self {
            // What a tag said was checked against the value when it was recorded.
            named: Named {
                provider,
                because,
                assumed,
                address,
                address_from_tag: false,
                from_tags: false,
                settings,
                form: None,
            },
            state: IssuerState { old, next, retire, marks },
            new: recorded.new,
            issue_key: recorded.issue_key,
            replaced: recorded.replaced,
            retired_by: recorded.retired_by,
            staging: recorded.staging,
        }
    }
}

impl From<IssuerRecord> for Recorded {
    fn from(record: IssuerRecord) -> Self {
        let IssuerRecord { named, state, new, issue_key, replaced, retired_by, staging } = record;
        let Named { provider, because, assumed, address, settings, .. } = named;
        let IssuerState { old, next, retire, marks } = state;
        Self {
            provider,
            because,
            assumed,
            address,
            settings,
            old,
            next,
            retire,
            marks,
            new,
            issue_key,
            replaced,
            retired_by,
            staging,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{IssuerRecord, IssuerState};
    use serde_json::json;

    #[test]
    fn records_of_earlier_programs_are_read_and_stay_one_flat_object() {
        let old = json!({
            "provider": "manual", "because": "x", "address": "", "settings": {}, "old": "the old value", "next": "",
            "retire": ["the old value"], "marks": {}, "new": "", "issue_key": "ab", "replaced": "cd", "retired_by": "",
            "staging": null,
        });
        let record: IssuerRecord = serde_json::from_value(old).unwrap();
        assert!(!record.named.assumed);
        assert_eq!((&record.named.address, &record.state.next, &record.retired_by), (&None, &None, &None));
        assert_eq!(record.state.old().unwrap(), "the old value");
        assert!(record.state.next().is_err());
        let written = serde_json::to_value(&record).unwrap();
        assert_eq!(
            (&written["old"], &written["next"], &written["replaced"]),
            (&json!("the old value"), &json!(null), &json!("cd"))
        );
        let again: IssuerRecord = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(again).unwrap(), written);
        let state: IssuerState = serde_json::from_value(json!({ "old": "", "next": "", "retire": [] })).unwrap();
        assert_eq!((state.old, state.next), (None, None));
    }
}
