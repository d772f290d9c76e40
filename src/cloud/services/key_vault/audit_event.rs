//! A call to a vault → its event in the audit trail.

use super::outcome::Outcome;
use super::secrets::Completed;
use crate::clock;
use crate::cloud::wire::exchange::Exchange;
use crate::cloud::wire::host::VaultAddress;
use crate::cloud::world::audit_trail::{log_time, resource_id};
use serde_json::{Value, json};
use uuid::Uuid;

/// The call as the audit trail has it.
pub(crate) fn audit_event(exchange: &Exchange, address: &VaultAddress, outcome: &Outcome, status: u16) -> Value {
    let claim = outcome.principal.as_ref().map(|principal| {
        let mut claim = json!({ "oid": principal.oid, "appid": principal.appid, "idtyp": "app" });
        if let Some(upn) = &principal.upn {
            claim["upn"] = upn.clone().into();
            claim["idtyp"] = "user".into();
        } else {
            // Services sign in as managed identities, whose resource is the name that people know them by.
            claim["xms_mirid"] = principal.resource().into();
        }
        claim
    });
    let identity = claim.map_or_else(|| json!({}), |claim| json!({ "claim": claim }));
    let id = match &outcome.result {
        Ok(Completed { id: Some(id), .. }) => id,
        _ => &outcome.asked,
    };
    let correlation =
        exchange.header("x-ms-client-request-id").map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    let api_version = exchange.parameter("api-version").unwrap_or_default();
    let description = outcome.result.as_ref().err().map(|refusal| refusal.message.clone()).unwrap_or_default();
    json!({
        "time": log_time(exchange.at),
        "category": "AuditEvent",
        "operationName": outcome.operation_name,
        "resultType": "Success",
        "resultDescription": description,
        "correlationId": correlation,
        "callerIpAddress": outcome.client,
        "identity": identity,
        "properties": {
            "id": id,
            "clientInfo": exchange.header("user-agent").unwrap_or_default(),
            "httpStatusCode": status,
            "requestUri": format!("{}{}", address.base_url, exchange.path_and_query()),
            "isRbacAuthorized": outcome.authorised,
            "tlsVersion": "TLS1_3",
        },
        "resourceId": resource_id(&address.name),
        "operationVersion": api_version,
        "resultSignature": signature(status),
        "durationMs": (clock::now() - exchange.at).num_milliseconds().max(1).to_string(),
    })
}

fn signature(status: u16) -> &'static str {
    match status {
        200 | 204 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        429 => "Too Many Requests",
        _ => "Error",
    }
}
