//! [`Options`] → a [`Running`] cloud on a loopback port.

use super::certificates;
use super::dispatcher;
use super::door::Door;
use super::error::Error;
use super::listener::Connections;
use super::options::Options;
use super::ready::{self, Ready};
use super::served::Served;
use crate::clock;
use crate::cloud::actors::{Actors, Endpoint};
use crate::cloud::lock::lock;
use crate::cloud::scenario::{Scenario, seeding};
use crate::cloud::services::sinks::smtp::{self, SmtpServer};
use crate::cloud::wire::peer::Peer;
use crate::cloud::world::Cloud;
use crate::cloud::world::audit_trail::AuditTrail;
use crate::cloud::world::sink_credentials::{SigningKey, SinkCredentials};
use crate::secret::Secret;
use axum::Router;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long open connections may go on after the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// A cloud that accepts connections. It goes down when this is dropped.
pub struct Running {
    ready: Ready,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<io::Result<()>>,
    mail: Option<SmtpServer>,
    served: Arc<Served>,
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
    let sinks = sink_credentials(options.sinks.clone())?;
    let cloud = Cloud::new(options.delays, options.limits, audit, sinks);
    let mail_address = SocketAddr::new(options.listen.ip(), 0);
    let mail = smtp::listen(mail_address, Arc::clone(&cloud.notifications))
        .await
        .map_err(|source| Error::Listen { address: mail_address, source })?;
    let door = Door::new();
    let mut ready = Ready::new(reachable(address), options.tls, &door, &data, cloud.audit.root());
    ready.smtp = Some(reachable(mail.address()).to_string());
    let known_callers: Vec<String> =
        options.scenario.iter().flat_map(Scenario::consumers).map(|consumer| consumer.caller.oid.clone()).collect();
    ready::write_configuration(&data, cloud.audit.root(), &cloud.sink_credentials, &known_callers).map_err(files)?;
    ready::write_people(&data, &cloud.people).map_err(files)?;
    if let Some(scenario) = &options.scenario {
        seeding::seed(&cloud, scenario, clock::now()).map_err(Error::Scenario)?;
    }
    let served = Arc::new(Served { door, cloud, actors: Mutex::default() });
    let (stop, serving) = answer_calls(connections, Arc::clone(&served));
    let running = Running { ready, address, stop: Some(stop), serving, mail: Some(mail), served };
    if let Some(scenario) = &options.scenario {
        let Ready { base_url, control, ca_pem, .. } = running.ready.clone();
        let endpoint = Endpoint { base_url, control: control.unwrap_or_default(), ca_pem };
        let actors = Actors::start(scenario, &endpoint).await.map_err(Error::Scenario)?;
        *lock(&running.served.actors) = Some(actors);
    }
    if let Some(path) = &options.ready_file {
        running.ready.write(path).map_err(|source| Error::Files { path: path.clone(), source })?;
    }
    Ok(running)
}

/// Serves until the sender speaks or is gone.
fn answer_calls(connections: Connections, served: Arc<Served>) -> (oneshot::Sender<()>, JoinHandle<io::Result<()>>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let router = Router::new().fallback(dispatcher::answer).with_state(served);
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

/// The credentials that were given, else made-up ones.
fn sink_credentials(given: Option<SinkCredentials>) -> Result<SinkCredentials, Error> {
    match given {
        Some(credentials) => Ok(credentials),
        None => {
            let key = SigningKey::random().map_err(Error::Credential)?;
            Ok(SinkCredentials { signing_key: Some(key), ..SinkCredentials::default() })
        }
    }
}

/// An address that can be called, for one that is listened on.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())) } else { address }
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
        let vaults = lock(&self.served.cloud.vaults);
        let current = vaults.get(vault)?.entry(secret)?.latest()?;
        Some(Secret::new(current.value.expose().to_owned()))
    }

    /// A new value for a secret, as somebody has it who just made it at the secret's issuer; nothing where its issuer
    /// makes none by hand.
    pub fn new_value(&self, vault: &str, secret: &str) -> Option<Secret> {
        self.served.cloud.issue_by_hand(vault, secret, clock::now())
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
        let actors = lock(&self.served.actors).take();
        if let Some(mut actors) = actors {
            actors.stop().await;
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
        drop(lock(&self.served.actors).take());
    }
}
