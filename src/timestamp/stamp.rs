//! An authority's answer → who says that a hash was known, and when; or why nobody does.
//!
//! Trusted is what the signature covers, once the certificate follows from those that are believed: the signed
//! attributes, which name the digest of the stamp and the certificate, and the stamp itself. All else is a claim.

use super::certificates::Certificates;
use crate::clock::Timestamp;
use crate::failure::Failure;
use aws_lc_rs::digest;
use chrono::DateTime;
use cms::cert::CertificateChoices;
use cms::cert::x509::Certificate;
use cms::cert::x509::ext::pkix::SubjectKeyIdentifier;
use cms::cert::x509::spki::AlgorithmIdentifierOwned;
use cms::signed_data::{SignedAttributes, SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{ObjectIdentifier, OctetString};
use der::oid::db::rfc5911::{ID_CONTENT_TYPE, ID_MESSAGE_DIGEST, ID_SIGNED_DATA};
use der::oid::db::rfc5912::{ID_SHA_256, ID_SHA_384, ID_SHA_512};
use der::{Any, Decode, Encode, Sequence};
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::{EndEntityCert, aws_lc_rs as algorithms};
use x509_tsp::{TimeStampResp, TstInfo};

/// What is signed, RFC 3161.
const ID_CT_TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// The attribute that names the certificate, RFC 5035, and its forerunner with SHA-1, RFC 2634.
const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");

/// A hash was known at a time, somebody says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The SHA-256 that is stamped, lower-case hex.
    pub imprint: String,
    pub at: Timestamp,
    /// The name in the authority's certificate.
    pub authority: String,
    /// What the question carried so that its answer can be known.
    pub(super) nonce: Option<Vec<u8>>,
    /// Whether it follows from certificates that are believed.
    pub is_proven: bool,
}

#[derive(Sequence)]
struct SigningCertificates {
    certificates: Vec<Any>,
    #[asn1(optional = "true")]
    policies: Option<Any>,
}

#[derive(Sequence)]
struct EssCertIdV2 {
    #[asn1(optional = "true")]
    algorithm: Option<AlgorithmIdentifierOwned>,
    hash: OctetString,
    #[asn1(optional = "true")]
    issuer_serial: Option<Any>,
}

#[derive(Sequence)]
struct EssCertId {
    hash: OctetString,
    #[asn1(optional = "true")]
    issuer_serial: Option<Any>,
}

impl Stamp {
    /// Takes an authority's answer apart and checks its signature; with `certificates` also that the signer's follows
    /// from them, was valid when the stamp was made, and is one for time stamps.
    ///
    /// # Errors
    /// If it is no stamp, or not what was signed, or not by whom is believed.
    pub fn read(answer: &[u8], certificates: Option<&Certificates>) -> Result<Self, Failure> {
        let refused = |why: String| Failure::refused("the time stamp cannot be believed").because(why);
        let stamp = read(answer, certificates).map_err(refused)?;
        Ok(Self { is_proven: certificates.is_some(), ..stamp })
    }
}

fn read(answer: &[u8], believed: Option<&Certificates>) -> Result<Stamp, String> {
    let broken = |error: der::Error| format!("it is not an answer of RFC 3161: {error}");
    let response = TimeStampResp::from_der(answer).map_err(broken)?;
    let Some(token) = response.time_stamp_token else {
        return Err(format!("the authority gave none: {:?}", response.status.status).to_lowercase());
    };
    if token.content_type != ID_SIGNED_DATA {
        return Err("it is not signed".to_owned());
    }
    let signed = token.content.to_der().and_then(|bytes| SignedData::from_der(&bytes)).map_err(broken)?;
    let content = signed.encap_content_info.econtent.as_ref().map(Any::value);
    let Some(content) = content.filter(|_| signed.encap_content_info.econtent_type == ID_CT_TST_INFO) else {
        return Err("what is signed is not a time stamp".to_owned());
    };
    let [signer] = signed.signer_infos.0.as_slice() else {
        return Err("it is not signed by one authority".to_owned());
    };
    let info = TstInfo::from_der(content).map_err(broken)?;
    if info.message_imprint.hash_algorithm.oid != ID_SHA_256 {
        return Err("what is stamped is not a SHA-256".to_owned());
    }
    let at = DateTime::from(info.gen_time.to_system_time());
    let all: Vec<&Certificate> = signed
        .certificates
        .iter()
        .flat_map(|set| set.0.iter())
        .filter_map(|choice| match choice {
            CertificateChoices::Certificate(certificate) => Some(certificate),
            CertificateChoices::Other(_) => None,
        })
        .collect();
    let Some(own) = all.iter().find(|certificate| is_of(certificate, &signer.sid)) else {
        return Err("the authority's certificate is not in it".to_owned());
    };
    let der = |certificate: &Certificate| certificate.to_der().map(CertificateDer::from).map_err(broken);
    let own_der = der(own)?;
    let certificate = EndEntityCert::try_from(&own_der).map_err(|error| error.to_string())?;
    is_signed(signer, content, &certificate, &own_der)?;
    if let Some(believed) = believed {
        let others = all.iter().map(|certificate| der(certificate)).collect::<Result<Vec<_>, _>>()?;
        let why = |why| {
            format!("the certificate of `{}` does not follow from those given: {why}", own.tbs_certificate.subject)
        };
        believed.issued(&certificate, &others, at).map_err(why)?;
    }
    Ok(Stamp {
        imprint: hex::encode(info.message_imprint.hashed_message.as_bytes()),
        at,
        authority: own.tbs_certificate.subject.to_string(),
        nonce: info.nonce.map(|nonce| nonce.as_bytes().to_vec()),
        is_proven: false,
    })
}

