//! Key Vault through the official client: what is sent, how often, and what each refusal is called.
#![expect(clippy::disallowed_methods, reason = "cloud files are written")]

use crate::surroundings::{REQUEST_PREFIX, Surroundings, azure, vault};
use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use azure_security_keyvault_secrets::models::SetSecretParameters;
use chrono::{DateTime, Duration};
use serde_json::json;
use stanch::azure::{
    Azure, CloudFile, Deleted, Environment, Identity, IdentityChoice, NewVersion, Readable, Route, Transport, Vault,
};
use stanch::clock;
use stanch::correlation;
use stanch::failure::{FailedOutcome, Failure, Retry};
use stanch::secret::Secret;
use stanch::vault::Current;
use stanch::vault::{SecretUrl, VaultUrl};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const CANARY: &str = "canary-9d1f-value";

fn new_version() -> NewVersion {
    NewVersion {
        content_type: Some("text/plain".to_owned()),
        tags: BTreeMap::from([("stanch-run".to_owned(), "r-1".to_owned())]),
        expires: DateTime::from_timestamp((clock::now() + Duration::days(30)).timestamp(), 0),
    }
}

async fn set(vault: &Vault, value: &str) -> Result<stanch::vault::Version, Failure> {
    vault.set("orders-db", &Secret::new(value.to_owned()), new_version()).await
}

#[tokio::test]
async fn a_version_is_set_listed_disabled_and_proven_unreadable() {
    let cloud = Surroundings::new().await;
    let vault = cloud.vault();
    assert_eq!(vault.current("orders-db").await.unwrap(), Current::Missing);

    let first = set(&vault, CANARY).await.unwrap();
    let second = set(&vault, "the next one").await.unwrap();
    assert_eq!(first.content_type.as_deref(), Some("text/plain"));
    assert_eq!(first.expires, new_version().expires);
    let mut listed: Vec<String> =
        vault.versions("orders-db").await.unwrap().into_iter().map(|version| version.id).collect();
    listed.sort();
    let mut expected = vec![first.id.clone(), second.id.clone()];
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!(vault.current("orders-db").await.unwrap(), Current::Enabled(second.id.clone()));
    assert_eq!(vault.readable("orders-db", &first.id).await.unwrap(), Readable::Yes);
    assert_eq!(vault.value("orders-db", Some(&first.id)).await.unwrap().expose(), CANARY);

    let disabled = vault.disable("orders-db", &first.id).await.unwrap();
    assert!(!disabled.enabled);
    assert_eq!((disabled.id, disabled.tags), (first.id.clone(), first.tags), "nothing else changes");
    let Readable::Disabled { request_id, .. } = vault.readable("orders-db", &first.id).await.unwrap() else {
        panic!("a disabled version was read");
    };
    assert!(!request_id.is_empty());
    assert_eq!(vault.current("orders-db").await.unwrap(), Current::Enabled(second.id.clone()));

    vault.disable("orders-db", &second.id).await.unwrap();
    assert_eq!(vault.current("orders-db").await.unwrap(), Current::Disabled, "no older version takes over");
}

#[tokio::test]
async fn a_list_goes_on_past_empty_pages_and_asks_again_for_a_page_that_failed() {
    let cloud = Surroundings::new().await;
    cloud.control("PUT", "vaults/kv-drill", &json!({ "empty_pages": true })).await;
    for number in 0..60 {
        cloud.seed("orders-db", &format!("value {number}")).await;
    }
    cloud.fault(json!({ "path": "skiptoken" }), 1, 2, json!({ "status": 503 })).await;

    assert_eq!(cloud.vault().versions("orders-db").await.unwrap().len(), 60);

    let calls = cloud.calls("GET", "/versions").await;
    let of = |status: u16| calls.iter().filter(|call| call["status"] == status).count();
    assert_eq!(of(503), 2);
    let first_pages = calls.iter().filter(|call| !call["query"].as_str().unwrap().contains("skiptoken")).count();
    assert_eq!(first_pages, 1, "the list does not begin anew");
}

