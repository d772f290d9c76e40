//! Every request to the cloud passes here: control, planned faults, then the part of the cloud that the host names.
//!
//! Main type: [`Cloud`], all state behind locks that are held for one operation and never across a wait.

use super::listener::Peer;
use crate::clock::{self, Timestamp};
use crate::cloud::control;
use crate::cloud::faults::{Drop, Faults, Trouble};
use crate::cloud::scenario::Player;
use crate::cloud::services::graph::{self, Applications};
use crate::cloud::services::key_vault::access::Rules;
use crate::cloud::services::key_vault::front as key_vault;
use crate::cloud::services::resource_manager;
use crate::cloud::services::resource_manager::sites::Sites;
use crate::cloud::services::sinks::Sinks;
use crate::cloud::services::token_endpoints;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::wire::host::Destination;
use crate::cloud::world::accounts::Accounts;
use crate::cloud::world::audit_trail::AuditTrail;
use crate::cloud::world::identity::Directory;
use crate::cloud::world::issued_tokens::Tokens;
use crate::cloud::world::issuing::{self, Issued};
use crate::cloud::world::limits::Meter;
use crate::cloud::world::vault::{Profile, Vault};
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Response;
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const LARGEST_BODY_BYTES: usize = 16 * 1024 * 1024;

/// One call as the control shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Call {
    at: Timestamp,
    method: String,
    host: String,
    path: String,
    query: Option<String>,
    /// 0: nothing was answered and nothing was done.
    status: u16,
    client_request_id: Option<String>,
    user_agent: Option<String>,
    /// The connection was cut before or after the effect.
    dropped: Option<&'static str>,
}

/// The whole cloud.
pub(crate) struct Cloud {
    pub(crate) vaults: Mutex<BTreeMap<String, Vault>>,
    /// What a vault is like that comes into being.
    pub(crate) profile: Profile,
    pub(crate) directory: Mutex<Directory>,
    pub(crate) rules: Mutex<HashMap<String, Rules>>,
    pub(crate) meter: Mutex<Meter>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) calls: Mutex<Vec<Call>>,
    pub(crate) audit: Arc<AuditTrail>,
    pub(crate) sinks: Arc<Sinks>,
    /// The scenario's callers, while they play.
    pub(crate) player: Mutex<Option<Player>>,
    /// Those who issue credentials, and those who refer to a vault.
    pub(crate) accounts: Mutex<Accounts>,
    pub(crate) applications: Mutex<Applications>,
    pub(crate) tokens: Mutex<Tokens>,
    pub(crate) sites: Mutex<Sites>,
    /// What the scenario's secrets held at the start.
    pub(crate) issued: Mutex<Vec<Issued>>,
}

/// Locks; a thread that died while holding it leaves whole values behind.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cloud {
    /// A vault, which comes into being at its first use.
    pub(crate) fn vault<'a>(&self, vaults: &'a mut BTreeMap<String, Vault>, name: &str) -> &'a mut Vault {
        vaults.entry(name.to_owned()).or_insert_with(|| Vault::new(self.profile))
    }

    fn record(&self, exchange: &Exchange, status: u16, dropped: Option<&'static str>) {
        lock(&self.calls).push(Call {
            at: exchange.at,
            method: exchange.method.clone(),
            host: exchange.host.clone(),
            path: exchange.path.clone(),
            query: exchange.query.clone(),
            status,
            client_request_id: exchange.header("x-ms-client-request-id").map(str::to_owned),
            user_agent: exchange.header("user-agent").map(str::to_owned),
            dropped,
        });
    }
}

/// The one handler.
pub(crate) async fn answer(
    State(cloud): State<Arc<Cloud>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let reply = match to_bytes(body, LARGEST_BODY_BYTES).await {
        Ok(body) => {
            let exchange = Exchange::new(&head, body.to_vec(), peer, clock::now());
            match &exchange.destination {
                Destination::Local(_) if exchange.path == "/_control" || exchange.path.starts_with("/_control/") => {
                    control::answer(&cloud, &exchange)
                }
                _ => respond(&cloud, exchange).await,
            }
        }
        Err(error) => Reply::json(413, &json!({ "error": error.to_string() })),
    };
    reply.into_response()
}

async fn respond(cloud: &Cloud, mut exchange: Exchange) -> Reply {
    let trouble = lock(&cloud.faults).strike(&exchange).unwrap_or_default();
    if let Some(delay) = trouble.delay_ms {
        clock::sleep(Duration::from_millis(delay)).await;
        exchange.at = clock::now();
    }
    if trouble.drop == Some(Drop::Before) {
        cloud.record(&exchange, 0, Some("before"));
        exchange.peer.cut();
        return Reply::empty(500);
    }
    let reply = match trouble.answer_status() {
        Some(status) => planned(cloud, &exchange, &trouble, status),
        None => dispatch(cloud, &exchange),
    };
    issuing::watch(cloud, exchange.at);
    if trouble.drop == Some(Drop::After) {
        cloud.record(&exchange, reply.status, Some("after"));
        exchange.peer.cut();
    } else {
        cloud.record(&exchange, reply.status, None);
    }
    reply
}

fn planned(cloud: &Cloud, exchange: &Exchange, trouble: &Trouble, status: u16) -> Reply {
    let reply = match &exchange.destination {
        Destination::Local(_) if token_endpoints::is_token_path(&exchange.path) => {
            Trouble::reply(&exchange.destination, status)
        }
        Destination::Vault(address) | Destination::Local(address) => {
            key_vault::refuse(cloud, exchange, address, &Trouble::refusal(status))
        }
        other => Trouble::reply(other, status),
    };
    match trouble.retry_after_s {
        Some(seconds) => reply.header("Retry-After", seconds.to_string()),
        None => reply,
    }
}

fn dispatch(cloud: &Cloud, exchange: &Exchange) -> Reply {
    match &exchange.destination {
        Destination::Entra | Destination::InstanceMetadata => token_endpoints::answer(cloud, exchange),
        Destination::Local(_) if token_endpoints::is_token_path(&exchange.path) => {
            token_endpoints::answer(cloud, exchange)
        }
        Destination::ResourceManager => resource_manager::answer(cloud, exchange),
        Destination::Graph => graph::answer(cloud, exchange),
        Destination::Vault(address) | Destination::Local(address) => key_vault::answer(cloud, exchange, address),
        Destination::Other => elsewhere(cloud, exchange),
    }
}

fn elsewhere(cloud: &Cloud, exchange: &Exchange) -> Reply {
    if let Some(reply) = lock(&cloud.tokens).answer(exchange) {
        return reply;
    }
    if let Some(reply) = lock(&cloud.accounts).knock(exchange) {
        return reply;
    }
    let path = exchange.path_and_query();
    let answer =
        cloud.sinks.receive(&exchange.host, &exchange.method, &path, &exchange.headers, &exchange.body, exchange.at);
    match answer {
        Some(answer) => Reply::text(answer.status, answer.content_type, answer.body),
        None => Reply::json(404, &json!({ "error": format!("there is no host `{}` in this cloud", exchange.host) })),
    }
}
