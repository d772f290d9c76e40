//! The keys that tokens are signed with, and what is published of them.
//!
//! Main type: [`SigningKeys`]. A process draws its first key once, when a token is first asked for: that takes a moment.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use der::{Decode, Sequence, asn1::UintRef};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::{Arc, LazyLock};

static FIRST: LazyLock<Option<Arc<SigningKey>>> = LazyLock::new(|| SigningKey::draw(None));

/// The keys in use; the newest signs.
#[derive(Debug, Default)]
pub(crate) struct SigningKeys {
    /// Those drawn since the first.
    later: Vec<Arc<SigningKey>>,
    /// Whether the first is gone.
    first_is_gone: bool,
}

struct SigningKey {
    kid: String,
    /// Whose tokens it is said to sign, if others than the tenant's own.
    issuer: Option<String>,
    pair: KeyPair,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// A public key as PKCS #1 writes it.
#[derive(Sequence)]
struct Published<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    fn draw(issuer: Option<String>) -> Option<Arc<Self>> {
        let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
        let (modulus, exponent) = {
            let published = Published::from_der(pair.public_key().as_ref()).ok()?;
            (published.modulus.as_bytes().to_vec(), published.exponent.as_bytes().to_vec())
        };
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(&modulus));
        Some(Arc::new(Self { kid, issuer, pair, modulus, exponent }))
    }
}

impl SigningKeys {
    fn all(&self) -> impl DoubleEndedIterator<Item = &Arc<SigningKey>> {
        let first = FIRST.as_ref().filter(|_| !self.first_is_gone);
        first.into_iter().chain(&self.later)
    }

    /// From now on another key signs. The old ones are published for a while, unless they are gone at once.
    pub(crate) fn rotate(&mut self, forget: bool, issuer: Option<String>) {
        if forget {
            self.first_is_gone = true;
            self.later.clear();
        }
        self.later.extend(SigningKey::draw(issuer));
    }

    /// A token with these claims. One that could not be signed has no signature, and nobody takes it.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let key = self.all().next_back();
        let kid = key.map(|key| key.kid.as_str()).unwrap_or_default();
        let header = json!({ "typ": "JWT", "alg": "RS256", "x5t": kid, "kid": kid });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = key.and_then(|key| {
            let mut signature = vec![0; key.pair.public_modulus_len()];
            key.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
            Some(signature)
        });
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.unwrap_or_default()))
    }

    /// The keys by which anybody can check a signature.
    pub(crate) fn published(&self, issuer: &str) -> Value {
        let key = |key: &Arc<SigningKey>| {
            json!({
                "kty": "RSA",
                "use": "sig",
                "kid": key.kid,
                "x5t": key.kid,
                "n": URL_SAFE_NO_PAD.encode(&key.modulus),
                "e": URL_SAFE_NO_PAD.encode(&key.exponent),
                "issuer": key.issuer.as_deref().unwrap_or(issuer),
            })
        };
        json!({ "keys": self.all().map(key).collect::<Vec<Value>>() })
    }
}
