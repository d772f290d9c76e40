//! `stanch.yaml`: who stanch is, where the audit trails lie, whom to tell, whose secrets there are.
//!
//! It holds references to secrets, never a secret: a literal where a secret belongs is refused, and not shown.

#![expect(clippy::disallowed_methods, reason = "the configuration is a file that the user named")]

mod audit;
mod channel;
mod decode;
mod inventory;
mod reference;

use crate::audit::Place;
use crate::azure::{IdentityChoice, VaultLimits};
use crate::runbook::{Diagnostic, Diagnostics, Span};
use crate::vault::SecretUrl;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use audit::AuditTrail;
pub use channel::{Channel, Email, PagerDuty, Webhook, WebhookUrl};
pub use inventory::{Inventory, SecretFacts, USUAL_RUNBOOK, matches};
pub use reference::SecretReference;

/// The configuration. Without a file it is empty: any identity, no audit source, nobody to tell.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub identity: IdentityChoice,
    /// Channels by name.
    pub channels: BTreeMap<String, Channel>,
    /// A folder with templates of the user's own.
    pub templates: Option<PathBuf>,
    /// The subscription whose App Service and Functions sites read the vaults.
    pub subscription: Option<String>,
    /// How often each vault is asked at most.
    pub limits: VaultLimits,
    text: Option<String>,
    /// Whose secrets there are, who issues them, and which runbook fits.
    pub inventory: Inventory,
    /// Names of the vaults that the configuration speaks of, as they are written.
    pub named_vaults: Vec<String>,
    sha256: Option<String>,
    audit: AuditTrail,
    /// Audit trails of single vaults, by the vault's name.
    vaults: BTreeMap<String, AuditTrail>,
    /// What people call them, by object id in lower case; empty where nothing is said.
    known_callers: BTreeMap<String, String>,
}

impl Config {
    /// Reads a configuration; paths in it are relative to its folder.
    pub fn read(path: &Path) -> Result<Self, Diagnostics> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("the configuration `{name}` cannot be read: {error}");
            let problem = Diagnostic::error(message, Span::default()).help("check the path after `--config`");
            Diagnostics::of(&name, "", vec![problem])
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let config = decode::read(&name, &text, folder)?;
        Ok(Self { sha256: Some(hex::encode(Sha256::digest(&text))), text: Some(text), ..config })
    }

    /// The SHA-256 of the file's bytes, in hex; nothing without a file.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// The file's text: references to secrets, and no secret. Nothing without a file.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Where the audit trail of a vault lies, if anywhere.
    pub fn archive(&self, vault: &str) -> Option<Place> {
        self.vaults.get(&vault.to_lowercase()).and_then(|own| own.place.as_ref()).or(self.audit.place.as_ref()).cloned()
    }

    /// A vault's audit trail, and how it is judged: its own, else that of all.
    pub fn audit_trail(&self, vault: &str) -> AuditTrail {
        let own = self.vaults.get(&vault.to_lowercase());
        let judged = own.filter(|own| own.baseline.is_some() || own.thresholds != Default::default());
        let judged = judged.unwrap_or(&self.audit);
        AuditTrail { place: self.archive(vault), baseline: judged.baseline, thresholds: judged.thresholds.clone() }
    }

    /// The audit trail of all vaults that no other is given for.
    pub fn set_archive(&mut self, archive: PathBuf) {
        self.audit.place = Some(Place::Path(archive));
    }

    /// Object ids of principals that are meant to read this secret, in lower case: those that are known for all secrets,
    /// and those that the inventory names.
    pub fn known_callers(&self, secret: &SecretUrl) -> BTreeSet<String> {
        self.callers_of(secret).map(|(oid, _)| oid.to_owned()).collect()
    }

    /// What people call its known callers, by object id in lower case.
    pub fn caller_names(&self, secret: &SecretUrl) -> BTreeMap<String, String> {
        let named = self.callers_of(secret).filter(|(_, name)| !name.is_empty());
        named.map(|(oid, name)| (oid.to_owned(), name.to_owned())).collect()
    }

    fn callers_of(&self, secret: &SecretUrl) -> impl Iterator<Item = (&str, &str)> {
        let of_all = self.known_callers.iter().map(|(oid, name)| (oid.as_str(), name.as_str()));
        of_all.chain(self.inventory.readers(&secret.vault.name, &secret.name))
    }

    /// Who issues a secret, as the inventory says: a provider's name and its settings.
    pub fn issuer(&self, secret: &SecretUrl) -> Option<(&str, &Map<String, Value>)> {
        self.inventory.issuer(&secret.vault.name, &secret.name)
    }
}
