//! A cloud in this process, and the way to it that a drill takes: a cloud file, a transport, an identity.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test ends where something is missing")]

use serde_json::{Value, json};
use stanch::azure::{Azure, CloudFile, Environment, Identity, IdentityChoice, Route, Transport, Vault};
use stanch::cloud::{Options, Running, serve};
use stanch::vault::VaultUrl;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The first 12 hex digits of the ids of all requests.
pub(crate) const REQUEST_PREFIX: &str = "0123456789ab";

pub(crate) struct Surroundings {
    pub(crate) running: Running,
    pub(crate) folder: TempDir,
    pub(crate) http: reqwest::Client,
}

impl Surroundings {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path().join("cloud"));
        options.ready_file = Some(folder.path().join("ready.json"));
        change(&mut options);
        let running = serve(options).await.unwrap();
        Self { running, folder, http: plain_http() }
    }

    /// The cloud file, after a change.
    pub(crate) fn cloud_file(&self, change: impl FnOnce(&mut Value)) -> PathBuf {
        let text = std::fs::read(self.folder.path().join("ready.json")).unwrap();
        let mut file: Value = serde_json::from_slice(&text).unwrap();
        change(&mut file);
        let path = self.folder.path().join("changed.json");
        std::fs::write(&path, file.to_string()).unwrap();
        path
    }

    pub(crate) fn azure(&self) -> Azure {
        azure(&self.cloud_file(|_| {}), IdentityChoice::Auto, Environment::default())
    }

    pub(crate) fn vault(&self) -> Vault {
        vault(&self.azure())
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/{path}", self.running.ready().control.clone().unwrap());
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let answer = self.http.request(method, url).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    pub(crate) async fn fault(&self, matching: Value, skip: u64, times: u64, effect: Value) {
        let fault = json!({ "match": matching, "skip": skip, "times": times, "do": effect });
        self.control("POST", "faults", &fault).await;
    }

    pub(crate) async fn deny(&self, operation: &str, kind: &str) {
        let rules = json!({ "deny": [{ "operation": operation }], "kind": kind });
        self.control("PUT", "access/kv-drill", &rules).await;
    }

    pub(crate) async fn seed(&self, name: &str, value: &str) -> String {
        let seeded = self.control("PUT", &format!("secrets/kv-drill/{name}"), &json!({ "value": value })).await;
        seeded["version"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn token(&self) -> String {
        let who = json!({ "oid": "o-7", "appid": "a-7", "upn": "oncall@contoso.com" });
        self.control("POST", "tokens", &who).await["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn state(&self) -> Value {
        self.control("GET", "state", &json!({})).await
    }

    /// The calls that went to a path, without the challenged ones.
    pub(crate) async fn calls(&self, method: &str, path: &str) -> Vec<Value> {
        let state = self.state().await;
        let calls = state["calls"].as_array().unwrap();
        let fits = |call: &&Value| {
            call["method"] == method && call["path"].as_str().unwrap().contains(path) && call["status"] != 401
        };
        calls.iter().filter(fits).cloned().collect()
    }
}

/// A client that knows no authorities: reading the platform's would take longer than a test's requests.
pub(crate) fn plain_http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

/// The way that a cloud file describes.
pub(crate) fn azure(cloud_file: &Path, choice: IdentityChoice, environment: Environment) -> Azure {
    let cloud = CloudFile::read(cloud_file).unwrap();
    let transport = Transport::new(Route::Cloud(Box::new(cloud)), REQUEST_PREFIX).unwrap();
    let identity = Identity::new(choice, transport.clone(), environment);
    Azure { transport, identity }
}

pub(crate) fn vault(azure: &Azure) -> Vault {
    Vault::open(&VaultUrl::parse("https://kv-drill.vault.azure.net").unwrap(), azure).unwrap()
}
