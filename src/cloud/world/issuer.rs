//! Who issued what a scenario's secrets hold, and which credential leaked.
//!
//! Main types: [`Issuer`] and [`IssuedCredential`].

use super::accounts;
use crate::clock::Timestamp;
use crate::secret::Secret;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

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

/// Whose token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenIssuer {
    Github,
    Slack,
}

/// A credential that works.
pub(crate) struct Credential {
    pub(crate) value: String,
    /// Of the version that holds it.
    pub(crate) tags: Map<String, Value>,
}

/// The credential that leaks.
pub(crate) struct IssuedCredential {
    pub(crate) vault: String,
    pub(crate) secret: String,
    pub(crate) issuer: Issuer,
    pub(crate) leaked: Secret,
    pub(crate) refused_at: Option<Timestamp>,
}

impl Issuer {
    /// An account, and which of its keys is meant; the first, if that is not said.
    pub(crate) fn account(id: &str, key: Option<&str>) -> Result<Self, String> {
        Ok(Self::Account { id: id.to_owned(), slot: accounts::slot(id, key)? })
    }

    /// A text of the same form that is refused: what a former credential is now.
    pub(crate) fn former_credential(&self) -> String {
        let random = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        match self {
            Self::Account { id, .. } => accounts::former(id),
            Self::Application { .. } => format!("{}~{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
            Self::Token(TokenIssuer::Github) => format!("ghp_{:.36}", random()),
            Self::Token(TokenIssuer::Slack) => format!("xoxb-{:.13}-{:.24}", random(), random()),
        }
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Account { id, .. } => accounts::describe(id),
            Self::Application { id, .. } => format!("Entra, for the application `{id}`"),
            Self::Token(TokenIssuer::Github) => "GitHub".to_owned(),
            Self::Token(TokenIssuer::Slack) => "Slack".to_owned(),
        }
    }
}

impl IssuedCredential {
    pub(crate) fn new(vault: &str, secret: &str, issuer: Issuer, leaked: &str) -> Self {
        let (vault, secret) = (vault.to_owned(), secret.to_owned());
        Self { vault, secret, issuer, leaked: Secret::new(leaked.to_owned()), refused_at: None }
    }

    pub(crate) fn is_of(&self, vault: &str, secret: &str) -> bool {
        self.vault == vault && self.secret == secret
    }
}
