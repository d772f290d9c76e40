//! Many secrets at once, under a vault's limits: how near a run comes to the time that the limits set.
//!
//! 100 secrets with 3 old versions each, in an embedded cloud that takes 30 creations and 400 other requests a second
//! (a tenth of Azure's limits, in a tenth of their window) and answers after 75 ms. The floor is what 100 creations
//! take at 30 a second.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark sets its own stage"
)]

use futures::future::LocalBoxFuture;
use serde_json::{Map, Value, json};
use stanch::actions::Services;
use stanch::azure::{Azure, CloudFile, Environment, Identity, IdentityChoice, Route, Transport, VaultLimits};
use stanch::config::Config;
use stanch::driver::{Driver, People};
use stanch::durable::Ledger;
use stanch::engine::State;
use stanch::engine::event::{Event, Mode, RunOpened, RunStatus};
use stanch::journal::{Journal, LocalStore, Store};
use stanch::plan::Plan;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

const SECRETS: usize = 100;
const CREATES: u32 = 30;
const OTHERS: u32 = 400;
const LATENCY_MS: u64 = 75;

/// A journal on the disk, each sync of which takes this much longer.
struct Slow {
    file: LocalStore,
    longer: Duration,
    syncs: Arc<AtomicU64>,
}

impl Store for Slow {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(self.longer);
        self.file.append(bytes)
    }

    fn read(&self) -> io::Result<Box<dyn io::Read + Send>> {
        self.file.read()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }
}

struct Nobody;

impl People for Nobody {
    fn are_there(&self, _: &State) -> bool {
        false
    }

    fn answer<'a>(&'a mut self, _: &'a State) -> LocalBoxFuture<'a, Option<Event>> {
        Box::pin(std::future::pending())
    }

    fn heard(&mut self, _: Option<String>) {}
}

/// Each secret on its own: rotated, then its old versions disabled.
fn runbook() -> String {
    let secret = |number: usize| {
        let url = format!("https://kv-drill.vault.azure.net/secrets/s{number}");
        format!(
            "  - {{ id: rotate{number}, uses: keyvault/rotate, needs: [], with: {{ secret: \"{url}\" }} }}\n  - {{ id: revoke{number}, uses: keyvault/disable_old, needs: [rotate{number}], with: {{ secret: \"{url}\", keep: \"${{{{ steps.rotate{number}.outputs.version }}}}\" }} }}\n"
        )
    };
    format!("schema: stanch/v1\nname: mass-rotation\nsteps:\n{}", (0..SECRETS).map(secret).collect::<String>())
}

async fn control(client: &reqwest::Client, method: reqwest::Method, url: String, body: &Value) -> Value {
    client.request(method, url).json(body).send().await.unwrap().json().await.unwrap()
}

