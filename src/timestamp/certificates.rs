//! The certificates from which those of an authority must follow.

use crate::clock::Timestamp;
use crate::failure::Failure;
use crate::files;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// `id-kp-timeStamping`, 1.3.6.1.5.5.7.3.8, without its tag.
const TIME_STAMPING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 8];

/// No file of certificates is larger.
const LARGEST: u64 = 1 << 20;

/// Certificates that are believed.
#[derive(Clone, Debug)]
pub struct Certificates(Vec<CertificateDer<'static>>);

impl Certificates {
    /// Reads a PEM file.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let unusable = |why: String| {
            Failure::refused(format!("the certificates of `{}` cannot be used", path.display()))
                .because(why)
                .help("name the authority's root certificate, in PEM")
        };
        let mut pem = Vec::new();
        let file = files::open_regular(path).map_err(|error| unusable(error.to_string()))?;
        file.take(LARGEST).read_to_end(&mut pem).map_err(|error| unusable(error.to_string()))?;
        let read = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let certificates = read.map_err(|_| unusable("it is not in PEM".to_owned()))?;
        if certificates.is_empty() {
            Err(unusable("it holds no certificate".to_owned()))
        } else {
            Ok(Self(certificates))
        }
    }

    /// Whether a certificate, by way of others that came with it, follows from these, was valid at that time, and is one
    /// for time stamps.
    pub(super) fn issued(
        &self,
        certificate: &EndEntityCert<'_>,
        others: &[CertificateDer<'_>],
        at: Timestamp,
    ) -> Result<(), String> {
        let anchors = self.0.iter().map(anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>();
        let anchors = anchors.map_err(|error| error.to_string())?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.timestamp()).unwrap_or_default()));
        let usage = KeyUsage::required(TIME_STAMPING);
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        let path = certificate.verify_for_usage(algorithms, &anchors, others, time, usage, None, None);
        path.map(drop).map_err(|error| error.to_string())
    }
}
