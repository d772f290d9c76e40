//! The control: what a drill or a test sees of the cloud, and how it arranges it. Loopback only, never audited, and
//! behind a key: its address is the ready file's `control`, of which `/_control` here is the end.
//!
//! | call | does |
//! | --- | --- |
//! | `GET /_control/state` | vaults, notifications, calls |
//! | `PUT /_control/secrets/VAULT/NAME` | seeds versions |
//! | `POST`, `GET`, `DELETE /_control/faults` | plants, counts, clears faults |
//! | `PUT`, `DELETE /_control/access/VAULT` | denials |
//! | `PUT /_control/vaults/VAULT` | access model, recoverable days, empty pages, delays |
//! | `PUT`, `DELETE /_control/limits` | service limits |
//! | `POST /_control/settle` | what is under way is done, and late audit lines are written, now |
//! | `POST /_control/tokens` | a token for anybody, with any claims |
//! | `POST /_control/signing_keys` | another key signs tokens: `{"forget"}` the old ones at once, `{"issuer"}` of which it is published |
//! | `POST /_control/accounts` | an account with two keys: `{"id"}`; gives the keys |
//! | `POST /_control/applications` | an application with a password: `{"id", "app_id"}`; gives it |
//! | `POST /_control/issued` | a living token of GitHub's or Slack's: `{"token"}` |
//! | `POST /_control/try` | whether the issuer of a scenario's secret takes a value: `{"vault", "secret", "value"}` |
//! | `POST /_control/slack/press` | somebody presses a button in Slack: `{"user", "action", "about"?, "deliveries"?}` |
//! | `POST /_control/slack/disconnect` | all who listen there are cut off: `{"warns"}` |
//! | `POST /_control/retained` | keeps a container of blobs immutable, with protected appends: `{"container": "ACCOUNT/NAME"}` |
//! | `POST /_control/sites` | a site with settings: `{"id", "settings": {NAME: REFERENCE}}` |

mod state;

use crate::cloud::actors::Actors;
use crate::cloud::faults::Fault;
use crate::cloud::lock::lock;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::Cloud;
use crate::cloud::world::access::AccessRules;
use crate::cloud::world::identity::Principal;
use crate::cloud::world::limits::Limits;
use chrono::TimeDelta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::sync::Mutex;
use std::time::Duration;

/// Answers a control call.
pub(crate) fn answer(cloud: &Cloud, actors: &Mutex<Option<Actors>>, exchange: &Exchange) -> Reply {
    if !exchange.comes_from_loopback() {
        return refuse(403, "the control answers to loopback addresses only");
    }
    let segments = exchange.segments();
    let segments: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    let result = match (exchange.method.as_str(), segments.as_slice()) {
        ("GET", ["state"]) => Ok(state::describe(cloud, lock(actors).as_ref(), exchange.at)),
        ("PUT", ["secrets", vault, name]) => seed(cloud, vault, name, exchange),
        ("POST", ["faults"]) => plant(cloud, &exchange.body),
        ("GET", ["faults"]) => Ok(lock(&cloud.faults).describe()),
        ("DELETE", ["faults"]) => {
            lock(&cloud.faults).clear();
            Ok(json!({}))
        }
        ("PUT", ["access", vault]) => read::<AccessRules>(&exchange.body).map(|rules| {
            lock(&cloud.access).insert(vault.to_ascii_lowercase(), rules);
            json!({})
        }),
        ("DELETE", ["access", vault]) => {
            lock(&cloud.access).remove(&vault.to_ascii_lowercase());
            Ok(json!({}))
        }
        ("PUT", ["vaults", vault]) => read(&exchange.body).map(|change| change_vault(cloud, vault, &change)),
        ("PUT", ["limits"]) => read::<Limits>(&exchange.body).map(|limits| {
            lock(&cloud.meter).set(Some(limits));
            json!(limits)
        }),
        ("DELETE", ["limits"]) => {
            lock(&cloud.meter).set(None);
            Ok(json!({}))
        }
        ("POST", ["settle"]) => settle(cloud),
        ("POST", ["accounts"]) => read(&exchange.body).and_then(|seed| lock(&cloud.accounts).seed(seed)),
        ("POST", ["applications"]) => {
            read(&exchange.body).map(|seed| json!(lock(&cloud.applications).seed(seed, exchange.at)))
        }
        ("POST", ["issued"]) => read(&exchange.body).map(|seed| {
            lock(&cloud.issued_tokens).seed(&seed);
            json!({})
        }),
        ("POST", ["retained"]) => read::<Retained>(&exchange.body).map(|wanted| {
            lock(&cloud.blobs).retain(&wanted.container);
            json!({})
        }),
        ("POST", ["sites"]) => read(&exchange.body).map(|seed| {
            lock(&cloud.sites).seed(seed, &lock(&cloud.vaults));
            json!({})
        }),
        ("POST", ["slack", "press"]) => {
            read(&exchange.body).and_then(|press| lock(&cloud.slack).press(&press, exchange.at))
        }
        ("POST", ["slack", "disconnect"]) => {
            read::<Disconnect>(&exchange.body).map(|how| lock(&cloud.slack).disconnect(how.warns))
        }
        ("POST", ["try"]) => read(&exchange.body).map(|wanted| try_credential(cloud, exchange, &wanted)),
        ("POST", ["signing_keys"]) => read(&exchange.body).map(|wanted: NewKey| {
            lock(&cloud.directory).signing_keys.rotate(wanted.forget, wanted.issuer);
            json!({})
        }),
        ("POST", ["tokens"]) => read(&exchange.body).map(|wanted| issue(cloud, exchange, wanted)),
        _ => return refuse(404, &format!("the control has no {} {}", exchange.method, exchange.path)),
    };
    match result {
        Ok(body) => Reply::json(200, &body),
        Err(reason) => refuse(400, &reason),
    }
}

