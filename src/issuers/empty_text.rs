//! Texts of journals: earlier programs wrote an empty one where there was none.

use serde::{Deserialize, Deserializer};

/// Reads a text, or none.
pub(crate) fn none_if_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}