async fn rotation(folder: &Path, longer: Duration) {
    let mut options = stanch::cloud::Options::new(folder.join("cloud"));
    options.ready_file = Some(folder.join("ready.json"));
    options.limits =
        Some(stanch::cloud::Limits { creates: CREATES as usize, others: OTHERS as usize, window_ms: 1000 });
    let cloud = stanch::cloud::serve(options).await.unwrap();
    let base = cloud.ready().control.clone().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for number in 0..SECRETS {
        for version in 0..3 {
            let created = format!("2026-01-0{}T00:00:00Z", version + 1);
            let body = json!({ "value": format!("old {version}"), "created": created });
            control(&client, reqwest::Method::PUT, format!("{base}/secrets/kv-drill/s{number}"), &body).await;
        }
    }
    let latency = json!({ "match": { "host": "kv-drill.vault.azure.net" }, "do": { "delay_ms": LATENCY_MS } });
    control(&client, reqwest::Method::POST, format!("{base}/faults"), &latency).await;

    let text = runbook();
    let source = stanch::runbook::RunbookSource { name: "mass", text: &text, library: &stanch::runbook::NoLibrary };
    let plan = Arc::new(Plan::new(&source, &Map::new(), &stanch::actions::catalogue()).unwrap());
    let file = CloudFile::read(&folder.join("ready.json")).unwrap();
    let limits = VaultLimits { creates: CREATES, others: OTHERS, window: Duration::from_secs(1) };
    let transport = Transport::limited(Route::Cloud(Box::new(file)), "01234567-89ab", limits).unwrap();
    let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::default());
    let services = Arc::new(Services {
        run: "r-mass".to_owned(),
        runbook: "mass-rotation".to_owned(),
        operator: "oncall".to_owned(),
        mode: Mode::Drill,
        request_prefix: "01234567-89ab".to_owned(),
        inputs: Map::new(),
        plan_digest: plan.digest(),
        own_prefixes: Vec::new(),
        steps: Vec::new(),
        azure: Azure { transport, identity },
        config: Config::default(),
        secret_prompt: Arc::new(stanch::secret::Nobody),
        fingerprints: stanch::secret::FingerprintKey::new([0; 32]),
        report_folder: folder.join("report"),
        targets: stanch::journal::Targets::new(
            stanch::journal::Runs::new(folder.to_path_buf()),
            "r-mass",
            "drill ",
            stanch::journal::Claimant {
                operator: "oncall".to_owned(),
                host: "laptop-17".to_owned(),
                takes_over: false,
            },
        ),
    });
    let opened = RunOpened {
        run: "r-mass".to_owned(),
        runbook: "mass-rotation".to_owned(),
        runbook_sha256: plan.sha256.clone(),
        runbook_text: None,
        inputs: Map::new(),
        mode: Mode::Drill,
        operator: "oncall".to_owned(),
        host: "laptop-17".to_owned(),
        seen: None,
        sign_ins: None,
        one_plays_all: false,
        program_version: "0".to_owned(),
        lock: None,
        fragments: BTreeMap::new(),
        request_prefix: "01234567-89ab".to_owned(),
        nonce: None,
        cloud: None,
        config: None,
        config_sha256: None,
        obstacles: Vec::new(),
    };
    let syncs = Arc::new(AtomicU64::new(0));
    let file = LocalStore::create(&folder.join("journal.jsonl")).unwrap();
    let store = Slow { file, longer, syncs: Arc::clone(&syncs) };
    let (notices, inbox) = mpsc::unbounded_channel();
    drop(inbox);
    let ledger = Ledger::start(store, &Journal::default(), State::default(), notices.clone());
    let (_stop, stopping) = watch::channel(false);
    let begun = Instant::now();
    ledger.record(Event::RunOpened(opened)).await.unwrap();
    let driver = Driver { plan, services, ledger: ledger.clone(), notices, stopping };
    assert_eq!(driver.drive(&mut Nobody).await.unwrap(), RunStatus::Completed);
    let took = begun.elapsed();

    let state = control(&client, reqwest::Method::GET, format!("{base}/state"), &json!({})).await;
    let secrets = state["vaults"]["kv-drill"]["secrets"].as_object().unwrap();
    for (name, versions) in secrets {
        let enabled = versions.as_array().unwrap().iter().filter(|version| version["enabled"] == true).count();
        assert_eq!((versions.as_array().unwrap().len(), enabled), (4, 1), "{name}");
    }
    let calls = state["calls"].as_array().unwrap();
    let throttled = calls.iter().filter(|call| call["status"] == 429).count();
    let floor = SECRETS as f64 / f64::from(CREATES);
    println!(
        "{SECRETS} secrets, each sync {:>3} ms longer: {:.2} s, {:.2} × the floor of {floor:.2} s; {} requests, {throttled} answers of 429 ({:.2} %); {} records, {} syncs",
        longer.as_millis(),
        took.as_secs_f64(),
        took.as_secs_f64() / floor,
        calls.len(),
        throttled as f64 * 100.0 / calls.len() as f64,
        ledger.fold(|_, _| Ok(())).unwrap().records,
        syncs.load(Ordering::Relaxed),
    );
    cloud.shutdown().await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for longer in [0, 4] {
        for _ in 0..3 {
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            LocalSet::new().block_on(&runtime, rotation(folder.path(), Duration::from_millis(longer)));
        }
    }
}
