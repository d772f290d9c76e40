//! `graph.microsoft.com`: applications and their passwords.

use super::azure_rest::{is_admitted, refuse};
use crate::clock::Timestamp;
use crate::cloud::lock::lock;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::Cloud;
use crate::cloud::world::applications::{Application, Applications};
use chrono::TimeDelta;
use serde_json::{Value, json};

const AUDIENCE: &str = "https://graph.microsoft.com";

/// Answers a request to the Graph.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange) -> Reply {
    if !is_admitted(cloud, exchange, AUDIENCE) {
        return refuse(401, "InvalidAuthenticationToken", "Access token is empty or invalid.");
    }
    act(&mut lock(&cloud.applications), exchange)
}

fn act(applications: &mut Applications, exchange: &Exchange) -> Reply {
    let segments = exchange.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (id, action) = match segments.as_slice() {
        ["v1.0", "applications", id] => (*id, ""),
        ["v1.0", "applications", id, action] => (*id, *action),
        _ => return refuse(404, "Request_ResourceNotFound", "Resource not found for the segment."),
    };
    let Some(application) = applications.get_mut(id) else {
        let message =
            format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
        return refuse(404, "Request_ResourceNotFound", &message);
    };
    let body: Value = serde_json::from_slice(&exchange.body).unwrap_or_default();
    match (exchange.method.as_str(), action) {
        ("GET", "") => {
            let passwords = application.passwords();
            let body = json!({ "id": application.id, "appId": application.app_id, "passwordCredentials": passwords });
            Reply::json(200, &body)
        }
        ("POST", "addPassword") => add_password(application, &body, exchange.at),
        ("POST", "removePassword") => remove_password(application, &body),
        _ => refuse(400, "BadRequest", "There is no such action."),
    }
}

fn add_password(application: &mut Application, body: &Value, now: Timestamp) -> Reply {
    let wanted = body.get("passwordCredential").cloned().unwrap_or_default();
    let text = |name: &str| wanted.get(name).and_then(Value::as_str);
    let end = text("endDateTime").and_then(|end| end.parse().ok()).unwrap_or_else(|| now + TimeDelta::days(730));
    let (mut shown, password) = application.add(text("displayName").map(str::to_owned), now, end);
    shown["secretText"] = password.text.into();
    Reply::json(200, &shown)
}

fn remove_password(application: &mut Application, body: &Value) -> Reply {
    let key_id = body.get("keyId").and_then(Value::as_str).unwrap_or_default();
    if application.remove(key_id) {
        return Reply::empty(204);
    }
    refuse(400, "Request_BadRequest", &format!("No password credential found with keyId '{key_id}'."))
}
