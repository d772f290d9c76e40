//! A secret with all its versions ⇄ an opaque backup blob.
//!
//! A blob must not show a value in any encoding, so its content is masked with a keyed stream; the key is the same
//! for every embedded cloud, as a real blob can be restored to any vault of its geography. It is a disguise for
//! drills, not protection.

use crate::cloud::world::vault::{Entry, Phase, Version};
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

const GEOGRAPHY: &[u8] = b"embedded cloud, one geography";
const NONCE_LENGTH: usize = 16;
const DIGEST_LENGTH: usize = 32;
/// Real blobs of a secret with one version have some 3,600 characters.
const SMALLEST_CONTENT: usize = 2_700;

#[derive(Serialize, Deserialize)]
struct Content {
    name: String,
    latest: String,
    versions: Vec<VersionContent>,
    padding: String,
}

#[derive(Serialize, Deserialize)]
struct VersionContent {
    id: String,
    sequence: u64,
    value: String,
    content_type: Option<String>,
    enabled: bool,
    not_before: Option<i64>,
    expires: Option<i64>,
    created: i64,
    updated: i64,
    tags: Option<Map<String, Value>>,
}

impl Drop for VersionContent {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

/// The blob of a secret.
pub(crate) fn seal(entry: &Entry) -> Result<String, serde_json::Error> {
    let versions = entry.versions.values().map(|version| VersionContent {
        id: version.id.clone(),
        sequence: version.sequence,
        value: version.value.expose().to_owned(),
        content_type: version.content_type.clone(),
        enabled: version.enabled,
        not_before: version.not_before,
        expires: version.expires,
        created: version.created,
        updated: version.updated,
        tags: version.tags.clone(),
    });
    let mut content = Content {
        name: entry.name.clone(),
        latest: entry.latest.clone(),
        versions: versions.collect(),
        padding: String::new(),
    };
    let length = serde_json::to_vec(&content).map(Zeroizing::new)?.len();
    content.padding = " ".repeat(SMALLEST_CONTENT.saturating_sub(length));
    let mut plain = Zeroizing::new(serde_json::to_vec(&content)?);
    let nonce = *Uuid::new_v4().as_bytes();
    let digest = Sha256::digest(plain.as_slice());
    mask(&nonce, &mut plain);
    let mut blob = nonce.to_vec();
    blob.extend_from_slice(&digest);
    blob.extend_from_slice(&plain);
    Ok(URL_SAFE_NO_PAD.encode(blob))
}

/// The secret of a blob; nothing if the blob is damaged or from elsewhere.
pub(crate) fn unseal(blob: &str) -> Option<Entry> {
    let bytes = URL_SAFE_NO_PAD.decode(blob).or_else(|_| URL_SAFE.decode(blob)).ok()?;
    let (nonce, rest) = bytes.split_at_checked(NONCE_LENGTH)?;
    let (digest, masked) = rest.split_at_checked(DIGEST_LENGTH)?;
    let mut plain = Zeroizing::new(masked.to_vec());
    mask(nonce, &mut plain);
    if Sha256::digest(plain.as_slice()).as_slice() != digest {
        return None;
    }
    let content: Content = serde_json::from_slice(&plain).ok()?;
    let versions = content.versions.into_iter().map(|mut version| {
        let kept = Version {
            id: version.id.clone(),
            sequence: version.sequence,
            value: Arc::new(Secret::new(std::mem::take(&mut version.value))),
            content_type: version.content_type.take(),
            enabled: version.enabled,
            not_before: version.not_before,
            expires: version.expires,
            created: version.created,
            updated: version.updated,
            tags: version.tags.take(),
            managed: false,
        };
        (kept.id.clone(), kept)
    });
    Some(Entry { name: content.name, versions: versions.collect(), latest: content.latest, phase: Phase::Live })
}

fn mask(nonce: &[u8], bytes: &mut [u8]) {
    for (counter, chunk) in (0u64..).zip(bytes.chunks_mut(DIGEST_LENGTH)) {
        let stream = Sha256::new().chain_update(GEOGRAPHY).chain_update(nonce).chain_update(counter.to_be_bytes());
        for (byte, masked) in chunk.iter_mut().zip(stream.finalize()) {
            *byte ^= masked;
        }
    }
}