#[tokio::test]
async fn set_is_sent_once_whatever_happens() {
    for (trouble, outcome, retry, effects) in [
        (json!({ "status": 503 }), FailedOutcome::Unknown, Retry::Later, 0),
        (json!({ "drop": "after" }), FailedOutcome::Unknown, Retry::Later, 1),
        (json!({ "drop": "before" }), FailedOutcome::Unknown, Retry::Later, 0),
        (json!({ "status": 429 }), FailedOutcome::Refused, Retry::Later, 0),
        (json!({ "retry_after_s": 7 }), FailedOutcome::Refused, Retry::After(std::time::Duration::from_secs(7)), 0),
    ] {
        let cloud = Surroundings::new().await;
        let vault = cloud.vault();
        // The first request of a client is challenged and sent without its body.
        assert_eq!(vault.current("orders-db").await.unwrap(), Current::Missing);
        cloud.fault(json!({ "method": "PUT" }), 0, 9, trouble.clone()).await;

        let failure = set(&vault, CANARY).await.unwrap_err();

        assert_eq!((failure.outcome, failure.retry), (outcome, retry), "{trouble}: {failure:?}");
        assert!(!format!("{failure:?}").contains(CANARY));
        assert_eq!(cloud.calls("PUT", "/secrets/orders-db").await.len(), 1, "{trouble}");
        let stored = cloud.state().await["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().map_or(0, Vec::len);
        assert_eq!(stored, effects, "{trouble}");
    }
}

#[tokio::test]
async fn reads_are_asked_again_for_a_while() {
    let cloud = Surroundings::new().await;
    let version = cloud.seed("orders-db", CANARY).await;
    let vault = cloud.vault();
    assert_eq!(vault.readable("orders-db", &version).await.unwrap(), Readable::Yes);
    for trouble in [json!({ "status": 500 }), json!({ "status": 429 }), json!({ "drop": "before" })] {
        cloud.fault(json!({ "method": "GET" }), 0, 2, trouble).await;
        assert_eq!(vault.readable("orders-db", &version).await.unwrap(), Readable::Yes);
    }
    cloud.fault(json!({ "method": "GET" }), 0, 9, json!({ "retry_after_s": 60 })).await;
    let before = cloud.calls("GET", "/secrets/orders-db").await.len();
    let failure = vault.readable("orders-db", &version).await.unwrap_err();
    assert_eq!(failure.retry, Retry::After(std::time::Duration::from_secs(60)));
    let after = cloud.calls("GET", "/secrets/orders-db").await.len();
    assert_eq!(after - before, 1, "a pause that is asked for is kept, or left to who has the patience");
}

#[tokio::test]
async fn each_denial_is_told_in_its_own_words() {
    let cloud = Surroundings::new().await;
    let token = cloud.token().await;
    let azure =
        azure(&cloud.cloud_file(|file| file["token"] = json!(token)), IdentityChoice::Auto, Environment::default());
    let vault = vault(&azure);
    for (kind, summary, help) in [
        (
            "ForbiddenByRbac",
            "stanch may not set secrets in `kv-drill`",
            "activate the role `Key Vault Secrets Officer`",
        ),
        ("ForbiddenByFirewall", "the network of `kv-drill` does not let stanch in", "firewall"),
        ("ForbiddenByConnection", "the network of `kv-drill` does not let stanch in", "firewall"),
        ("AccessDenied", "stanch may not set secrets in `kv-drill`", "access policies"),
    ] {
        cloud.deny("SecretSet", kind).await;
        let failure = set(&vault, CANARY).await.unwrap_err();
        assert_eq!(failure.summary, summary);
        assert_eq!(
            failure.reasons,
            [format!("the vault answered 403 {kind} to Set Secret for oncall@contoso.com")],
            "no ids, no addresses"
        );
        assert!(failure.help.as_ref().unwrap().contains(help), "{failure:?}");
        assert_eq!((failure.outcome, failure.retry), (FailedOutcome::Refused, Retry::Never));
    }
}

#[tokio::test]
async fn a_soft_deleted_secret_is_recognised() {
    let cloud = Surroundings::new().await;
    cloud.seed("orders-db", CANARY).await;
    let vault = cloud.vault();
    assert_eq!(vault.deleted("orders-db").await.unwrap(), Deleted::No);
    let url = format!("{}/secrets/orders-db?api-version=7.4", cloud.running.ready().base_url);
    let delete = reqwest::Client::builder().no_proxy().build().unwrap().delete(url);
    let answer =
        delete.header("host", "kv-drill.vault.azure.net").bearer_auth(cloud.token().await).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    cloud.control("POST", "settle", &json!({})).await;

    assert!(matches!(
        vault.deleted("orders-db").await.unwrap(),
        Deleted::Yes { purged: Some(_), purgeable: Some(true) }
    ));
    let failure = set(&vault, CANARY).await.unwrap_err();
    assert_eq!(failure.summary, "`orders-db` is soft-deleted in `kv-drill`");
    assert!(failure.help.unwrap().contains("az keyvault secret recover"));
}

#[tokio::test]
async fn a_vault_that_cannot_be_reached_was_not_changed() {
    let cloud = Surroundings::new().await;
    // A port that is taken and not listened on.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = socket.local_addr().unwrap();
    let file = cloud.cloud_file(|file| {
        file["base_url"] = json!(format!("http://{closed}"));
        file["token"] = json!("t");
    });
    let vault = vault(&azure(&file, IdentityChoice::Auto, Environment::default()));
    let failure = set(&vault, CANARY).await.unwrap_err();
    assert_eq!(failure.summary, "the vault `kv-drill` cannot be reached");
    assert_eq!((failure.outcome, failure.retry), (FailedOutcome::Refused, Retry::Later));
}

#[tokio::test]
async fn over_tls_the_authority_of_the_cloud_file_is_trusted_and_no_other() {
    let cloud = Surroundings::with(|options| options.tls = true).await;
    assert!(set(&cloud.vault(), CANARY).await.is_ok());
    let file = cloud.cloud_file(|file| {
        file["ca_pem"] = json!(null);
        file["token"] = json!("t");
    });
    let failure = set(&vault(&azure(&file, IdentityChoice::Auto, Environment::default())), CANARY).await.unwrap_err();
    assert_eq!((failure.outcome, failure.retry), (FailedOutcome::Refused, Retry::Later), "{failure:?}");
    assert_eq!(failure.summary, "the vault `kv-drill` cannot be reached");
}

#[tokio::test]
async fn a_next_page_on_another_host_is_not_followed() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let record = Arc::clone(&seen);
    let stub = Router::new().fallback(move |headers: HeaderMap, uri: Uri| {
        let host = headers["host"].to_str().unwrap().to_owned();
        record.lock().unwrap().push(host);
        async move {
            if !headers.contains_key("authorization") {
                let challenge =
                    r#"Bearer authorization="https://login.windows.net/t", resource="https://vault.azure.net""#;
                return (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response();
            }
            let next = format!("https://kv-other.vault.azure.net{uri}");
            axum::Json(json!({ "value": [], "nextLink": next })).into_response()
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, stub).await });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cloud.json");
    let cloud = json!({ "base_url": base_url, "ca_pem": null, "hosts": ["*.vault.azure.net"], "token": "t" });
    std::fs::write(&file, cloud.to_string()).unwrap();

    let vault = vault(&azure(&file, IdentityChoice::Auto, Environment::default()));
    let failure = vault.versions("orders-db").await.unwrap_err();

    assert!(failure.summary.contains("pointed to another host, `kv-other.vault.azure.net`"), "{failure:?}");
    assert!(seen.lock().unwrap().iter().all(|host| host == "kv-drill.vault.azure.net"));
    serving.abort();
}

#[tokio::test]
async fn every_request_carries_an_id_of_its_run() {
    let cloud = Surroundings::new().await;
    let vault = cloud.vault();
    correlation::scope("rotate/publish".to_owned(), set(&vault, CANARY)).await.unwrap();
    let calls = cloud.state().await["calls"].as_array().unwrap().clone();
    let ids: Vec<String> =
        calls.iter().map(|call| call["client_request_id"].as_str().unwrap_or_default().to_owned()).collect();
    assert!(ids.len() >= 3, "a challenge, a token, and the request: {calls:?}");
    for id in &ids {
        assert!(id.replace('-', "").starts_with(REQUEST_PREFIX), "{id}");
        assert_eq!(id.len(), 36, "a GUID");
        assert_eq!(ids.iter().filter(|other| *other == id).count(), 1, "no id is used twice");
    }
}

#[test]
fn the_official_client_prints_no_values() {
    let parameters = SetSecretParameters { value: Some(CANARY.to_owned()), ..Default::default() };
    assert!(!format!("{parameters:?}").contains(CANARY), "a crate has switched on `azure_core/debug`");
}

#[test]
fn a_local_server_gets_a_token_only_through_a_cloud_file() {
    let transport = Transport::new(Route::Real, REQUEST_PREFIX).unwrap();
    let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::default());
    let azure = Azure { transport, identity };
    let failure = Vault::open(&VaultUrl::parse("https://localhost:8443").unwrap(), &azure).unwrap_err();
    assert_eq!(failure.summary, "`localhost:8443` is not a vault of Azure");
    assert!(Vault::open(&VaultUrl::parse("https://kv-drill.vault.azure.net").unwrap(), &azure).is_ok());
}

