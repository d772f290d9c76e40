//! Two machines that both want to go on with a run, one of which dies, sleeps or is cut off at any of its requests: one new
//! version, one chain, and nothing is sent by whoever was taken for dead.
//!
//! `STANCH_ROUNDS` says how many, `STANCH_SEED` which. With `STANCH_AZURITE` the store is there, else in the embedded cloud.

mod beginning;
pub(crate) mod machine;

use crate::stage::{Said, Stage, is_heavy, seed};
use crate::surroundings::azure;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use machine::{Held, Machine, OtherStore};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use stanch::azure::{Environment, IdentityChoice, WritableContainer};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::process::Child;

pub(crate) const STORE: &str = "https://devstoreaccount1.blob.core.windows.net/stanch/rounds";

/// So many rounds are played at a time: they wait for most of it.
const SIDE_BY_SIDE: usize = 24;

/// So many are played where a sample is enough.
const SAMPLE: u64 = 4;

/// A run of the usual containment makes fewer requests. Three times as many rounds in a row try each of them with every trouble;
/// neither number may divide by three.
const REQUESTS: u64 = 190;
const STRIDE: u64 = 61;

/// A round is over by then, whoever takes the run from whom.
const PATIENCE: Duration = Duration::from_secs(400);

/// Numbers that a seed gives again.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }

    fn pause(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.below(most))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Dies,
    Sleeps,
    IsCutOff,
}

/// One machine: its way out, its folder, its name.
struct Side<'a> {
    stage: &'a Stage,
    name: &'static str,
    machine: Machine,
    cloud: PathBuf,
}

impl<'a> Side<'a> {
    async fn new(stage: &'a Stage, name: &'static str) -> Self {
        Self::at(stage, name, OtherStore::named()).await
    }

    async fn at(stage: &'a Stage, name: &'static str, store: Option<OtherStore>) -> Self {
        let to = format!("http://{}", stage.address());
        let machine = Machine::connect(&to, store, Duration::ZERO).await;
        let cloud = stage.cloud_file_named(name, &machine.address);
        Self { stage, name, machine, cloud }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let folder = self.stage.path(self.name);
        let mut command = self.stage.command_with(&self.cloud, &folder, arguments);
        command.env("STANCH_STATE", STORE).env("STANCH_OPERATOR", self.name).env("HOME", &folder);
        command
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = tokio::process::Command::from(self.command(arguments));
        command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
    }