/// Whether the signer is named by this certificate.
fn is_of(certificate: &Certificate, signer: &SignerIdentifier) -> bool {
    let certificate = &certificate.tbs_certificate;
    match signer {
        SignerIdentifier::IssuerAndSerialNumber(signer) => {
            certificate.issuer == signer.issuer && certificate.serial_number == signer.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(signer) => {
            matches!(certificate.get::<SubjectKeyIdentifier>(), Ok(Some((_, own))) if own == *signer)
        }
    }
}

/// Whether the signature is over attributes that name this content and this certificate.
fn is_signed(
    signer: &SignerInfo,
    content: &[u8],
    certificate: &EndEntityCert<'_>,
    certificate_der: &[u8],
) -> Result<(), String> {
    let Some(attributes) = &signer.signed_attrs else { return Err("nothing of it is signed".to_owned()) };
    let kind: ObjectIdentifier = attribute(attributes, ID_CONTENT_TYPE).ok_or("its kind is not signed")?;
    let named: OctetString = attribute(attributes, ID_MESSAGE_DIGEST).ok_or("its digest is not signed")?;
    let digest = digest_of(signer.digest_alg.oid, content)?;
    if kind != ID_CT_TST_INFO || named.as_bytes() != digest {
        return Err("its content is not the one that was signed".to_owned());
    }
    if !names(attributes, certificate_der)? {
        return Err("the certificate is not the one that was signed with".to_owned());
    }
    let signed = attributes.to_der().map_err(|error| error.to_string())?;
    let is_good = |algorithm: &&dyn SignatureVerificationAlgorithm| {
        certificate.verify_signature(*algorithm, &signed, signer.signature.as_bytes()).is_ok()
    };
    let is_signed = algorithms_with(signer.digest_alg.oid).iter().any(is_good);
    if is_signed { Ok(()) } else { Err("its signature does not match".to_owned()) }
}

/// The only value of an attribute.
fn attribute<T: for<'a> Decode<'a>>(attributes: &SignedAttributes, kind: ObjectIdentifier) -> Option<T> {
    let mut found = attributes.iter().filter(|attribute| attribute.oid == kind);
    let (Some(attribute), None) = (found.next(), found.next()) else { return None };
    let [value] = attribute.values.as_slice() else { return None };
    T::from_der(&value.to_der().ok()?).ok()
}

/// Whether the signed attributes name this certificate.
fn names(attributes: &SignedAttributes, certificate: &[u8]) -> Result<bool, String> {
    let first = |named: SigningCertificates| named.certificates.first().and_then(|first| first.to_der().ok());
    if let Some(named) = attribute(attributes, SIGNING_CERTIFICATE_V2).and_then(first) {
        let named = EssCertIdV2::from_der(&named).map_err(|error| error.to_string())?;
        let algorithm = named.algorithm.map_or(ID_SHA_256, |algorithm| algorithm.oid);
        return Ok(digest_of(algorithm, certificate)? == named.hash.as_bytes());
    }
    let Some(named) = attribute(attributes, SIGNING_CERTIFICATE).and_then(first) else { return Ok(false) };
    let named = EssCertId::from_der(&named).map_err(|error| error.to_string())?;
    let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
    Ok(sha1.as_ref() == named.hash.as_bytes())
}

fn digest_of(algorithm: ObjectIdentifier, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let algorithm = match algorithm {
        ID_SHA_256 => &digest::SHA256,
        ID_SHA_384 => &digest::SHA384,
        ID_SHA_512 => &digest::SHA512,
        other => return Err(format!("its digest is of a kind that is not taken: {other}")),
    };
    Ok(digest::digest(algorithm, bytes).as_ref().to_vec())
}

/// What a signature over that digest can be; whether it fits the certificate's key is seen when it is tried.
fn algorithms_with(digest: ObjectIdentifier) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    match digest {
        ID_SHA_256 => vec![
            algorithms::RSA_PKCS1_2048_8192_SHA256,
            algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
            algorithms::ECDSA_P256_SHA256,
            algorithms::ECDSA_P384_SHA256,
            algorithms::ECDSA_P521_SHA256,
        ],
        ID_SHA_384 => vec![
            algorithms::RSA_PKCS1_2048_8192_SHA384,
            algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
            algorithms::ECDSA_P256_SHA384,
            algorithms::ECDSA_P384_SHA384,
            algorithms::ECDSA_P521_SHA384,
        ],
        ID_SHA_512 => vec![
            algorithms::RSA_PKCS1_2048_8192_SHA512,
            algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
            algorithms::ECDSA_P256_SHA512,
            algorithms::ECDSA_P384_SHA512,
            algorithms::ECDSA_P521_SHA512,
            algorithms::ED25519,
        ],
        _ => Vec::new(),
    }
}
