//! Secrets put into a vault from behind, with any past: for tests, drills and scenarios.

use super::model::{Caller, Scenario};
use crate::clock::Timestamp;
use crate::cloud::control::read;
use crate::cloud::server::dispatcher::{Cloud, lock};
use crate::cloud::world::identity::Principal;
use crate::cloud::world::issuing::Issued;
use crate::cloud::world::vault::{Deletion, Phase, Vault, Version, fresh_version_id, whole_seconds};
use crate::secret::Secret;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// The versions to put in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seed {
    value: String,
    tags: Option<Map<String, Value>>,
    content_type: Option<String>,
    enabled: Option<bool>,
    /// Now, if absent. With a count, the last version's; each one before it is a second older.
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
    not_before: Option<Timestamp>,
    /// How many versions with this value; one, if absent.
    count: Option<u32>,
    /// Belongs to a certificate.
    #[serde(default)]
    managed: bool,
    /// The secret is a deleted one.
    #[serde(default)]
    deleted: bool,
}

/// Seeds from the body of a control call; says which versions there are now.
pub(crate) fn seed(cloud: &Cloud, vault: &str, name: &str, body: &[u8], now: Timestamp) -> Result<Value, String> {
    let seed: Seed = read(body)?;
    let mut vaults = lock(&cloud.vaults);
    let vault = cloud.vault(&mut vaults, &vault.to_ascii_lowercase());
    vault.settle(now);
    let versions = put(vault, name, seed, now)?;
    Ok(json!({ "version": versions.last(), "versions": versions }))
}

fn put(vault: &mut Vault, name: &str, seed: Seed, now: Timestamp) -> Result<Vec<String>, String> {
    if vault.entry(name).is_some_and(|entry| !entry.is_live()) {
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
        ids.push(vault.add(name, version).id);
    }
    let days = i64::from(vault.profile.recoverable_days);
    if let Some(entry) = vault.entry_mut(name).filter(|_| seed.deleted) {
        let deleted = whole_seconds(now);
        entry.phase = Phase::Deleted(Deletion { deleted, scheduled_purge: deleted + days * 86_400 });
    }
    Ok(ids)
}

/// Puts a scenario's secrets into its vault, makes its callers known and plants its faults. Values are random.
pub(crate) fn seed_scenario(cloud: &Cloud, scenario: &Scenario, now: Timestamp) -> Result<(), String> {
    let mut vaults = lock(&cloud.vaults);
    let vault = cloud.vault(&mut vaults, scenario.vault());
    for secret in scenario.secrets() {
        let issued = secret.issuer.as_ref().map(|issuer| issuer.issue(cloud, now)).transpose()?;
        for (place, version) in secret.versions.iter().enumerate() {
            let age = TimeDelta::from_std(version.age).map_err(|error| error.to_string())?;
            let mut tags: Map<String, Value> =
                secret.tags.iter().map(|(name, text)| (name.clone(), text.clone().into())).collect();
            let is_current = place + 1 == secret.versions.len();
            let value = match (&secret.issuer, &issued) {
                (Some(issuer), Some(credential)) if is_current => {
                    tags.extend(credential.tags.clone());
                    let issued = Issued::new(scenario.vault(), &secret.name, issuer.clone(), &credential.value);
                    lock(&cloud.issued).push(issued);
                    credential.value.clone()
                }
                (Some(issuer), _) => issuer.dead(),
                _ => {
                    let given = secret.variable.as_ref().filter(|_| is_current);
                    let given = given.and_then(|variable| scenario.values.get(variable));
                    given.map_or_else(random_value, |value| value.expose().to_owned())
                }
            };
            let seed = Seed {
                value,
                tags: (!tags.is_empty()).then_some(tags),
                content_type: secret.content_type.clone(),
                enabled: Some(version.enabled),
                created: now.checked_sub_signed(age),
                expires: None,
                not_before: None,
                count: None,
                managed: false,
                deleted: false,
            };
            put(vault, &secret.name, seed, now)?;
        }
    }
    let consumers = scenario.consumers().iter().map(|consumer| &consumer.caller);
    for caller in consumers.chain(scenario.attackers().iter().map(|attacker| &attacker.caller)) {
        let Caller { name, oid, appid, upn, .. } = caller.clone();
        lock(&cloud.directory).admit(Principal { name, oid, appid, upn });
    }
    for fault in scenario.faults() {
        lock(&cloud.faults).plant(fault.to_string().as_bytes())?;
    }
    Ok(())
}

fn random_value() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