    async fn said(&self, arguments: &[&str]) -> Said {
        let mut said: Said = tokio::process::Command::from(self.command(arguments)).output().await.unwrap().into();
        // A machine that plays many rounds at once may be too slow to answer itself.
        for _ in 0..5 {
            if !said.stderr.contains("did not answer") {
                break;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
            said = tokio::process::Command::from(self.command(arguments)).output().await.unwrap().into();
        }
        said
    }

    async fn records(&self, run: &str) -> Vec<Value> {
        let azure = azure(&self.cloud, IdentityChoice::Auto, Environment::default());
        let container = WritableContainer::open(&STORE.parse().unwrap(), &azure).unwrap();
        let bytes = container.read(&format!("runs/{run}/journal.jsonl"), 0, 4 << 20).await.unwrap().unwrap();
        bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    /// Goes on with the run; gives whether there is nothing more to do, or nothing that can be gone on with.
    async fn resumes(&self, run: &str, by_force: bool) -> bool {
        let force: &[&str] = if by_force { &["--take-over", "--because", "it does not answer"] } else { &[] };
        let said = self.said(&[&["resume", run, "--json"], force].concat()).await;
        matches!(said.code, Some(0 | 2)) || never_began(&said)
    }
}

/// It died before its first record: nobody goes on with it, and nothing was sent.
fn never_began(said: &Said) -> bool {
    let begins = |summary: &str| said.stderr.lines().any(|line| line.contains(summary));
    said.code == Some(2) && begins("there is no run `") || said.code == Some(5) && begins(" never began in `")
}

fn signal(child: &Child, signal: Signal) {
    if let Some(id) = child.id() {
        // It may have ended.
        kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap(), signal).ok();
    }
}

/// How a round went: whether the trouble came before the run was over, and how many lives the run had.
type Played = (bool, usize);

/// Plays one round, or says what was wrong.
async fn round(number: u64, seed: u64) -> Result<Played, String> {
    let mut draw = Draw(seed.wrapping_mul(1_000_003).wrapping_add(number));
    let stage = Stage::set().await;
    let (ann, kim) = (Side::new(&stage, "ann").await, Side::new(&stage, "kim").await);
    let run = format!("r-{seed}-{number}-{}", Utc::now().timestamp_micros());
    let point = seed % (3 * REQUESTS) + number;
    let trouble = usize::try_from((point + point / REQUESTS) % 3).unwrap();
    let trouble = [Trouble::Dies, Trouble::Sleeps, Trouble::IsCutOff][trouble];
    let held = if draw.below(2) == 0 { Held::Before } else { Held::After };
    let request = usize::try_from(point * STRIDE % REQUESTS).unwrap() + 1;
    let told = format!("seed {seed}, round {number}: ann {trouble:?} at request {request}, {held:?}");
    ann.machine.trap(request, held);
    let mut first = ann.start(&stage.containment(&run));
    let is_troubled = tokio::select! {
        () = ann.machine.trapped() => true,
        _ = first.wait() => false,
    };
    match trouble {
        Trouble::Dies => drop(first.start_kill()),
        Trouble::Sleeps => signal(&first, Signal::STOP),
        Trouble::IsCutOff => {}
    }
    let by_force = draw.below(4) > 0;
    let (wakes, again, looks, dies_too) = (draw.pause(4_000), draw.pause(3_000), draw.pause(1_500), draw.below(3) == 0);
    let begun = Instant::now();
    let (run, stage) = (run.as_str(), &stage);
    let of_ann = async {
        tokio::time::sleep(wakes).await;
        ann.machine.heal();
        signal(&first, Signal::CONT);
        drop(first.wait().await);
        tokio::time::sleep(again).await;
        // She wants it back, once by force.
        ann.resumes(run, by_force).await;
        while begun.elapsed() < PATIENCE && !ann.resumes(run, false).await {
            tokio::time::sleep(Duration::from_millis(1_700)).await;
        }
    };
    let of_kim = async {
        tokio::time::sleep(looks).await;
        if dies_too {
            let mut child = kim.start(&["resume", run, "--take-over", "--because", "she sleeps", "--json"]);
            drop(tokio::time::timeout(Duration::from_secs(2), child.wait()).await);
            drop(child.kill().await);
        }
        while begun.elapsed() < PATIENCE && !kim.resumes(run, true).await {
            tokio::time::sleep(Duration::from_millis(900)).await;
        }
    };
    tokio::join!(of_ann, of_kim);
    let lives = judge(stage, &ann, &kim, run).await.map_err(|why| format!("{told}: {why}"))?;
    Ok((is_troubled, lives))
}

async fn judge(stage: &Stage, ann: &Side<'_>, kim: &Side<'_>, run: &str) -> Result<usize, String> {
    let verified = kim.said(&["verify", run]).await;
    let state = stage.state().await;
    let versions = state["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap();
    if never_began(&verified) {
        let changed = ann.machine.sent().len() + kim.machine.sent().len();
        return if changed == 0 && versions.len() == 3 {
            Ok(0)
        } else {
            Err(format!("{changed} changes without a record"))
        };
    }
    let status = kim.said(&["status", run, "--json"]).await;
    if verified.code != Some(0) || status.code != Some(0) || status.json()["status"] != "completed" {
        return Err(format!("not whole, or not over: {} {} {}", verified.stderr, status.stderr, status.stdout));
    }
    let enabled = versions.iter().filter(|version| version["enabled"] == true).count();
    if (versions.len(), enabled) != (4, 1) {
        return Err(format!("{} versions, {enabled} of them enabled", versions.len()));
    }
    let calls = state["calls"].as_array().unwrap().iter();
    let puts = calls.filter(|call| call["method"] == "PUT" && call["path"] == "/secrets/orders-db").count();
    let records = kim.records(run).await;
    let of = |kind: &str| records.iter().filter(|record| record["event"]["type"] == kind).collect::<Vec<_>>();
    let intents = of("effect_started").iter().filter(|record| record["event"]["effect"] == "publish").count();
    if puts > intents {
        return Err(format!("{puts} requests for {intents} intents"));
    }
    // Whoever was taken for dead sends nothing that it did not intend before, and that within its lease alone.
    let epochs = of("run_resumed").into_iter().chain(of("run_opened"));
    let mut epochs: Vec<(DateTime<Utc>, &str)> = epochs
        .map(|record| (record["at"].as_str().unwrap().parse().unwrap(), record["event"]["operator"].as_str().unwrap()))
        .collect();
    epochs.sort();
    for side in [ann, kim] {
        for (at, what) in side.machine.sent() {
            let taken = epochs.iter().rev().find(|(since, _)| *since <= at).filter(|(_, by)| *by != side.name);
            if taken.is_some_and(|(since, _)| at - *since > TimeDelta::seconds(15)) {
                return Err(format!("{} sent `{what}` at {at}, after it was taken over: {epochs:?}", side.name));
            }
        }
    }
    Ok(epochs.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_that_contend_for_a_run_do_everything_once() {
    let usual = if is_heavy() || OtherStore::named().is_some() { 24 } else { SAMPLE };
    let number = |name: &str, or: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or);
    let (rounds, seed) = (number("STANCH_ROUNDS", usual), seed() % 1_000_000_007);
    println!("STANCH_ROUNDS={rounds}");
    let begun = Instant::now();
    let played: Vec<Result<Played, String>> =
        futures::stream::iter(0..rounds)
            .map(|number| async move {
                tokio::spawn(round(number, seed)).await.unwrap_or_else(|error| Err(error.to_string()))
            })
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await;
    let wrong: Vec<&String> = played.iter().filter_map(|round| round.as_ref().err()).collect();
    let well: Vec<&Played> = played.iter().filter_map(|round| round.as_ref().ok()).collect();
    let runs = well.iter().filter(|(_, lives)| *lives > 0).count();
    let lives: usize = well.iter().map(|(_, lives)| lives).sum();
    let troubled = well.iter().filter(|(is_troubled, _)| *is_troubled).count();
    println!(
        "{rounds} rounds with both contending, {troubled} of them in trouble, {runs} runs begun, {lives} lives, {} s: {} are wrong",
        begun.elapsed().as_secs(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}
