//! Who moved to a new version before the old ones are taken away, and how much of the log was seen to say so.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// What a wait for the readers of a secret came to. What is not in it is not known: a reader that the log could not show
/// is neither moved nor gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// The secret's URL, without a version.
    pub secret: String,
    /// The new version.
    pub version: String,
    /// When the vault made it, by the vault's clock; the beginning of the wait where the vault could not be asked.
    pub rotated_at: Timestamp,
    /// Readers that were seen on the new version.
    pub moved: Vec<AdoptionReader>,
    /// Readers that were seen on an older version, and not on the new one.
    pub left_behind: Vec<AdoptionReader>,
    /// Readers that are pinned to an older version: they do not move by themselves, and are not waited for.
    pub pinned: Vec<AdoptionReader>,
    /// Who went on where the log did not show that all had moved; nothing where nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// How much of the log was seen.
    pub log: LogSeen,
    /// How far back readers were looked for.
    pub baseline: Baseline,
    /// Why the wait ended.
    pub ended: AdoptionEnd,
    /// How long it was, in milliseconds.
    pub waited_ms: u64,
    /// What must be said with the lists, in one sentence; nothing where they speak for themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// A principal that read the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptionReader {
    /// Its object id in lower case; empty where the log has none.
    pub oid: String,
    /// Its name to show.
    pub name: String,
    /// The version that it read last, of those that count.
    pub version: String,
    /// When it did.
    pub last_read: Timestamp,
    /// How often it was seen reading.
    pub reads: u64,
    /// How long after each other, on the average, in milliseconds; nothing for a reader that was seen once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
}

/// How much of a log could be seen, as far as it matters for a version of a certain moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LogSeen {
    /// No source is configured.
    NoSource,
    /// There is a source that could not be opened, or not be read in full.
    Unreadable {
        /// Why.
        because: String,
    },
    /// The source answered, and holds nothing of the vault.
    Empty {
        /// What it answered.
        because: String,
    },
    /// The newest entry of the vault is older than the version: who reads that one cannot be in it.
    EndsBefore {
        /// The newest entry of the vault, whatever it is about, by the log's clock.
        horizon: Timestamp,
        /// When the version was made.
        rotated_at: Timestamp,
    },
    /// The log has come past the moment of the rotation.
    Reaches {
        /// The newest entry of the vault, whatever it is about, by the log's clock.
        horizon: Timestamp,
    },
}

impl LogSeen {
    /// Whether the log can show who reads the new version, and that nobody else reads the old ones.
    pub fn reaches(&self) -> bool {
        matches!(self, Self::Reaches { .. })
    }
}

/// How far back readers were looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// As far as was asked.
    pub from: Timestamp,
    /// Where the log begins, if that is later: whoever reads less often than from there on may be missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_begins: Option<Timestamp>,
}

/// Why a wait for readers ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdoptionEnd {
    /// All that were seen reading were seen on the new version, in a log that had come past the rotation.
    AllMoved,
    /// The overlap was over.
    OverlapOver,
}
