//! Everything there is in this cloud.
//!
//! Main type: [`Cloud`], all state behind locks that are held for one operation and never across a wait.

use super::access::AccessRules;
use super::accounts::Accounts;
use super::applications::Applications;
use super::audit_trail::AuditTrail;
use super::blobs::Blobs;
use super::calls::Call;
use super::identity::Directory;
use super::issued_tokens::IssuedTokens;
use super::issuer::IssuedCredential;
use super::limits::{Limits, Meter};
use super::notifications::Notifications;
use super::people::People;
use super::sink_credentials::SinkCredentials;
use super::sites::Sites;
use super::slack::Workspace;
use super::vault::{Profile, Vault, VisibilityDelays};
use crate::cloud::faults::Faults;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

/// The whole cloud.
pub(crate) struct Cloud {
    pub(crate) vaults: Mutex<BTreeMap<String, Vault>>,
    /// What a vault is like that comes into being.
    pub(crate) profile: Profile,
    pub(crate) directory: Mutex<Directory>,
    pub(crate) people: People,
    /// By the vault's name.
    pub(crate) access: Mutex<HashMap<String, AccessRules>>,
    pub(crate) meter: Mutex<Meter>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) calls: Mutex<Vec<Call>>,
    pub(crate) audit: Arc<AuditTrail>,
    /// What senders of notifications must know.
    pub(crate) sink_credentials: SinkCredentials,
    pub(crate) notifications: Arc<Notifications>,
    /// What an app of Slack's sees.
    pub(crate) slack: Mutex<Workspace>,
    /// Those who issue credentials, and those who refer to a vault.
    pub(crate) accounts: Mutex<Accounts>,
    pub(crate) blobs: Mutex<Blobs>,
    pub(crate) applications: Mutex<Applications>,
    pub(crate) issued_tokens: Mutex<IssuedTokens>,
    pub(crate) sites: Mutex<Sites>,
    /// What the scenario's secrets held at the start.
    pub(crate) issued: Mutex<Vec<IssuedCredential>>,
}

impl Cloud {
    /// An empty cloud, in which the service's own managed identity is known.
    pub(crate) fn new(
        delays: VisibilityDelays,
        limits: Option<Limits>,
        audit: AuditTrail,
        sink_credentials: SinkCredentials,
    ) -> Self {
        let mut directory = Directory::default();
        directory.managed_identity();
        Self {
            vaults: Mutex::default(),
            profile: Profile::new(delays),
            directory: Mutex::new(directory),
            people: People::default(),
            access: Mutex::default(),
            meter: Mutex::new(Meter::new(limits)),
            faults: Mutex::default(),
            calls: Mutex::default(),
            audit: Arc::new(audit),
            sink_credentials,
            notifications: Arc::default(),
            slack: Mutex::default(),
            accounts: Mutex::default(),
            blobs: Mutex::default(),
            applications: Mutex::default(),
            issued_tokens: Mutex::default(),
            sites: Mutex::default(),
            issued: Mutex::default(),
        }
    }

    /// A vault, which comes into being at its first use.
    pub(crate) fn vault<'a>(&self, vaults: &'a mut BTreeMap<String, Vault>, name: &str) -> &'a mut Vault {
        vaults.entry(name.to_owned()).or_insert_with(|| Vault::new(self.profile))
    }
}
