//! Real processes, really killed: at the requests where the simulated ones die, and at random moments, with trouble.

use super::line::{Line, Trouble, Which};
use super::{Dice, alone, is_heavy, play};
use crate::secrecy::assert_folder_free_of;
use crate::stage::{Said, Stage, seed};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);

fn quiet(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Begins the run if it died while it looked at the vault, before it wrote anything down. Goes on until it is completed;
/// trouble that outlasts the retries of a step may take another try.
fn finish(stage: &Stage, run: &str, begins: &[&str]) -> Said {
    if !stage.journal(run).exists() {
        let said = stage.stanch(begins);
        assert!(matches!(said.code, Some(0 | 3)), "{run}: {}", said.stderr);
    }
    for _ in 0..4 {
        let said = stage.stanch(&["resume", run, "--json"]);
        if said.code != Some(3) {
            return said.exit(0);
        }
    }
    panic!("{run} does not get to its end");
}

/// Nothing was disabled before the new version was there.
fn assert_order(state: &Value, run: &str) {
    let calls = state["calls"].as_array().unwrap();
    let first = |method: &str| {
        calls.iter().position(|call| {
            call["method"] == method && call["status"] == 200 && call["path"].as_str().unwrap().starts_with("/secrets/")
        })
    };
    assert!(first("PUT") < first("PATCH"), "{run}: disabled early");
}

#[test]
fn a_process_that_is_killed_at_any_request_ends_where_the_whole_one_ends() {
    let requests = alone(async {
        let stage = Stage::set().await;
        let line = Line::to(stage.address()).await;
        let cloud = stage.cloud_file(&format!("http://{}", line.address));
        let mut whole = quiet(&mut stage.command_by(&cloud, &stage.containment("r-whole")));
        let ended = tokio::task::spawn_blocking(move || whole.wait()).await.unwrap().unwrap();
        assert!(ended.success());
        line.seen().len()
    });
    let every = if is_heavy() { 1 } else { requests / 3 };
    let points = (1..=requests).flat_map(|request| [(request, Trouble::DiesBefore), (request, Trouble::DiesAfter)]);
    let points: Vec<(usize, Trouble)> = points.step_by(every).collect();
    let killed = AtomicUsize::new(0);
    let count = points.len();
    play(points, async |(request, trouble)| {
        let stage = Stage::set().await;
        let line = Line::to(stage.address()).await;
        line.expect(Some((Which::Number(request), trouble)));
        let cloud = stage.cloud_file(&format!("http://{}", line.address));
        let run = format!("r-kill-{request}-{trouble:?}");
        let mut child = quiet(&mut stage.command_by(&cloud, &stage.containment(&run)));
        let begun = Instant::now();
        while !*line.died().borrow() && child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "{run} neither ends nor gets on");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if child.try_wait().unwrap().is_none() {
            killed.fetch_add(1, Ordering::SeqCst);
            kill(child);
        }
        finish(&stage, &run, &stage.containment(&run)).done();
        assert_eq!(crate::run::contained(&stage, &run).await, Ok(()), "{run}");
        assert_order(&stage.state().await, &run);
        stage.stanch(&["verify", &run]).exit(0).done();
    });
    let killed = killed.into_inner();
    println!("{killed} processes killed at {count} points, all of them end well");
    assert!(killed * 10 >= count * 7, "{killed} of {count}");
}

/// What an untroubled run takes here and now, when nothing else is at work.
fn how_long_a_life_lasts() -> Duration {
    alone(async {
        let stage = Stage::set().await;
        let mut arguments = stage.containment("r-whole");
        arguments.extend(["-i", "overlap=0s"]);
        let begun = Instant::now();
        stage.stanch(&arguments).exit(0).done();
        begun.elapsed()
    })
}

/// Trouble of every kind, on requests that nobody chose.
fn trouble(dice: &mut Dice) -> Vec<Value> {
    let kinds = [
        json!({ "status": 503 }),
        json!({ "status": 429 }),
        json!({ "status": 429, "retry_after_s": 1 }),
        json!({ "drop": "before" }),
        json!({ "drop": "after" }),
        json!({ "delay_ms": 150 }),
    ];
    let methods = [json!({}), json!({ "method": "PUT" }), json!({ "method": "PATCH" }), json!({ "method": "POST" })];
    let mut one = |_| {
        let kind = &kinds[dice.below(6)];
        let matching = &methods[dice.below(4)];
        json!({ "match": matching, "skip": dice.below(8), "times": 1 + dice.below(2), "do": kind })
    };
    (0..3).map(&mut one).collect()
}

#[test]
fn hundreds_of_kills_at_random_moments_lose_nothing_and_do_nothing_twice() {
    let (wanted, worlds) = if is_heavy() { (500, 400) } else { (6, 8) };
    let seed = seed();
    let (kills, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let lasts = usize::try_from(how_long_a_life_lasts().as_millis()).unwrap();
    play(0..worlds, async |world: u64| {
        if kills.load(Ordering::SeqCst) >= wanted {
            return;
        }
        let mut dice = Dice::of(seed.wrapping_add(world));
        let stage = Stage::set().await;
        for fault in trouble(&mut dice) {
            stage.fault(&fault).await;
        }
        let run = format!("r-random-{world}");
        let mut begins = stage.containment(&run);
        begins.extend(["-i", "overlap=0s"]);
        for life in 0..4 {
            let has_begun = stage.journal(&run).exists();
            let resumes = ["resume", &run, "--json"];
            let mut child = quiet(&mut stage.command(if has_begun { &resumes } else { &begins }));
            let most = if life == 0 { lasts } else { lasts / 2 };
            std::thread::sleep(Duration::from_millis(dice.below(most.max(2)) as u64));
            if child.try_wait().unwrap().is_some() {
                break;
            }
            kills.fetch_add(1, Ordering::SeqCst);
            kill(child);
        }
        finish(&stage, &run, &begins).done();
        assert_eq!(crate::run::contained(&stage, &run).await, Ok(()), "{run}, STANCH_SEED={seed}");
        assert_order(&stage.state().await, &run);
        stage.stanch(&["verify", &run]).exit(0).done();
        let journal = std::fs::read_to_string(stage.journal(&run)).unwrap();
        assert!(!journal.contains("\"type\":\"decision_asked\""), "{run}: the vault could tell");
        assert_folder_free_of(&stage.state_dir(), stage.values());
        ended.fetch_add(1, Ordering::SeqCst);
    });
    let (kills, ended) = (kills.into_inner(), ended.into_inner());
    println!("{kills} kills at random moments, with trouble; {ended} runs, all of them end well");
    assert!(kills >= wanted, "{kills} kills of {wanted}");
}
