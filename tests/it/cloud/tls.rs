use super::{Fixture, body};
use reqwest::Method;
use serde_json::{Value, json};
use stanch::cloud::{Options, Ready, serve};

#[tokio::test]
async fn under_tls_every_host_has_a_certificate_of_the_clouds_authority() {
    let data = tempfile::tempdir().unwrap();
    let mut options = Options::new(data.path());
    options.tls = true;
    let running = serve(options).await.unwrap();
    let ready = running.ready().clone();
    assert!(ready.base_url.starts_with("https://127.0.0.1:"), "{}", ready.base_url);
    let pem = std::fs::read(ready.ca_pem.as_ref().unwrap()).unwrap();
    let mut builder =
        reqwest::Client::builder().no_proxy().tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()]);
    let hosts =
        ["kv-any.vault.azure.net", "kv.vault.azure.cn", "login.microsoftonline.com", "hooks.slack.com", "localhost"];
    for host in hosts {
        builder = builder.resolve(host, running.address());
    }
    let client = builder.build().unwrap();
    let port = running.address().port();
    for (host, status) in hosts.into_iter().zip([401, 401, 404, 404, 401]) {
        let answer = client.get(format!("https://{host}:{port}/secrets?api-version=7.4")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{host}");
    }
    let by_address = client.get(format!("{}/state", ready.control.unwrap())).send().await.unwrap();
    assert_eq!(by_address.status(), 200);
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(stranger.get(format!("https://localhost:{port}/secrets")).send().await.is_err(), "nobody else trusts it");
    running.shutdown().await;
}

#[tokio::test]
async fn a_call_is_cut_under_tls_too() {
    let data = tempfile::tempdir().unwrap();
    let mut options = Options::new(data.path());
    options.tls = true;
    let running = serve(options).await.unwrap();
    let pem = std::fs::read(running.ready().ca_pem.as_ref().unwrap()).unwrap();
    let trusted = reqwest::Certificate::from_pem(&pem).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build().unwrap();
    let control = running.ready().control.clone().unwrap();
    let fault = json!({ "match": { "path": "^/secrets" }, "do": { "drop": "after" } });
    client.post(format!("{control}/faults")).json(&fault).send().await.unwrap();
    let call = client.get(format!("{}/secrets?api-version=7.4", running.ready().base_url)).send().await;
    assert!(call.unwrap_err().is_request());
    let state: Value = client.get(format!("{control}/state")).send().await.unwrap().json().await.unwrap();
    assert_eq!(state["calls"][0]["dropped"], "after");
}

#[tokio::test]
async fn the_ready_file_says_where_everything_is_and_the_cloud_is_gone_after_its_end() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("ready.json");
    let mut cloud = Fixture::with(|options| options.ready_file = Some(path.clone())).await;
    let text = std::fs::read_to_string(&path).unwrap();
    let ready: Ready = serde_json::from_str(&text).unwrap();
    assert_eq!(&ready, cloud.running.ready());
    let raw: Value = serde_json::from_str(&text).unwrap();
    for member in ["base_url", "ca_pem", "hosts", "token", "archive", "config", "control"] {
        assert!(raw.get(member).is_some(), "{member}");
    }
    assert_eq!((&raw["ca_pem"], &raw["token"]), (&Value::Null, &Value::Null));
    assert!(ready.archive.unwrap().is_dir());
    let config = std::fs::read_to_string(ready.config.unwrap()).unwrap();
    assert!(config.contains("schema: stanch-config/v1"), "{config}");
    for kind in ["pagerduty", "slack", "teams", "email", "webhook"] {
        assert!(config.contains(&format!("kind: {kind}")), "{kind}");
    }
    for credential in regex::Regex::new("\"file:([^\"]+)\"").unwrap().captures_iter(&config) {
        assert!(std::fs::metadata(&credential[1]).unwrap().is_file());
    }
    assert_eq!(body(cloud.call(Method::GET, "/secrets")).await.0, 200);
    let fresh = Fixture::new().await;
    let (request, running) =
        (cloud.call(Method::GET, "/secrets"), std::mem::replace(&mut cloud.running, fresh.running));
    running.shutdown().await;
    assert!(request.send().await.unwrap_err().is_connect());
}
