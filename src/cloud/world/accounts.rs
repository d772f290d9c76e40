//! Accounts with two keys.
//!
//! Main type: [`Accounts`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The kinds of account there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccountKind {
    Storage,
    Cosmos,
    ServiceBus,
    Redis,
}

impl AccountKind {
    const ALL: [Self; 4] = [Self::Storage, Self::Cosmos, Self::ServiceBus, Self::Redis];

    /// The kind that an address names; both may be of any case.
    pub(crate) fn of(address: &str) -> Option<Self> {
        let lower = address.to_ascii_lowercase();
        Self::ALL.into_iter().find(|kind| lower.contains(kind.resource_type()))
    }

    fn named(id: &str) -> Result<Self, String> {
        Self::of(id).ok_or_else(|| format!("no kind of account has the address `{id}`"))
    }

    /// In lower case, as it stands in the address.
    fn resource_type(self) -> &'static str {
        match self {
            Self::Storage => "/microsoft.storage/storageaccounts/",
            Self::Cosmos => "/microsoft.documentdb/databaseaccounts/",
            Self::ServiceBus => "/microsoft.servicebus/namespaces/",
            Self::Redis => "/microsoft.cache/redis/",
        }
    }

    /// As tags and the control call each key.
    fn key_names(self) -> [&'static str; 2] {
        match self {
            Self::Storage => ["key1", "key2"],
            Self::Cosmos | Self::ServiceBus | Self::Redis => ["primary", "secondary"],
        }
    }

    fn key_bytes(self) -> usize {
        match self {
            Self::Storage | Self::Cosmos => 64,
            Self::ServiceBus | Self::Redis => 32,
        }
    }

    /// A key nobody had before, as it is written.
    fn new_key(self) -> String {
        let mut bytes = Vec::new();
        while bytes.len() < self.key_bytes() {
            bytes.extend_from_slice(Uuid::new_v4().as_bytes());
        }
        STANDARD.encode(bytes)
    }

    fn name(self, id: &str) -> &str {
        let part = self.resource_type();
        let at = id.to_ascii_lowercase().find(part).map_or(id.len(), |at| at + part.len());
        id.get(at..).unwrap_or_default().split('/').next().unwrap_or_default()
    }

    /// A key as its users take it.
    fn text(self, key: &str, id: &str) -> String {
        let name = self.name(id);
        match self {
            Self::Storage => format!(
                "DefaultEndpointsProtocol=https;AccountName={name};AccountKey={key};EndpointSuffix=core.windows.net"
            ),
            Self::Cosmos => key.to_owned(),
            Self::ServiceBus => format!(
                "Endpoint=sb://{name}.servicebus.windows.net/;SharedAccessKeyName={};SharedAccessKey={key}",
                last_part(id)
            ),
            Self::Redis => {
                format!("{name}.redis.cache.windows.net:6380,password={key},ssl=True,abortConnect=False")
            }
        }
    }
}

fn last_part(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or_default()
}

/// Which of an account's keys has a name; the first, if none is given.
pub(crate) fn slot(id: &str, key: Option<&str>) -> Result<usize, String> {
    let [first, second] = AccountKind::named(id)?.key_names();
    match key {
        None => Ok(0),
        Some(key) if key == first => Ok(0),
        Some(key) if key == second => Ok(1),
        Some(key) => Err(format!("`{key}` is no key of `{id}`: its keys are `{first}` and `{second}`")),
    }
}

/// A text with a key that the account has no more.
pub(crate) fn former(id: &str) -> String {
    AccountKind::of(id).map(|kind| kind.text(&kind.new_key(), id)).unwrap_or_default()
}

/// An account in words.
pub(crate) fn describe(id: &str) -> String {
    format!("the account `{}`", AccountKind::of(id).map(|kind| kind.name(id)).unwrap_or_default())
}

/// An account.
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) kind: AccountKind,
    pub(crate) keys: [String; 2],
    regenerated: [u64; 2],
}

impl Account {
    /// Each key as its users take it.
    pub(crate) fn texts(&self) -> [String; 2] {
        self.keys.each_ref().map(|key| self.kind.text(key, &self.id))
    }

    /// The last part of its address: at Service Bus, the authorization rule.
    pub(crate) fn rule(&self) -> &str {
        last_part(&self.id)
    }

    /// Makes one of the keys anew.
    pub(crate) fn regenerate(&mut self, slot: usize) {
        if let (Some(key), Some(count)) = (self.keys.get_mut(slot), self.regenerated.get_mut(slot)) {
            *key = self.kind.new_key();
            *count += 1;
        }
    }
}

/// All accounts.
#[derive(Default)]
pub(crate) struct Accounts {
    /// By the address in lower case.
    accounts: BTreeMap<String, Account>,
}

/// An account to make known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountSeed {
    id: String,
}

impl Accounts {
    /// Makes an account known; gives its keys by name.
    pub(crate) fn seed(&mut self, seed: AccountSeed) -> Result<Value, String> {
        let kind = AccountKind::named(&seed.id)?;
        let keys = [kind.new_key(), kind.new_key()];
        let shown: Map<String, Value> =
            kind.key_names().iter().zip(&keys).map(|(name, key)| ((*name).to_owned(), key.clone().into())).collect();
        let account = Account { id: seed.id, kind, keys, regenerated: [0, 0] };
        self.accounts.insert(account.id.to_ascii_lowercase(), account);
        Ok(json!({ "keys": shown }))
    }

    /// The name and the text of one of an account's keys; the account comes into being, if it is not known.
    pub(crate) fn issue(&mut self, id: &str, slot: usize) -> Result<(String, String), String> {
        if self.get(id).is_none() {
            self.seed(AccountSeed { id: id.to_owned() })?;
        }
        let issued = self.get(id).and_then(|account| {
            let name = (*account.kind.key_names().get(slot)?).to_owned();
            Some((name, account.kind.text(account.keys.get(slot)?, id)))
        });
        issued.ok_or_else(|| format!("`{id}` has no such key"))
    }

    /// Whether a text holds a key that works.
    pub(crate) fn accepts(&self, id: &str, text: &str) -> bool {
        self.get(id).is_some_and(|account| account.keys.iter().any(|key| text == account.kind.text(key, id)))
    }

    /// Digests of the keys, and how often each was regenerated.
    pub(crate) fn describe(&self) -> Value {
        let describe = |account: &Account| {
            let names = account.kind.key_names();
            let keys = names.iter().zip(&account.keys).zip(account.regenerated);
            let keys: Map<String, Value> = keys
                .map(|((name, key), regenerated)| {
                    let shown = json!({ "sha256": hex::encode(Sha256::digest(key)), "regenerated": regenerated });
                    ((*name).to_owned(), shown)
                })
                .collect();
            (account.id.clone(), Value::Object(keys))
        };
        Value::Object(self.accounts.values().map(describe).collect())
    }

    fn get(&self, id: &str) -> Option<&Account> {
        self.accounts.get(&id.to_ascii_lowercase())
    }

    /// An account by its address.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Account> {
        self.accounts.get_mut(&id.to_ascii_lowercase())
    }

    /// An account by the name that stands in its hosts.
    pub(crate) fn named(&self, kind: AccountKind, name: &str) -> Option<&Account> {
        let is_it = |account: &&Account| account.kind == kind && kind.name(&account.id).eq_ignore_ascii_case(name);
        self.accounts.values().find(is_it)
    }
}
