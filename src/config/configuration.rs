//! What a configuration says, and what follows from it for one vault or one secret.

use super::audit::AuditTrail;
use super::inventory::Inventory;
use crate::audit::Place;
use crate::azure::{IdentityChoice, VaultLimits};
use crate::notify::Channels;
use crate::slack::SlackApp;
use crate::timestamp::Authority;
use crate::vault::SecretUrl;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use url::Url;

/// The configuration. Without a file it is empty: any identity, no audit source, nobody to tell.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub identity: IdentityChoice,
    pub channels: Channels,
    /// A folder with templates of the user's own.
    pub templates: Option<PathBuf>,
    /// A folder with runbooks of the user's own, which tags may name.
    pub runbooks: Option<PathBuf>,
    /// The subscription whose App Service and Functions sites read the vaults.
    pub subscription: Option<String>,
    /// How often each vault is asked at most.
    pub limits: VaultLimits,
    /// Who stamps the journal's head when a life of a run ends, if anybody.
    pub timestamp: Option<Authority>,
    /// The app of Slack's that tells of runs and takes answers, if there is one.
    pub slack: Option<SlackApp>,
    /// The container in which runs are kept, if not below the state directory of this machine.
    pub state: Option<Url>,
    pub(super) text: Option<String>,
    /// Who may answer gates that name nobody; everybody if nobody is named.
    pub approvers: Vec<String>,
    /// Whether answers count from those alone who sign in.
    pub verified_only: bool,
    /// The tenant whose people sign in, in lower case; without it that of the identity that a run begins with.
    pub tenant: Option<String>,
    /// Whose secrets there are, who issues them, and which runbook fits.
    pub inventory: Inventory,
    /// Names of the vaults that the configuration speaks of, as they are written.
    pub named_vaults: Vec<String>,
    pub(super) sha256: Option<String>,
    pub(super) audit: AuditTrail,
    /// Audit trails of single vaults, by the vault's name.
    pub(super) vaults: BTreeMap<String, AuditTrail>,
    /// What people call them, by object id in lower case; nothing where nothing is said.
    pub(super) known_callers: BTreeMap<String, Option<String>>,
}

impl Config {
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
        self.of_vault(vault).place.clone()
    }

    /// What says where a vault's audit trail lies: the place, and how its times are meant.
    fn of_vault(&self, vault: &str) -> &AuditTrail {
        self.vaults.get(&vault.to_lowercase()).filter(|own| own.place.is_some()).unwrap_or(&self.audit)
    }

    /// A vault's audit trail, and how it is judged: its own, else that of all.
    pub fn audit_trail(&self, vault: &str) -> AuditTrail {
        let own = self.vaults.get(&vault.to_lowercase());
        let judged = own.filter(|own| own.baseline.is_some() || own.thresholds != Default::default());
        let judged = judged.unwrap_or(&self.audit);
        let AuditTrail { place, times, .. } = self.of_vault(vault).clone();
        AuditTrail { place, times, baseline: judged.baseline, thresholds: judged.thresholds.clone() }
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
        let named = self.callers_of(secret).filter_map(|(oid, name)| Some((oid.to_owned(), name?.to_owned())));
        named.collect()
    }

    fn callers_of(&self, secret: &SecretUrl) -> impl Iterator<Item = (&str, Option<&str>)> {
        let of_all = self.known_callers.iter().map(|(oid, name)| (oid.as_str(), name.as_deref()));
        of_all.chain(self.inventory.readers(&secret.vault.name, &secret.name))
    }

    /// Who issues a secret, as the inventory says: a provider's name and its settings.
    pub fn issuer(&self, secret: &SecretUrl) -> Option<(&str, &Map<String, Value>)> {
        self.inventory.issuer(&secret.vault.name, &secret.name)
    }
}
