//! Asking a time-stamping authority.

use super::certificates::Certificates;
use super::stamp::Stamp;
use crate::azure::Transport;
use crate::failure::Failure;
use cms::cert::x509::spki::AlgorithmIdentifier;
use der::asn1::{Int, Null, OctetString};
use der::oid::db::rfc5912::ID_SHA_256;
use der::{Any, Encode};
use std::path::PathBuf;
use std::time::Duration;
use x509_tsp::{MessageImprint, TimeStampReq, TspVersion};

/// A run does not stay longer for a stamp: nothing of it rests on one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is asked, and how its answers are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Encrypted, or on this machine.
    pub url: String,
    /// The certificates that its own must follow from, in PEM; without them an answer is kept unchecked.
    pub certificates: Option<PathBuf>,
}

impl Authority {
    /// Asks for a stamp on a head, 64 hex digits. Gives the answer as it came, once it is known to be about this head
    /// and, where the configuration names certificates, to be the authority's.
    ///
    /// # Errors
    /// If there is no answer in a few seconds, or it is not a stamp on this head.
    pub async fn stamp(&self, transport: &Transport, head: &str) -> Result<(Vec<u8>, Stamp), Failure> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)
            .map_err(|error| Failure::refused("the system gives no randomness").because(error.to_string()))?;
        // A positive number without leading zeros.
        nonce[0] = nonce[0] & 0x3f | 0x40;
        let request = request(head, &nonce).map_err(|error| Failure::refused(error.to_string()))?;
        let headers = [("content-type", "application/timestamp-query"), ("accept", "application/timestamp-reply")];
        let sent = transport.send_within(PATIENCE, "POST", &self.url, &headers, request).await?;
        if sent.status != 200 {
            return Err(Failure::refused(format!("the time-stamping authority answered {}", sent.status)));
        }
        let certificates = self.certificates.as_deref().map(Certificates::read).transpose()?;
        let stamp = Stamp::read(sent.bytes(), certificates.as_ref())?;
        if stamp.imprint != head || stamp.nonce.as_deref() != Some(&nonce) {
            return Err(Failure::refused("the time stamp is not the answer to what was asked"));
        }
        Ok((sent.bytes().to_vec(), stamp))
    }
}

fn request(head: &str, nonce: &[u8]) -> Result<Vec<u8>, der::Error> {
    let digest = hex::decode(head).map_err(|_| der::ErrorKind::Failed)?;
    let hash_algorithm = AlgorithmIdentifier { oid: ID_SHA_256, parameters: Some(Any::encode_from(&Null)?) };
    let request = TimeStampReq {
        version: TspVersion::V1,
        message_imprint: MessageImprint { hash_algorithm, hashed_message: OctetString::new(digest)? },
        req_policy: None,
        nonce: Some(Int::new(nonce)?),
        cert_req: true,
        extensions: None,
    };
    request.to_der()
}