#[test]
fn secret_urls_are_read_as_people_paste_them() {
    let version = "0123456789abcdef0123456789abcdef";
    for (text, shown) in [
        ("https://KV-Drill.vault.azure.net/secrets/Orders-DB", "https://kv-drill.vault.azure.net/secrets/Orders-DB"),
        ("https://kv-drill.vault.azure.net:443/secrets/a/", "https://kv-drill.vault.azure.net/secrets/a"),
        ("https://kv-drill.vault.azure.cn/secrets/a", "https://kv-drill.vault.azure.cn/secrets/a"),
        ("https://kv-drill.vault.usgovcloudapi.net/secrets/a", "https://kv-drill.vault.usgovcloudapi.net/secrets/a"),
        ("https://localhost:8443/secrets/a", "https://localhost:8443/secrets/a"),
        ("https://127.0.0.1:8443/secrets/a", "https://127.0.0.1:8443/secrets/a"),
    ] {
        assert_eq!(SecretUrl::parse(text).unwrap().to_string(), shown);
    }
    let text = format!("https://kv-drill.vault.azure.net/secrets/a/{}", version.to_uppercase());
    assert_eq!(SecretUrl::parse(&text).unwrap().version.as_deref(), Some(version));
    for (text, why) in [
        ("http://kv-drill.vault.azure.net/secrets/a", "https://"),
        ("https://kv-drill.vault.azure.net:8443/secrets/a", "no port 8443"),
        ("https://kv-drill.vault.azure.net/keys/a", "one of the vault's keys"),
        ("https://kv-drill.vault.azure.net/certificates/a", "one of the vault's certificates"),
        ("https://kv-drill.vault.azure.net/secrets", "names no secret"),
        ("https://kv-drill.vault.azure.net/secrets/a_b", "letters, digits"),
        ("https://kv-drill.vault.azure.net/secrets/a/latest", "32 hexadecimal digits"),
        ("https://kv.vault.azure.net/secrets/a", "not that of a vault"),
        ("https://kv-drill.vault.azure.net.example.com/secrets/a", "not that of a vault"),
        ("https://user:password@kv-drill.vault.azure.net/secrets/a", "more than a host and a path"),
        ("https://10.0.0.1/secrets/a", "not that of a vault"),
        ("orders-db", "not an address"),
    ] {
        let failure = SecretUrl::parse(text).unwrap_err();
        assert!(failure.summary.contains(why), "{text}: {failure:?}");
        assert!(failure.help.is_some(), "{text}");
    }
}

