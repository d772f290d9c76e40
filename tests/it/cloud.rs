//! The embedded cloud, seen as its clients see it: over HTTP.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test ends where something is missing")]

mod access;
mod audit;
mod deletion;
mod door;
mod faults;
mod listing;
mod scenario;
mod secrets;
mod tls;
mod tokens;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stanch::cloud::{Options, Running, serve};

/// A cloud of its own for each test, and a client that can name any host.
struct Fixture {
    running: Running,
    client: reqwest::Client,
    token: String,
    _data: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut options = Options::new(data.path());
        change(&mut options);
        let running = serve(options).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut fixture = Self { running, client, token: String::new(), _data: data };
        fixture.token = fixture.issue(json!({ "oid": "o-1", "appid": "a-1" })).await;
        fixture
    }

    async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.running.ready().control.clone().unwrap());
        let response = self.client.request(method, url).json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}: {}", response.text().await.unwrap());
        response.json().await.unwrap()
    }

    async fn issue(&self, who: Value) -> String {
        self.control(Method::POST, "tokens", who).await["access_token"].as_str().unwrap().to_owned()
    }

    async fn state(&self) -> Value {
        self.control(Method::GET, "state", json!({})).await
    }

    async fn seed(&self, name: &str, seed: Value) -> String {
        let seeded = self.control(Method::PUT, &format!("secrets/kv-drill/{name}"), seed).await;
        seeded["version"].as_str().unwrap().to_owned()
    }

    async fn settle(&self) {
        self.control(Method::POST, "settle", json!({})).await;
    }

    /// Sets a secret to a value and returns its version.
    async fn set(&self, name: &str, value: &str) -> String {
        let (status, set) =
            body(self.call(Method::PUT, &format!("/secrets/{name}")).json(&json!({ "value": value }))).await;
        assert_eq!(status, 200, "{set}");
        last_segment(&set["id"])
    }

    /// A call to the vault `kv-drill` with a good token.
    fn call(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.bare(method, path).bearer_auth(&self.token)
    }

    fn bare(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mark = if path.contains('?') { '&' } else { '?' };
        self.client
            .request(method, format!("{}{path}{mark}api-version=7.4", self.running.ready().base_url))
            .header("host", "kv-drill.vault.azure.net")
    }
}

fn last_segment(id: &Value) -> String {
    id.as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Status, code, inner code, message.
fn refusal((status, body): &(u16, Value)) -> (u16, &str, Option<&str>, &str) {
    let error = &body["error"];
    let inner = error.pointer("/innererror/code").and_then(Value::as_str);
    (*status, error["code"].as_str().unwrap(), inner, error["message"].as_str().unwrap())
}

async fn body(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}
