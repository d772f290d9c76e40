//! Who moved to the new version.

use serde::{Deserialize, Serialize};

/// Who of a secret's readers has moved, and how much of the log could be seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Adoption {
    pub moved: Vec<String>,
    pub left_behind: Vec<Laggard>,
    pub pinned: Vec<Laggard>,
    pub decided_by: Option<String>,
    pub log: LogSeen,
    pub waited_ms: u64,
}

/// A reader still on an old version.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct Laggard {
    pub name: String,
    #[serde(default)]
    pub oid: String,
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub last: String,
    #[serde(default)]
    pub remedy: String,
}

/// How much of the log was seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(tag = "seen", rename_all = "snake_case")]
pub enum LogSeen {
    /// Earlier programs did not record it.
    #[default]
    NotRecorded,
    NoSource {
        because: String,
    },
}

impl LogSeen {
    /// What could not be seen; nothing where enough was.
    pub fn not_seen(&self) -> Option<String> {
        match self {
            Self::NotRecorded => None,
            Self::NoSource { because } => Some(because.clone()),
        }
    }
}
