//! Tokens of GitHub's and Slack's.
//!
//! Main type: [`IssuedTokens`]. Only digests of tokens are kept.

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A token to make known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenSeed {
    pub(crate) token: String,
}

/// Whether a token is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenState {
    Unknown,
    Active,
    Revoked,
}

/// Whether each token is active, by its SHA-256.
#[derive(Debug, Default)]
pub(crate) struct IssuedTokens {
    active: BTreeMap<String, bool>,
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

impl IssuedTokens {
    pub(crate) fn seed(&mut self, seed: &TokenSeed) {
        self.active.insert(digest(&seed.token), true);
    }

    /// Whether each token is active, by its SHA-256.
    pub(crate) fn describe(&self) -> Value {
        let shown: Map<String, Value> =
            self.active.iter().map(|(token, active)| (token.clone(), (*active).into())).collect();
        shown.into()
    }

    /// How many tokens are active.
    pub(crate) fn count_active(&self) -> usize {
        self.active.values().filter(|active| **active).count()
    }

    pub(crate) fn state(&self, token: &str) -> TokenState {
        match self.active.get(&digest(token)) {
            None => TokenState::Unknown,
            Some(true) => TokenState::Active,
            Some(false) => TokenState::Revoked,
        }
    }

    pub(crate) fn revoke(&mut self, token: &str) {
        if let Some(active) = self.active.get_mut(&digest(token)) {
            *active = false;
        }
    }
}