fn refuse(status: u16, reason: &str) -> Reply {
    Reply::json(status, &json!({ "error": reason }))
}

/// Reads a body; an empty one is an empty object.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| format!("the body does not fit: {error}"))
}

/// Puts versions into a secret; says which there are now.
fn seed(cloud: &Cloud, vault: &str, name: &str, exchange: &Exchange) -> Result<Value, String> {
    let seed = read(&exchange.body)?;
    let mut vaults = lock(&cloud.vaults);
    let vault = cloud.vault(&mut vaults, &vault.to_ascii_lowercase());
    vault.finish_due(exchange.at);
    let versions = vault.seed(name, seed, exchange.at)?;
    Ok(json!({ "version": versions.last(), "versions": versions }))
}

/// Plants one fault, or a list of them.
fn plant(cloud: &Cloud, body: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let faults: Vec<Fault> = match value {
        Value::Array(_) => serde_json::from_value(value),
        single => serde_json::from_value(single).map(|fault| vec![fault]),
    }
    .map_err(|error| error.to_string())?;
    lock(&cloud.faults).plant(faults).map(|planted| json!({ "planted": planted }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disconnect {
    warns: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Retained {
    container: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trial {
    vault: String,
    secret: String,
    value: String,
}

/// Whether a secret's issuer takes a value; null where nobody knows.
fn try_credential(cloud: &Cloud, exchange: &Exchange, wanted: &Trial) -> Value {
    let Trial { vault, secret, value } = wanted;
    json!({ "accepted": cloud.try_credential(vault, secret, value, exchange.at) })
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct VaultChange {
    rbac: Option<bool>,
    recoverable_days: Option<u32>,
    purge_protection: Option<bool>,
    empty_pages: Option<bool>,
    #[serde(default)]
    settle_ms: SettleChange,
}

/// Milliseconds.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettleChange {
    delete: Option<u64>,
    recover: Option<u64>,
    purge: Option<u64>,
}

fn change_vault(cloud: &Cloud, name: &str, change: &VaultChange) -> Value {
    let mut vaults = lock(&cloud.vaults);
    let profile = &mut cloud.vault(&mut vaults, &name.to_ascii_lowercase()).profile;
    profile.rbac = change.rbac.unwrap_or(profile.rbac);
    profile.recoverable_days = change.recoverable_days.unwrap_or(profile.recoverable_days);
    profile.purge_protection = change.purge_protection.unwrap_or(profile.purge_protection);
    profile.empty_pages = change.empty_pages.unwrap_or(profile.empty_pages);
    let SettleChange { delete, recover, purge } = change.settle_ms;
    for (time, wanted) in [
        (&mut profile.delays.delete, delete),
        (&mut profile.delays.recover, recover),
        (&mut profile.delays.purge, purge),
    ] {
        *time = wanted.map_or(*time, Duration::from_millis);
    }
    state::describe_profile(profile)
}

fn settle(cloud: &Cloud) -> Result<Value, String> {
    for vault in lock(&cloud.vaults).values_mut() {
        vault.finish_due(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    }
    cloud.audit.write_until(None).map_err(|error| error.to_string())?;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedToken {
    oid: String,
    appid: String,
    name: Option<String>,
    upn: Option<String>,
    /// The address that the vault sees with this token.
    ip: Option<String>,
    /// The audience; the public cloud's vaults, if absent.
    resource: Option<String>,
    lifetime_s: Option<i64>,
    /// Claims that are added, or put in place of others.
    #[serde(default)]
    claims: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    #[serde(default)]
    forget: bool,
    #[serde(default)]
    issuer: Option<String>,
}

fn issue(cloud: &Cloud, exchange: &Exchange, wanted: WantedToken) -> Value {
    let WantedToken { oid, appid, name, upn, ip, resource, lifetime_s, claims } = wanted;
    let mut directory = lock(&cloud.directory);
    let known = directory.principals().iter().find(|known| known.oid == oid).map(|known| known.name.clone());
    let name = name.or(known).unwrap_or_else(|| upn.clone().unwrap_or_else(|| oid.clone()));
    let principal = directory.admit(Principal { name, oid, appid, upn });
    let life = TimeDelta::try_seconds(lifetime_s.unwrap_or(3_600)).unwrap_or_default();
    let resource = resource.as_deref().unwrap_or("https://vault.azure.net");
    let issued = directory.issue_with(&principal, resource, exchange.at, life, claims);
    if let Some(address) = ip {
        directory.set_address(&issued.access_token, address);
    }
    json!({ "access_token": issued.access_token, "expires_on": issued.expires.timestamp() })
}
