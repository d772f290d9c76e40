//! Law 1, exhaustively: a run that is cut off anywhere, and again anywhere while it is taken over, ends where the
//! uninterrupted run ends.
//!
//! A point is an append to the journal (before it, in its middle, after it) or a request (before it arrives, after its
//! answer). Each point is played in a world of its own: die there, take over, and compare the cloud, the issuer, the
//! journal and the report with those of a run that nothing happened to. The quick suite tries every point of the main
//! runbook and a few of their pairs. `STANCH_HEAVY` tries every point of every built-in, and of the pairs as many as the
//! machine gets through in some minutes: all of the main runbook's where it is fast enough, else a share of them that
//! `STANCH_SEED` draws, as of the others'. How many is printed.

mod answers;
mod ending;
mod follow_up;
mod killed;
mod line;
mod same_second;
mod setting;
mod world;

use crate::issuers::server::Server;
use crate::stage::{is_heavy, seed};
use ending::Ending;
use line::{Trouble, Which};
use setting::Setting;
use stanch::engine::event::RunStatus;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::LocalSet;
use world::{Death, Ended, When, World};

/// A number drawn from a seed.
struct Dice(u64);

impl Dice {
    /// Neighbouring seeds give different dice.
    fn of(seed: u64) -> Self {
        Self((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1)
    }

    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }

    /// The same in another order, each as likely as every other.
    fn shuffled<T>(&mut self, mut of: Vec<T>) -> Vec<T> {
        for last in (1..of.len()).rev() {
            of.swap(last, self.below(last + 1));
        }
        of
    }
}

/// Runs each job on a thread of its own kind: a life is not sent between threads.
fn play<Job: Send, F: Future<Output = ()>>(jobs: impl IntoIterator<Item = Job>, one: impl Fn(Job) -> F + Sync) {
    play_for(Duration::MAX, jobs, one);
}

