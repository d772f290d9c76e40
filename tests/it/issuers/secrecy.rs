//! No credential, in any encoding, in anything that is written, said or sent: at the issuers as well.

use super::server::Server;
use super::{arguments, versions};
use crate::secrecy::{assert_folder_free_of, assert_free_of};
use crate::stage::Stage;
use serde_json::json;
use std::io::Write as _;
use std::process::Stdio;

/// Runs at the highest verbosity, and looks for the values everywhere but in the vault and at the issuer.
async fn assert_secret(stage: &Stage, arguments: &[&str], input: &str, mut values: Vec<String>) {
    let mut command = stage.command(arguments);
    command.arg("-vv").env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1").stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let state = stage.state().await;
    let current = versions(&state).into_iter().find(|version| version["latest"] == true).unwrap();
    let new = stage.read_value("orders-key", current["version"].as_str().unwrap()).await;
    // Of a connection string, the credential alone is the secret.
    let password = new.split(['/', ':', '@', ';', ' ']).max_by_key(|part| part.len()).unwrap();
    values.push(password.trim_start_matches("AccountKey=").to_owned());
    assert!(output.stderr.len() > 10_000, "tracing was on");
    assert_free_of("standard output", &output.stdout, &values);
    assert_free_of("standard error", &output.stderr, &values);
    assert!(assert_folder_free_of(&stage.state_dir(), &values) >= 5);
    assert_free_of("the notifications", &serde_json::to_vec(&state["notifications"]).unwrap(), &values);
    assert_free_of("the tags", current["tags"].to_string().as_bytes(), &values);
    assert_free_of("the calls", &serde_json::to_vec(&state["calls"]).unwrap(), &values);
}

#[tokio::test]
async fn no_key_password_or_token_is_found_anywhere() {
    let stage = Stage::empty(&[]).await;
    let id = "/subscriptions/5f0d1c2b-7a34-4e6b-9c58-1d2e3f405162/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/ordersstore";
    let keys = stage.control_post("accounts", &json!({ "id": id })).await["keys"].clone();
    let keys: Vec<String> = ["key1", "key2"].iter().map(|name| keys[*name].as_str().unwrap().to_owned()).collect();
    let value = format!("AccountName=ordersstore;AccountKey={};EndpointSuffix=core.windows.net", keys[0]);
    stage.seed("orders-key", &json!({ "value": value, "tags": { "ProviderAddress": id } })).await;
    stage.fault(&json!({ "match": { "path": "regenerateKey" }, "times": 1, "do": { "drop": "after" } })).await;
    assert_secret(&stage, &arguments("storage-account-key", "r-keys", &[]), "", keys).await;

    let stage = Stage::empty(&[]).await;
    let id = "6c0b7a9e-3f61-4b7e-9d43-0a1b2c3d4e5f";
    let app_id = "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e0f9";
    let seeded = stage.control_post("applications", &json!({ "id": id, "app_id": app_id })).await;
    stage.seed("orders-key", &json!({ "value": seeded["text"], "tags": { "ProviderAddress": id } })).await;
    stage.fault(&json!({ "match": { "path": "addPassword" }, "times": 1, "do": { "drop": "after" } })).await;
    let old = seeded["text"].as_str().unwrap().to_owned();
    assert_secret(&stage, &arguments("entra-app-secret", "r-entra", &[]), "", vec![old]).await;

    let (old, new) = ("ghp_theOldOneThatLeaked01234567890123456", "ghp_theNewOne01234567890123456789012345");
    let stage = Stage::empty(&[]).await;
    stage.seed("orders-key", &json!({ "value": old, "tags": { "stanch-provider": "github_token" } })).await;
    stage.control_post("issued", &json!({ "token": old })).await;
    stage.control_post("issued", &json!({ "token": new })).await;
    let mut begin = arguments("third-party-api-key", "r-token", &[]);
    begin.push("--secret-stdin");
    assert_secret(&stage, &begin, new, vec![old.to_owned(), new.to_owned()]).await;
}

#[tokio::test]
async fn no_login_of_a_database_is_found_anywhere() {
    let Some(server) = Server::start().await else { return };
    let (stage, old) = (Stage::empty(&[]).await, "the+old-password.that_leaked");
    server.admin(&format!("alter role app_a login password '{old}'")).await;
    stage.seed("pg-admin", &json!({ "value": server.admin_url() })).await;
    stage.seed("orders-key", &json!({ "value": server.url("app_a", old) })).await;
    let ca = format!("ca={}", server.ca().display());
    let admin = "admin=https://kv-drill.vault.azure.net/secrets/pg-admin";
    let begin = arguments("database-credential", "r-login", &["roles=app_a,app_b", admin, &ca]);
    assert_secret(&stage, &begin, "", vec![old.to_owned(), "admin-password".to_owned()]).await;
}
