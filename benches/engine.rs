//! What the engine costs: durable steps and effects against a bare loop that makes as many records durable.
//!
//! The two sides run in turns, in one sitting and on one disk, and the median of the ratios counts: what a sync takes
//! differs from minute to minute by more than everything measured here.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark sets its own stage"
)]

use futures::future::LocalBoxFuture;
use serde_json::Map;
use stanch::actions::Services;
use stanch::azure::{Azure, Environment, Identity, IdentityChoice, Route, Transport};
use stanch::config::Config;
use stanch::driver::{Driver, People};
use stanch::durable::{Attempt, Intent, Ledger, Probed};
use stanch::engine::State;
use stanch::engine::event::{Event, Mode, RunOpened};
use stanch::failure::Failure;
use stanch::journal::{Journal, LocalStore, Store};
use stanch::plan::Plan;
use stanch::runbook::model::OnUnknown;
use stanch::secret::FingerprintKey;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

const STEPS: u32 = 100;
const ROUNDS: usize = 9;

/// Counts the syncs of a journal; without a file it costs nothing.
struct Counting {
    file: Option<LocalStore>,
    syncs: Arc<AtomicU64>,
}

impl Store for Counting {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.as_mut().map_or(Ok(()), |file| file.append(bytes))
    }

    fn read(&self) -> io::Result<Box<dyn io::Read + Send>> {
        self.file.as_ref().map_or_else(|| Ok(Box::new(io::empty()) as _), Store::read)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.truncate(length))
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

/// A bare loop: a record of the journal's usual length, durable, twice for each step.
fn floor(folder: &Path) -> Duration {
    let path = folder.join("floor");
    let mut file = OpenOptions::new().append(true).create_new(true).open(&path).unwrap();
    let record = [b'x'; 300];
    let begun = Instant::now();
    for _ in 0..STEPS * 2 {
        file.write_all(&record).unwrap();
        file.sync_data().unwrap();
    }
    let took = begun.elapsed();
    std::fs::remove_file(path).unwrap();
    took
}

fn plan() -> Plan {
    let steps: Vec<String> =
        (0..STEPS).map(|step| format!("  - id: step{step}\n    uses: wait\n    with: {{ for: 0s }}\n")).collect();
    let text = format!("schema: stanch/v1\nname: hundred\nsteps:\n{}", steps.concat());
    let source = stanch::runbook::RunbookSource { name: "hundred", text: &text, library: &stanch::runbook::NoLibrary };
    Plan::new(&source, &Map::new(), &stanch::actions::catalogue()).unwrap()
}

fn opened(plan: &Plan) -> RunOpened {
    RunOpened {
        run: "r-bench".to_owned(),
        runbook: plan.runbook.name.clone(),
        runbook_sha256: plan.sha256.clone(),
        runbook_text: None,
        inputs: Map::new(),
        mode: Mode::Real,
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
    }
}

fn services(plan: &Plan, folder: &Path) -> Arc<Services> {
    let transport = Transport::new(Route::Real, "01234567-89ab").unwrap();
    let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::default());
    Arc::new(Services {
        run: "r-bench".to_owned(),
        runbook: "hundred".to_owned(),
        operator: "oncall".to_owned(),
        mode: Mode::Real,
        request_prefix: "01234567-89ab".to_owned(),
        inputs: Map::new(),
        plan_digest: plan.digest(),
        own_prefixes: Vec::new(),
        steps: Vec::new(),
        azure: Azure { transport, identity },
        config: Config::default(),
        secret_prompt: Arc::new(stanch::secret::Nobody),
        fingerprints: FingerprintKey::new([0; 32]),
        report_folder: folder.join("report"),
        targets: stanch::journal::Targets::new(
            stanch::journal::Runs::new(folder.to_path_buf()),
            "r-bench",
            "",
            stanch::journal::Claimant {
                operator: "oncall".to_owned(),
                host: "laptop-17".to_owned(),
                takes_over: false,
            },
        ),
    })
}

struct Measured {
    took: Duration,
    syncs: u64,
}

struct Bench {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    plan: Arc<Plan>,
    services: Arc<Services>,
}

