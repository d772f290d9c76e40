//! The embedded cloud against recorded exchanges with Azure Key Vault.
//!
//! The recordings (JSON lines of `scenario`, `seq`, `op`, `request`, `response`) are not part of this repository:
//! `STANCH_RECORDINGS` names the file, and without it the suite is skipped. Every scenario is played, call by call,
//! against a fresh cloud. Compared are the status, the error's code and message, all members and their order, all
//! values but times and ids (whose form is compared), and the headers.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a suite over a file of its own"
)]

use base64::Engine as _;
use regex::Regex;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stanch::cloud::{Options, Running, VisibilityDelays, serve};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;
use std::time::Duration;

const HOST: &str = "recorded.vault.azure.net";
const PAGE: usize = 25;

/// Where this cloud is not what was recorded, on purpose. An entry that explains nothing fails the suite.
const DIFFERENCES: [Difference; 3] = [
    Difference {
        scenario: "KeyVaultKeyClient.CreateDeletedKey",
        what: What::Transposed,
        reason: "keys are not served: the refusals, which are common to all objects, are held against secrets",
    },
    Difference {
        scenario: "KeyVaultKeyClient.CreateDeletedKey",
        what: What::Body,
        reason: "a key's own members (`key`, `exportable`) have no counterpart in a secret",
    },
    Difference {
        scenario: "TestCreateECKey",
        what: What::Transposed,
        reason: "keys are not served: the refused name, which is common to all objects, is held against secrets",
    },
];

struct Difference {
    scenario: &'static str,
    what: What,
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The exchange is replayed with a secret in the place of the recorded key.
    Transposed,
    /// The body of an answer that carries an object.
    Body,
}

#[derive(Clone, Deserialize)]
struct Recorded {
    scenario: String,
    seq: u64,
    op: String,
    request: RecordedRequest,
    response: RecordedResponse,
}

#[derive(Clone, Deserialize)]
struct RecordedRequest {
    method: String,
    path_and_query: String,
    authenticated: bool,
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
}

#[derive(Clone, Deserialize)]
struct RecordedResponse {
    status: u16,
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
}

static VERSION: LazyLock<Regex> = LazyLock::new(|| Regex::new("[0-9a-f]{12}4[0-9a-f]{19}").unwrap());
static SKIP_TOKEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$skiptoken=([^&]+)").unwrap());

