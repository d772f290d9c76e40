use super::{Fixture, body, keys, last_segment, refusal};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_secret_is_set_and_read_back_by_name_and_by_version() {
    let cloud = Fixture::new().await;
    let whole = json!({
        "value": "v1",
        "contentType": "text/plain",
        "attributes": { "nbf": 1_700_000_000, "exp": 4_100_000_000_i64 },
        "tags": { "owner": "payments" },
    });
    let (status, set) = body(cloud.call(Method::PUT, "/secrets/db").json(&whole)).await;
    assert_eq!(status, 200);
    assert_eq!(keys(&set), ["value", "contentType", "id", "attributes", "tags"]);
    assert_eq!(
        keys(&set["attributes"]),
        ["enabled", "nbf", "exp", "created", "updated", "recoveryLevel", "recoverableDays"]
    );
    let id = set["id"].as_str().unwrap();
    let version = id.strip_prefix("https://kv-drill.vault.azure.net/secrets/db/").unwrap();
    assert!(version.len() == 32 && version.bytes().all(|byte| byte.is_ascii_hexdigit()), "{version}");
    for path in ["/secrets/db".to_owned(), "/secrets/db/".to_owned(), format!("/secrets/DB/{version}")] {
        assert_eq!(body(cloud.call(Method::GET, &path)).await, (200, set.clone()), "{path}");
    }
}

#[tokio::test]
async fn the_latest_version_is_the_last_one_set_even_within_one_second_and_even_if_disabled() {
    let cloud = Fixture::new().await;
    for value in ["v1", "v2", "v3"] {
        cloud.set("db", value).await;
        assert_eq!(body(cloud.call(Method::GET, "/secrets/db/")).await.1["value"], value);
    }
    let disabled = json!({ "value": "v4", "attributes": { "enabled": false } });
    let (status, set) = body(cloud.call(Method::PUT, "/secrets/db").json(&disabled)).await;
    assert_eq!((status, &set["value"]), (200, &json!("v4")));
    let read = body(cloud.call(Method::GET, "/secrets/db/")).await;
    let expected = (403, "Forbidden", Some("SecretDisabled"), "Operation get is not allowed on a disabled secret.");
    assert_eq!(refusal(&read), expected);
}

#[tokio::test]
async fn a_disabled_version_can_be_enabled_again_and_nothing_falls_back_to_an_older_one() {
    let cloud = Fixture::new().await;
    cloud.set("db", "v1").await;
    let version = cloud.set("db", "v2").await;
    let path = format!("/secrets/db/{version}");
    let off = json!({ "attributes": { "enabled": false } });
    let (status, updated) = body(cloud.call(Method::PATCH, &path).json(&off)).await;
    assert_eq!(status, 200);
    assert_eq!(keys(&updated), ["id", "attributes"]);
    assert_eq!(body(cloud.call(Method::GET, "/secrets/db")).await.0, 403);
    body(cloud.call(Method::PATCH, &path).json(&json!({ "attributes": { "enabled": true } }))).await;
    assert_eq!(body(cloud.call(Method::GET, "/secrets/db")).await.1["value"], "v2");
}

#[tokio::test]
async fn an_update_changes_what_was_sent_and_replaces_tags_as_a_whole() {
    let cloud = Fixture::new().await;
    let whole = json!({
        "value": "v1", "contentType": "text/plain", "attributes": { "exp": 4_100_000_000_i64 },
        "tags": { "owner": "payments", "tier": "1" },
    });
    body(cloud.call(Method::PUT, "/secrets/db").json(&whole)).await;
    let patch = |change: Value| body(cloud.call(Method::PATCH, "/secrets/db/").json(&change));

    let (_, updated) = patch(json!({ "tags": { "owner": "core" } })).await;
    assert_eq!(updated["tags"], json!({ "owner": "core" }));
    assert_eq!(updated["contentType"], "text/plain");
    assert_eq!(updated["attributes"]["exp"], 4_100_000_000_i64);

    let (_, updated) = patch(json!({ "attributes": { "recoverableDays": 7 } })).await;
    assert_eq!(updated["tags"], json!({ "owner": "core" }));
    assert_eq!(updated["attributes"]["recoverableDays"], 90);

    let (_, updated) = patch(json!({ "tags": {} })).await;
    assert_eq!(updated["tags"], json!({}), "empty tags are returned, unlike no tags");
}

