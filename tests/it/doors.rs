//! Whatever comes in from outside, at each door: no panic, nothing in what comes out that acts in place of being seen, no
//! value of a secret in it, and bounded time and memory.
//!
//! `STANCH_FUZZ=N` tries so many inputs at each door instead of a few. An input follows from `STANCH_SEED` and its number
//! alone; where one fails, the command that tries it again is printed.

mod answers;
mod folders;
mod hostile;
mod planted;
mod texts;

use crate::language::hostile::{FOREVER, PATIENCE, resident_bytes, worked};
use hostile::Hostile;
use std::process::{Command, abort};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a process that eats for a door is told by: seed, number of the first input, how many.
const ALONE: &str = "STANCH_DOOR";
/// More than the allocator's own coming and going, and the longest inputs.
const LEEWAY_BYTES: usize = 16 << 20;
/// No input makes the process larger than that.
const LARGEST_BYTES: usize = 512 << 20;
/// How often the memory is looked at.
const LOOKS: u64 = 200;

/// A door, and what is handed in there.
struct Door {
    /// Its test, as the test binary calls it.
    test: String,
    /// How many inputs a quick look tries.
    few: u64,
    /// How many one process eats: each value that it meets as a secret it remembers for as long as it lives.
    at_once: u64,
}

impl Door {
    fn new(module: &str, test: &str) -> Self {
        let module = module.split_once("::").map_or(module, |(_, module)| module);
        Self { test: format!("{module}::{test}"), few: 300, at_once: u64::MAX }
    }

    fn at_once(self, at_once: u64) -> Self {
        Self { at_once, ..self }
    }

    /// Eats in processes of its own, so that neither memory nor what is known to be secret is another test's.
    fn try_all(&self, eat: impl FnMut(&mut Hostile)) {
        if let Ok(told) = std::env::var(ALONE) {
            let told: Vec<u64> = told.split(':').map(|number| number.parse().unwrap()).collect();
            return eat_all(told[0], told[1], told[2], eat);
        }
        let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
        let (seed, all) = (number("STANCH_SEED").unwrap_or(14), number("STANCH_FUZZ").unwrap_or(self.few));
        let mut from = 0;
        while from < all {
            let count = self.at_once.min(all - from);
            let told = format!("{seed}:{from}:{count}");
            let eating = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", &self.test, "--nocapture"])
                .env(ALONE, told)
                .env("RUST_BACKTRACE", "0")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&eating.stdout);
            assert!(eating.status.success(), "{said}\n{}", String::from_utf8_lossy(&eating.stderr));
            let seen = said.lines().find(|line| line.contains("resident")).unwrap();
            println!("{}: seed {seed}, {}", self.test, seen.rsplit("... ").next().unwrap());
            from += count;
        }
    }
}

/// The input that is looked at, named where it fails.
struct Input {
    seed: u64,
    number: u64,
}

impl Drop for Input {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.name();
        }
    }
}

impl Input {
    fn name(&self) {
        println!("again with {ALONE}={}:{}:1", self.seed, self.number);
    }
}

fn eat_all(seed: u64, from: u64, count: u64, mut eat: impl FnMut(&mut Hostile)) {
    let at = watched(seed, from);
    let between = count.div_ceil(LOOKS);
    let mut samples = Vec::new();
    for number in from..from + count {
        at.store(number, Ordering::Relaxed);
        let input = Input { seed, number };
        let mut hostile = Hostile::new(seed, number);
        let begun = worked();
        eat(&mut hostile);
        let work = worked() - begun;
        assert!(work < PATIENCE, "{work:?}");
        drop(input);
        if (number - from).is_multiple_of(between) {
            samples.push(resident_bytes());
        }
    }
    let part = |from: usize, to: usize| samples[samples.len() * from / 10..samples.len() * to / 10].iter();
    let early = part(2, 4).max().copied().unwrap_or_default();
    let late = part(9, 10).min().copied().unwrap_or_default();
    let most = samples.iter().max().copied().unwrap_or_default();
    println!("{count} inputs: {} KiB resident at most, {} KiB at least late on", most >> 10, late >> 10);
    assert!(most < LARGEST_BYTES, "{most} bytes");
    // What is remembered of secrets on purpose stays; those who are handed new ones begin anew after a while.
    assert!(count < LOOKS || late < early + LEEWAY_BYTES, "it grew from {early} to {late} bytes");
}

/// Ends the process, and names the input, where one is not done with in time: nothing ends a thread that hangs.
fn watched(seed: u64, from: u64) -> Arc<AtomicU64> {
    let at = Arc::new(AtomicU64::new(from));
    let seen = Arc::downgrade(&at);
    std::thread::spawn(move || {
        let (mut last, mut since) = (from, std::time::Instant::now());
        while let Some(number) = seen.upgrade().map(|at| at.load(Ordering::Relaxed)) {
            if number != last {
                (last, since) = (number, std::time::Instant::now());
            } else if since.elapsed() > FOREVER {
                println!("this is not done with after {FOREVER:?}");
                Input { seed, number }.name();
                abort();
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    at
}

/// A fuzzer that hands in nothing bad finds nothing.
#[test]
fn what_is_handed_in_tells_and_acts() {
    let good = ["{\"error\":{\"code\":\"Forbidden\",\"message\":\"no\"}}"];
    let inputs: Vec<String> = (0..1_000).map(|number| Hostile::new(14, number).text(&good)).collect();
    let count = |is: &dyn Fn(&str) -> bool| inputs.iter().filter(|input| is(input)).count();
    let telling = count(&|input| planted::stands_in(input.as_bytes()).is_some());
    let acting = count(&|input| input.contains(stanch::visible::is_hidden));
    let still_json = count(&|input| serde_json::from_str::<serde_json::Value>(input).is_ok());
    assert!(telling > 150 && acting > 300 && still_json > 100, "{telling}, {acting}, {still_json}");
}