impl Bench {
    /// Measures work on a fresh journal, which is on the disk or nowhere.
    fn measure<F: Future<Output = ()>>(
        &self,
        durable: bool,
        work: impl FnOnce(Ledger, mpsc::UnboundedSender<stanch::durable::DisplayEvent>) -> F,
    ) -> Measured {
        let path = self.folder.path().join("journal.jsonl");
        let syncs = Arc::new(AtomicU64::new(0));
        let file = durable.then(|| LocalStore::create(&path).unwrap());
        let store = Counting { file, syncs: Arc::clone(&syncs) };
        let (notices, inbox) = mpsc::unbounded_channel();
        drop(inbox);
        let ledger = Ledger::start(store, &Journal::default(), State::default(), notices.clone());
        let took = LocalSet::new().block_on(&self.runtime, async {
            ledger.record(Event::RunOpened(opened(&self.plan))).await.unwrap();
            syncs.store(0, Ordering::Relaxed);
            let begun = Instant::now();
            work(ledger, notices).await;
            begun.elapsed()
        });
        std::fs::remove_file(path).ok();
        Measured { took, syncs: syncs.load(Ordering::Relaxed) }
    }

    /// A whole run of steps that do nothing, through the driver.
    fn steps(&self, durable: bool) -> Measured {
        self.measure(durable, async |ledger, notices| {
            let (_stop, stopping) = watch::channel(false);
            let (plan, services) = (Arc::clone(&self.plan), Arc::clone(&self.services));
            Driver { plan, services, ledger, notices, stopping }.drive(&mut Nobody).await.unwrap();
        })
    }

    /// Effects that do nothing, one after the other, within one step.
    fn effects(&self, durable: bool) -> Measured {
        self.measure(durable, async |ledger, notices| {
            let step = "step0".to_owned();
            ledger.record(Event::StepStarted { step: step.clone(), attempt: 1 }).await.unwrap();
            let (_stop, stopping) = watch::channel(false);
            let (run, plan_digest) = (self.services.run.clone(), self.services.plan_digest.clone());
            let on_unknown = OnUnknown::default();
            let context = Attempt { run, step, plan_digest, on_unknown, ledger, notices, stopping };
            for index in 0..STEPS {
                let intent = Intent::new(format!("nothing {index}"), "do nothing");
                let nothing = async |_| Ok::<(), Failure>(());
                context.effect(intent, nothing, async |_| Ok(Probed::Done(()))).await.unwrap();
            }
        })
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let plan = Arc::new(plan());
    let services = services(&plan, folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bench = Bench { folder, runtime, plan, services };
    let per_step = |took: Duration| took.as_secs_f64() * 1e6 / f64::from(STEPS);
    let (mut floors, mut steps, mut effects) = (Vec::new(), Vec::new(), Vec::new());
    let (mut step_ratios, mut effect_ratios) = (Vec::new(), Vec::new());
    let (mut step_syncs, mut effect_syncs) = (0, 0);
    for _ in 0..ROUNDS {
        let floor = floor(bench.folder.path());
        let (step, effect) = (bench.steps(true), bench.effects(true));
        (step_syncs, effect_syncs) = (step.syncs, effect.syncs);
        step_ratios.push(step.took.as_secs_f64() / floor.as_secs_f64());
        effect_ratios.push(effect.took.as_secs_f64() / floor.as_secs_f64());
        floors.push(per_step(floor));
        steps.push(per_step(step.took));
        effects.push(per_step(effect.took));
    }
    let own_step = median((0..ROUNDS).map(|_| per_step(bench.steps(false).took)).collect());
    let own_effect = median((0..ROUNDS).map(|_| per_step(bench.effects(false).took)).collect());
    println!("{STEPS} in turns of {ROUNDS}, medians; µs each");
    println!("floor: 2 × write + fdatasync      {:>8.1}", median(floors));
    println!(
        "effects: intent, outcome          {:>8.1}   {:.2} × floor, {effect_syncs} syncs",
        median(effects),
        median(effect_ratios)
    );
    println!(
        "steps of a run, through the driver{:>8.1}   {:.2} × floor, {step_syncs} syncs",
        median(steps),
        median(step_ratios)
    );
    println!("of our own, without a disk: an effect {own_effect:.1}, a step {own_step:.1}");
}
