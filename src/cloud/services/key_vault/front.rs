//! A vault's HTTP front: challenge, routing, limits, version of the interface, access, operation, headers, audit.
//!
//! The order of the checks is Azure's: the challenge comes before everything, routing before authorisation, and
//! only authorised answers carry the headers of role-based access control.

use super::access::{self, AccessRequest};
use super::audit_event::audit_event;
use super::bundle::Origin;
use super::operation::Operation;
use super::outcome::Outcome;
use super::paging::{LARGEST_PAGE, Marker, PageRequest};
use super::refusal::Refusal;
use super::secret_request::{SetRequest, UpdateRequest, backup_blob};
use super::secrets::{Completed, VaultOperations};
use crate::cloud::lock::lock;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::wire::host::VaultAddress;
use crate::cloud::world::Cloud;
use crate::cloud::world::audit_trail::resource_id;
use crate::cloud::world::identity::{Bearer, Principal, TENANT};
use uuid::Uuid;

const REGION: &str = "westeurope";
const SERVICE_VERSION: &str = "1.9.749.1";
const NEWEST_API_VERSION: &str = "2026-04-01";
const API_VERSIONS: [&str; 12] = [
    "7.2",
    "7.3",
    "7.4-preview.1",
    "7.4",
    "7.5-preview.1",
    "7.5",
    "7.6-preview.1",
    "7.6-preview.2",
    "7.6",
    "2025-06-01-preview",
    "2025-07-01",
    NEWEST_API_VERSION,
];

/// Answers a call to a vault and writes it to the audit trail.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange, address: &VaultAddress) -> Reply {
    let outcome = handle(cloud, exchange, address);
    let reply = match &outcome.result {
        Ok(Completed { body: Some(body), .. }) => Reply::json(200, body),
        Ok(Completed { body: None, .. }) => Reply::empty(204),
        Err(refusal) => Reply::json(refusal.status, &refusal.body()),
    };
    let reply = with_headers(cloud, exchange, address, reply, &outcome.client, outcome.authorised);
    let event = audit_event(exchange, address, &outcome, reply.status);
    if let Err(error) = cloud.audit.record(&address.name, exchange.at, &event) {
        tracing::warn!(%error, "could not write the audit trail");
    }
    reply
}

/// A planned refusal, which never reached the service.
pub(crate) fn refuse(cloud: &Cloud, exchange: &Exchange, address: &VaultAddress, status: u16) -> Reply {
    let refusal = Refusal::planned(status);
    let reply = Reply::json(refusal.status, &refusal.body());
    with_headers(cloud, exchange, address, reply, &exchange.client_address(None), false)
}

fn handle(cloud: &Cloud, exchange: &Exchange, address: &VaultAddress) -> Outcome {
    let mut outcome = Outcome {
        operation_name: "Authentication",
        asked: format!("{}/", address.base_url),
        principal: None,
        client: exchange.client_address(None),
        authorised: false,
        result: Ok(Completed { body: None, id: None }),
    };
    let principal = match authenticate(cloud, exchange, address) {
        Ok(bearer) => {
            outcome.client = exchange.client_address(bearer.address.as_deref());
            outcome.principal.insert(bearer.principal).clone()
        }
        Err(refusal) => {
            outcome.result = Err(refusal);
            return outcome;
        }
    };
    let operation = match Operation::route(&exchange.method, &exchange.path) {
        Ok(operation) => operation,
        Err(refusal) => {
            outcome.operation_name = probable_name(&exchange.method);
            outcome.result = Err(refusal);
            return outcome;
        }
    };
    outcome.operation_name = operation.audit_name();
    if let Some(name) = operation.name() {
        let version = operation.version().map(|version| format!("/{version}")).unwrap_or_default();
        outcome.asked = format!("{}/secrets/{name}{version}", address.base_url);
    }
    if let Err(refusal) = admit(cloud, exchange, address, &operation, &principal, &outcome.client) {
        outcome.result = Err(refusal);
        return outcome;
    }
    outcome.authorised = true;
    outcome.result = perform(cloud, exchange, address, &operation);
    outcome
}

/// The caller, if its token is one of this cloud's, for Key Vault, and still good.
fn authenticate(cloud: &Cloud, exchange: &Exchange, address: &VaultAddress) -> Result<Bearer, Refusal> {
    let header = exchange.header("authorization").unwrap_or_default();
    let token = match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => token.trim(),
        _ => return Err(Refusal::unauthorized("AKV10000: Request is missing a Bearer or PoP token.")),
    };
    let directory = lock(&cloud.directory);
    let Some(bearer) = directory.bearer(token) else {
        let message = "AKV10046: Unable to resolve the key used for signature validation.";
        return Err(Refusal::unauthorized(message));
    };
    if !bearer.is_for(address.resource) {
        let message = format!("AKV10022: Invalid audience. Expected {}, found: {}.", address.resource, bearer.audience);
        return Err(Refusal::unauthorized(message));
    }
    if bearer.expires <= exchange.at {
        return Err(Refusal::unauthorized("[TokenExpired] Error validating token: 'S2S12086'."));
    }
    Ok(bearer.clone())
}

