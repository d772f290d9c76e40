//! Law 1, exhaustively: a run that is cut off anywhere, and again anywhere while it is taken over, ends where the
//! uninterrupted run ends.
//!
//! A point is an append to the journal (before it, in its middle, after it) or a request (before it arrives, after its
//! answer). Each point is played in a world of its own: die there, take over, and compare the cloud, the journal and
//! the report with those of a run that nothing happened to. The quick suite tries a share of the points of every
//! built-in runbook; `STANCH_HEAVY` tries all of them, and a ninth of their pairs.

mod follow_up;
mod killed;
mod line;
mod world;

use line::{Trouble, Which};
use stanch::engine::event::RunStatus;
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::task::LocalSet;
use world::{Death, Ended, Ending, When, World};

/// The built-in runbooks that are played here. Those that need an issuer, a person's value or a whole vault are killed
/// with these around them: in `providers`, `find` and `many`.
fn played() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let needs_more = |text: &str| {
        ["uses: provider/", "uses: keyvault/find", "uses: keyvault/list"].iter().any(|uses| text.contains(uses))
    };
    // The usual runbook has steps at an issuer as well; here the vault is taken for it.
    stanch::cli::BUILT_IN.iter().filter(move |(name, text)| *name == "secret-exposure" || !needs_more(text))
}

fn is_heavy() -> bool {
    std::env::var_os("STANCH_HEAVY").is_some()
}

/// Runs each job on a thread of its own kind: a life is not sent between threads.
fn play<Job: Send, F: Future<Output = ()>>(jobs: impl IntoIterator<Item = Job>, one: impl Fn(Job) -> F + Sync) {
    let jobs = Mutex::new(jobs.into_iter().collect::<VecDeque<Job>>());
    let worker = || {
        loop {
            let Some(job) = jobs.lock().unwrap().pop_front() else { return };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            LocalSet::new().block_on(&runtime, one(job));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            if let Err(panicked) = worker.join() {
                std::panic::resume_unwind(panicked);
            }
        }
    });
}

fn alone<T>(future: impl Future<Output = T>) -> T {
    LocalSet::new().block_on(&tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(), future)
}

/// The uninterrupted run, with the points that it has.
fn whole(name: &str, runbook: &'static str) -> (Ending, Vec<Death>) {
    alone(async {
        let world = World::new(runbook).await;
        let ended = world.live(Death::Never).await;
        assert_eq!(ended, Ended::Over(RunStatus::Completed), "the built-in `{name}` must run in the drill cloud");
        let (appends, requests) = world.counted();
        let mut points = Vec::new();
        // Which events share an append is a matter of microseconds, so there may be some more another time.
        for append in 1..=appends + appends / 4 {
            points.extend([When::Before, When::Torn, When::After].map(|when| Death::Append(append, when)));
        }
        for request in 1..=requests {
            points.extend([Trouble::DiesBefore, Trouble::DiesAfter].map(|trouble| Death::Request(request, trouble)));
        }
        (world.ending().await, points)
    })
}

