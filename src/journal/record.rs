//! One line of a journal, and the chain that holds the lines together.

use crate::clock::Timestamp;
use crate::engine::event::Event;
use chrono::SecondsFormat;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The format that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// `prev` of the first line.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// No line is longer, in bytes: whoever reads one that is knows that it is none, before it fills the memory.
pub const LONGEST_LINE: usize = 64 << 20;

/// What stands before a line's own sum. The sum is the last field, so that it covers all other bytes of the line.
const SUM_FIELD: &str = r#","sum":""#;

/// Hex digits of a line's sum.
const SUM_DIGITS: usize = 16;

/// One line: when, what, and the hash of the line before.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub v: u32,
    pub seq: u64,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    pub at: Timestamp,
    pub prev: String,
    pub event: Event,
    /// As it stands in the line; made by [`line`](Self::line).
    #[serde(default, skip_serializing)]
    pub sum: Option<String>,
}

impl Record {
    /// The record as a line, without its line feed.
    pub fn line(&self) -> serde_json::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.pop();
        let sum = sum(&line);
        line.extend_from_slice(format!("{SUM_FIELD}{sum}\"}}").as_bytes());
        Ok(line)
    }

    /// Whether the line that the record was read from is the one that was written. Nothing follows the last line whose
    /// `prev` could tell; its own sum does. A line without one was written by another program: only the chain binds it.
    pub fn is_written_as(&self, line: &[u8]) -> bool {
        let Some(found) = &self.sum else { return true };
        let written = format!("{SUM_FIELD}{found}\"}}");
        line.strip_suffix(written.as_bytes()).is_some_and(|covered| sum(covered) == *found)
    }
}

/// The first digits of the SHA-256 of what stands in a line before its sum.
fn sum(covered: &[u8]) -> String {
    line_hash(covered).chars().take(SUM_DIGITS).collect()
}

/// SHA-256 of a line's bytes without its line feed, lower-case hex.
pub fn line_hash(line: &[u8]) -> String {
    hex::encode(Sha256::digest(line))
}

fn write_time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    Timestamp::deserialize(deserializer)
}