#[tokio::test]
async fn an_update_without_a_version_touches_the_latest_only() {
    let cloud = Fixture::new().await;
    let first = cloud.set("db", "v1").await;
    let second = cloud.set("db", "v2").await;
    let change = json!({ "contentType": "changed" });
    let (_, updated) = body(cloud.call(Method::PATCH, "/secrets/db/").json(&change)).await;
    assert_eq!(last_segment(&updated["id"]), second);
    assert!(body(cloud.call(Method::GET, &format!("/secrets/db/{first}"))).await.1.get("contentType").is_none());
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let cloud = Fixture::new().await;
    let set = |name: &str, request: Value| body(cloud.call(Method::PUT, &format!("/secrets/{name}")).json(&request));
    assert_eq!(set("db", json!({ "value": "x".repeat(25 * 1024) })).await.0, 200);
    assert_eq!(set("db", json!({ "value": "" })).await.0, 200, "an empty value is legal");
    for (name, request) in [
        ("db", json!({ "value": "x".repeat(25 * 1024 + 1) })),
        ("db", json!({ "tags": {} })),
        ("db", json!({ "value": 1 })),
        (
            "db",
            json!({ "value": "x", "tags": (0..16).map(|tag| (tag.to_string(), "")).collect::<std::collections::BTreeMap<_, _>>() }),
        ),
        ("db", json!({ "value": "x", "attributes": { "exp": "tomorrow" } })),
        ("db", json!([])),
    ] {
        let answer = set(name, request).await;
        assert_eq!((refusal(&answer).0, refusal(&answer).1), (400, "BadParameter"), "{answer:?}");
    }
    let answer = set("a_b%20c", json!({ "value": "x" })).await;
    assert_eq!(refusal(&answer), (400, "BadParameter", None, "The request URI contains an invalid name: a_b c"));
    assert_eq!(set(&"n".repeat(127), json!({ "value": "x" })).await.0, 200);
    assert_eq!(set(&"n".repeat(128), json!({ "value": "x" })).await.0, 400);
}

#[tokio::test]
async fn routes_and_interface_versions_that_do_not_exist_are_refused_after_the_challenge() {
    let cloud = Fixture::new().await;
    let nameless = body(cloud.call(Method::PUT, "/secrets/").json(&json!({ "value": "x" }))).await;
    assert_eq!(refusal(&nameless), (405, "MethodNotAllowed", None, "HTTP PUT not allowed"));
    assert_eq!(body(cloud.bare(Method::PUT, "/secrets/")).await.0, 401);

    let version = async |version: &str| {
        let url = format!("{}/secrets{version}", cloud.running.ready().base_url);
        body(cloud.client.get(url).bearer_auth(&cloud.token)).await
    };
    for known in ["7.3", "7.4", "7.5", "7.6", "2025-07-01"] {
        assert_eq!(version(&format!("?api-version={known}")).await.0, 200, "{known}");
    }
    assert_eq!(refusal(&version("").await).1, "BadParameter");
    assert!(refusal(&version("?api-version=6.0").await).3.contains("(6.0)"));
}

#[tokio::test]
async fn a_missing_secret_and_a_missing_version_are_not_found() {
    let cloud = Fixture::new().await;
    let answer = body(cloud.call(Method::GET, "/secrets/nothing/")).await;
    let (status, code, inner, message) = refusal(&answer);
    assert_eq!((status, code, inner), (404, "SecretNotFound", None));
    assert!(message.starts_with("A secret with (name/id) nothing was not found in this key vault."), "{message}");
    cloud.set("db", "v1").await;
    assert_eq!(body(cloud.call(Method::GET, "/secrets/db/00000000000000000000000000000000")).await.0, 404);
}