#[test]
fn every_built_in_runbook_that_dies_anywhere_ends_where_the_whole_one_ends() {
    for (name, runbook) in played() {
        let (ending, points) = whole(name, runbook);
        let every = if is_heavy() { 1 } else { 3 };
        let chosen: Vec<Death> = points.iter().copied().skip(1).step_by(every).collect();
        let died = Mutex::new(0);
        play(chosen.clone(), async |point| {
            let world = World::new(runbook).await;
            if world.live(point).await == Ended::Died {
                *died.lock().unwrap() += 1;
            }
            assert_eq!(world.live(Death::Never).await, Ended::Over(RunStatus::Completed), "{name}, {point:?}");
            assert_eq!(world.ending().await, ending, "{name}, {point:?}");
        });
        let died = died.into_inner().unwrap();
        println!("{name}: {died} deaths at {} of {} points, all of them end well", chosen.len(), points.len());
        assert!(died * 5 >= chosen.len() * 3, "{name}: {died} of {}", chosen.len());
    }
}
/// Two deaths: at a point of the run, and at a point of the life that takes it over.
#[test]
fn a_run_that_dies_again_while_it_is_taken_over_ends_where_the_whole_one_ends() {
    for (name, runbook) in played() {
        let (ending, points) = whole(name, runbook);
        let strongest =
            |point: &&Death| matches!(point, Death::Append(_, When::After) | Death::Request(_, Trouble::DiesAfter));
        let first: Vec<Death> = points.iter().filter(strongest).copied().collect();
        // The later a run died, the fewer points are left in the life after it.
        let later = |index: usize| {
            let left = points.len() - points.len() * index / first.len();
            points.iter().take(left).copied().skip(index % 7)
        };
        let pairs: Vec<(Death, Death)> = first
            .iter()
            .enumerate()
            .flat_map(|(index, point)| later(index).step_by(7).map(|again| (*point, again)))
            .collect();
        let chosen: Vec<(Death, Death)> = pairs.into_iter().step_by(if is_heavy() { 9 } else { 31 }).collect();
        let died_twice = Mutex::new(0);
        play(chosen.clone(), async |(point, again)| {
            let world = World::new(runbook).await;
            if world.live(point).await == Ended::Died && world.live(again).await == Ended::Died {
                *died_twice.lock().unwrap() += 1;
            }
            assert_eq!(
                world.live(Death::Never).await,
                Ended::Over(RunStatus::Completed),
                "{name}, {point:?}, {again:?}"
            );
            assert_eq!(world.ending().await, ending, "{name}, {point:?}, then {again:?}");
        });
        let died_twice = died_twice.into_inner().unwrap();
        println!("{name}: {died_twice} runs of {} died twice, all of them end well", chosen.len());
        assert!(died_twice * 3 >= chosen.len(), "{name}: {died_twice} of {}", chosen.len());
    }
}

/// One effect of each kind, and the request that carries it.
const EFFECTS: [(&str, Which, &str); 6] = [
    ("rotate", Which::First("PUT", "/secrets/orders-db"), ROTATION),
    ("revoke", Which::First("PATCH", "/secrets/orders-db"), ROTATION),
    ("webhook", Which::First("POST", "/stanch"), MESSAGES),
    ("pagerduty", Which::First("POST", "/v2/enqueue"), MESSAGES),
    ("slack", Which::First("POST", "/services"), MESSAGES),
    ("teams", Which::First("POST", "/workflows"), MESSAGES),
];

const ROTATION: &str = r#"
schema: stanch/v1
name: rotation
inputs: { secret: { type: keyvault_secret, required: true } }
steps:
  - id: rotate
    uses: keyvault/rotate
    with: { secret: "${{ inputs.secret }}" }
    retry: { max: 8, backoff: 10ms..40ms }
  - id: revoke
    uses: keyvault/revoke
    with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
    retry: { max: 8, backoff: 10ms..40ms }
finally:
  - id: reconcile
    uses: keyvault/reconcile
    with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
"#;

const MESSAGES: &str = r#"
schema: stanch/v1
name: messages
inputs: { secret: { type: keyvault_secret, required: true } }
steps:
  - { id: siem, uses: notify/webhook, with: { title: "found" }, retry: { max: 8, backoff: 10ms..40ms } }
  - { id: page, uses: notify/pagerduty, with: { title: "found" }, retry: { max: 8, backoff: 10ms..40ms } }
  - { id: slack, uses: notify/slack, with: { title: "found" }, retry: { max: 8, backoff: 10ms..40ms } }
  - { id: teams, uses: notify/teams, with: { title: "found" }, retry: { max: 8, backoff: 10ms..40ms } }
"#;

#[test]
fn an_answer_that_breaks_off_at_any_byte_is_settled() {
    for (name, which, runbook) in EFFECTS {
        let (ending, length) = alone(async {
            let world = World::new(runbook).await;
            assert_eq!(world.live(Death::Never).await, Ended::Over(RunStatus::Completed));
            let ending = world.ending().await;
            let world = World::new(runbook).await;
            world.trouble(which, Trouble::Cut { after: 0, reset: true }).await;
            (ending, world.line.answered())
        });
        assert!(length > 100, "{name}: {length}");
        let every = if is_heavy() { length / 64 } else { length / 8 };
        let cuts: Vec<usize> = (0..length).step_by(every).collect();
        let count = cuts.len();
        play(cuts, async |after| {
            let world = World::new(runbook).await;
            let cut = Trouble::Cut { after, reset: after % 2 == 0 };
            assert_eq!(world.trouble(which, cut).await, Ended::Over(RunStatus::Completed), "{name} at byte {after}");
            assert!(world.line.happened(), "{name} at byte {after}");
            assert_eq!(world.ending().await, ending, "{name} at byte {after}");
        });
        println!("{name}: an answer of {length} bytes breaks off at {count} places, every one is settled");
    }
}

