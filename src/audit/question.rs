//! What is asked of the log, and the same made ready for comparing.

use super::event::Event;
use super::thresholds::Thresholds;
use crate::clock::Timestamp;
use crate::failure::Failure;
use crate::vault::{SecretUrl, VaultUrl};
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet};

/// What is asked of the log: who touched this secret in this window.
#[derive(Clone, Debug)]
pub struct Query {
    /// The vault's name, `kv-drill`; the archive's folders are chosen by it.
    pub vault: String,
    /// The vault's host, `kv-drill.vault.azure.net`; it speaks for entries that do not name their resource.
    pub vault_host: String,
    /// The secret's name; case does not count.
    pub secret: String,
    /// The version that leaked, where it is known.
    pub version: Option<String>,
    /// The first moment that counts.
    pub since: Timestamp,
    /// The first moment that no longer counts.
    pub until: Timestamp,
    /// How long before `since` the log is read to learn what is ordinary. Whoever used the secret then is known.
    pub baseline: Option<TimeDelta>,
    /// Object ids of the principals expected to read the secret; case does not count.
    pub known: BTreeSet<String>,
    /// Readable names of object ids and application ids.
    pub names: BTreeMap<String, String>,
    /// Other vaults in which to look for what the unknown callers did.
    pub other_vaults: Vec<VaultUrl>,
    /// Which requests were our own.
    pub own: Own,
    /// From when on what is ordinary becomes a finding.
    pub thresholds: Thresholds,
}

impl Query {
    /// A question about a secret in a window, with nobody known and nothing our own.
    pub fn new(secret: &SecretUrl, since: Timestamp, until: Timestamp) -> Self {
        Self {
            vault: secret.vault.name.clone(),
            vault_host: secret.vault.host.clone(),
            secret: secret.name.clone(),
            version: secret.version.clone(),
            since,
            until,
            baseline: None,
            known: BTreeSet::new(),
            names: BTreeMap::new(),
            other_vaults: Vec::new(),
            own: Own::default(),
            thresholds: Thresholds::default(),
        }
    }
}

/// Which requests were this program's own.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// The beginnings of the request ids we send; case does not count, and an empty one matches nothing.
    pub prefixes: Vec<String>,
}

/// A vault, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VaultName {
    pub(crate) name: String,
    pub(crate) host: String,
}

/// A [`Query`] that passed its checks, everything to compare in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// The secret's own vault.
    pub(crate) vault: VaultName,
    pub(crate) other_vaults: Vec<VaultName>,
    pub(crate) secret: String,
    pub(crate) version: Option<String>,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    /// Where the baseline begins; `since` where there is none.
    pub(crate) from: Timestamp,
    pub(crate) names: BTreeMap<String, String>,
    pub(crate) thresholds: Thresholds,
    pub(crate) own: Vec<String>,
    known: BTreeSet<String>,
}

impl Question {
    pub(crate) fn new(query: &Query) -> Result<Self, Failure> {
        if !is_name(&query.secret) {
            return Err(Failure::refused(format!("`{}` is not a secret's name", query.secret))
                .help("give the name alone: 1 to 127 letters, digits and dashes"));
        }
        if !is_vault_name(&query.vault) {
            return Err(Failure::refused(format!("`{}` is not a vault's name", query.vault))
                .help("give the name alone, as in https://NAME.vault.azure.net"));
        }
        if query.since >= query.until {
            return Err(Failure::refused(format!("the window from {} to {} is empty", query.since, query.until))
                .help("let `since` be before `until`"));
        }
        let lower = |text: &String| text.trim().to_lowercase();
        let vault = VaultName { name: lower(&query.vault), host: lower(&query.vault_host) };
        let mut other_vaults = Vec::new();
        for other in &query.other_vaults {
            let other = VaultName { name: lower(&other.name), host: lower(&other.host) };
            if other != vault && !other_vaults.contains(&other) {
                other_vaults.push(other);
            }
        }
        Ok(Self {
            vault,
            other_vaults,
            secret: lower(&query.secret),
            version: query.version.as_ref().map(lower),
            since: query.since,
            until: query.until,
            from: query.baseline.and_then(|length| query.since.checked_sub_signed(length)).unwrap_or(query.since),
            names: query.names.iter().map(|(id, name)| (lower(id), name.clone())).collect(),
            thresholds: query.thresholds.clone(),
            own: query.own.prefixes.iter().map(lower).filter(|prefix| !prefix.is_empty()).collect(),
            known: query.known.iter().map(lower).filter(|oid| !oid.is_empty()).collect(),
        })
    }

    /// All vaults that are looked into, the secret's own first.
    pub(crate) fn vaults(&self) -> impl Iterator<Item = &VaultName> {
        std::iter::once(&self.vault).chain(&self.other_vaults)
    }

    /// The same question about the secret's own vault alone.
    pub(crate) fn of_own_vault(&self) -> Self {
        Self { other_vaults: Vec::new(), ..self.clone() }
    }

    /// The same question without the baseline before the window.
    pub(crate) fn without_baseline(&self) -> Self {
        Self { from: self.since, ..self.clone() }
    }

    /// Whether a moment lies in the window: from `since` on, before `until`.
    pub(crate) fn is_in_window(&self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }

    /// Whether a moment lies in the baseline before the window.
    pub(crate) fn is_before(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.since
    }

    /// Whether an entry is of the secret's own vault.
    pub(crate) fn is_of_own_vault(&self, event: &Event<'_>) -> bool {
        event.is_of_vault(&self.vault.name, &self.vault.host)
    }

    /// The name of the vault an entry is of, if it is one of those that are looked into.
    pub(crate) fn vault_of(&self, event: &Event<'_>) -> Option<&str> {
        self.vaults().find(|vault| event.is_of_vault(&vault.name, &vault.host)).map(|vault| vault.name.as_str())
    }

    pub(crate) fn is_listed(&self, oid: &str) -> bool {
        self.known.contains(oid)
    }

    /// Whether anything says who is meant to read the secret.
    pub(crate) fn has_reference(&self) -> bool {
        !self.known.is_empty() || self.from < self.since
    }

    pub(crate) fn is_own(&self, event: &Event<'_>) -> bool {
        let id = event.correlation.as_bytes();
        event.own
            || self.own.iter().any(|prefix| {
                id.get(..prefix.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(prefix.as_bytes()))
            })
    }
}

/// Whether a text can be a secret's name; such a text needs no escape anywhere.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=127).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a text can be a vault's name, or the address of a server on this machine that stands for one.
fn is_vault_name(text: &str) -> bool {
    is_name(text) || text.parse::<std::net::IpAddr>().is_ok()
}