#[tokio::test]
async fn recorded_exchanges_are_answered_as_azure_answered_them() {
    let Ok(path) = std::env::var("STANCH_RECORDINGS") else {
        println!("skipped: STANCH_RECORDINGS does not name the recordings");
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let mut scenarios: Vec<Vec<Recorded>> = Vec::new();
    for line in text.lines() {
        let exchange: Recorded = serde_json::from_str(line).unwrap();
        match scenarios.last_mut().filter(|scenario| scenario[0].scenario == exchange.scenario) {
            Some(scenario) => scenario.push(exchange),
            None => scenarios.push(vec![exchange]),
        }
    }
    let (mut compared, mut faults, mut used) = (0, Vec::new(), BTreeSet::new());
    for scenario in &scenarios {
        let mut replay = Replay::start(scenario).await;
        for exchange in scenario {
            replay.exchange(exchange).await;
            compared += 1;
        }
        faults.append(&mut replay.faults);
        used.append(&mut replay.used);
    }
    println!("replayed {} scenarios, {compared} exchanges", scenarios.len());
    for (index, difference) in DIFFERENCES.iter().enumerate() {
        println!("on purpose: {} {:?}: {}", difference.scenario, difference.what, difference.reason);
        if !used.contains(&index) {
            faults.push(format!("the difference {} {:?} explains nothing", difference.scenario, difference.what));
        }
    }
    assert!(compared > 0, "the file of recordings is empty");
    assert!(faults.is_empty(), "{} differences:\n{}", faults.len(), faults.join("\n"));
}

/// One scenario against a cloud of its own.
struct Replay {
    running: Running,
    client: reqwest::Client,
    token: String,
    /// Recorded version → ours.
    versions: HashMap<String, String>,
    /// The `$skiptoken` of our last next link.
    skip_token: Option<String>,
    faults: Vec<String>,
    used: BTreeSet<usize>,
    _data: tempfile::TempDir,
}

impl Replay {
    async fn start(scenario: &[Recorded]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut options = Options::new(data.path());
        let never = Duration::from_secs(3_600);
        options.delays = VisibilityDelays { delete: never, recover: never, purge: never };
        let running = serve(options).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut replay = Self {
            running,
            client,
            token: String::new(),
            versions: HashMap::new(),
            skip_token: None,
            faults: Vec::new(),
            used: BTreeSet::new(),
            _data: data,
        };
        let issued = replay.control(Method::POST, "tokens", &json!({ "oid": "o", "appid": "a" })).await;
        replay.token = issued["access_token"].as_str().unwrap().to_owned();
        let rbac = scenario.iter().any(|exchange| exchange.response.headers.contains_key("x-ms-keyvault-rbac-cache"));
        let bodies = || scenario.iter().filter_map(|exchange| exchange.response.body.as_ref());
        let days = bodies().find_map(|body| body.pointer("/attributes/recoverableDays")).and_then(Value::as_u64);
        let profile = json!({ "rbac": rbac, "recoverable_days": days.unwrap_or(7) });
        replay.control(Method::PUT, "vaults/recorded", &profile).await;
        for (name, seed) in seeds(scenario) {
            replay.control(Method::PUT, &format!("secrets/recorded/{name}"), &seed).await;
        }
        replay
    }

    async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}/{path}", self.running.ready().control.clone().unwrap());
        let response = self.client.request(method, url).json(body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}: {}", response.text().await.unwrap());
        response.json().await.unwrap()
    }

    async fn exchange(&mut self, recorded: &Recorded) {
        let mut recorded = recorded.clone();
        if recorded.op.contains("Key") && self.explains(&recorded, What::Transposed) {
            transpose(&mut recorded);
        }
        // What Azure took seconds for had come to its end when it answered so.
        if recorded.response.status == 200 && matches!(recorded.op.as_str(), "GetDeletedSecret" | "GetSecret") {
            self.control(Method::POST, "settle", &json!({})).await;
        }
        let response = self.send(&recorded.request).await;
        let status = response.status().as_u16();
        if status != recorded.response.status {
            self.fault(&recorded, format!("status {} was {status}", recorded.response.status));
        }
        self.compare_headers(&recorded, response.headers());
        let text = response.text().await.unwrap();
        let body: Option<Value> = (!text.is_empty()).then(|| serde_json::from_str(&text).unwrap());
        self.learn(recorded.response.body.as_ref(), body.as_ref());
        let mut differences = Vec::new();
        compare("", recorded.response.body.as_ref(), body.as_ref(), &mut differences);
        let carries_object = recorded.response.body.as_ref().is_some_and(|body| body.get("error").is_none());
        if differences.is_empty() || (carries_object && self.explains(&recorded, What::Body)) {
            return;
        }
        self.fault(&recorded, differences.join("; "));
    }

    async fn send(&self, request: &RecordedRequest) -> reqwest::Response {
        let mut path = request.path_and_query.clone();
        for (recorded, ours) in &self.versions {
            path = path.replace(recorded, ours);
        }
        if let Some(token) = &self.skip_token {
            path = SKIP_TOKEN.replace(&path, format!("$$skiptoken={token}")).into_owned();
        }
        let method = Method::from_bytes(request.method.as_bytes()).unwrap();
        let mut builder = self.client.request(method, format!("{}{path}", self.running.ready().base_url));
        builder = builder.header("host", HOST);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if request.authenticated {
            builder = builder.bearer_auth(&self.token);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.to_string());
        }
        builder.send().await.unwrap()
    }

    /// Keeps what later requests of the scenario refer to.
    fn learn(&mut self, recorded: Option<&Value>, ours: Option<&Value>) {
        let version = |body: Option<&Value>| Some(VERSION.find(body?.get("id")?.as_str()?)?.as_str().to_owned());
        if let (Some(recorded), Some(ours)) = (version(recorded), version(ours)) {
            self.versions.insert(recorded, ours);
        }
        if let Some(link) = ours.and_then(|body| body.get("nextLink")).and_then(Value::as_str) {
            self.skip_token = Some(SKIP_TOKEN.captures(link).unwrap()[1].to_owned());
        }
    }

    fn explains(&mut self, recorded: &Recorded, what: What) -> bool {
        let fits =
            |difference: &Difference| recorded.scenario.starts_with(difference.scenario) && difference.what == what;
        let found = DIFFERENCES.iter().position(fits);
        self.used.extend(found);
        found.is_some()
    }

    fn fault(&mut self, recorded: &Recorded, what: String) {
        self.faults.push(format!("{} #{} {}: {what}", recorded.scenario, recorded.seq, recorded.op));
    }

    fn compare_headers(&mut self, recorded: &Recorded, ours: &reqwest::header::HeaderMap) {
        const OF_THE_TRANSPORT: [&str; 3] = ["content-length", "date", "connection"];
        let was: BTreeMap<String, &str> =
            recorded.response.headers.iter().map(|(name, value)| (name.to_lowercase(), value.as_str())).collect();
        let is: BTreeMap<String, &str> = ours
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap()))
            .filter(|(name, _)| !OF_THE_TRANSPORT.contains(&name.as_str()))
            .collect();
        let (missing, added): (Vec<_>, Vec<_>) = (
            was.keys().filter(|name| !is.contains_key(*name)).collect(),
            is.keys().filter(|name| !was.contains_key(*name)).collect(),
        );
        if !missing.is_empty() || !added.is_empty() {
            self.fault(recorded, format!("headers missing {missing:?}, added {added:?}"));
        }
        for (name, value) in was {
            if let Some(ours) = is.get(&name).filter(|ours| header_form(&name, ours) != header_form(&name, value)) {
                self.fault(recorded, format!("header {name}: `{value}` was `{ours}`"));
            }
        }
    }
}

