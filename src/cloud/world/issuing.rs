//! Those who issued what a scenario's secrets hold: a credential that works, and later whether it still does.
//!
//! Main type: [`Issuer`]. What was issued is watched: the first moment at which the leaked credential is refused is kept,
//! whoever looks and whenever.

use super::accounts;
use super::issued_tokens;
use crate::clock::Timestamp;
use crate::cloud::control::read;
use crate::cloud::scenario::syntax::TokenIssuer;
use crate::cloud::server::dispatcher::{Cloud, lock};
use crate::cloud::services::graph::{self, Knows};
use crate::cloud::wire::exchange::Exchange;
use crate::secret::Secret;
use chrono::SecondsFormat;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Tags that Azure's own rotation functions write: who issued a value, and which of its credentials it is.
const TAG_ADDRESS: &str = "ProviderAddress";
const TAG_CREDENTIAL: &str = "CredentialId";

/// Who issued a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Issuer {
    /// An account with two keys, and which of them it is.
    Account {
        id: String,
        slot: usize,
    },
    /// An application's registration.
    Application {
        id: String,
        app_id: String,
    },
    Token(TokenIssuer),
}

/// A credential that works.
pub(crate) struct Credential {
    pub(crate) value: String,
    /// Of the version that holds it.
    pub(crate) tags: Map<String, Value>,
}

/// The credential that leaks.
pub(crate) struct Issued {
    vault: String,
    secret: String,
    issuer: Issuer,
    leaked: Secret,
    refused_at: Option<Timestamp>,
}

impl Issuer {
    /// An account, and which of its keys is meant; the first, if that is not said.
    pub(crate) fn account(id: &str, key: Option<&str>) -> Result<Self, String> {
        Ok(Self::Account { id: id.to_owned(), slot: accounts::slot(id, key)? })
    }

    /// Makes the issuer known with a credential that works.
    pub(crate) fn issue(&self, cloud: &Cloud, now: Timestamp) -> Result<Credential, String> {
        let tags = |address: String, credential: String| {
            Map::from_iter([(TAG_ADDRESS.to_owned(), address.into()), (TAG_CREDENTIAL.to_owned(), credential.into())])
        };
        match self {
            Self::Account { id, slot } => {
                let (name, value) = lock(&cloud.accounts).issue(id, *slot)?;
                Ok(Credential { value, tags: tags(id.clone(), name) })
            }
            Self::Application { id, app_id } => {
                let seed = graph::Seed { id: id.clone(), app_id: app_id.clone() };
                let seeded = lock(&cloud.applications).seed(seed, now);
                let text = |name: &str| seeded.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                Ok(Credential { value: text("text"), tags: tags(format!("/applications/{id}"), text("key_id")) })
            }
            Self::Token(_) => {
                let value = self.dead();
                lock(&cloud.tokens).seed(&issued_tokens::Seed { token: value.clone() });
                Ok(Credential { value, tags: Map::new() })
            }
        }
    }

    /// A text of the same form that is refused: what a former credential is now.
    pub(crate) fn dead(&self) -> String {
        let random = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        match self {
            Self::Account { id, .. } => accounts::dead(id),
            Self::Application { .. } => format!("{}~{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
            Self::Token(TokenIssuer::Github) => format!("ghp_{:.36}", random()),
            Self::Token(TokenIssuer::Slack) => format!("xoxb-{:.13}-{:.24}", random(), random()),
        }
    }

    fn accepts(&self, cloud: &Cloud, value: &str, now: Timestamp) -> bool {
        match self {
            Self::Account { id, .. } => lock(&cloud.accounts).accepts(id, value),
            Self::Application { app_id, .. } => {
                matches!(lock(&cloud.applications).knows(app_id, value, now), Knows::Good)
            }
            Self::Token(_) => lock(&cloud.tokens).is_alive(value),
        }
    }

    /// How many credentials work; nothing where there is always the same number.
    fn living(&self, cloud: &Cloud) -> Option<usize> {
        match self {
            Self::Account { .. } => None,
            Self::Application { id, .. } => Some(lock(&cloud.applications).passwords(id)),
            Self::Token(_) => Some(lock(&cloud.tokens).living()),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Account { id, .. } => accounts::describe(id),
            Self::Application { id, .. } => format!("Entra, for the application `{id}`"),
            Self::Token(TokenIssuer::Github) => "GitHub".to_owned(),
            Self::Token(TokenIssuer::Slack) => "Slack".to_owned(),
        }
    }
}

impl Issued {
    pub(crate) fn new(vault: &str, secret: &str, issuer: Issuer, leaked: &str) -> Self {
        let (vault, secret) = (vault.to_owned(), secret.to_owned());
        Self { vault, secret, issuer, leaked: Secret::new(leaked.to_owned()), refused_at: None }
    }

    fn to_json(&self, cloud: &Cloud, now: Timestamp) -> Value {
        let vaults = lock(&cloud.vaults);
        let current =
            vaults.get(&self.vault).and_then(|vault| vault.entry(&self.secret)).and_then(|entry| entry.latest());
        let current = current.map(|version| std::sync::Arc::clone(&version.value));
        drop(vaults);
        let accepted = current.is_some_and(|value| self.issuer.accepts(cloud, value.expose(), now));
        json!({
            "vault": self.vault,
            "secret": self.secret,
            "issuer": self.issuer.describe(),
            "leaked_sha256": hex::encode(Sha256::digest(self.leaked.expose())),
            "leaked_accepted": self.issuer.accepts(cloud, self.leaked.expose(), now),
            "leaked_refused_at": self.refused_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true)),
            "current_accepted": accepted,
            "living": self.issuer.living(cloud),
        })
    }
}

/// Notes what is refused by now.
pub(crate) fn watch(cloud: &Cloud, now: Timestamp) {
    for issued in lock(&cloud.issued).iter_mut().filter(|issued| issued.refused_at.is_none()) {
        if !issued.issuer.accepts(cloud, issued.leaked.expose(), now) {
            issued.refused_at = Some(now);
        }
    }
}

/// What was issued, and whether it works.
pub(crate) fn describe(cloud: &Cloud, now: Timestamp) -> Value {
    lock(&cloud.issued).iter().map(|issued| issued.to_json(cloud, now)).collect()
}

/// A new credential for a secret, made at its issuer by hand; nothing where that is not done by hand.
pub(crate) fn make_by_hand(cloud: &Cloud, vault: &str, secret: &str, now: Timestamp) -> Option<Secret> {
    let issuers = lock(&cloud.issued);
    let issuer = &issuers.iter().find(|issued| issued.vault == vault && issued.secret == secret)?.issuer;
    matches!(issuer, Issuer::Token(_))
        .then(|| issuer.issue(cloud, now).ok())
        .flatten()
        .map(|made| Secret::new(made.value))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trial {
    vault: String,
    secret: String,
    value: String,
}

/// Answers whether a secret's issuer takes a value; null where nobody knows.
pub(crate) fn try_value(cloud: &Cloud, exchange: &Exchange) -> Result<Value, String> {
    let Trial { vault, secret, value } = read(&exchange.body)?;
    let issuers = lock(&cloud.issued);
    let issued = issuers.iter().find(|issued| issued.vault == vault && issued.secret == secret);
    Ok(json!({ "accepted": issued.map(|issued| issued.issuer.accepts(cloud, &value, exchange.at)) }))
}
