//! How Slack names things.

use serde::{Deserialize, Serialize};

/// A message that was taken, as Slack knows it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Posted {
    pub channel: String,
    pub ts: String,
}

/// Whether a text can be an id of Slack's.
pub(super) fn is_id(text: &str) -> bool {
    let fits = |character: char| character.is_ascii_uppercase() || character.is_ascii_digit();
    (2..=40).contains(&text.len())
        && text.chars().all(fits)
        && text.starts_with(|first: char| first.is_ascii_uppercase())
}
