//! Secrets put into a vault from behind, with any past.

use super::vault::{Deletion, Phase, Vault, Version, fresh_version_id, whole_seconds};
use crate::clock::Timestamp;
use crate::secret::Secret;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The versions to put in.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretSeed {
    pub(crate) value: String,
    pub(crate) tags: Option<Map<String, Value>>,
    pub(crate) content_type: Option<String>,
    pub(crate) enabled: Option<bool>,
    /// Now, if absent. With a count, the last version's; each one before it is a second older.
    pub(crate) created: Option<Timestamp>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) not_before: Option<Timestamp>,
    /// How many versions with this value; one, if absent.
    pub(crate) count: Option<u32>,
    /// Belongs to a certificate.
    #[serde(default)]
    pub(crate) managed: bool,
    /// The secret is a deleted one.
    #[serde(default)]
    pub(crate) deleted: bool,
}

impl Vault {
    /// Puts versions into a secret that is not deleted; gives their ids, oldest first.
    pub(crate) fn seed(&mut self, name: &str, seed: SecretSeed, now: Timestamp) -> Result<Vec<String>, String> {
        if self.entry(name).is_some_and(|entry| !entry.is_live()) {
            return Err(format!("`{name}` is deleted or on its way there or back"));
        }
        let created = whole_seconds(seed.created.unwrap_or(now));
        let count = seed.count.unwrap_or(1);
        let value = Arc::new(Secret::new(seed.value));
        let mut ids = Vec::new();
        for age in (0..i64::from(count)).rev() {
            let version = Version {
                id: fresh_version_id(),
                sequence: 0,
                value: Arc::clone(&value),
                content_type: seed.content_type.clone(),
                enabled: seed.enabled.unwrap_or(true),
                not_before: seed.not_before.map(whole_seconds),
                expires: seed.expires.map(whole_seconds),
                created: created - age,
                updated: created - age,
                tags: seed.tags.clone(),
                managed: seed.managed,
            };
            ids.push(self.add(name, version).id);
        }
        let days = i64::from(self.profile.recoverable_days);
        if let Some(entry) = self.entry_mut(name).filter(|_| seed.deleted) {
            let deleted = whole_seconds(now);
            entry.phase = Phase::Deleted(Deletion { deleted, scheduled_purge: deleted + days * 86_400 });
        }
        Ok(ids)
    }
}
