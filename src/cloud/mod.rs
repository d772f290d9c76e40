//! The embedded cloud: Key Vault, identities, the audit trail, notification sinks, and trouble on demand, over HTTP.
//!
//! [`serve`] turns [`Options`] into a [`Running`] cloud on a loopback port. It is what a drill plays against and what
//! tests call, and it knows nothing of runbooks: its only interface is HTTP, as the real cloud's is. How it behaves
//! was read off recordings of the real service, and the replay suite holds it to them.
//!
//! ```text
//!  listener ─► server ─┬─ control ── state, seeding, faults, limits, access
//!   (tls, cut)         ├─ key_vault ─ operation ─ secrets ─ vault ─► bundle, paging, refusal
//!                      │      └─► audit_trail (files)
//!                      ├─ token_endpoints ─ identity
//!                      ├─ resource_manager ─ accounts, sites; graph; tokens: those who issue credentials (issuers)
//!                      └─ sinks ◄─ smtp
//!  scenario ─► player (consumers, attackers) ─► the cloud, over HTTP like everybody else
//! ```

mod actors;
mod control;
mod faults;
pub mod scenario;
mod server;
mod services;
mod wire;
mod world;

pub use server::ready::Ready;
pub use services::sinks::{self, smtp};
pub use world::limits::Limits;
pub use world::vault::SettleTimes;

use crate::clock;
use crate::secret::Secret;
use actors::Player;
use actors::vault_caller::Endpoint;
use axum::Router;
use scenario::{Scenario, seeding};
use server::dispatcher::{self, Cloud, lock};
use server::listener::{Connections, Peer};
use server::{certificates, ready};
use sinks::{SigningKey, SinkCredentials, Sinks};
use smtp::SmtpServer;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use world::audit_trail::AuditTrail;
use world::identity::Directory;
use world::issuing;
use world::limits::Meter;
use world::vault::Profile;

/// How long open connections may go on after the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

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
    pub settle: SettleTimes,
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
            settle: SettleTimes::default(),
            audit_lag: Duration::ZERO,
            sinks: None,
        }
    }
}

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

/// A cloud that accepts connections. It goes down when this is dropped.
pub struct Running {
    ready: Ready,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<io::Result<()>>,
    mail: Option<SmtpServer>,
    cloud: Arc<Cloud>,
}

impl fmt::Debug for Running {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Brings a cloud up. When this returns, connections are accepted and all files are in place.
///
/// # Errors
/// If the address is taken, a file cannot be written, or no certificate can be made.
pub async fn serve(options: Options) -> Result<Running, Error> {
    let files = |source| Error::Files { path: options.data.clone(), source };
    let data = ready::prepare(&options.data).map_err(files)?;
    let certificates = if options.tls { Some(certificates::issue()?) } else { None };
    if let Some(certificates) = &certificates {
        ready::write_authority(&data, &certificates.authority_pem).map_err(files)?;
    }
    let audit = AuditTrail::create(data.join("insights-logs-auditevent"), options.audit_lag).map_err(files)?;
    let acceptor = certificates.map(|certificates| certificates.acceptor);
    let listen = |source| Error::Listen { address: options.listen, source };
    let connections = Connections::bind(options.listen, acceptor).await.map_err(listen)?;
    let address = connections.address();
    let sinks = sinks(options.sinks.clone())?;
    let mail_address = SocketAddr::new(options.listen.ip(), 0);
    let mail = smtp::listen(mail_address, Arc::clone(&sinks))
        .await
        .map_err(|source| Error::Listen { address: mail_address, source })?;
    let mut ready = Ready::new(reachable(address), options.tls, &data, audit.root());
    ready.smtp = Some(reachable(mail.address()).to_string());
    let known_callers: Vec<String> =
        options.scenario.iter().flat_map(Scenario::consumers).map(|consumer| consumer.caller.oid.clone()).collect();
    ready::write_configuration(&data, audit.root(), sinks.credentials(), &known_callers).map_err(files)?;

    let cloud = Arc::new(cloud(&options, audit, sinks));
    if let Some(scenario) = &options.scenario {
        seeding::seed_scenario(&cloud, scenario, clock::now()).map_err(Error::Scenario)?;
    }
    let (stop, serving) = answer_calls(connections, Arc::clone(&cloud));
    let running = Running { ready, address, stop: Some(stop), serving, mail: Some(mail), cloud };
    if let Some(scenario) = &options.scenario {
        let endpoint = Endpoint { base_url: running.ready.base_url.clone(), ca_pem: running.ready.ca_pem.clone() };
        let player = Player::start(scenario, &endpoint).await.map_err(Error::Scenario)?;
        *lock(&running.cloud.player) = Some(player);
    }
    if let Some(path) = &options.ready_file {
        running.ready.write(path).map_err(|source| Error::Files { path: path.clone(), source })?;
    }
    Ok(running)
}

/// Serves until the sender speaks or is gone.
fn answer_calls(connections: Connections, cloud: Arc<Cloud>) -> (oneshot::Sender<()>, JoinHandle<io::Result<()>>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let router = Router::new().fallback(dispatcher::answer).with_state(cloud);
    let serving = tokio::spawn(async move {
        axum::serve(connections, router.into_make_service_with_connect_info::<Peer>())
            .with_graceful_shutdown(async move {
                // An error says that the sender is gone, which means the same.
                stopped.await.unwrap_or_default();
            })
            .await
    });
    (stop, serving)
}

fn sinks(credentials: Option<SinkCredentials>) -> Result<Arc<Sinks>, Error> {
    Ok(match credentials {
        Some(credentials) => Sinks::with_credentials(credentials),
        None => Sinks::with_signing_key(SigningKey::random().map_err(Error::Credential)?),
    })
}

/// An address that can be called, for one that is listened on.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())) } else { address }
}

