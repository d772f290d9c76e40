//! A secret value: a type that cannot be printed, serialised or cloned by accident.
//!
//! It has no `Display`, no `Serialize` and no `Clone`; its memory is wiped when it is dropped. The word
//! `expose` is the only way to the text, so every use can be found by searching for it.

use crate::correlation;
use crate::failure::Failure;
use crate::known;
use async_trait::async_trait;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// A secret value in memory.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the value over; the given string's memory becomes the secret's own. From now on no answer may repeat it.
    pub fn new(value: String) -> Self {
        known::remember(&value);
        Self(Zeroizing::new(value))
    }

    /// A value that is only compared with another one, as those of a whole vault are: it goes nowhere, so nobody who
    /// answers can have it from here.
    pub(crate) fn passing(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. It may go to the vault and to the issuer, nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<Zeroizing<String>> for Secret {
    fn from(value: Zeroizing<String>) -> Self {
        known::remember(&value);
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Shows how far a value has been entered: nothing yet, then how much of it, never what. Called with nothing again when
/// the question must be shown anew.
pub type ShowEntered<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Somebody who can be asked for a value, without it being shown: a person at a hidden prompt, or standard input.
#[async_trait]
pub trait SecretPrompt: fmt::Debug + Send + Sync {
    /// Asks once; nothing if nobody is there, or no more is coming. The question is the caller's to show.
    async fn ask(&self, shown: ShowEntered<'_>) -> Result<Option<Secret>, Failure>;

    /// Whether it is worth asking.
    fn is_there(&self) -> bool {
        true
    }

    /// Whether somebody said that the value is meant as it is, however unlike the old one.
    fn is_meant(&self) -> bool {
        false
    }
}

/// Where nobody can be asked.
#[derive(Debug)]
pub struct Nobody;

#[async_trait]
impl SecretPrompt for Nobody {
    async fn ask(&self, _: ShowEntered<'_>) -> Result<Option<Secret>, Failure> {
        Ok(None)
    }

    fn is_there(&self) -> bool {
        false
    }
}

/// A key under which values get fingerprints: whoever lacks it learns nothing from one, however easy the value is to
/// guess.
pub struct FingerprintKey(Zeroizing<[u8; 32]>);

impl FingerprintKey {
    /// Takes the key over.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The value's fingerprint: `hmac-sha256:` and 32 hex digits. The same value has the same one under the same key.
    pub fn fingerprint(&self, value: &Secret) -> String {
        format!("hmac-sha256:{}", self.digits("value", value.expose()).get(..32).unwrap_or_default())
    }

    /// What the ids of requests begin with that a search outside of any run sends from here, in the form that a run's
    /// requests have: a later run tells them apart in the audit trail.
    pub fn request_prefix(&self) -> String {
        correlation::prefix(&self.digits("requests", "find"))
    }

    /// The same as earlier versions of this program had it; the log still holds their requests.
    pub fn former_request_prefix(&self) -> String {
        let digits = self.digits("requests", "find");
        format!("{}-{}", digits.get(..8).unwrap_or_default(), digits.get(8..12).unwrap_or_default())
    }

    fn digits(&self, what: &str, text: &str) -> String {
        // A key of any length is taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_ref()) else { return String::new() };
        mac.update(what.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FingerprintKey(…)")
    }
}
