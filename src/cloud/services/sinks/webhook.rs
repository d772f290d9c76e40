//! A receiver that follows Standard Webhooks: the sender signs, and the receiver takes each `webhook-id` once.

use super::{Accepted, Delivery, Record, SinkAnswer, SinkCredentials};
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// How far the sender's clock may be off, in seconds.
const TOLERANCE: i64 = 300;
/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// The key that a sender shares with the generic webhook.
#[derive(Clone, Debug)]
pub struct SigningKey(Arc<Secret>);

impl SigningKey {
    /// Takes the key as it is handed out: `whsec_` and the key's bytes in base64. A text without that prefix is
    /// itself the key, byte for byte.
    ///
    /// # Errors
    /// When what follows the prefix is empty or no base64.
    pub fn new(text: Secret) -> Result<Self, String> {
        match text.expose().strip_prefix("whsec_").map(|encoded| STANDARD.decode(encoded)) {
            Some(Err(_)) => Err("what follows `whsec_` is not base64".to_owned()),
            Some(Ok(key)) if key.is_empty() => Err("nothing follows `whsec_`".to_owned()),
            Some(Ok(_)) | None => Ok(Self(Arc::new(text))),
        }
    }

    /// A new random key in the form senders are given it.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> Result<Self, String> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|error| format!("no random bytes from the system: {error}"))?;
        Ok(Self(Arc::new(Secret::new(format!("whsec_{}", STANDARD.encode(bytes))))))
    }

    /// The key as it is handed out: for the sender's credential file.
    pub fn secret(&self) -> &Secret {
        &self.0
    }

    fn bytes(&self) -> Vec<u8> {
        let text = self.0.expose();
        let decoded = text.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
        decoded.unwrap_or_else(|| text.as_bytes().to_vec())
    }

    fn signature(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let content = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        STANDARD.encode(keyed_hash(&self.bytes(), &content))
    }
}

/// HMAC with SHA-256 (RFC 2104).
fn keyed_hash(key: &[u8], content: &[u8]) -> [u8; 32] {
    let digest = Sha256::digest(key);
    let key = if key.len() > BLOCK { digest.as_slice() } else { key };
    let padded = |padding: u8| -> [u8; BLOCK] {
        let mut block = [padding; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, key_byte)| *byte ^= key_byte);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(content).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

pub(super) fn judge(credentials: &SinkCredentials, delivery: &Delivery<'_>) -> Result<Accepted, SinkAnswer> {
    if delivery.method != "POST" {
        return Err(refusal(405, "POST only"));
    }
    if let Some(key) = &credentials.signing_key {
        verify(key, delivery)?;
    }
    let mut record = Record::new("webhook", delivery, delivery.content());
    record.id = delivery.header("webhook-id").map(str::to_owned);
    record.facts.insert("signature_checked".to_owned(), credentials.signing_key.is_some().into());
    let once_per_id = record.id.is_some();
    Ok(Accepted { answer: SinkAnswer::json(200, &json!({ "status": "received" })), record, once_per_id })
}

fn verify(key: &SigningKey, delivery: &Delivery<'_>) -> Result<(), SinkAnswer> {
    let given = |name: &str| delivery.header(name).filter(|value| !value.is_empty());
    let missing = |name: &str| refusal(400, &format!("missing header {name}"));
    let id = given("webhook-id").ok_or_else(|| missing("webhook-id"))?;
    let timestamp = given("webhook-timestamp").ok_or_else(|| missing("webhook-timestamp"))?;
    let signatures = given("webhook-signature").ok_or_else(|| missing("webhook-signature"))?;
    let sent: i64 = timestamp.parse().map_err(|_| refusal(400, "webhook-timestamp is no number of seconds"))?;
    if delivery.at.timestamp().abs_diff(sent) > TOLERANCE.unsigned_abs() {
        return Err(refusal(401, "webhook-timestamp is too far from now"));
    }
    let expected = key.signature(id, timestamp, delivery.body);
    // Several may stand side by side while the key is being changed.
    let good = signatures.split_ascii_whitespace().any(|signature| signature.strip_prefix("v1,") == Some(&expected));
    if good { Ok(()) } else { Err(refusal(401, "no matching signature")) }
}

fn refusal(status: u16, error: &str) -> SinkAnswer {
    SinkAnswer::json(status, &json!({ "error": error }))
}

#[cfg(test)]
mod tests {
    use super::keyed_hash;

    #[test]
    fn the_keyed_hash_is_the_one_of_rfc_4231() {
        let cases: [(&[u8], &[u8], &str); 3] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, content, expected) in cases {
            assert_eq!(hex::encode(keyed_hash(key, content)), expected);
        }
    }
}
