//! What a log has in the place of an HTTP status → the status, if it is one.
//!
//! What it is not known to mean is neither a success nor a refusal.

use super::naming::says_something;
use reqwest::StatusCode;

/// An HTTP status, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// 0 where it is not known.
    pub(super) code: u16,
    /// What stands there, if that is no status.
    pub(super) odd: Option<String>,
}

impl Status {
    /// Reads what two columns say: the code, else what the result was called.
    pub(super) fn read(code: &str, signature: &str) -> Self {
        let said = [code, signature].map(str::trim).into_iter().filter(|text| says_something(text) && *text != "0");
        let mut odd = None;
        for text in said {
            match of_text(text) {
                Some(code) => return Self { code, odd: None },
                None => odd = odd.or(Some(text.chars().take(40).collect())),
            }
        }
        Self { code: 0, odd }
    }
}

/// A status in JSON: nothing where it is not known.
pub(super) mod or_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    pub(in crate::audit) fn serialize<S: Serializer>(status: &u16, serializer: S) -> Result<S::Ok, S::Error> {
        Some(*status).filter(|status| *status != 0).serialize(serializer)
    }

    pub(in crate::audit) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
        Ok(Option::<u16>::deserialize(deserializer)?.unwrap_or_default())
    }
}

/// A number, also one that a column of reals gave a fraction, or with its name behind it; or the name alone.
fn of_text(text: &str) -> Option<u16> {
    if let Some(code) = text.parse().ok().filter(|code| (100..600).contains(code)) {
        return Some(code);
    }
    let upper = text.to_ascii_uppercase();
    let bare = upper.strip_prefix("HTTP/1.1").or(upper.strip_prefix("HTTP")).unwrap_or(&upper);
    let bare = bare.trim_matches([' ', ':', '_']);
    let word = bare.split([' ', '(', ':', '-']).next().unwrap_or_default();
    let by_word = || number(word).filter(|_| word.len() == 3);
    number(bare).or_else(by_word).or_else(|| (100..600).find(|code| is_called(*code, bare)))
}

fn number(text: &str) -> Option<u16> {
    let number: f64 = text.replacen(',', ".", 1).parse().ok()?;
    let is_status = number.fract() == 0.0 && (100.0..600.0).contains(&number);
    is_status.then_some(number as u16)
}

/// Whether a text is what a status is called, however its words are joined.
fn is_called(code: u16, text: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphabetic).map(|char| char.to_ascii_lowercase()).collect()
    };
    let name = StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason()).map(letters);
    name.is_some_and(|name| name == letters(text))
}