#[test]
fn a_cloud_file_leads_to_this_machine_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cloud.json");
    let read = |file: serde_json::Value| {
        std::fs::write(&path, file.to_string()).unwrap();
        CloudFile::read(&path)
    };
    let least = |base_url: &str| json!({ "base_url": base_url, "ca_pem": null, "hosts": ["*.vault.azure.net"] });
    for base_url in ["http://127.0.0.1:1", "http://localhost:1", "https://[::1]:1", "http://127.9.9.9:1"] {
        assert!(read(least(base_url)).is_ok(), "{base_url}");
    }
    for base_url in
        ["http://10.0.0.1:1", "https://kv-drill.vault.azure.net", "http://localhost.example.com", "http://0.0.0.0:1"]
    {
        let failure = read(least(base_url)).unwrap_err();
        assert!(failure.reasons.iter().any(|reason| reason.contains("not a loopback address")), "{failure:?}");
    }
    let mut file = least("http://127.0.0.1:1");
    file["control"] = json!("http://10.0.0.1/_control");
    assert!(read(file).is_err());
    let mut file = least("http://127.0.0.1:1");
    file["smtp"] = json!("10.0.0.1:25");
    assert!(read(file).is_err());
    let mut file = least("http://127.0.0.1:1");
    file["archive"] = json!("audit");
    file["unknown"] = json!(true);
    assert_eq!(read(file).unwrap().archive, Some(folder.path().join("audit")));
    assert!(read(json!({ "base_url": "http://127.0.0.1:1" })).is_err(), "hosts are needed");
}

#[tokio::test]
async fn in_a_drill_no_other_host_is_reached() {
    let cloud = Surroundings::new().await;
    let azure = cloud.azure();
    let failure = azure.transport.send("GET", "https://example.com/secret-path", &[], Vec::new()).await.unwrap_err();
    assert_eq!(failure.summary, "the cloud file does not stand for `example.com`");
    assert!(!format!("{failure:?}").contains("secret-path"));
    let own = format!("{}/state", cloud.running.ready().control.clone().unwrap());
    let answer = azure.transport.send("GET", &own, &[], Vec::new()).await.unwrap();
    assert_eq!(answer.status, 200, "the cloud's own address is on this machine, too");
}
