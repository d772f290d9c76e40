//! `graph.microsoft.com`: applications and their passwords.
//!
//! Main type: [`Applications`]. Only digests of passwords are kept: as at Entra, a text is told once. The token
//! endpoint asks here whether an application's password is good.

use super::resource_manager::{is_admitted, refuse};
use crate::clock::Timestamp;
use crate::cloud::server::dispatcher::{Cloud, lock};
use crate::cloud::wire::exchange::{Exchange, Reply};
use chrono::{SecondsFormat, TimeDelta};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const AUDIENCE: &str = "https://graph.microsoft.com";

/// An application to make known, with a password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seed {
    /// Object id.
    pub(crate) id: String,
    pub(crate) app_id: String,
}

struct Password {
    key_id: String,
    display_name: Option<String>,
    hint: String,
    digest: [u8; 32],
    start: Timestamp,
    end: Timestamp,
}

struct Application {
    id: String,
    app_id: String,
    passwords: Vec<Password>,
    /// How many passwords were ever added.
    added: u64,
}

/// All applications.
#[derive(Default)]
pub(crate) struct Applications {
    applications: Vec<Application>,
}

impl Password {
    /// A new one, with its text.
    fn fresh(display_name: Option<String>, start: Timestamp, end: Timestamp) -> (Self, String) {
        let text = format!("{}~{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let hint = text.chars().take(3).collect();
        let digest = Sha256::digest(&text).into();
        (Self { key_id: Uuid::new_v4().to_string(), display_name, hint, digest, start, end }, text)
    }

    fn to_json(&self) -> Value {
        let moment = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        json!({
            "customKeyIdentifier": null,
            "displayName": self.display_name,
            "endDateTime": moment(self.end),
            "hint": self.hint,
            "keyId": self.key_id,
            "secretText": null,
            "startDateTime": moment(self.start),
        })
    }
}

/// Whether a client's password is good.
pub(crate) enum Knows {
    /// No application of this cloud has that client id.
    Nothing,
    Good,
    Bad,
}

impl Applications {
    /// Makes an application known; gives its password's id and text.
    pub(crate) fn seed(&mut self, seed: Seed, now: Timestamp) -> Value {
        let (password, text) = Password::fresh(Some("put in by hand".to_owned()), now, now + TimeDelta::days(180));
        let shown = json!({ "key_id": password.key_id, "text": text });
        let application = Application { id: seed.id, app_id: seed.app_id, passwords: vec![password], added: 1 };
        self.applications.push(application);
        shown
    }

    pub(crate) fn describe(&self) -> Value {
        let describe = |application: &Application| {
            let passwords: Vec<Value> = application.passwords.iter().map(Password::to_json).collect();
            (application.id.clone(), json!({ "passwords": passwords, "added": application.added }))
        };
        Value::Object(self.applications.iter().map(describe).collect())
    }

    /// How many passwords an application has.
    pub(crate) fn passwords(&self, id: &str) -> usize {
        self.applications.iter().find(|one| one.id.eq_ignore_ascii_case(id)).map_or(0, |one| one.passwords.len())
    }

    /// What the token endpoint asks.
    pub(crate) fn knows(&self, app_id: &str, password: &str, now: Timestamp) -> Knows {
        let Some(application) = self.applications.iter().find(|one| one.app_id.eq_ignore_ascii_case(app_id)) else {
            return Knows::Nothing;
        };
        let digest: [u8; 32] = Sha256::digest(password).into();
        let good = application.passwords.iter().any(|one| one.digest == digest && one.end > now);
        if good { Knows::Good } else { Knows::Bad }
    }

    fn act(&mut self, exchange: &Exchange) -> Reply {
        let segments = exchange.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (id, action) = match segments.as_slice() {
            ["v1.0", "applications", id] => (*id, ""),
            ["v1.0", "applications", id, action] => (*id, *action),
            _ => return refuse(404, "Request_ResourceNotFound", "Resource not found for the segment."),
        };
        let Some(application) = self.applications.iter_mut().find(|one| one.id.eq_ignore_ascii_case(id)) else {
            let message = format!(
                "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
            );
            return refuse(404, "Request_ResourceNotFound", &message);
        };
        let body: Value = serde_json::from_slice(&exchange.body).unwrap_or_default();
        match (exchange.method.as_str(), action) {
            ("GET", "") => {
                let passwords: Vec<Value> = application.passwords.iter().map(Password::to_json).collect();
                let body =
                    json!({ "id": application.id, "appId": application.app_id, "passwordCredentials": passwords });
                Reply::json(200, &body)
            }
            ("POST", "addPassword") => application.add(&body, exchange.at),
            ("POST", "removePassword") => application.remove(&body),
            _ => refuse(400, "BadRequest", "There is no such action."),
        }
    }
}

impl Application {
    fn add(&mut self, body: &Value, now: Timestamp) -> Reply {
        let wanted = body.get("passwordCredential").cloned().unwrap_or_default();
        let text = |name: &str| wanted.get(name).and_then(Value::as_str);
        let end = text("endDateTime").and_then(|end| end.parse().ok()).unwrap_or_else(|| now + TimeDelta::days(730));
        let (password, text) = Password::fresh(text("displayName").map(str::to_owned), now, end);
        let mut shown = password.to_json();
        shown["secretText"] = text.into();
        self.passwords.push(password);
        self.added += 1;
        Reply::json(200, &shown)
    }

    fn remove(&mut self, body: &Value) -> Reply {
        let key_id = body.get("keyId").and_then(Value::as_str).unwrap_or_default();
        let before = self.passwords.len();
        self.passwords.retain(|password| password.key_id != key_id);
        if self.passwords.len() == before {
            let message = format!("No password credential found with keyId '{key_id}'.");
            return refuse(400, "Request_BadRequest", &message);
        }
        Reply::empty(204)
    }
}

/// Answers a request to the Graph.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange) -> Reply {
    if !is_admitted(cloud, exchange, AUDIENCE) {
        return refuse(401, "InvalidAuthenticationToken", "Access token is empty or invalid.");
    }
    lock(&cloud.applications).act(exchange)
}
