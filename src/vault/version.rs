//! One version of a secret, and which of them everyone gets.

use crate::clock::Timestamp;
use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Key Vault takes no more bytes of a value: 25 KB.
pub const LARGEST_VALUE: usize = 25 * 1024;

/// One version of a secret, without its value.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Version {
    /// 32 hex digits.
    pub id: String,
    pub enabled: bool,
    /// In whole seconds: two versions may have the same.
    pub created: Timestamp,
    pub updated: Timestamp,
    pub expires: Option<Timestamp>,
    pub not_before: Option<Timestamp>,
    pub content_type: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// Whether it belongs to a certificate.
    pub managed: bool,
}

/// The version that everyone gets who asks for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Current {
    Enabled(String),
    /// Everyone who asks for the latest gets 403.
    Disabled,
    Missing,
}

impl Current {
    /// The version, if it can be read.
    pub fn enabled(&self) -> Option<&str> {
        match self {
            Self::Enabled(version) => Some(version),
            Self::Disabled | Self::Missing => None,
        }
    }
}

/// Why nobody but the vault writes a secret that stands behind a certificate.
pub fn belongs_to_certificate(secret: &str, vault: &str) -> Failure {
    Failure::refused(format!("`{secret}` belongs to a certificate of the vault"))
        .because("its value is the certificate with its private key, which the vault itself writes")
        .help(format!(
            "have a new version of the certificate issued: `az keyvault certificate create --vault-name {vault} --name {secret} --policy @policy.json`, with the policy that `az keyvault certificate show` gives"
        ))
        .and("then have its authority revoke the leaked one: a certificate is trusted until it is revoked or expires")
}

/// A version's id as people read it.
pub fn short(id: &str) -> String {
    match id.get(..4) {
        Some(start) if id.len() > 8 => format!("{start}…"),
        _ => id.to_owned(),
    }
}
