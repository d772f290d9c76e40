//! One version of a secret, and which of them everyone gets.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// A version's id as people read it.
pub fn short(id: &str) -> String {
    match id.get(..4) {
        Some(start) if id.len() > 8 => format!("{start}…"),
        _ => id.to_owned(),
    }
}
