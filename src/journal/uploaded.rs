//! What `runs/RUN/upload.json` says.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a run of one machine was brought to, or is being brought to.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Upload {
    pub run: String,
    /// The store, as people write it.
    pub to: String,
    /// Length of the whole journal, in bytes.
    pub length: u64,
    /// SHA-256 of its last line.
    pub head: String,
    pub operator: String,
    pub host: String,
    pub at: Timestamp,
}
