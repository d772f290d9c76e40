//! A machine that dies or sleeps at any request with which a run begins at the store: the run is there, or it never began; then
//! it holds nothing, is no damage, and cannot begin any more once another run has its target.

use super::machine::Held;
use super::{STORE, Side, never_began, signal};
use crate::stage::{Stage, is_heavy, seed};
use crate::surroundings::azure;
use futures::StreamExt;
use rustix::process::Signal;
use stanch::azure::{Environment, IdentityChoice, WritableContainer};
use std::time::{Duration, Instant};

/// So many points are tried where not all are.
const SAMPLE: usize = 4;

/// So many are tried at a time.
const SIDE_BY_SIDE: usize = 4;

async fn side<'a>(stage: &'a Stage, name: &'static str) -> Side<'a> {
    Side::at(stage, name, None).await
}

/// The same world, by another way: what one of them has taken is taken for the other, too.
impl<'a> Side<'a> {
    fn in_the_world_of(self, other: &Self) -> Self {
        Self { cloud: self.stage.cloud_file_named(other.name, &self.machine.address), ..self }
    }
}

fn container(side: &Side<'_>) -> WritableContainer {
    let azure = azure(&side.cloud, IdentityChoice::Auto, Environment::default());
    WritableContainer::open(&STORE.parse().unwrap(), &azure).unwrap()
}

async fn versions(stage: &Stage) -> usize {
    stage.state().await["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap().len()
}

/// The requests of a run from its first one to the store to the one with its first record, counted from 1.
async fn requests_of_beginning() -> (usize, usize) {
    let stage = Stage::set().await;
    let ann = side(&stage, "ann").await;
    ann.said(&stage.containment("r-1")).await.exit(0).done();
    let state = stage.state().await;
    let mut calls = state["calls"].as_array().unwrap().iter().map(|call| {
        let path = call["path"].as_str().unwrap_or_default().to_owned();
        let is_append =
            call["query"].as_str().unwrap_or_default().contains("appendblock") || path.contains("appendblock");
        (call["host"].as_str().unwrap_or_default().contains(".blob."), path.contains("journal.jsonl") && is_append)
    });
    let first = calls.clone().position(|(is_store, _)| is_store).unwrap();
    (first + 1, calls.position(|(_, is_record)| is_record).unwrap() + 1)
}

/// Its process dies there. Gives what is wrong then.
async fn dies_at(request: usize, held: Held) -> Result<bool, String> {
    let stage = Stage::set().await;
    let (ann, kim) = (side(&stage, "ann").await, side(&stage, "kim").await);
    ann.machine.trap(request, held);
    let mut child = ann.start(&stage.containment("r-1"));
    ann.machine.trapped().await;
    child.kill().await.unwrap();
    let kim = kim.in_the_world_of(&ann);
    // Its lease ends, if it had one.
    drop(container(&kim).break_lease("runs/r-1/journal.jsonl").await);
    let status = kim.said(&["status", "r-1", "--json"]).await;
    let listed = kim.said(&["runs"]).await;
    let told = format!("{} {} {}", status.stderr, listed.stdout, listed.stderr);
    if told.contains("damage") {
        return Err(format!("it is told as damage: {told}"));
    }
    if status.code == Some(0) {
        let resumed = kim.said(&["resume", "r-1", "--json"]).await;
        return if resumed.code == Some(0) { Ok(true) } else { Err(resumed.stderr) };
    }
    if !never_began(&status) || listed.stdout.contains("r-1") {
        return Err(told);
    }
    for arguments in [["resume", "r-1"].as_slice(), &["verify", "r-1"], &["abandon", "r-1", "--because", "x"]] {
        let said = kim.said(arguments).await;
        if !never_began(&said) {
            return Err(format!("{arguments:?}: {:?} {}", said.code, said.stderr));
        }
    }
    // What it was to work on is free, and so is its name.
    for run in ["r-2", "r-1"] {
        let begun = kim.said(&stage.containment(run)).await;
        if begun.code != Some(0) {
            return Err(format!("{run}: {:?} {}", begun.code, begun.stderr));
        }
    }
    match versions(&stage).await {
        5 => Ok(false),
        versions => Err(format!("{versions} versions")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_at_any_request_of_the_beginning_leaves_a_run_or_none() {
    let (first, record) = requests_of_beginning().await;
    let mut points: Vec<(usize, Held)> =
        (first..=record).flat_map(|request| [(request, Held::Before), (request, Held::After)]).collect();
    let all = points.len();
    if !is_heavy() {
        // The last before the record and the record itself are always among them.
        let drawn = usize::try_from(seed() % 1_000_003).unwrap();
        points = (0..SAMPLE).map(|number| points[(drawn + number * all / SAMPLE) % all]).collect();
        points.extend([(record, Held::Before), (record, Held::After)]);
    }
    println!("{} of {all} points of the beginning, {} requests", points.len(), record + 1 - first);
    let tried: Vec<_> = futures::stream::iter(points)
        .map(|(request, held)| async move { ((request, held), dies_at(request, held).await) })
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    let wrong: Vec<_> = tried.iter().filter(|(_, how)| how.is_err()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // It begins with its first record, and with nothing before.
    assert!(tried.iter().all(|(point, began)| (*point == (record, Held::After)) == (began == &Ok(true))), "{tried:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_process_slept_before_its_first_record_does_not_begin_once_another_has_its_target() {
    let stage = Stage::set().await;
    let (_, record) = requests_of_beginning().await;
    let (ann, kim) = (side(&stage, "ann").await, side(&stage, "kim").await);
    ann.machine.trap(record, Held::Before);
    let sleeper = ann.start(&stage.containment("r-1"));
    ann.machine.trapped().await;
    signal(&sleeper, Signal::STOP);
    let kim = kim.in_the_world_of(&ann);
    let beginning = kim.said(&stage.containment("r-2")).await.exit(5).stderr;
    assert!(beginning.contains("it is just beginning"), "{beginning}");
    // Its lease ends by itself: the same process could go on with it.
    let begun = Instant::now();
    while kim.said(&stage.containment("r-2")).await.code != Some(0) {
        assert!(begun.elapsed() < Duration::from_secs(40), "its lease does not end");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    ann.machine.heal();
    signal(&sleeper, Signal::CONT);
    let woken = crate::stage::Said::from(sleeper.wait_with_output().await.unwrap());
    assert!(woken.code != Some(0) && woken.stderr.contains("did not begin"), "{:?} {}", woken.code, woken.stderr);
    assert!(ann.machine.sent().is_empty(), "{:?}", ann.machine.sent());
    assert!(never_began(&kim.said(&["status", "r-1"]).await));
    assert_eq!(versions(&stage).await, 4);
}