/// The same, for as long as there is time to begin another one.
fn play_for<Job: Send, F: Future<Output = ()>>(
    time: Duration,
    jobs: impl IntoIterator<Item = Job>,
    one: impl Fn(Job) -> F + Sync,
) {
    let jobs = Mutex::new(jobs.into_iter().collect::<VecDeque<Job>>());
    let begun = Instant::now();
    let worker = || {
        while begun.elapsed() < time {
            let Some(job) = jobs.lock().unwrap().pop_front() else { return };
            alone(one(job));
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

/// What is played: in the quick suite the main runbook alone, and with `STANCH_RUNBOOK` what is named so.
fn settings(database: Option<&Arc<Server>>) -> Vec<Setting> {
    let named = std::env::var("STANCH_RUNBOOK").ok();
    let mut settings = Setting::built_in(database);
    settings.retain(|setting| match &named {
        Some(named) => setting.name.starts_with(named.as_str()),
        None => is_heavy() || setting.is_main(),
    });
    settings
}

/// A database server, where a setting needs one and the machine has one.
fn database() -> Option<Arc<Server>> {
    if is_heavy() { alone(Server::start()).map(Arc::new) } else { None }
}

/// The uninterrupted run: how it ends, and the points that it has.
struct Whole {
    ending: Ending,
    points: Vec<Death>,
    /// What it asked for that may change something, and how many such requests there were before each.
    writes: Vec<(String, usize)>,
}

fn whole(setting: &Setting) -> Whole {
    alone(async {
        let world = World::new(setting).await;
        let ended = world.live(Death::Never).await;
        assert_eq!(ended, Ended::Over(RunStatus::Completed), "{} must run in the drill cloud", setting.name);
        let (appends, requests) = world.counted();
        let mut points = Vec::new();
        // Which events share an append is a matter of microseconds, so there may be some more another time.
        for append in 1..=appends + appends / 4 {
            points.extend([When::Before, When::Torn, When::After].map(|when| Death::Append(append, when)));
        }
        for request in 1..=requests {
            points.extend([Trouble::DiesBefore, Trouble::DiesAfter].map(|trouble| Death::Request(request, trouble)));
        }
        Whole { ending: Ending::of(&world).await, points, writes: writes(&world.line.seen()) }
    })
}

fn writes(seen: &[String]) -> Vec<(String, usize)> {
    let before = |at: usize| seen[..at].iter().filter(|kind| **kind == seen[at]).count();
    let reads = |kind: &str| ["ask ", "GET "].iter().any(|method| kind.starts_with(method));
    (0..seen.len()).filter(|at| !reads(&seen[*at])).map(|at| (seen[at].clone(), before(at))).collect()
}

async fn over(world: &World, what: &str) {
    assert_eq!(world.live(Death::Never).await, Ended::Over(RunStatus::Completed), "{what}");
}

#[test]
fn every_built_in_runbook_that_dies_anywhere_ends_where_the_whole_one_ends() {
    let database = database();
    for setting in settings(database.as_ref()) {
        let Whole { ending, points, .. } = whole(&setting);
        let every = if is_heavy() { 1 } else { 3 };
        let points: Vec<Death> = points.into_iter().step_by(every).collect();
        let (name, count) = (&setting.name, points.len());
        let died = AtomicUsize::new(0);
        play(points, async |point| {
            let world = World::new(&setting).await;
            died.fetch_add(usize::from(world.live(point).await == Ended::Died), Ordering::SeqCst);
            world.shows_one_verdict();
            over(&world, &format!("{name}, {point:?}")).await;
            world.shows_one_verdict();
            assert_eq!(Ending::of(&world).await, ending, "{name}, {point:?}");
        });
        let died = died.into_inner();
        println!("{name}: {died} deaths at {count} points, all of them end well");
        assert!(died * 5 >= count * 3, "{name}: {died} of {count}");
    }
}

/// Two deaths: at a point of the run, and at a point of the life that takes it over.
#[test]
fn a_run_that_dies_again_while_it_is_taken_over_ends_where_the_whole_one_ends() {
    let database = database();
    let mut dice = Dice::of(seed());
    for setting in settings(database.as_ref()) {
        let Whole { ending, points, .. } = whole(&setting);
        let name = &setting.name;
        let strongest =
            |point: &&Death| matches!(point, Death::Append(_, When::After) | Death::Request(_, Trouble::DiesAfter));
        let first: Vec<Death> = points.iter().filter(strongest).copied().collect();
        let pairs: Vec<(Death, Death)> =
            first.iter().flat_map(|point| points.iter().map(|again| (*point, *again))).collect();
        let every = pairs.len();
        let (most, time) = match (is_heavy(), setting.is_main()) {
            (true, true) => (every, Duration::from_secs(150)),
            (true, false) => (every, Duration::from_secs(20)),
            (false, _) => (24, Duration::MAX),
        };
        let chosen = dice.shuffled(pairs).into_iter().take(most);
        let (tried, died_twice) = (AtomicUsize::new(0), AtomicUsize::new(0));
        play_for(time, chosen, async |(point, again)| {
            tried.fetch_add(1, Ordering::SeqCst);
            let world = World::new(&setting).await;
            // The later a run died, the fewer points are left in the life after it.
            if world.live(point).await != Ended::Died || world.live(again).await != Ended::Died {
                return;
            }
            died_twice.fetch_add(1, Ordering::SeqCst);
            over(&world, &format!("{name}, {point:?}, then {again:?}")).await;
            assert_eq!(Ending::of(&world).await, ending, "{name}, {point:?}, then {again:?}");
        });
        let (tried, died_twice) = (tried.into_inner(), died_twice.into_inner());
        println!("{name}: {died_twice} runs died twice, at {tried} of {every} pairs of points, all of them end well");
        // Many a second point lies behind the end of the life that is left.
        assert!(died_twice * 12 >= tried, "{name}: {died_twice} of {tried}");
    }
}

#[test]
fn every_built_in_runbook_is_played() {
    let without_a_server = ["database-credential"];
    let played: Vec<&str> = Setting::built_in(None).iter().map(|setting| setting.runbook).collect();
    for (name, text) in stanch::cli::BUILT_IN {
        assert!(played.contains(text) || without_a_server.contains(name), "{name}");
    }
}
