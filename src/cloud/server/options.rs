//! What kind of cloud to serve.

use crate::cloud::scenario::Scenario;
use crate::cloud::world::limits::Limits;
use crate::cloud::world::sink_credentials::SinkCredentials;
use crate::cloud::world::vault::VisibilityDelays;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// What kind of cloud to serve.
#[derive(Debug)]
pub struct Options {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Serves under TLS only, with an authority of its own.
    pub tls: bool,
    /// What the vault holds, who calls it, and what goes wrong.
    pub scenario: Option<Scenario>,
    /// The folder for the audit trail, the certificate and the configuration.
    pub data: PathBuf,
    /// Written once connections are accepted.
    pub ready_file: Option<PathBuf>,
    /// The limits to enforce; none by default.
    pub limits: Option<Limits>,
    /// How long deletions, recoveries and purges take.
    pub delays: VisibilityDelays,
    /// How late the audit trail's lines appear.
    pub audit_lag: Duration,
    /// What senders of notifications must know; the configuration that is written knows it.
    /// Nothing: made-up ones, with a random signing key.
    pub sinks: Option<SinkCredentials>,
}

impl Options {
    /// A cloud on a free loopback port, without TLS, limits or lag, with its files in `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: false,
            scenario: None,
            data: data.into(),
            ready_file: None,
            limits: None,
            delays: VisibilityDelays::default(),
            audit_lag: Duration::ZERO,
            sinks: None,
        }
    }
}
