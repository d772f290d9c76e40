//! A scenario → a cloud that is ready for its play: secrets with their past, callers that are known, planned faults.

use super::model::{Caller, Scenario};
use crate::clock::Timestamp;
use crate::cloud::lock::lock;
use crate::cloud::world::Cloud;
use crate::cloud::world::identity::Principal;
use crate::cloud::world::issuer::IssuedCredential;
use crate::cloud::world::secret_seed::SecretSeed;
use chrono::TimeDelta;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Puts a scenario's secrets into its vault, makes its callers known and plants its faults. Values are random.
pub(crate) fn seed(cloud: &Cloud, scenario: &Scenario, now: Timestamp) -> Result<(), String> {
    let mut vaults = lock(&cloud.vaults);
    let vault = cloud.vault(&mut vaults, scenario.vault());
    for secret in scenario.secrets() {
        let issued = secret.issuer.as_ref().map(|issuer| cloud.issue(issuer, now)).transpose()?;
        for (place, version) in secret.versions.iter().enumerate() {
            let age = TimeDelta::from_std(version.age).map_err(|error| error.to_string())?;
            let mut tags: Map<String, Value> =
                secret.tags.iter().map(|(name, text)| (name.clone(), text.clone().into())).collect();
            let is_current = place + 1 == secret.versions.len();
            let value = match (&secret.issuer, &issued) {
                (Some(issuer), Some(credential)) if is_current => {
                    tags.extend(credential.tags.clone());
                    let issued =
                        IssuedCredential::new(scenario.vault(), &secret.name, issuer.clone(), &credential.value);
                    lock(&cloud.issued).push(issued);
                    credential.value.clone()
                }
                (Some(issuer), _) => issuer.former_credential(),
                _ => {
                    let given = secret.variable.as_ref().filter(|_| is_current);
                    let given = given.and_then(|variable| scenario.values.get(variable));
                    given.map_or_else(random_value, |value| value.expose().to_owned())
                }
            };
            let seed = SecretSeed {
                value,
                tags: (!tags.is_empty()).then_some(tags),
                content_type: secret.content_type.clone(),
                enabled: Some(version.enabled),
                created: now.checked_sub_signed(age),
                ..SecretSeed::default()
            };
            vault.seed(&secret.name, seed, now)?;
        }
    }
    let consumers = scenario.consumers().iter().map(|consumer| &consumer.caller);
    for caller in consumers.chain(scenario.attackers().iter().map(|attacker| &attacker.caller)) {
        let Caller { name, oid, appid, upn, .. } = caller.clone();
        lock(&cloud.directory).admit(Principal { name, oid, appid, upn });
    }
    lock(&cloud.faults).plant(scenario.faults().to_vec())?;
    Ok(())
}

fn random_value() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
