//! What a store of runs costs: records made durable there against a bare loop of appends to the same server, and what the way to
//! it adds to the time until a leak is contained.
//!
//! The two sides append in turns to blobs that grow alike, in one sitting. The server is Azurite where `STANCH_AZURITE` says so
//! (`benches/store.sh` starts it), else the embedded cloud.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark sets its own stage"
)]

#[expect(dead_code, reason = "what the tests need of it, too")]
#[path = "../tests/it/contended/machine.rs"]
mod machine;

use machine::{Machine, OtherStore};
use serde_json::{Value, json};
use stanch::azure::{Azure, CloudFile, Environment, Identity, IdentityChoice, Route, Transport, WritableContainer};
use stanch::engine::event::Event;
use stanch::journal::{BlobRuns, Claimant, Journal, Listener, Record, Runs, Writer};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const RECORDS: usize = 1_000;
const TURN: usize = 100;
const RUNS: usize = 5;
const STORE: &str = "https://devstoreaccount1.blob.core.windows.net/stanch/bench";

/// The embedded cloud, in a process of its own.
struct Cloud {
    folder: tempfile::TempDir,
    process: Child,
    ready: Value,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        drop(self.process.kill());
    }
}

impl Cloud {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_stanch"));
        command.args(["emulate", "--quiet", "--ready-file"]).arg(&ready).arg("--data").arg(folder.path().join("cloud"));
        let process = command.stdin(Stdio::null()).spawn().unwrap();
        let ready = loop {
            if let Ok(text) = std::fs::read_to_string(&ready) {
                break serde_json::from_str(&text).unwrap();
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        Self { folder, process, ready }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn address(&self) -> &str {
        self.ready["base_url"].as_str().unwrap()
    }

    /// A cloud file that leads elsewhere.
    fn file(&self, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let mut ready = self.ready.clone();
        change(&mut ready);
        let path = self.path(name);
        std::fs::write(&path, ready.to_string()).unwrap();
        path
    }
}

struct Silent;

impl Listener for Silent {
    fn admit(&mut self, _: &Record) -> Result<(), String> {
        Ok(())
    }

    fn recorded(&mut self, _: &Record, _: &str) {}
}

/// Appends as bare as they can be: one client, one connection, one request after the other.
struct Floor {
    client: reqwest::Client,
    blob: String,
    token: String,
    length: usize,
}

impl Floor {
    async fn begin(server: &str, token: &str, store: Option<&OtherStore>) -> Self {
        let authorities = store.iter().map(|store| reqwest::Certificate::from_pem(&store.certificate).unwrap());
        let client = reqwest::Client::builder().no_proxy().tls_certs_only(authorities).build().unwrap();
        let blob = format!("{server}/stanch/floor-{}", std::process::id());
        let floor = Self { client, blob, token: token.to_owned(), length: 0 };
        let made = floor.put("", &[("x-ms-blob-type", "AppendBlob".to_owned())], Vec::new()).await;
        assert_eq!(made, 201);
        floor
    }

    async fn put(&self, query: &str, headers: &[(&str, String)], body: Vec<u8>) -> u16 {
        let mut request = self.client.put(format!("{}{query}", self.blob)).bearer_auth(&self.token);
        request = request.header("host", "devstoreaccount1.blob.core.windows.net").header("x-ms-version", "2023-11-03");
        request = request.header("content-length", body.len().to_string());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        drop(answer.bytes().await.unwrap());
        status
    }

    async fn append(&mut self, bytes: usize) {
        let at = ("x-ms-blob-condition-appendpos", self.length.to_string());
        assert_eq!(self.put("?comp=appendblock", &[at], vec![b'x'; bytes]).await, 201);
        self.length += bytes;
    }
}

/// The same by the official client, as the store uses it.
struct Client {
    container: WritableContainer,
    name: String,
    length: u64,
}

impl Client {
    async fn append(&mut self, bytes: usize) {
        self.container.append(&self.name, self.length, &vec![b'x'; bytes], None).await.unwrap();
        self.length += bytes as u64;
    }
}

fn event(number: usize) -> Event {
    Event::EffectStarted {
        step: "rotate".to_owned(),
        effect: format!("effect-{number}"),
        key: format!("{number:064x}"),
        attempt: 1,
        summary: "an effect of the usual length, as a step of a run records it".to_owned(),
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

async fn token(cloud: &Cloud) -> String {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let url = format!("{}/tokens", cloud.ready["control"].as_str().unwrap());
    let wanted = json!({ "oid": "00000000-0000-4000-8000-000000000001", "audience": "https://storage.azure.com" });
    let answer: Value = client.post(url).json(&wanted).send().await.unwrap().json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn records(cloud: &Cloud, store: Option<&OtherStore>) {
    let server = store.map_or(cloud.address(), |store| &store.url).to_owned();
    let token = match store {
        Some(store) => store.token.clone(),
        None => token(cloud).await,
    };
    let certificate = store.map(|store| {
        let path = cloud.path("ca.pem");
        std::fs::write(&path, &store.certificate).unwrap();
        path.display().to_string()
    });
    let file = cloud.file("store.json", |ready| {
        ready["base_url"] = json!(server);
        ready["ca_pem"] = json!(certificate);
        ready["token"] = json!(token);
    });
    let file = CloudFile::read(&file).unwrap();
    let transport = Transport::new(Route::Cloud(Box::new(file)), "01234567-89ab").unwrap();
    let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::default());
    let container = WritableContainer::open(&STORE.parse().unwrap(), &Azure { transport, identity }).unwrap();
    let bare = container.clone();
    let runs = Runs::kept_in(Arc::new(BlobRuns::new(container, cloud.path("here")).unwrap()));
    let folder = runs.folder(&format!("r-{}", std::process::id())).unwrap();
    let claimant = Claimant { operator: "bench".to_owned(), host: "here".to_owned(), takes_over: false };
    // Its lease is renewed meanwhile, as that of a run is.
    let _lock = folder.reserve(&claimant).unwrap();
    let lines = folder.create("", None, std::iter::empty()).unwrap();
    let writer = Writer::start(lines, &Journal::default(), Silent);
    let mut floor = Floor::begin(&server, &token, store).await;
    let length = serde_json::to_vec(&event(0)).unwrap().len() + 170;
    let mut client = Client { container: bare, name: format!("bare-{}", std::process::id()), length: 0 };
    client.container.create_appendable(&client.name).await.unwrap();
    writer.append(event(0)).await.unwrap();
    floor.append(length).await;
    client.append(length).await;
    // Each side's turns, in seconds.
    let (mut raw, mut official, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..RECORDS / TURN {
        let begun = Instant::now();
        for _ in 0..TURN {
            floor.append(length).await;
        }
        raw.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        for _ in 0..TURN {
            client.append(length).await;
        }
        official.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        for number in 0..TURN {
            writer.append(event(turn * TURN + number)).await.unwrap();
        }
        ours.push(begun.elapsed().as_secs_f64());
    }
    println!("{RECORDS} records in turns of {TURN}");
    let tell = |name: &str, took: &[f64]| {
        let sum: f64 = took.iter().sum();
        let ratio = |to: &[f64]| median(took.iter().zip(to).map(|(took, to)| took / to).collect());
        let (rate, each) = (RECORDS as f64 / sum, sum * 1e3 / RECORDS as f64);
        println!(
            "{name}  {rate:5.0} appends/s  {each:5.2} ms each  {:5.2} ms for two  {:.2} × raw  {:.2} × the official client",
            2.0 * each,
            ratio(&raw),
            ratio(&official)
        );
    };
    tell("raw requests       ", &raw);
    tell("the official client", &official);
    tell("records            ", &ours);
}

/// From the start of the program to the durable record of the last version that is disabled, in seconds.
fn contain(cloud: &Cloud, file: &Path, place: &str, run: &str) -> f64 {
    let control = cloud.ready["control"].as_str().unwrap();
    let secret = format!("secret-{run}");
    for value in ["one", "two", "three"] {
        let body = json!({ "value": format!("planted-{value}-{run}") }).to_string();
        let url = format!("{control}/secrets/kv-drill/{secret}");
        let status = Command::new("curl").args(["-fsS", "-o", "/dev/null", "-X", "PUT", "-d", &body, &url]).status();
        assert!(status.unwrap().success());
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanch"));
    command.args(["run", "secret-exposure", "--run-id", run, "--yes", "--json", "-i", "overlap=0s", "--state", place]);
    command.args(["-i", &format!("secret=https://kv-drill.vault.azure.net/secrets/{secret}")]);
    command.args(["-i", "exposed_at=2026-01-01T00:00:00Z", "--cloud"]).arg(file);
    command.arg("--state-dir").arg(cloud.path("state")).env_remove("STANCH_STATE").current_dir(cloud.folder.path());
    let begun = chrono::Utc::now();
    let ended = command.stdin(Stdio::null()).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let ended: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let steps = ended["steps"].as_array().unwrap();
    let mut revoked = steps.iter().filter(|step| step["uses"].as_str().is_some_and(|uses| uses.contains("disable")));
    let at: chrono::DateTime<chrono::Utc> = revoked.next_back().unwrap()["ended_at"].as_str().unwrap().parse().unwrap();
    (at - begun).as_seconds_f64()
}

async fn containment(cloud: &Arc<Cloud>, store: Option<&OtherStore>) {
    let mut baseline = 0.0;
    for (told, place, delay) in [
        ("state directory      ", "local", 0),
        ("store, + 0 ms        ", STORE, 0),
        ("store, + 20 ms a way ", STORE, 20),
        ("store, + 100 ms a way", STORE, 100),
    ] {
        let machine = Machine::connect(cloud.address(), store.cloned(), Duration::from_millis(delay)).await;
        let file = cloud.file(&format!("{place:.5}-{delay}.json"), |ready| ready["base_url"] = json!(machine.address));
        let mut took = Vec::new();
        for round in 0..RUNS {
            let (cloud, file) = (Arc::clone(cloud), file.clone());
            let run = format!("r-{}-{delay}-{}-{round}", std::process::id(), &place[..5]);
            took.push(tokio::task::spawn_blocking(move || contain(&cloud, &file, place, &run)).await.unwrap());
        }
        let took = median(took);
        if place == "local" {
            baseline = took;
        }
        println!("{told}  contained after {took:5.2} s  (+ {:5.2} s)", took - baseline);
    }
}

fn main() {
    let store = OtherStore::named();
    println!("the server is {}", if store.is_some() { "Azurite" } else { "the embedded cloud" });
    let cloud = Arc::new(Cloud::start());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        records(&cloud, store.as_ref()).await;
        containment(&cloud, store.as_ref()).await;
    });
}