/// A header's value, with what differs between any two calls taken out.
fn header_form(name: &str, value: &str) -> String {
    static GUID: LazyLock<Regex> = LazyLock::new(|| Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").unwrap());
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d+(\.\d+)*").unwrap());
    match name {
        "x-ms-keyvault-region" => (!value.is_empty()).to_string(),
        "x-ms-client-request-id" => value.to_owned(),
        "x-ms-request-id" | "x-ms-keyvault-rbac-assignment-id" | "www-authenticate" => {
            GUID.replace_all(value, "GUID").into_owned()
        }
        "x-ms-keyvault-service-version" | "x-ms-keyvault-network-info" | "x-ms-keyvault-rbac-cache" => {
            NUMBER.replace_all(value, "N").into_owned()
        }
        _ => value.to_owned(),
    }
}

/// Members and their order, and all values but those that cannot be the same.
fn compare(place: &str, was: Option<&Value>, is: Option<&Value>, differences: &mut Vec<String>) {
    match (was, is) {
        (Some(Value::Object(was)), Some(Value::Object(is))) => {
            if !was.keys().eq(is.keys()) {
                let keys = |object: &Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
                differences.push(format!("{place}: members {:?} were {:?}", keys(was), keys(is)));
            }
            for (key, value) in was {
                compare(&format!("{place}/{key}"), Some(value), is.get(key), differences);
            }
        }
        (Some(Value::Array(was)), Some(Value::Array(is))) => {
            if was.len() != is.len() {
                differences.push(format!("{place}: {} items were {}", was.len(), is.len()));
            }
            for (index, (was, is)) in was.iter().zip(is).enumerate() {
                compare(&format!("{place}/{index}"), Some(was), Some(is), differences);
            }
        }
        (Some(Value::String(was)), Some(Value::String(is))) => {
            let was = was.replace("VAULT.vault.azure.net", HOST);
            if text_form(&was) != text_form(is) {
                differences.push(format!("{place}: `{was}` was `{is}`"));
            }
        }
        (Some(Value::Number(was)), Some(Value::Number(is))) if is_time(place) => {
            if was.is_i64() != is.is_i64() {
                differences.push(format!("{place}: {was} was {is}"));
            }
        }
        (was, is) if was == is => {}
        (was, is) => differences.push(format!("{place}: {was:?} was {is:?}")),
    }
}

fn is_time(place: &str) -> bool {
    ["created", "updated", "deletedDate", "scheduledPurgeDate"].iter().any(|name| place.ends_with(name))
}

fn text_form(text: &str) -> String {
    let text = VERSION.replace_all(text, "VERSION");
    SKIP_TOKEN
        .replace_all(&text, |captures: &regex::Captures<'_>| format!("$skiptoken={}", token_form(&captures[1])))
        .into_owned()
}

/// A token's members and the form of its marker.
fn token_form(token: &str) -> String {
    let marker = marker_of(token);
    let names = Regex::new("[0-9]+!secret/[^!]+!").unwrap();
    names.replace(&marker, "LENGTH!secret/ROW!").into_owned()
}

/// The row on which a listing goes on, with what surrounds it.
fn marker_of(token: &str) -> String {
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
    let outer: Value = serde_json::from_slice(&STANDARD_NO_PAD.decode(token).unwrap()).unwrap();
    assert_eq!(outer["TargetLocation"], 0, "{outer}");
    let parts: Vec<&str> = outer["NextMarker"].as_str().unwrap().splitn(3, '!').collect();
    assert_eq!((parts[0], parts[1].parse().ok()), ("2", Some(parts[2].len())), "{outer}");
    String::from_utf8(STANDARD.decode(parts[2].replace('-', "=")).unwrap()).unwrap()
}

/// What must have been in the recorded vault before: secrets that are listed and were not set in the scenario, and
/// deleted ones where a page is shorter than it could be.
fn seeds(scenario: &[Recorded]) -> Vec<(String, Value)> {
    let set: BTreeSet<String> = scenario
        .iter()
        .filter(|exchange| exchange.request.method == "PUT")
        .map(|exchange| name_of(exchange.request.path_and_query.split('?').next().unwrap()))
        .collect();
    let mut seeds = Vec::new();
    let lists: Vec<&Recorded> = scenario.iter().filter(|exchange| exchange.op == "GetSecrets").collect();
    for (index, list) in lists.iter().enumerate() {
        let body = list.response.body.as_ref().unwrap();
        let items = body["value"].as_array().unwrap();
        let names: Vec<String> = items.iter().map(|item| name_of(item["id"].as_str().unwrap())).collect();
        for (item, name) in items.iter().zip(&names).filter(|(_, name)| !set.contains(*name)) {
            seeds.push((name.clone(), seed_of(item)));
        }
        let Some(link) = body["nextLink"].as_str() else { continue };
        let token = SKIP_TOKEN.captures(link).unwrap()[1].to_owned();
        let marker = marker_of(&token).split('!').nth(1).unwrap().rsplit('/').next().unwrap().to_owned();
        let next_is_empty = |next: &&Recorded| next.response.body.as_ref().unwrap()["value"] == json!([]);
        if lists.get(index + 1).is_none_or(next_is_empty) {
            seeds.push((marker.clone(), json!({ "value": "", "deleted": true })));
        }
        // The first page began with a deleted one, somewhere before the row on which the listing goes on.
        if names.is_empty() && !list.request.path_and_query.contains("$skiptoken") {
            seeds.push((marker[..marker.len() - 1].to_owned(), json!({ "value": "", "deleted": true })));
        }
        if let Some(last) = names.last().filter(|_| !list.request.path_and_query.contains("maxresults")) {
            for gap in names.len()..PAGE {
                seeds.push((format!("{last}-{gap}"), json!({ "value": "", "deleted": true })));
            }
        }
    }
    seeds
}

fn name_of(address: &str) -> String {
    address.rsplit('/').next().unwrap().to_owned()
}

fn seed_of(item: &Value) -> Value {
    let moment = |pointer: &str| {
        let seconds = item.pointer(pointer)?.as_i64()?;
        Some(chrono::DateTime::from_timestamp(seconds, 0).unwrap().to_rfc3339())
    };
    json!({
        "value": "recorded elsewhere",
        "content_type": item.get("contentType"),
        "managed": item.get("managed").is_some(),
        "enabled": item.pointer("/attributes/enabled"),
        "created": moment("/attributes/created"),
        "not_before": moment("/attributes/nbf"),
        "expires": moment("/attributes/exp"),
        "tags": item.get("tags"),
    })
}

/// A recorded exchange about a key, told of a secret.
fn transpose(recorded: &mut Recorded) {
    let request = &mut recorded.request;
    request.path_and_query =
        request.path_and_query.replace("/keys/", "/secrets/").replace("/deletedkeys/", "/deletedsecrets/");
    if recorded.op == "CreateKey" {
        request.path_and_query = request.path_and_query.replace("/create", "");
        request.method = "PUT".to_owned();
        request.body = Some(json!({ "value": "a key" }));
    }
    recorded.op = recorded.op.replace("Key", "Secret");
    if let Some(error) = recorded.response.body.as_mut().and_then(|body| body.get_mut("error")) {
        for member in ["code", "message"] {
            let text = error[member].as_str().unwrap();
            let told = text.replace("KeyNotFound", "SecretNotFound").replace("Key not", "Secret not");
            error[member] =
                told.replace("Key CreateDeletedKey", "Secret CreateDeletedKey").replace("the key", "the secret").into();
        }
    }
}
