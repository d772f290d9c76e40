use super::{Fixture, body, refusal};
use reqwest::Method;
use serde_json::{Value, json};
use stanch::cloud::Limits;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

async fn plant(cloud: &Fixture, fault: Value) {
    cloud.control(Method::POST, "faults", fault).await;
}

async fn versions(cloud: &Fixture) -> usize {
    let state = cloud.state().await;
    state["vaults"]["kv-drill"]["secrets"]["db"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn a_dropped_call_leaves_no_byte_of_an_answer_and_its_effect_only_if_dropped_after() {
    let cloud = Fixture::new().await;
    for (when, expected) in [("before", 0), ("after", 1)] {
        plant(&cloud, json!({ "match": { "method": "PUT" }, "times": 1, "do": { "drop": when } })).await;
        let (address, token) = (cloud.running.address(), cloud.token.clone());
        let answer = tokio::task::spawn_blocking(move || {
            let mut socket = std::net::TcpStream::connect(address).unwrap();
            let content = r#"{"value":"v1"}"#;
            write!(
                socket,
                "PUT /secrets/db?api-version=7.4 HTTP/1.1\r\nhost: kv-drill.vault.azure.net\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{content}",
                content.len()
            )
            .unwrap();
            let mut answer = Vec::new();
            (socket.read_to_end(&mut answer).map_err(|error| error.kind()), answer)
        });
        let (end, answer) = answer.await.unwrap();
        assert_eq!((end, answer), (Err(std::io::ErrorKind::ConnectionReset), Vec::new()), "{when}");
        assert_eq!(versions(&cloud).await, expected, "{when}");
    }
    let calls = cloud.state().await["calls"].clone();
    let seen: Vec<(&Value, &Value)> =
        calls.as_array().unwrap().iter().map(|call| (&call["status"], &call["dropped"])).collect();
    assert_eq!(seen, [(&json!(0), &json!("before")), (&json!(200), &json!("after"))]);
}

#[tokio::test]
async fn a_fault_is_skipped_and_repeated_as_often_as_it_says_and_matches_what_it_names() {
    let cloud = Fixture::new().await;
    let fault = json!({
        "match": { "method": "GET", "path": "^/secrets/db/?$", "host": "*.vault.azure.net" },
        "skip": 1, "times": 2, "do": { "status": 503 },
    });
    cloud.set("db", "v1").await;
    plant(&cloud, fault).await;
    assert_eq!(body(cloud.call(Method::GET, "/secrets")).await.0, 200, "another path");
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let answer = body(cloud.call(Method::GET, "/secrets/db")).await;
        if answer.0 == 503 {
            assert_eq!(refusal(&answer).1, "ServiceUnavailable");
        }
        statuses.push(answer.0);
    }
    assert_eq!(statuses, [200, 503, 503, 200, 200]);
}

#[tokio::test]
async fn faults_delay_throttle_and_are_cleared() {
    let cloud = Fixture::new().await;
    plant(&cloud, json!({ "match": {}, "do": { "retry_after_s": 7, "delay_ms": 150 } })).await;
    let begin = Instant::now();
    let answer = cloud.call(Method::GET, "/secrets").send().await.unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(150));
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    let throttled = body(cloud.call(Method::GET, "/secrets")).await.1.to_string();
    assert_eq!(
        throttled,
        r#"{"error":{"code":"Throttled","message":"Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"}}"#
    );
    cloud.control(Method::DELETE, "faults", json!({})).await;
    assert_eq!(body(cloud.call(Method::GET, "/secrets")).await.0, 200);
}

#[tokio::test]
async fn faults_strike_token_endpoints_in_their_own_words() {
    let cloud = Fixture::new().await;
    plant(&cloud, json!({ "match": { "host": "login.microsoftonline.com" }, "do": { "status": 503 } })).await;
    let url = format!("{}/t/oauth2/v2.0/token", cloud.running.ready().base_url);
    let (status, answer) = body(cloud.client.post(url).header("host", "login.microsoftonline.com")).await;
    assert_eq!((status, &answer["error"]), (503, &json!("temporarily_unavailable")));
    assert_eq!(body(cloud.call(Method::GET, "/secrets")).await.0, 200);
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_refused() {
    let cloud = Fixture::new().await;
    let url = format!("{}/faults", cloud.running.ready().control.clone().unwrap());
    for fault in [
        json!({ "do": {} }),
        json!({ "do": { "status": 99 } }),
        json!({ "match": { "path": "(" }, "do": { "status": 500 } }),
        json!({ "do": { "drop": "sometimes" } }),
        json!({ "do": { "statuss": 500 } }),
    ] {
        let (status, answer) = body(cloud.client.post(&url).json(&fault)).await;
        assert_eq!(status, 400, "{fault}");
        assert!(answer["error"].is_string());
    }
}

#[tokio::test]
async fn limits_answer_429_without_saying_when_to_come_back() {
    let limits = Limits { creates: 2, others: 3, window_ms: 600_000 };
    let cloud = Fixture::with(|options| options.limits = Some(limits)).await;
    let set = async || body(cloud.call(Method::PUT, "/secrets/db").json(&json!({ "value": "x" }))).await;
    assert_eq!([set().await.0, set().await.0, set().await.0], [200, 200, 429]);
    for _ in 0..3 {
        assert_eq!(body(cloud.call(Method::GET, "/secrets")).await.0, 200, "creations have a limit of their own");
    }
    let answer = cloud.call(Method::GET, "/secrets").send().await.unwrap();
    assert_eq!(answer.status(), 429);
    for header in ["retry-after", "retry-after-ms", "x-ms-retry-after-ms", "x-ms-keyvault-rbac-cache"] {
        assert!(answer.headers().get(header).is_none(), "{header}");
    }
    assert_eq!(versions(&cloud).await, 2, "a refused creation creates nothing");
    cloud.control(Method::DELETE, "limits", json!({})).await;
    assert_eq!(set().await.0, 200);
    cloud.control(Method::PUT, "limits", json!({ "creates": 0 })).await;
    assert_eq!(set().await.0, 429);
}

#[tokio::test]
async fn the_state_shows_digests_in_place_of_values_and_every_call_but_its_own() {
    let cloud = Fixture::new().await;
    cloud
        .seed(
            "db",
            json!({ "value": "abc", "tags": { "a": "b" }, "content_type": "t", "created": "2026-01-02T03:04:05Z" }),
        )
        .await;
    body(cloud.call(Method::GET, "/secrets/db/").header("x-ms-client-request-id", "id-1")).await;
    let state = cloud.state().await;
    let version = &state["vaults"]["kv-drill"]["secrets"]["db"][0];
    assert_eq!(version["value_sha256"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(version["created"], "2026-01-02T03:04:05Z");
    assert_eq!((&version["tags"], &version["content_type"]), (&json!({ "a": "b" }), &json!("t")));
    assert_eq!((&version["enabled"], &version["expires"]), (&json!(true), &Value::Null));
    let calls = state["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 1);
    let call = &calls[0];
    assert_eq!((&call["method"], &call["path"], &call["status"]), (&json!("GET"), &json!("/secrets/db/"), &json!(200)));
    assert_eq!((&call["host"], &call["client_request_id"]), (&json!("kv-drill.vault.azure.net"), &json!("id-1")));
}
