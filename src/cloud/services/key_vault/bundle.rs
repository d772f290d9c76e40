//! Secrets as Key Vault writes them: the members and their order, for every operation.
//!
//! Absent members are left out; the only null Azure ever sends is a listing's `nextLink`.

use crate::cloud::world::vault::{Deletion, Entry, Profile, Version};
use serde_json::{Map, Value};

/// Which members an answer has beside `contentType`, `id`, `attributes` and `tags`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    /// The value, first of all: set and get only.
    pub(crate) value: bool,
    /// The version at the end of `id`: not in listings of secrets.
    pub(crate) versioned: bool,
    /// Recovery address and dates, in front: everything about deleted secrets.
    pub(crate) deletion: Option<Deletion>,
}

/// The parts of the address under which the vault was called, and what its secrets say of recovery.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// `https://kv-drill.vault.azure.net`, or with a port where the vault is called by `localhost`.
    pub(crate) base_url: String,
    pub(crate) profile: Profile,
}

impl Origin {
    pub(crate) fn id(&self, name: &str, version: Option<&str>) -> String {
        match version {
            Some(version) => format!("{}/secrets/{name}/{version}", self.base_url),
            None => format!("{}/secrets/{name}", self.base_url),
        }
    }

    /// One secret or version as an object.
    pub(crate) fn bundle(&self, entry: &Entry, version: &Version, shape: Shape) -> Value {
        let mut bundle = Map::new();
        if let Some(deletion) = shape.deletion {
            bundle.insert("recoveryId".into(), format!("{}/deletedsecrets/{}", self.base_url, entry.name).into());
            bundle.insert("deletedDate".into(), deletion.deleted.into());
            bundle.insert("scheduledPurgeDate".into(), deletion.scheduled_purge.into());
        }
        if shape.value {
            bundle.insert("value".into(), version.value.expose().into());
        }
        if let Some(content_type) = &version.content_type {
            bundle.insert("contentType".into(), content_type.clone().into());
        }
        bundle.insert("id".into(), self.id(&entry.name, shape.versioned.then_some(version.id.as_str())).into());
        if version.managed {
            if shape.value {
                let key = format!("{}/keys/{}/{}", self.base_url, entry.name, version.id);
                bundle.insert("kid".into(), key.into());
            }
            bundle.insert("managed".into(), true.into());
        }
        bundle.insert("attributes".into(), self.attributes(version));
        if let Some(tags) = &version.tags {
            bundle.insert("tags".into(), tags.clone().into());
        }
        Value::Object(bundle)
    }

    fn attributes(&self, version: &Version) -> Value {
        let mut attributes = Map::new();
        attributes.insert("enabled".into(), version.enabled.into());
        if let Some(not_before) = version.not_before {
            attributes.insert("nbf".into(), not_before.into());
        }
        if let Some(expires) = version.expires {
            attributes.insert("exp".into(), expires.into());
        }
        attributes.insert("created".into(), version.created.into());
        attributes.insert("updated".into(), version.updated.into());
        attributes.insert("recoveryLevel".into(), self.profile.recovery_level().into());
        attributes.insert("recoverableDays".into(), self.profile.recoverable_days.into());
        Value::Object(attributes)
    }
}
