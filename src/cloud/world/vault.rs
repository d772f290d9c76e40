//! One vault's secrets, their versions, and where each secret stands between living and purged.
//!
//! Main type: [`Vault`]. Invariant: a secret's latest version is the one set last, by an own sequence and never by
//! its time, and a deleted secret keeps its row in the listing until it is purged.

use crate::clock::Timestamp;
use crate::secret::Secret;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long the service takes until a deletion, a recovery or a purge can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisibilityDelays {
    /// From the answer to DELETE until the secret is found among the deleted ones.
    pub delete: Duration,
    /// From the answer to recover until the secret can be read again.
    pub recover: Duration,
    /// From the answer to purge until the name is free.
    pub purge: Duration,
}

impl Default for VisibilityDelays {
    fn default() -> Self {
        let short = Duration::from_millis(300);
        Self { delete: short, recover: short, purge: short }
    }
}

/// What distinguishes one vault from another beside its secrets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    /// Role-based access control, rather than access policies.
    pub(crate) rbac: bool,
    /// Days for which a deleted secret can be recovered: 7 to 90.
    pub(crate) recoverable_days: u32,
    /// Nobody purges a deleted secret before its time.
    pub(crate) purge_protection: bool,
    /// Puts an empty page with a next link before every page of a listing.
    pub(crate) empty_pages: bool,
    pub(crate) delays: VisibilityDelays,
}

impl Profile {
    pub(crate) fn new(delays: VisibilityDelays) -> Self {
        Self { rbac: true, recoverable_days: 90, purge_protection: false, empty_pages: false, delays }
    }

    pub(crate) fn recovery_level(&self) -> &'static str {
        match (self.recoverable_days, self.purge_protection) {
            (90, false) => "Recoverable+Purgeable",
            (90, true) => "Recoverable",
            (_, false) => "CustomizedRecoverable+Purgeable",
            (_, true) => "CustomizedRecoverable",
        }
    }
}

/// One version of a secret. Times are whole Unix seconds.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) sequence: u64,
    pub(crate) value: Arc<Secret>,
    pub(crate) content_type: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) not_before: Option<i64>,
    pub(crate) expires: Option<i64>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    /// No tags and empty tags are two states.
    pub(crate) tags: Option<Map<String, Value>>,
    /// Belongs to a certificate.
    pub(crate) managed: bool,
}

/// When a secret was deleted and when it will be purged by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deletion {
    pub(crate) deleted: i64,
    pub(crate) scheduled_purge: i64,
}

/// Where a secret stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Phase {
    Live,
    Deleting { until: Timestamp, deletion: Deletion },
    Deleted(Deletion),
    Recovering { until: Timestamp },
    Purging { until: Timestamp },
}

/// A secret with all its versions.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// As it was first written; names compare without case.
    pub(crate) name: String,
    pub(crate) versions: BTreeMap<String, Version>,
    pub(crate) latest: String,
    pub(crate) phase: Phase,
}

impl Entry {
    pub(crate) fn latest(&self) -> Option<&Version> {
        self.versions.get(&self.latest)
    }

    /// The asked version, or the latest.
    pub(crate) fn version(&self, id: Option<&str>) -> Option<&Version> {
        self.versions.get(&id.map_or_else(|| self.latest.clone(), str::to_ascii_lowercase))
    }

    pub(crate) fn version_mut(&mut self, id: Option<&str>) -> Option<&mut Version> {
        self.versions.get_mut(&id.map_or_else(|| self.latest.clone(), str::to_ascii_lowercase))
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }
}

/// A vault.
#[derive(Debug)]
pub(crate) struct Vault {
    pub(crate) profile: Profile,
    /// By upper-cased name, which is the order of Azure's listings.
    entries: BTreeMap<String, Entry>,
    next_sequence: u64,
}

impl Vault {
    pub(crate) fn new(profile: Profile) -> Self {
        Self { profile, entries: BTreeMap::new(), next_sequence: 0 }
    }

    /// Brings what is under way to its end where its time has come. Called before every operation.
    pub(crate) fn finish_due(&mut self, now: Timestamp) {
        self.entries.retain(|_, entry| !matches!(entry.phase, Phase::Purging { until } if until <= now));
        for entry in self.entries.values_mut() {
            entry.phase = match entry.phase {
                Phase::Deleting { until, deletion } if until <= now => Phase::Deleted(deletion),
                Phase::Recovering { until } if until <= now => Phase::Live,
                other => other,
            };
        }
    }

    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(&name.to_ascii_uppercase())
    }

    pub(crate) fn entry_mut(&mut self, name: &str) -> Option<&mut Entry> {
        self.entries.get_mut(&name.to_ascii_uppercase())
    }

    /// Every row of the listing in its order, deleted ones included, from `marker` (an upper-cased name) on.
    pub(crate) fn rows_from<'a>(&'a self, marker: Option<&str>) -> impl Iterator<Item = (&'a String, &'a Entry)> {
        self.entries.range(marker.unwrap_or_default().to_owned()..)
    }

    /// Adds a version, which becomes the latest. The number it is given counts across the vault.
    pub(crate) fn add(&mut self, name: &str, mut version: Version) -> Version {
        version.sequence = self.next_sequence;
        self.next_sequence += 1;
        let entry = self.entries.entry(name.to_ascii_uppercase()).or_insert_with(|| Entry {
            name: name.to_owned(),
            versions: BTreeMap::new(),
            latest: String::new(),
            phase: Phase::Live,
        });
        entry.latest.clone_from(&version.id);
        entry.versions.insert(version.id.clone(), version.clone());
        version
    }

    /// Puts a whole secret back, as a restore does.
    pub(crate) fn put_back(&mut self, mut entry: Entry) {
        let mut order: Vec<(u64, String)> =
            entry.versions.values().map(|version| (version.sequence, version.id.clone())).collect();
        order.sort();
        for (_, id) in order {
            if let Some(version) = entry.versions.get_mut(&id) {
                version.sequence = self.next_sequence;
                self.next_sequence += 1;
            }
        }
        self.entries.insert(entry.name.to_ascii_uppercase(), entry);
    }
}

/// A fresh version id: a random GUID without its dashes, so it carries no order.
pub(crate) fn fresh_version_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Whole seconds, rounded as the service rounds them: the result can be later than the `Date` header.
pub(crate) fn whole_seconds(at: Timestamp) -> i64 {
    (at.timestamp_millis() + 500).div_euclid(1000)
}
