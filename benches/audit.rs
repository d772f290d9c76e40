//! What a question to an archive costs, against a read-only pass of the same files and against what people use
//! instead. `cargo bench --bench audit` writes an archive with known answers, checks that they are found, and only then
//! times: A B A B …, medians of the pairs' ratios. `cargo bench --bench audit -- 2.0` takes 2 GB; peers that are not
//! installed (ripgrep, DuckDB and Polars for Python, jq) are left out, by name.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark ends at the first surprise, and prints what it measured"
)]

#[path = "../tests/it/audit/traffic.rs"]
mod traffic;

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use traffic::{Answers, TARGET, Traffic, VAULT};

const PAIRS: usize = 9;
const THREADS: usize = 2;
const PYTHON_COLUMNS: &str = "{time:'VARCHAR', operationName:'VARCHAR', callerIpAddress:'VARCHAR', identity:'STRUCT(claim STRUCT(\"http://schemas.microsoft.com/identity/claims/objectidentifier\" VARCHAR))', properties:'STRUCT(id VARCHAR, requestUri VARCHAR)'}";

/// An archive, and the questions to it.
struct Bench {
    folder: tempfile::TempDir,
    traffic: Traffic,
    answers: Answers,
}

/// One run of something.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    /// Processor time in seconds, told in hundredths.
    cpu: f64,
}

fn main() {
    // `cargo bench` and `cargo test` pass options of their own.
    let gigabytes = std::env::args().skip(1).find_map(|text| text.parse::<f64>().ok()).unwrap_or(0.2);
    let bench = Bench::write(gigabytes);
    println!(
        "{} events, {:.2} GB, {} files; {PAIRS} pairs each, medians",
        bench.answers.events,
        bench.answers.bytes as f64 / 1e9,
        bench.traffic.days * 24
    );
    bench.check();
    println!("{:42} {:>9} {:>9} {:>8} {:>10} {:>9}", "", "A wall s", "B wall s", "A/B", "A/B cpu", "A MiB");
    bench.pair("who touched it, to a read-only pass", &|| bench.stanch(false), &|| bench.read());
    bench.pair("and what else they touched, to the first", &|| bench.stanch(true), &|| timed(&mut bench.stanch(false)));
    bench.pair("one day of it, to a read-only pass of all", &|| bench.stanch_day(), &|| bench.read());
    let rg = || timed(Command::new("rg").args(["-j2", "-i", "-c", "-F", TARGET]).arg(bench.folder.path()));
    bench.peer("ripgrep, counting", "rg", &["--version"], &rg);
    let duckdb = || timed(Command::new("python3").args(["-c", &bench.duckdb()]));
    bench.peer("DuckDB, explicit columns", "python3", &["-c", "import duckdb"], &duckdb);
    let polars = || timed(Command::new("python3").args(["-c", &bench.polars()]));
    bench.peer("Polars, streaming", "python3", &["-c", "import polars"], &polars);
    let shell = format!(
        "rg -j2 -i -N -I -e '/secrets/{TARGET}[\"/?]' '{}' | jq -r '.identity.claim[\"http://schemas.microsoft.com/identity/claims/objectidentifier\"] // \"\"' | sort | uniq -c",
        bench.folder.path().display()
    );
    let jq = || timed(Command::new("sh").args(["-c", &shell]));
    bench.peer("ripgrep | jq", "sh", &["-c", "rg --version && jq --version"], &jq);
}

impl Bench {
    fn write(gigabytes: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let days = 30;
        // About 1,150 bytes an event, and four of three events fall into the day.
        let events_per_hour = (gigabytes * 1e9 / 1150.0 / (days * 24) as f64) as u64;
        let since = "2026-10-22T00:00:00Z".parse().unwrap();
        let traffic = Traffic { seed: 7, since, days, events_per_hour, attack_at: Some(500) };
        let answers = traffic.write(folder.path());
        std::fs::write(
            folder.path().join("all"),
            answers.accesses.keys().map(|key| format!("{}\n", key[0])).collect::<String>(),
        )
        .unwrap();
        std::fs::write(
            folder.path().join("known"),
            answers.known.iter().map(|oid| format!("{oid}\n")).collect::<String>(),
        )
        .unwrap();
        Self { folder, traffic, answers }
    }

    fn audit(&self, known: &str, since: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stanch"));
        command.args(["audit", "--json", "--secret", &format!("https://{VAULT}.vault.azure.net/secrets/{TARGET}")]);
        command.args(["--since", since, "--until", &self.traffic.until().to_rfc3339()]);
        command.arg("--archive").arg(self.folder.path()).arg("--known").arg(self.folder.path().join(known));
        command.arg("--state-dir").arg(self.folder.path().join("state"));
        command
    }

    /// The first question alone, where all callers are known; with the second, where the attackers are not.
    fn stanch(&self, second_order: bool) -> Command {
        self.audit(if second_order { "known" } else { "all" }, &self.traffic.since.to_rfc3339())
    }

    fn stanch_day(&self) -> Command {
        self.audit("all", &(self.traffic.until() - chrono::TimeDelta::days(1)).to_rfc3339())
    }

