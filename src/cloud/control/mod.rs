//! The control: what a drill or a test sees of the cloud, and how it arranges it. Loopback only, never audited.
//!
//! | call | does |
//! | --- | --- |
//! | `GET /_control/state` | vaults, notifications, calls |
//! | `PUT /_control/secrets/VAULT/NAME` | seeds versions |
//! | `POST`, `GET`, `DELETE /_control/faults` | plants, counts, clears faults |
//! | `PUT`, `DELETE /_control/access/VAULT` | denials |
//! | `PUT /_control/vaults/VAULT` | access model, recoverable days, empty pages, settle times |
//! | `PUT`, `DELETE /_control/limits` | service limits |
//! | `POST /_control/settle` | what is under way is done, and late audit lines are written, now |
//! | `POST /_control/tokens` | a token for anybody |
//! | `POST /_control/accounts` | an account with two keys: `{"id"}`; gives the keys |
//! | `POST /_control/applications` | an application with a password: `{"id", "app_id"}`; gives it |
//! | `POST /_control/issued` | a living token of GitHub's or Slack's: `{"token"}` |
//! | `POST /_control/try` | whether the issuer of a scenario's secret takes a value: `{"vault", "secret", "value"}` |
//! | `POST /_control/sites` | a site with settings: `{"id", "settings": {NAME: REFERENCE}}` |

mod state;

use crate::cloud::scenario::seeding;
use crate::cloud::server::dispatcher::{Cloud, lock};
use crate::cloud::services::key_vault::access::Rules;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::identity::Principal;
use crate::cloud::world::issuing;
use crate::cloud::world::limits::Limits;
use chrono::TimeDelta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// Answers a control call.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange) -> Reply {
    if !exchange.comes_from_loopback() {
        return refuse(403, "the control answers to loopback addresses only");
    }
    let segments = exchange.segments();
    let segments: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    let result = match (exchange.method.as_str(), segments.as_slice()) {
        ("GET", ["state"]) => Ok(state::describe(cloud, exchange.at)),
        ("PUT", ["secrets", vault, name]) => seeding::seed(cloud, vault, name, &exchange.body, exchange.at),
        ("POST", ["faults"]) => lock(&cloud.faults).plant(&exchange.body).map(|planted| json!({ "planted": planted })),
        ("GET", ["faults"]) => Ok(lock(&cloud.faults).describe()),
        ("DELETE", ["faults"]) => {
            lock(&cloud.faults).clear();
            Ok(json!({}))
        }
        ("PUT", ["access", vault]) => read::<Rules>(&exchange.body).map(|rules| {
            lock(&cloud.rules).insert(vault.to_ascii_lowercase(), rules);
            json!({})
        }),
        ("DELETE", ["access", vault]) => {
            lock(&cloud.rules).remove(&vault.to_ascii_lowercase());
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
            read(&exchange.body).map(|seed| lock(&cloud.applications).seed(seed, exchange.at))
        }
        ("POST", ["issued"]) => read(&exchange.body).map(|seed| lock(&cloud.tokens).seed(&seed)),
        ("POST", ["sites"]) => read(&exchange.body).map(|seed| lock(&cloud.sites).seed(cloud, seed)),
        ("POST", ["try"]) => issuing::try_value(cloud, exchange),
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
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| format!("the body does not fit: {error}"))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct VaultChange {
    rbac: Option<bool>,
    recoverable_days: Option<u32>,
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
    profile.empty_pages = change.empty_pages.unwrap_or(profile.empty_pages);
    let SettleChange { delete, recover, purge } = change.settle_ms;
    for (time, wanted) in [
        (&mut profile.settle.delete, delete),
        (&mut profile.settle.recover, recover),
        (&mut profile.settle.purge, purge),
    ] {
        *time = wanted.map_or(*time, Duration::from_millis);
    }
    state::describe_profile(profile)
}

fn settle(cloud: &Cloud) -> Result<Value, String> {
    for vault in lock(&cloud.vaults).values_mut() {
        vault.settle(chrono::DateTime::<chrono::Utc>::MAX_UTC);
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
}

fn issue(cloud: &Cloud, exchange: &Exchange, wanted: WantedToken) -> Value {
    let WantedToken { oid, appid, name, upn, ip, resource, lifetime_s } = wanted;
    let mut directory = lock(&cloud.directory);
    let known = directory.principals().iter().find(|known| known.oid == oid).map(|known| known.name.clone());
    let name = name.or(known).unwrap_or_else(|| upn.clone().unwrap_or_else(|| oid.clone()));
    let principal = directory.admit(Principal { name, oid, appid, upn });
    let life = TimeDelta::try_seconds(lifetime_s.unwrap_or(3_600)).unwrap_or_default();
    let resource = resource.as_deref().unwrap_or("https://vault.azure.net");
    let issued = directory.issue(&principal, resource, exchange.at, life);
    if let Some(address) = ip {
        directory.place(&issued.access_token, address);
    }
    json!({ "access_token": issued.access_token, "expires_on": issued.expires.timestamp() })
}
