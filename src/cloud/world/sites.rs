//! Sites of App Service and Functions: settings that refer to a vault, and which version each site holds.
//!
//! Main type: [`Sites`]. A reference without a version takes up the newest one when the site is refreshed, or after a
//! day; a pinned one never does.

use super::vault::Vault;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A site to make known.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SiteSeed {
    /// Its address in the resource manager.
    id: String,
    /// Reference texts by the setting's name.
    settings: BTreeMap<String, String>,
}

/// A site.
pub(crate) struct Site {
    pub(crate) id: String,
    /// Reference texts by the setting's name.
    pub(crate) settings: BTreeMap<String, String>,
    /// The version that each setting was resolved to.
    pub(crate) active: BTreeMap<String, String>,
    refreshed: u64,
}

/// All sites.
#[derive(Default)]
pub(crate) struct Sites {
    pub(crate) sites: Vec<Site>,
}

/// What a setting points to.
#[derive(Default)]
pub(crate) struct VaultReference {
    pub(crate) vault: String,
    pub(crate) secret: String,
    pub(crate) version: Option<String>,
}

impl VaultReference {
    /// Reads `@Microsoft.KeyVault(…)` in either of its forms.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let inside = text.strip_prefix("@Microsoft.KeyVault(")?.strip_suffix(')')?;
        let parts: BTreeMap<&str, &str> = inside.split(';').filter_map(|part| part.split_once('=')).collect();
        if let Some(uri) = parts.get("SecretUri").and_then(|uri| url::Url::parse(uri).ok()) {
            let vault = uri.host_str()?.split('.').next()?.to_owned();
            let mut path = uri.path_segments()?.skip(1).filter(|part| !part.is_empty()).map(str::to_owned);
            return Some(Self { vault, secret: path.next()?, version: path.next() });
        }
        let text = |name: &str| parts.get(name).map(|text| (*text).to_owned());
        let version = text("SecretVersion").filter(|version| !version.is_empty());
        Some(Self { vault: text("VaultName")?, secret: text("SecretName")?, version })
    }
}

impl Sites {
    pub(crate) fn seed(&mut self, seed: SiteSeed, vaults: &BTreeMap<String, Vault>) {
        let mut site = Site { id: seed.id, settings: seed.settings, active: BTreeMap::new(), refreshed: 0 };
        site.resolve(vaults);
        self.sites.push(site);
    }

    pub(crate) fn describe(&self) -> Value {
        let describe = |site: &Site| (site.id.clone(), json!({ "active": site.active, "refreshed": site.refreshed }));
        Value::Object(self.sites.iter().map(describe).collect())
    }
}

impl Site {
    /// Takes up the versions that its settings point to now.
    pub(crate) fn refresh(&mut self, vaults: &BTreeMap<String, Vault>) {
        self.resolve(vaults);
        self.refreshed += 1;
    }

    fn resolve(&mut self, vaults: &BTreeMap<String, Vault>) {
        for (setting, text) in &self.settings {
            let Some(reference) = VaultReference::parse(text) else { continue };
            let vault = vaults.get(&reference.vault.to_ascii_lowercase());
            let entry = vault.and_then(|vault| vault.entry(&reference.secret));
            let Some(version) = entry.and_then(|entry| entry.version(reference.version.as_deref())) else { continue };
            if version.enabled {
                self.active.insert(setting.clone(), version.id.clone());
            }
        }
    }
}
