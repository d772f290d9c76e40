//! How a request shows that its sender has a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// HMAC with SHA-256, in base64.
pub(crate) fn sign(key: &[u8], content: &[u8]) -> String {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => STANDARD.encode(mac.chain_update(content).finalize().into_bytes()),
        // HMAC takes keys of every length.
        Err(_) => String::new(),
    }
}
