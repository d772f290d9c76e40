//! The three ways to a token: App Service's managed identity, the instance metadata service, and Entra.
//!
//! Each answers in the form its clients parse (`expires_on` is a text here and `expires_in` a number there), and
//! maps its caller to a principal of its own.

use crate::clock::Timestamp;
use crate::cloud::lock::lock;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::Cloud;
use crate::cloud::world::applications::PasswordCheck;
use crate::cloud::world::identity::{Directory, IssuedToken, Principal, TENANT};
use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

const APP_SERVICE_PATHS: [&str; 2] = ["/msi/token", "/msi"];
const INSTANCE_METADATA_PATH: &str = "/metadata/identity/oauth2/token";

/// Whether a request to `localhost` is meant for a token endpoint.
pub(crate) fn is_token_path(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    APP_SERVICE_PATHS.contains(&path)
        || path == INSTANCE_METADATA_PATH
        || path.ends_with("/oauth2/v2.0/token")
        || path.ends_with("/.well-known/openid-configuration")
        || path.ends_with("/discovery/instance")
        || path.ends_with("/discovery/v2.0/keys")
}

/// Answers a request to any token endpoint.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange) -> Reply {
    let directory = &mut *lock(&cloud.directory);
    match exchange.path.trim_end_matches('/') {
        path if APP_SERVICE_PATHS.contains(&path) => app_service(directory, exchange),
        INSTANCE_METADATA_PATH => instance_metadata(directory, exchange),
        path if path.ends_with("/oauth2/v2.0/token") => entra(cloud, directory, exchange),
        path if path.ends_with("/.well-known/openid-configuration") => openid_configuration(exchange),
        path if path.ends_with("/discovery/v2.0/keys") => {
            Reply::json(200, &directory.signing_keys.published(&second_issuer()))
        }
        path if path.ends_with("/discovery/instance") => instance_discovery(exchange),
        path => {
            Reply::json(404, &json!({ "error": "not_found", "error_description": format!("no endpoint at {path}") }))
        }
    }
}

fn app_service(directory: &mut Directory, exchange: &Exchange) -> Reply {
    if exchange.header("x-identity-header").is_none() {
        return Reply::json(401, &json!({ "statusCode": 401, "message": "The X-IDENTITY-HEADER header is missing." }));
    }
    if exchange.parameter("api-version").as_deref() != Some("2019-08-01") {
        return Reply::json(400, &json!({ "statusCode": 400, "message": "Unsupported api-version; use 2019-08-01." }));
    }
    managed_identity(directory, exchange)
}

fn instance_metadata(directory: &mut Directory, exchange: &Exchange) -> Reply {
    if exchange.header("metadata").is_none_or(|value| !value.eq_ignore_ascii_case("true")) {
        let description = "Required metadata header not specified";
        return Reply::json(400, &json!({ "error": "invalid_request", "error_description": description }));
    }
    managed_identity(directory, exchange)
}

/// The system-assigned identity, or the user-assigned one that was asked for.
fn managed_identity(directory: &mut Directory, exchange: &Exchange) -> Reply {
    let Some(resource) = exchange.parameter("resource").filter(|resource| !resource.is_empty()) else {
        let description = "Required query variable 'resource' is missing";
        return Reply::json(400, &json!({ "error": "invalid_request", "error_description": description }));
    };
    let principal = managed_principal(directory, exchange);
    let issued = directory.issue(&principal, &resource, exchange.at, TimeDelta::hours(24));
    let expires_on = issued.expires.timestamp().to_string();
    let body = json!({
        "access_token": issued.access_token,
        "client_id": principal.appid,
        "expires_in": expires_in(&issued, exchange.at).to_string(),
        "expires_on": expires_on,
        "resource": resource,
        "token_type": "Bearer",
    });
    Reply::json(200, &body)
}

fn managed_principal(directory: &mut Directory, exchange: &Exchange) -> Principal {
    if let Some(client_id) = exchange.parameter("client_id") {
        return directory.application(&client_id);
    }
    let by_object = exchange.parameter("object_id").or_else(|| exchange.parameter("principal_id"));
    if let Some(oid) = by_object {
        if let Some(known) = directory.principals().iter().find(|known| known.oid.eq_ignore_ascii_case(&oid)) {
            return known.clone();
        }
        let named = directory.named(&format!("identity-{oid}"));
        return directory.admit(Principal { oid, ..named });
    }
    match exchange.parameter("msi_res_id").or_else(|| exchange.parameter("mi_res_id")) {
        Some(resource_id) => directory.named(resource_id.rsplit('/').next().unwrap_or("identity")),
        None => directory.managed_identity(),
    }
}