/// The current version, and the one that the rotation is known for.
async fn versions(world: &World) -> (String, Vec<serde_json::Value>) {
    let state = world.surroundings.state().await;
    let versions = state["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap().clone();
    let journal = world.journal();
    let rotated = journal.state().unwrap().step("rotate").outputs["version"].as_str().unwrap().to_owned();
    (rotated, versions)
}

async fn value(world: &World, version: &str) -> (String, String) {
    let url =
        format!("{}/secrets/orders-db/{version}?api-version=2025-07-01", world.surroundings.running.ready().base_url);
    let request = reqwest::Client::builder().no_proxy().build().unwrap().get(url);
    let request = request.header("host", "kv-drill.vault.azure.net").bearer_auth(world.surroundings.token().await);
    let secret: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    (
        secret["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned(),
        secret["value"].as_str().unwrap().to_owned(),
    )
}

/// Every version but those that hold the kept value is disabled, and everyone gets the kept value.
async fn assert_put_right(world: &World, what: &str) {
    let (rotated, versions) = versions(world).await;
    let (current, now) = value(world, "").await;
    let (_, kept) = value(world, &rotated).await;
    assert_eq!(now, kept, "{what}: everyone gets the value that the run went on with");
    for version in versions {
        let id = version["version"].as_str().unwrap();
        let may_be_read = id == rotated || id == current;
        assert_eq!(version["enabled"], may_be_read, "{what}: {version}");
    }
}

#[test]
fn a_request_that_arrives_after_it_was_given_up_is_put_right_at_the_end() {
    alone(async {
        // The rotation's request is held back, the vault knows nothing of it, it is sent again; then it arrives, and
        // becomes the current version with a value that only the vault knows.
        let world = World::new(ROTATION).await;
        let late = Which::First("PUT", "/secrets/orders-db");
        let delivering = async {
            while !world.journal_holds("disable ") {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            assert_eq!(world.line.deliver().await, 1);
        };
        let (ended, ()) = tokio::join!(world.trouble(late, Trouble::Late), delivering);
        assert_eq!(ended, Ended::Over(RunStatus::Completed));
        let reconciled = world.journal().state().unwrap().step("reconcile").outputs.clone();
        assert_eq!(reconciled["late"].as_array().map(Vec::len), Some(1), "{reconciled:?}");
        assert_put_right(&world, "late").await;
    });
}

#[test]
fn every_effect_that_happens_twice_ends_as_if_it_had_happened_once() {
    for (name, which, runbook) in EFFECTS {
        alone(async {
            let world = World::new(runbook).await;
            assert_eq!(world.live(Death::Never).await, Ended::Over(RunStatus::Completed));
            let ending = world.ending().await;
            let world = World::new(runbook).await;
            assert_eq!(world.trouble(which, Trouble::Twice).await, Ended::Over(RunStatus::Completed), "{name}");
            assert!(world.line.happened(), "{name}");
            if name == "rotate" {
                assert_put_right(&world, name).await;
            } else {
                assert_eq!(world.ending().await, ending, "{name}");
            }
        });
    }
}

#[test]
fn every_built_in_runbook_that_rotates_looks_for_what_arrived_late() {
    let catalogue = stanch::actions::catalogue();
    for (name, text) in stanch::cli::BUILT_IN {
        let source = stanch::runbook::Source { name, text, library: &stanch::runbook::source::NoLibrary };
        let (runbook, _) = stanch::plan::lint(&source, &catalogue).sound().unwrap();
        let uses =
            |steps: &[stanch::runbook::model::Step], action: &str| steps.iter().any(|step| step.uses.value == action);
        let rotates = uses(&runbook.steps, "keyvault/rotate");
        // Where a credential has an issuer, the last step looks there as well.
        let looks = uses(&runbook.finally, "keyvault/reconcile") || uses(&runbook.steps, "provider/close");
        assert!(!rotates || looks, "{name}");
    }
}
