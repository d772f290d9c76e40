use super::{Fixture, body, keys, refusal};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_deletion_is_seen_only_later_and_blocks_the_name() {
    let cloud = Fixture::with(|options| options.delays.delete = Duration::from_secs(600)).await;
    cloud.set("db", "v1").await;
    let (status, deleted) = body(cloud.call(Method::DELETE, "/secrets/db")).await;
    assert_eq!(status, 200);
    assert_eq!(keys(&deleted), ["recoveryId", "deletedDate", "scheduledPurgeDate", "id", "attributes"]);
    assert_eq!(deleted["recoveryId"], "https://kv-drill.vault.azure.net/deletedsecrets/db");
    let span = deleted["scheduledPurgeDate"].as_i64().unwrap() - deleted["deletedDate"].as_i64().unwrap();
    assert_eq!(span, 90 * 86_400);

    let set = async || body(cloud.call(Method::PUT, "/secrets/db").json(&json!({ "value": "v2" }))).await;
    let early = body(cloud.call(Method::GET, "/deletedsecrets/db")).await;
    assert_eq!(refusal(&early), (404, "SecretNotFound", None, "Deleted Secret not found: db"));
    assert_eq!(refusal(&set().await).2, Some("ObjectIsBeingDeleted"));

    cloud.settle().await;
    assert_eq!(body(cloud.call(Method::GET, "/deletedsecrets/db")).await, (200, deleted));
    assert_eq!(body(cloud.call(Method::GET, "/secrets/db")).await.0, 404);
    let answer = set().await;
    let expected = "Secret db is currently in a deleted but recoverable state, and its name cannot be reused; in this \
                    state, the secret can only be recovered or purged.";
    assert_eq!(refusal(&answer), (409, "Conflict", Some("ObjectIsDeletedButRecoverable"), expected));
    let (_, listed) = body(cloud.call(Method::GET, "/deletedsecrets")).await;
    let members = ["recoveryId", "deletedDate", "scheduledPurgeDate", "id", "attributes"];
    assert_eq!(keys(&listed["value"][0]), members);
    assert_eq!(listed["value"][0]["id"], "https://kv-drill.vault.azure.net/secrets/db");
}

#[tokio::test]
async fn a_recovery_is_seen_only_later() {
    let cloud = Fixture::with(|options| options.delays.recover = Duration::from_secs(600)).await;
    cloud.set("db", "v1").await;
    body(cloud.call(Method::DELETE, "/secrets/db")).await;
    cloud.settle().await;
    let (status, recovered) = body(cloud.call(Method::POST, "/deletedsecrets/db/recover")).await;
    assert_eq!((status, keys(&recovered)), (200, vec!["id", "attributes"]));
    assert_eq!(body(cloud.call(Method::GET, "/secrets/db")).await.0, 404);
    let set = body(cloud.call(Method::PUT, "/secrets/db").json(&json!({ "value": "v2" }))).await;
    let message = "Secret db is currently being recovered and cannot be re-created; retry later.";
    assert_eq!(refusal(&set), (409, "Conflict", Some("ObjectIsBeingRecovered"), message));
    cloud.settle().await;
    assert_eq!(body(cloud.call(Method::GET, "/secrets/db")).await.1["value"], "v1");
    let nothing = body(cloud.call(Method::POST, "/deletedsecrets/nothing/recover")).await;
    assert!(refusal(&nothing).3.starts_with("A secret with (name/id) nothing was not found"), "the live wording");
}

#[tokio::test]
async fn what_was_purged_is_gone_and_its_name_is_free_by_and_by() {
    let cloud = Fixture::with(|options| options.delays.purge = Duration::from_millis(200)).await;
    cloud.set("db", "v1").await;
    body(cloud.call(Method::DELETE, "/secrets/db")).await;
    cloud.settle().await;
    let purge = cloud.call(Method::DELETE, "/deletedsecrets/db").send().await.unwrap();
    assert_eq!(purge.status(), 204);
    assert!(purge.headers().get("content-type").is_none());
    assert_eq!(purge.text().await.unwrap(), "");
    let set = async || body(cloud.call(Method::PUT, "/secrets/db").json(&json!({ "value": "v2" }))).await;
    assert_eq!(set().await.0, 409);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while set().await.0 != 200 {
        assert!(tokio::time::Instant::now() < deadline, "the name was never freed");
    }
    let (_, versions) = body(cloud.call(Method::GET, "/secrets/db/versions")).await;
    assert_eq!(versions["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_disabled_deleted_secret_cannot_be_read_but_purged() {
    let cloud = Fixture::new().await;
    cloud.seed("db", json!({ "value": "v1", "enabled": false, "deleted": true })).await;
    let answer = body(cloud.call(Method::GET, "/deletedsecrets/db")).await;
    assert_eq!(refusal(&answer).2, Some("SecretDisabled"));
    assert_eq!(body(cloud.call(Method::DELETE, "/deletedsecrets/db")).await.0, 204);
}

#[tokio::test]
async fn a_secret_of_a_certificate_is_not_deleted_by_itself() {
    let cloud = Fixture::new().await;
    cloud.seed("certificate", json!({ "value": "x", "managed": true })).await;
    let answer = body(cloud.call(Method::DELETE, "/secrets/certificate")).await;
    assert_eq!(refusal(&answer).2, Some("SecretManagedByKeyVault"));
}