#[tokio::test]
async fn every_answer_has_the_services_headers_and_echoes_the_clients_request_id() {
    let cloud = Fixture::new().await;
    cloud.set("db", "v1").await;
    let id = "6c1c9f0c-1111-4a4a-8b8b-0123456789ab";
    let answer = cloud.call(Method::GET, "/secrets/db").header("x-ms-client-request-id", id).send().await.unwrap();
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap());
    for (name, value) in [
        ("cache-control", "no-cache"),
        ("pragma", "no-cache"),
        ("expires", "-1"),
        ("strict-transport-security", "max-age=31536000;includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("content-type", "application/json; charset=utf-8"),
        ("x-ms-client-request-id", id),
        ("x-ms-keyvault-network-info", "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;"),
    ] {
        assert_eq!(header(name), Some(value), "{name}");
    }
    assert!(header("x-ms-keyvault-rbac-assignment-id").is_some());
    let challenge = cloud.bare(Method::GET, "/secrets/db").send().await.unwrap();
    assert!(challenge.headers().get("x-ms-client-request-id").is_none());
    assert!(challenge.headers().get("x-ms-keyvault-rbac-assignment-id").is_none());
}

#[tokio::test]
async fn a_backup_shows_no_value_and_brings_all_versions_back_as_they_were() {
    let cloud = Fixture::new().await;
    let first = cloud.set("db", "first-value-0001").await;
    let second = cloud.set("db", "second-value-0002").await;
    let before = body(cloud.call(Method::GET, "/secrets/db")).await.1;
    let blob = body(cloud.call(Method::POST, "/secrets/db/backup")).await.1["value"].as_str().unwrap().to_owned();
    assert!(blob.len() > 3_500, "{}", blob.len());
    let content = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &blob).unwrap();
    assert!(memchr::memmem::find(&content, b"value").is_none(), "opaque, and without values");
    let restore =
        async |blob: &str| body(cloud.call(Method::POST, "/secrets/restore").json(&json!({ "value": blob }))).await;
    let conflict = restore(&blob).await;
    assert_eq!((refusal(&conflict).0, refusal(&conflict).1, refusal(&conflict).2), (409, "Conflict", None));

    body(cloud.call(Method::DELETE, "/secrets/db")).await;
    cloud.settle().await;
    assert_eq!(body(cloud.call(Method::DELETE, "/deletedsecrets/db")).await.0, 204);
    assert_eq!(restore(&blob).await.0, 409, "until the purge is really done");
    cloud.settle().await;
    let (status, restored) = restore(&blob).await;
    assert_eq!((status, keys(&restored)), (200, vec!["id", "attributes"]));
    assert_eq!(restored["attributes"], before["attributes"]);
    assert_eq!(body(cloud.call(Method::GET, "/secrets/db")).await.1, before);
    for (version, value) in [(first, "first-value-0001"), (second, "second-value-0002")] {
        assert_eq!(body(cloud.call(Method::GET, &format!("/secrets/db/{version}"))).await.1["value"], value);
    }
    let damaged = restore(&blob.replace(&blob[40..44], "AAAA")).await;
    let expected = (400, "Malformed backup blob", None, "Backup blob contains invalid or corrupt version.");
    assert_eq!(refusal(&damaged), expected);
}

#[tokio::test]
async fn vaults_come_into_being_by_their_hosts_and_know_nothing_of_each_other() {
    let cloud = Fixture::new().await;
    let at = |host: &'static str, path: &str| {
        cloud
            .client
            .get(format!("{}{path}?api-version=7.4", cloud.running.ready().base_url))
            .header("host", host)
            .bearer_auth(&cloud.token)
    };
    cloud.set("db", "v1").await;
    assert_eq!(body(at("kv-other.vault.azure.net", "/secrets/db")).await.0, 404);
    assert_eq!(body(at("nowhere.example", "/secrets/db")).await.0, 404);
    let local = body(at("localhost:4433", "/secrets/db")).await.1;
    assert!(local["id"].as_str().unwrap().starts_with("https://localhost:4433/secrets/db/"), "{local}");
    for (host, resource) in [
        ("kv-a.vault.azure.cn", "https://vault.azure.cn"),
        ("kv-b.vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net"),
    ] {
        let url = format!("{}/secrets?api-version=7.4", cloud.running.ready().base_url);
        let answer = cloud.client.get(url).header("host", host).send().await.unwrap();
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.ends_with(&format!("resource=\"{resource}\"")), "{challenge}");
        assert_eq!(body(at(host, "/secrets")).await.0, 401, "a token for another cloud");
    }
}
