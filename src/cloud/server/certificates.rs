//! A certificate authority of the cloud's own, and the TLS configuration that goes with it.
//!
//! The authority's key lives in memory only and dies with the process; its certificate is what clients are told to
//! trust.

use super::error::Error;
use crate::clock::{self, Timestamp};
use crate::cloud::wire::host::HOSTS;
use chrono::{Datelike, TimeDelta};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// What a TLS listener needs, and what its clients need.
pub(crate) struct Certificates {
    pub(crate) acceptor: TlsAcceptor,
    /// The authority's certificate.
    pub(crate) authority_pem: String,
}

/// Makes an authority and a certificate for `localhost`, the loopback addresses and every host of the cloud.
pub(crate) fn issue() -> Result<Certificates, Error> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    limit_validity(&mut authority);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "stanch embedded cloud");
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(HOSTS.iter().map(|host| (*host).to_owned()));
    let mut server = CertificateParams::new(names)?;
    limit_validity(&mut server);
    server.distinguished_name.push(DnType::CommonName, "localhost");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &authority)?;

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut configuration = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Certificates { acceptor: TlsAcceptor::from(Arc::new(configuration)), authority_pem: authority.pem() })
}

/// From yesterday for a season: some clients refuse certificates that live for years.
fn limit_validity(parameters: &mut CertificateParams) {
    let day = |at: Timestamp| rcgen::date_time_ymd(at.year(), at.month() as u8, at.day() as u8);
    let now = clock::now();
    parameters.not_before = day(now - TimeDelta::days(1));
    parameters.not_after = day(now + TimeDelta::days(90));
}
