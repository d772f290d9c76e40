//! What is asked of the log, and the same made ready for comparing.

use super::event::Event;
use crate::clock::Timestamp;
use crate::failure::Failure;
use std::collections::BTreeSet;

/// What is asked of the log: who touched this secret in this window.
#[derive(Clone, Debug)]
pub struct Query {
    /// The vault's name, `kv-drill`; the archive's folders are chosen by it.
    pub vault: String,
    /// The vault's host, `kv-drill.vault.azure.net`; it speaks for entries that do not name their resource.
    pub vault_host: String,
    /// The secret's name; case does not count.
    pub secret: String,
    /// The first moment that counts.
    pub since: Timestamp,
    /// The first moment that no longer counts.
    pub until: Timestamp,
    /// Object ids of the principals expected to read the secret; case does not count.
    pub known: BTreeSet<String>,
    /// Which requests were our own.
    pub own: Own,
}

/// Which requests were this program's own.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// The beginnings of the request ids we send; case does not count, and an empty one matches nothing.
    pub prefixes: Vec<String>,
}

/// A [`Query`] that passed its checks, everything to compare in lower case.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) vault: String,
    vault_host: String,
    pub(crate) secret: String,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    known: BTreeSet<String>,
    own: Vec<String>,
}

impl Question {
    pub(crate) fn new(query: &Query) -> Result<Self, Failure> {
        let is_name = |text: &str| {
            (1..=127).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !is_name(&query.secret) {
            return Err(Failure::refused(format!("`{}` is not a secret's name", query.secret))
                .help("give the name alone: 1 to 127 letters, digits and dashes"));
        }
        if !is_name(&query.vault) {
            return Err(Failure::refused(format!("`{}` is not a vault's name", query.vault))
                .help("give the name alone, as in https://NAME.vault.azure.net"));
        }
        if query.since >= query.until {
            return Err(Failure::refused(format!("the window from {} to {} is empty", query.since, query.until))
                .help("let `since` be before `until`"));
        }
        let lower = |text: &String| text.trim().to_lowercase();
        Ok(Self {
            vault: lower(&query.vault),
            vault_host: lower(&query.vault_host),
            secret: lower(&query.secret),
            since: query.since,
            until: query.until,
            known: query.known.iter().map(lower).filter(|oid| !oid.is_empty()).collect(),
            own: query.own.prefixes.iter().map(lower).filter(|prefix| !prefix.is_empty()).collect(),
        })
    }

    /// Whether an entry is of this vault and in the window: from `since` on, before `until`.
    pub(crate) fn covers(&self, event: &Event<'_>) -> bool {
        self.since <= event.at && event.at < self.until && event.is_of_vault(&self.vault, &self.vault_host)
    }

    pub(crate) fn is_known(&self, oid: &str) -> bool {
        self.known.contains(oid)
    }

    pub(crate) fn is_own(&self, event: &Event<'_>) -> bool {
        let id = event.correlation.as_bytes();
        self.own.iter().any(|prefix| {
            id.get(..prefix.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(prefix.as_bytes()))
        })
    }
}