    /// Nothing is timed whose answer is wrong.
    fn check(&self) {
        let output = self.audit("known", &self.traffic.since.to_rfc3339()).output().unwrap();
        let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        let mut accesses: BTreeMap<[String; 4], u64> = BTreeMap::new();
        for row in found["accesses"].as_array().unwrap() {
            let key = ["oid", "ip", "operation", "version"].map(|name| text(row, name));
            *accesses.entry(key).or_insert(0) += row["count"].as_u64().unwrap();
        }
        let wanted: BTreeMap<[String; 4], u64> =
            self.answers.accesses.iter().map(|(key, row)| (key.clone(), row.0)).collect();
        assert_eq!(accesses, wanted);
        let mut reach: BTreeMap<[String; 2], u64> = BTreeMap::new();
        for row in found["second_order"].as_array().unwrap() {
            *reach.entry([text(row, "oid"), text(row, "secret")]).or_insert(0) += row["count"].as_u64().unwrap();
        }
        assert_eq!(reach, self.answers.reach);
        println!("answers are right: {} rows of accesses, {} of second order", wanted.len(), reach.len());
    }

    /// Reads every file with as many threads and does nothing with it.
    fn read(&self) -> Cost {
        let (start, cpu) = (Instant::now(), cpu("self"));
        let mut files = Vec::new();
        collect(&self.folder.path().join("insights-logs-auditevent"), &mut files);
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut buffer = vec![0; 256 * 1024];
                    while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let mut file = std::fs::File::open(path).unwrap();
                        while file.read(&mut buffer).unwrap() > 0 {}
                    }
                });
            }
        });
        Cost { wall: start.elapsed(), cpu: self::cpu("self") - cpu }
    }

    fn pair(&self, what: &str, a: &dyn Fn() -> Command, b: &dyn Fn() -> Cost) {
        // Nothing else is at work in what is timed: memory is looked at in the run that warms up.
        let (peak_kib, _warm) = (peak_kib(&mut a()), b());
        let pairs: Vec<(Cost, Cost)> = (0..PAIRS).map(|_| (timed(&mut a()), b())).collect();
        let of = |value: &dyn Fn(&(Cost, Cost)) -> f64| median(pairs.iter().map(value).collect());
        println!(
            "{what:42} {:9.3} {:9.3} {:8.2} {:10.2} {:9.1}",
            of(&|(a, _)| a.wall.as_secs_f64()),
            of(&|(_, b)| b.wall.as_secs_f64()),
            of(&|(a, b)| a.wall.as_secs_f64() / b.wall.as_secs_f64()),
            of(&|(a, b)| a.cpu / b.cpu.max(0.01)),
            peak_kib as f64 / 1024.0,
        );
    }

    fn peer(&self, what: &str, program: &str, probe: &[&str], run: &dyn Fn() -> Cost) {
        let there = Command::new(program).args(probe).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if there.is_ok_and(|status| status.success()) {
            self.pair(&format!("who touched it, to {what}"), &|| self.stanch(false), run);
        } else {
            println!("{what}: not installed");
        }
    }

    fn pattern(&self) -> PathBuf {
        self.folder.path().join("insights-logs-auditevent/**/PT1H.json")
    }

    fn duckdb(&self) -> String {
        format!(
            r#"import duckdb
c = duckdb.connect(); c.execute("SET threads={THREADS}")
print(c.execute("""SELECT identity.claim."http://schemas.microsoft.com/identity/claims/objectidentifier" oid, callerIpAddress, operationName, regexp_extract(lower(properties.id), '/secrets/[^/]+/([0-9a-f]{{32}})', 1) v, count(*), min(time), max(time) FROM read_json('{}', format='newline_delimited', columns={PYTHON_COLUMNS}, hive_partitioning=false) WHERE regexp_matches(lower(properties.requestUri), '^https://[^/]+/secrets/{TARGET}([/?]|$)') GROUP BY ALL""").fetchall())"#,
            self.pattern().display()
        )
    }

    fn polars(&self) -> String {
        format!(
            r#"import os; os.environ["POLARS_MAX_THREADS"] = "{THREADS}"
import glob, polars as pl
oid = "http://schemas.microsoft.com/identity/claims/objectidentifier"
schema = {{"time": pl.String, "operationName": pl.String, "callerIpAddress": pl.String, "identity": pl.Struct({{"claim": pl.Struct({{oid: pl.String}})}}), "properties": pl.Struct({{"id": pl.String, "requestUri": pl.String}})}}
rows = (pl.scan_ndjson(sorted(glob.glob("{}", recursive=True)), schema=schema).select("time", op="operationName", ip="callerIpAddress", oid=pl.col("identity").struct.field("claim").struct.field(oid), u=pl.col("properties").struct.field("requestUri").str.to_lowercase(), v=pl.col("properties").struct.field("id").str.to_lowercase().str.extract("/secrets/[^/]+/([0-9a-f]{{32}})", 1))
  .filter(pl.col("u").str.contains("^https://[^/]+/secrets/{TARGET}([/?]|$)")).group_by("oid", "ip", "op", "v").agg(n=pl.len(), first=pl.col("time").min(), last=pl.col("time").max()).collect(engine="streaming"))
print(rows)"#,
            self.pattern().display()
        )
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() { collect(&entry.path(), files) } else { files.push(entry.path()) }
    }
}

/// What a run takes, from its start to its end.
fn timed(command: &mut Command) -> Cost {
    let before = cpu("self children");
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let wall = start.elapsed();
    assert!(status.success(), "{command:?}");
    Cost { wall, cpu: cpu("self children") - before }
}

/// The most memory that a run holds; its parent's would be counted in what the system tells when it is over.
fn peak_kib(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0);
        peak = peak.max(now);
        std::thread::sleep(Duration::from_millis(1));
    };
    assert!(status.success(), "{command:?}");
    peak
}

/// Processor seconds of this process, or of those it waited for.
fn cpu(whose: &str) -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let first = if whose == "self" { 11 } else { 13 };
    let ticks: f64 = fields[first..first + 2].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
