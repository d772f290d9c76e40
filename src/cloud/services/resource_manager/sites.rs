//! Sites of App Service and Functions: settings that refer to a vault, and which version each site holds.
//!
//! Main type: [`Sites`]. A reference without a version takes up the newest one when the site is refreshed, or after a
//! day; a pinned one never does.

use crate::cloud::server::dispatcher::{Cloud, lock};
use crate::cloud::wire::exchange::{Exchange, Reply};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A site to make known.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seed {
    /// Its address in the resource manager.
    id: String,
    /// Reference texts by the setting's name.
    settings: BTreeMap<String, String>,
}

struct Site {
    seed: Seed,
    /// The version that each setting was resolved to.
    active: BTreeMap<String, String>,
    refreshed: u64,
}

/// All sites.
#[derive(Default)]
pub(crate) struct Sites {
    sites: Vec<Site>,
}

/// What a reference points to: vault, secret, version.
fn target(reference: &str) -> Option<(String, String, Option<String>)> {
    let inside = reference.strip_prefix("@Microsoft.KeyVault(")?.strip_suffix(')')?;
    let parts: BTreeMap<&str, &str> = inside.split(';').filter_map(|part| part.split_once('=')).collect();
    if let Some(uri) = parts.get("SecretUri").and_then(|uri| url::Url::parse(uri).ok()) {
        let vault = uri.host_str()?.split('.').next()?.to_owned();
        let mut path = uri.path_segments()?.skip(1).filter(|part| !part.is_empty()).map(str::to_owned);
        return Some((vault, path.next()?, path.next()));
    }
    let text = |name: &str| parts.get(name).map(|text| (*text).to_owned());
    Some((text("VaultName")?, text("SecretName")?, text("SecretVersion").filter(|version| !version.is_empty())))
}

impl Sites {
    pub(crate) fn seed(&mut self, cloud: &Cloud, seed: Seed) -> Value {
        let mut site = Site { seed, active: BTreeMap::new(), refreshed: 0 };
        site.resolve(cloud);
        self.sites.push(site);
        json!({})
    }

    pub(crate) fn describe(&self) -> Value {
        let describe =
            |site: &Site| (site.seed.id.clone(), json!({ "active": site.active, "refreshed": site.refreshed }));
        Value::Object(self.sites.iter().map(describe).collect())
    }

    /// Answers the resource manager's calls about sites; nothing if the path is none of them.
    pub(crate) fn answer(&mut self, cloud: &Cloud, exchange: &Exchange) -> Option<Reply> {
        let path = percent_decode_str(&exchange.path).decode_utf8_lossy().into_owned();
        let lower = path.to_ascii_lowercase();
        if exchange.method == "GET" && lower.ends_with("/providers/microsoft.web/sites") {
            let scope = lower.trim_end_matches("/providers/microsoft.web/sites").to_owned();
            return Some(Reply::json(200, &self.list(&scope)));
        }
        let references = "/config/configreferences/appsettings";
        let at = lower.find(references)?;
        let site = self
            .sites
            .iter_mut()
            .find(|site| path.get(..at).is_some_and(|id| site.seed.id.eq_ignore_ascii_case(id)))?;
        match (exchange.method.as_str(), lower.get(at + references.len()..)) {
            ("GET", Some("")) => Some(Reply::json(200, &site.references())),
            ("POST", Some("/refresh")) => {
                site.resolve(cloud);
                site.refreshed += 1;
                Some(Reply::json(200, &site.references()))
            }
            _ => None,
        }
    }

    fn list(&self, scope: &str) -> Value {
        let within = self.sites.iter().filter(|site| site.seed.id.to_ascii_lowercase().starts_with(scope));
        let shown = |site: &Site| {
            let name = site.seed.id.rsplit('/').next().unwrap_or_default();
            json!({ "id": site.seed.id, "name": name, "type": "Microsoft.Web/sites", "kind": "app" })
        };
        json!({ "value": within.map(shown).collect::<Vec<Value>>(), "nextLink": null })
    }
}

impl Site {
    fn resolve(&mut self, cloud: &Cloud) {
        let vaults = lock(&cloud.vaults);
        for (setting, reference) in &self.seed.settings {
            let Some((vault, secret, pinned)) = target(reference) else { continue };
            let entry = vaults.get(&vault.to_ascii_lowercase()).and_then(|vault| vault.entry(&secret));
            let Some(version) = entry.and_then(|entry| entry.version(pinned.as_deref())) else { continue };
            if version.enabled {
                self.active.insert(setting.clone(), version.id.clone());
            }
        }
    }

    fn references(&self) -> Value {
        let item = |(setting, reference): (&String, &String)| {
            let (vault, secret, _) = target(reference).unwrap_or_default();
            let active = self.active.get(setting);
            json!({
                "id": format!("{}/config/configreferences/appsettings/{setting}", self.seed.id),
                "name": setting,
                "type": "Microsoft.Web/sites/config/configreferences",
                "properties": {
                    "reference": reference,
                    "status": if active.is_some() { "Resolved" } else { "SecretNotFound" },
                    "vaultName": vault,
                    "secretName": secret,
                    "secretVersion": active,
                    "activeVersion": active,
                    "identityType": "SystemAssigned",
                    "details": "Reference has been successfully resolved.",
                    "source": "KeyVault",
                },
            })
        };
        json!({ "value": self.seed.settings.iter().map(item).collect::<Vec<Value>>(), "nextLink": null })
    }
}
