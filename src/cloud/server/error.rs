//! Why there is no cloud.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the cloud could not come up, or went down by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address could not be listened on.
    #[error("could not listen on `{address}`")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("could not write below `{}`", path.display())]
    Files {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("could not make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The certificate could not be put to use.
    #[error("could not set up tls")]
    Tls(#[from] rustls::Error),
    /// A credential could not be made up.
    #[error("could not make up a credential: {0}")]
    Credential(String),
    /// The scenario could not be set up.
    #[error("could not set up the scenario: {0}")]
    Scenario(String),
    /// The server ended by itself.
    #[error("the embedded cloud went down")]
    Down(#[source] io::Error),
}
