//! A secret value: a type that cannot be printed, serialised or cloned by accident.
//!
//! It has no `Display`, no `Serialize` and no `Clone`; its memory is wiped when it is dropped. The word
//! `expose` is the only way to the text, so every use can be found by searching for it.

use std::fmt;
use zeroize::Zeroizing;

/// A secret value in memory.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the value over; the given string's memory becomes the secret's own.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. It may go to the vault and to the issuer, nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<Zeroizing<String>> for Secret {
    fn from(value: Zeroizing<String>) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}