/// Limits, version of the interface, access.
fn admit(
    cloud: &Cloud,
    exchange: &Exchange,
    address: &VaultAddress,
    operation: &Operation,
    principal: &Principal,
    client_address: &str,
) -> Result<(), Refusal> {
    if !lock(&cloud.meter).take(&address.name, operation.quota(), exchange.at) {
        return Err(Refusal::throttled());
    }
    match exchange.parameter("api-version") {
        None => return Err(Refusal::bad_parameter("api-version must be specified")),
        Some(version) if API_VERSIONS.contains(&version.as_str()) => {}
        Some(version) => {
            return Err(Refusal::bad_parameter(format!(
                "The specified version ({version}) is not recognized. Consider using the latest supported version \
                 ({NEWEST_API_VERSION})."
            )));
        }
    }
    let request = AccessRequest {
        vault: &address.name,
        region: REGION,
        resource_id: &resource_id(&address.name),
        principal,
        client_address,
        operation,
    };
    let reason =
        lock(&cloud.access).get(&address.name).and_then(|rules| rules.denies(operation.audit_name(), &principal.oid));
    reason.map_or(Ok(()), |reason| Err(access::refuse(reason, &request)))
}

fn perform(
    cloud: &Cloud,
    exchange: &Exchange,
    address: &VaultAddress,
    operation: &Operation,
) -> Result<Completed, Refusal> {
    let mut vaults = lock(&cloud.vaults);
    let vault = cloud.vault(&mut vaults, &address.name);
    vault.finish_due(exchange.at);
    let origin = Origin { base_url: address.base_url.clone(), profile: vault.profile };
    let mut operations = VaultOperations { vault, origin, now: exchange.at };
    match operation {
        Operation::Set { name } => operations.set(name, SetRequest::parse(&exchange.body)?),
        Operation::Get { name, version } => operations.get(name, version.as_deref()),
        Operation::Update { name, version } => {
            operations.update(name, version.as_deref(), UpdateRequest::parse(&exchange.body)?)
        }
        Operation::List => Ok(operations.list(&page(exchange, address)?)),
        Operation::ListVersions { name } => Ok(operations.list_versions(name, &page(exchange, address)?)),
        Operation::Delete { name } => operations.delete(name),
        Operation::GetDeleted { name } => operations.get_deleted(name),
        Operation::ListDeleted => Ok(operations.list_deleted(&page(exchange, address)?)),
        Operation::Recover { name } => operations.recover(name),
        Operation::Purge { name } => operations.purge(name),
        Operation::Backup { name } => operations.backup(name),
        Operation::Restore => operations.restore(&backup_blob(&exchange.body)?),
    }
}

fn page(exchange: &Exchange, address: &VaultAddress) -> Result<PageRequest, Refusal> {
    let asked_size = match exchange.parameter("maxresults") {
        None => None,
        Some(text) => match text.parse::<usize>() {
            Ok(size) if (1..=LARGEST_PAGE).contains(&size) => Some(size),
            _ => return Err(Refusal::bad_parameter("maxresults must be between 1 and 25.")),
        },
    };
    let marker = match exchange.parameter("$skiptoken") {
        None => None,
        Some(token) => {
            Some(Marker::decode(&token).ok_or_else(|| Refusal::bad_parameter("The $skiptoken is invalid."))?)
        }
    };
    Ok(PageRequest {
        link_base: format!("{}{}", address.link_url, exchange.path),
        api_version: exchange.parameter("api-version").unwrap_or_default(),
        asked_size,
        marker,
    })
}

/// Adds the headers that every answer of a vault has.
fn with_headers(
    cloud: &Cloud,
    exchange: &Exchange,
    address: &VaultAddress,
    reply: Reply,
    client: &str,
    authorised: bool,
) -> Reply {
    let family = if client.contains(':') { ("Ipv6", "InterNetworkV6") } else { ("Ipv4", "InterNetwork") };
    let mut reply = reply
        .header("Cache-Control", "no-cache")
        .header("Pragma", "no-cache")
        .header("Expires", "-1")
        .header("Strict-Transport-Security", "max-age=31536000;includeSubDomains")
        .header("X-Content-Type-Options", "nosniff")
        .header("x-ms-keyvault-region", REGION)
        .header("x-ms-request-id", Uuid::new_v4().to_string())
        .header("x-ms-keyvault-service-version", SERVICE_VERSION)
        .header(
            "x-ms-keyvault-network-info",
            format!("conn_type={};addr={client};act_addr_fam={};", family.0, family.1),
        );
    if let Some(client_request_id) = exchange.header("x-ms-client-request-id") {
        reply = reply.header("x-ms-client-request-id", client_request_id);
    }
    if reply.status == 401 {
        let challenge =
            format!("Bearer authorization=\"https://login.windows.net/{TENANT}\", resource=\"{}\"", address.resource);
        reply = reply.header("WWW-Authenticate", challenge);
    }
    let rbac = lock(&cloud.vaults).get(&address.name).is_some_and(|vault| vault.profile.rbac);
    if authorised && rbac {
        reply = reply
            .header("x-ms-keyvault-rbac-assignment-id", "7e9d0a52-6f0b-5c1d-8f0e-2b4f1c9a6d37")
            .header("x-ms-keyvault-rbac-cache", "ra_age=0;da_age=0;rd_age=0;brd_age=0;ra_notif_age=0;dec_lev=1;");
    }
    reply
}

/// What a call that could not be routed was probably meant to be.
fn probable_name(method: &str) -> &'static str {
    match method {
        "PUT" => "SecretSet",
        "PATCH" => "SecretUpdate",
        "DELETE" => "SecretDelete",
        "POST" => "SecretRestore",
        _ => "SecretGet",
    }
}