fn cloud(options: &Options, audit: AuditTrail, sinks: Arc<Sinks>) -> Cloud {
    let mut directory = Directory::default();
    directory.managed_identity();
    Cloud {
        vaults: Mutex::default(),
        profile: Profile::new(options.settle),
        directory: Mutex::new(directory),
        rules: Mutex::default(),
        meter: Mutex::new(Meter::new(options.limits)),
        faults: Mutex::default(),
        calls: Mutex::default(),
        audit: Arc::new(audit),
        sinks,
        player: Mutex::default(),
        accounts: Mutex::default(),
        applications: Mutex::default(),
        tokens: Mutex::default(),
        sites: Mutex::default(),
        issued: Mutex::default(),
    }
}

impl Running {
    /// What the ready file says.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The value that a secret has now, as somebody holds it who came upon it where it leaked.
    pub fn leaked_value(&self, vault: &str, secret: &str) -> Option<Secret> {
        let vaults = lock(&self.cloud.vaults);
        let current = vaults.get(vault)?.entry(secret)?.latest()?;
        Some(Secret::new(current.value.expose().to_owned()))
    }

    /// A new value for a secret, as somebody has it who just made it at the secret's issuer; nothing where its issuer
    /// makes none by hand.
    pub fn new_value(&self, vault: &str, secret: &str) -> Option<Secret> {
        issuing::make_by_hand(&self.cloud, vault, secret, clock::now())
    }

    /// Waits until the cloud ends by itself, which it does only if something is wrong.
    ///
    /// # Errors
    /// Always [`Error::Down`], unless it was shut down.
    pub async fn wait(&mut self) -> Result<(), Error> {
        match (&mut self.serving).await {
            Ok(result) => result.map_err(Error::Down),
            Err(error) => Err(Error::Down(io::Error::other(error))),
        }
    }

    /// Takes no more connections, gives open ones a moment to end, and is gone.
    pub async fn shutdown(mut self) {
        let player = lock(&self.cloud.player).take();
        if let Some(mut player) = player {
            player.stop().await;
        }
        if let Some(mail) = self.mail.take() {
            mail.shutdown().await;
        }
        drop(self.stop.take());
        if tokio::time::timeout(LAST_ANSWERS, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
        // Its callers would go on calling a cloud that is gone.
        drop(lock(&self.cloud.player).take());
    }
}