fn entra(cloud: &Cloud, directory: &mut Directory, exchange: &Exchange) -> Reply {
    if exchange.method != "POST" {
        return entra_error(405, "invalid_request", 900_561, "The endpoint only accepts POST requests.");
    }
    let form: HashMap<String, String> = url::form_urlencoded::parse(&exchange.body).into_owned().collect();
    let given = |field: &str| form.get(field).filter(|value| !value.is_empty());
    if given("grant_type").map(String::as_str) == Some("password") {
        return person(cloud, directory, exchange, &form);
    }
    if given("grant_type").map(String::as_str) != Some("client_credentials") {
        return entra_error(400, "unsupported_grant_type", 70_003, "The grant type is not supported.");
    }
    let (Some(client_id), Some(scope)) = (given("client_id"), given("scope")) else {
        return entra_error(400, "invalid_request", 900_144, "The request body must contain client_id and scope.");
    };
    if given("client_secret").is_none() && given("client_assertion").is_none() {
        let description = "The request body must contain client_secret or client_assertion.";
        return entra_error(401, "invalid_client", 7_000_218, description);
    }
    let password = given("client_secret").map(String::as_str).unwrap_or_default();
    if let PasswordCheck::Bad = lock(&cloud.applications).check(client_id, password, exchange.at) {
        let description = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.";
        return entra_error(401, "invalid_client", 7_000_215, description);
    }
    let Some(audience) = scope.strip_suffix("/.default") else {
        return entra_error(400, "invalid_scope", 1_002_012, "The scope must end in /.default.");
    };
    let principal = directory.application(client_id);
    bearer(directory, &principal, audience, exchange.at, Map::new())
}

/// Somebody who signs in by name and password.
fn person(cloud: &Cloud, directory: &mut Directory, exchange: &Exchange, form: &HashMap<String, String>) -> Reply {
    let given = |field: &str| form.get(field).map(String::as_str).unwrap_or_default();
    let Some((principal, groups)) = cloud.people.sign_in(given("username"), given("password")) else {
        let description = "Error validating credentials due to invalid username or password.";
        return entra_error(400, "invalid_grant", 50_126, description);
    };
    let Some(audience) = given("scope").strip_suffix("/.default") else {
        return entra_error(400, "invalid_scope", 1_002_012, "The scope must end in /.default.");
    };
    let principal = directory.admit(principal);
    let groups = Map::from_iter([("groups".to_owned(), groups.into())]);
    bearer(directory, &principal, audience, exchange.at, groups)
}

fn bearer(
    directory: &mut Directory,
    principal: &Principal,
    audience: &str,
    now: Timestamp,
    claims: Map<String, Value>,
) -> Reply {
    let issued = directory.issue_with(principal, audience, now, TimeDelta::seconds(3599), claims);
    let life = expires_in(&issued, now);
    let body = json!({
        "token_type": "Bearer",
        "expires_in": life,
        "ext_expires_in": life,
        "access_token": issued.access_token,
    });
    Reply::json(200, &body)
}

fn expires_in(issued: &IssuedToken, now: Timestamp) -> i64 {
    (issued.expires - now).num_seconds()
}

/// A planned refusal, as Entra words one that passes.
pub(crate) fn unavailable(status: u16) -> Reply {
    entra_error(status, "temporarily_unavailable", 90_033, "A transient error has occurred.")
}

/// An error as Entra words it; its clients need the numbers.
fn entra_error(status: u16, error: &str, number: i32, description: &str) -> Reply {
    let body = json!({
        "error": error,
        "error_description": format!("AADSTS{number}: {description}"),
        "error_codes": [number],
    });
    Reply::json(status, &body)
}

fn openid_configuration(exchange: &Exchange) -> Reply {
    let authority = format!("https://{}/{TENANT}", exchange.host);
    let body = json!({
        "token_endpoint": format!("{authority}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": format!("{authority}/discovery/v2.0/keys"),
        "issuer": second_issuer(),
        "id_token_signing_alg_values_supported": ["RS256"],
        "authorization_endpoint": format!("{authority}/oauth2/v2.0/authorize"),
        "tenant_region_scope": "EU",
    });
    Reply::json(200, &body)
}

/// Who signs tokens of the second version.
fn second_issuer() -> String {
    format!("https://login.microsoftonline.com/{TENANT}/v2.0")
}

fn instance_discovery(exchange: &Exchange) -> Reply {
    let endpoint = format!("https://{}/{TENANT}/v2.0/.well-known/openid-configuration", exchange.host);
    let aliases = ["login.microsoftonline.com", "login.windows.net"];
    let metadata = json!([{ "preferred_network": aliases[0], "preferred_cache": aliases[1], "aliases": aliases }]);
    Reply::json(200, &json!({ "tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": metadata }))
}
