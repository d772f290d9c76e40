//! What deserves attention, each with its evidence. A finding says what the log shows, not who is guilty.

use serde::{Deserialize, Serialize};

/// Something in the log that deserves attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's name, stable: `unknown-reader`.
    pub rule: String,
    /// How grave it is.
    pub severity: Severity,
    /// One sentence for a person.
    pub summary: String,
    /// The entries it rests on, grouped.
    pub evidence: Vec<Evidence>,
    /// Techniques of MITRE ATT&CK that it may be a sign of: `T1555.006 Cloud Secrets Management Stores`.
    #[serde(default)]
    pub techniques: Vec<String>,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Someone should look.
    Medium,
    /// It decides how the incident goes on.
    High,
}

/// Entries of the log that a finding rests on. What the log does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The caller's object id.
    pub oid: String,
    /// The caller in words.
    pub caller: String,
    /// The caller's address.
    pub ip: String,
    /// What was done.
    pub operation: String,
    /// The version concerned.
    pub version: String,
    /// The HTTP status; 0, and nothing in JSON, where it is not known.
    #[serde(default, with = "super::status::or_null")]
    pub status: u16,
    /// How often.
    pub count: u64,
    /// The first time, as it stands in the log.
    pub first: String,
    /// The last time, as it stands in the log.
    pub last: String,
    /// The user agents, as the caller gave them.
    pub user_agent: String,
    /// Anything else; left out when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}
