//! The cloud's state → the JSON that the control shows. Values appear as digests only.

use crate::clock::Timestamp;
use crate::cloud::actors::Actors;
use crate::cloud::lock::lock;
use crate::cloud::world::Cloud;
use crate::cloud::world::vault::{Entry, Phase, Profile, Vault, Version};
use chrono::DateTime;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Everything there is to see.
pub(crate) fn describe(cloud: &Cloud, actors: Option<&Actors>, now: Timestamp) -> Value {
    let mut vaults = Map::new();
    for (name, vault) in lock(&cloud.vaults).iter_mut() {
        vault.finish_due(now);
        vaults.insert(name.clone(), describe_vault(vault));
    }
    let observed = actors.map(Actors::observations).unwrap_or_default();
    json!({
        "vaults": vaults,
        "notifications": cloud.notifications.describe(),
        "slack": lock(&cloud.slack).describe(),
        "calls": *lock(&cloud.calls),
        "principals": lock(&cloud.directory).principals(),
        "accounts": lock(&cloud.accounts).describe(),
        "applications": lock(&cloud.applications).describe(),
        "tokens": lock(&cloud.issued_tokens).describe(),
        "sites": lock(&cloud.sites).describe(),
        "issued": cloud.describe_issued(now),
        "consumers": observed.get("consumers").cloned().unwrap_or_else(|| json!([])),
        "attackers": observed.get("attackers").cloned().unwrap_or_else(|| json!([])),
    })
}

fn describe_vault(vault: &Vault) -> Value {
    let (mut secrets, mut deleted) = (Map::new(), Map::new());
    for (_, entry) in vault.rows_from(None) {
        let place = match entry.phase {
            Phase::Live | Phase::Recovering { .. } => &mut secrets,
            _ => &mut deleted,
        };
        place.insert(entry.name.clone(), describe_secret(entry));
    }
    json!({ "secrets": secrets, "deleted": deleted, "profile": describe_profile(&vault.profile) })
}

/// A vault's properties beside its secrets.
pub(crate) fn describe_profile(profile: &Profile) -> Value {
    let milliseconds = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    json!({
        "rbac": profile.rbac,
        "recoverable_days": profile.recoverable_days,
        "purge_protection": profile.purge_protection,
        "empty_pages": profile.empty_pages,
        "settle_ms": {
            "delete": milliseconds(profile.delays.delete),
            "recover": milliseconds(profile.delays.recover),
            "purge": milliseconds(profile.delays.purge),
        },
    })
}

/// All versions in the order in which they were set.
fn describe_secret(entry: &Entry) -> Value {
    let mut versions: Vec<&Version> = entry.versions.values().collect();
    versions.sort_by_key(|version| version.sequence);
    versions.into_iter().map(|version| describe_version(version, version.id == entry.latest)).collect()
}

fn describe_version(version: &Version, latest: bool) -> Value {
    json!({
        "version": version.id,
        "created": moment(version.created),
        "updated": moment(version.updated),
        "enabled": version.enabled,
        "tags": version.tags.clone().unwrap_or_default(),
        "content_type": version.content_type,
        "expires": version.expires.and_then(moment),
        "value_sha256": hex::encode(Sha256::digest(version.value.expose())),
        "latest": latest,
    })
}

/// RFC 3339; nothing for seconds beyond the calendar.
fn moment(seconds: i64) -> Option<String> {
    DateTime::from_timestamp(seconds, 0).map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}
