//! Journals that lost their beginning, their end or their place: damage is said wherever somebody asks, and nothing is
//! taken for a run that did nothing.

use crate::stage::{Said, Stage};
use serde_json::Value;
use stanch::journal::{GENESIS, LONGEST_LINE, Record, line_hash};
use std::fs;
use std::path::Path;
use std::process::Command;

const SECRET: &str = "secret=https://kv-drill.vault.azure.net/secrets/orders-db";

/// What can become of a journal, and how it is told.
const DAMAGES: &[(&str, &str)] = &[
    ("emptied", "it is empty"),
    ("one byte", "its first line is not whole"),
    ("torn first line", "its first line is not whole"),
    ("zeros", "its first line is not whole"),
    ("its own first line cut off", "lines are missing or were moved"),
    ("headless", "it does not begin with `run_opened`"),
    ("another run's", "it is the journal of the run `other`, in the folder of `r`"),
    ("missing", "the run's folder holds no journal"),
    ("a folder", "what stands in its place is not a file"),
    ("a pipe", "what stands in its place is not a file"),
];

/// What is asked of a run `r`.
const COMMANDS: &[&[&str]] = &[
    &["verify", "r"],
    &["status", "r"],
    &["log", "r"],
    &["log", "r", "--json"],
    &["report", "r"],
    &["resume", "r"],
    &["resume", "r", "--wait"],
    &["approve", "r", "revoke", "--by", "ann"],
    &["reject", "r", "revoke", "--by", "ann"],
    &["settle", "r", "rotate", "--as", "done", "--because", "seen"],
    &["abandon", "r", "--because", "over"],
    &["audit", "--follow", "r"],
];

fn lines(journal: &[u8]) -> Vec<&[u8]> {
    journal.split_inclusive(|byte| *byte == b'\n').collect()
}

/// A journal that is whole but for its beginning: what came after the first record, chained anew.
fn headless(journal: &[u8]) -> Vec<u8> {
    let mut head = GENESIS.to_owned();
    let mut bytes = Vec::new();
    for (seq, line) in (0..).zip(&lines(journal)[1..]) {
        let record: Record = serde_json::from_slice(line).unwrap();
        let line = Record { seq, prev: head, ..record }.line().unwrap();
        head = line_hash(&line);
        bytes.extend(line);
        bytes.push(b'\n');
    }
    bytes
}

fn inflict(damage: &str, path: &Path, whole: &[u8], other: &[u8]) {
    drop(fs::remove_file(path).or_else(|_| fs::remove_dir(path)));
    let first = lines(whole)[0].len();
    match damage {
        "emptied" => fs::write(path, b"").unwrap(),
        "one byte" => fs::write(path, &whole[..1]).unwrap(),
        "torn first line" => fs::write(path, &whole[..first - 1 - 20]).unwrap(),
        "zeros" => fs::write(path, vec![0; 5000]).unwrap(),
        "its own first line cut off" => fs::write(path, &whole[first..]).unwrap(),
        "headless" => fs::write(path, headless(whole)).unwrap(),
        "another run's" => fs::write(path, other).unwrap(),
        "missing" => {}
        "a folder" => fs::create_dir(path).unwrap(),
        "a pipe" => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        other => panic!("{other}"),
    }
}

async fn two_runs() -> (Stage, Vec<u8>, Vec<u8>) {
    let stage = Stage::set().await;
    stage.stanch(&stage.containment("other")).exit(0).done();
    let again: Vec<&str> = stage.containment("r");
    stage.stanch(&again).exit(0).done();
    let read = |run| fs::read(stage.journal(run)).unwrap();
    let (whole, other) = (read("r"), read("other"));
    (stage, whole, other)
}

#[tokio::test]
async fn a_journal_without_its_beginning_is_damage_whatever_is_asked_of_the_run() {
    let (stage, whole, other) = two_runs().await;
    for (damage, told) in DAMAGES {
        inflict(damage, &stage.journal("r"), &whole, &other);
        for command in COMMANDS {
            let said = stage.stanch(command).exit(5);
            assert!(
                said.stderr.contains("damaged") && said.stderr.contains(told),
                "{damage}, {command:?}: {}",
                said.stderr
            );
            assert!(said.stdout.is_empty(), "{damage}, {command:?}: {}", said.stdout);
        }
        let runs = stage.stanch(&["runs", "--json"]).exit(0).json();
        let row = |run: &str| runs["runs"].as_array().unwrap().iter().find(|row| row["run"] == run).unwrap().clone();
        assert_eq!(row("r")["status"], "damaged", "{damage}: {runs}");
        assert!(row("r")["error"].as_str().unwrap().contains(told), "{damage}: {runs}");
        assert_eq!(row("other")["status"], "completed", "{damage}: {runs}");
        // The run that began last may be the damaged one: that is said.
        let status = stage.stanch(&["status"]).exit(0);
        assert!(status.stderr.contains("when the run `r` began is not known"), "{damage}: {}", status.stderr);
        // Whether the run is over is not known, so what it worked on stays kept.
        let held = stage.stanch(&stage.containment("next")).exit(5);
        assert!(held.stderr.contains("whether it is over is not known"), "{damage}: {}", held.stderr);
        let inventory = stage.stanch(&["inventory", "--vault", "https://kv-drill.vault.azure.net", "--json"]).exit(0);
        assert_eq!(inventory.json()["unreadable_runs"], 1, "{damage}");
        assert!(!stage.state_dir().join("runs/next").exists(), "{damage}");
    }
    // Where no other run tells, nothing is said never to have been done.
    fs::remove_dir_all(stage.state_dir().join("runs/other")).unwrap();
    let inventory = stage.stanch(&["inventory", "--vault", "https://kv-drill.vault.azure.net"]).exit(0);
    let row = inventory.stdout.lines().find(|line| line.contains("orders-db")).unwrap();
    assert!(row.contains("not known  ") && !row.contains("never"), "{}", inventory.stdout);
    inflict("missing", &stage.journal("r"), &whole, &other);
    fs::write(stage.journal("r"), &whole).unwrap();
    stage.stanch(&["verify", "r"]).exit(0).done();
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_damage_and_a_copied_journal_is_one() {
    let stage = Stage::set().await;
    stage.stanch(&stage.containment("r")).exit(0).done();
    let whole = fs::read(stage.journal("r")).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        fs::write(stage.path(name), bytes).unwrap();
        name.to_owned()
    };
    let noise: Vec<u8> = (0..100_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let noise: Vec<u8> = noise.into_iter().filter(|byte| *byte != b'\n').collect();
    for (name, bytes) in [("junk", noise.as_slice()), ("empty", b""), ("text", b"no journal\n"), ("json", b"{}\n")] {
        for named in [file(name, bytes), format!("./{name}")] {
            let said = stage.stanch(&["verify", &named]).exit(5);
            assert!(said.stderr.contains("damaged"), "{named}: {}", said.stderr);
            assert_eq!(said.stdout, "", "{named}");
        }
    }
    // A copy need not lie in its run's folder.
    let copy = stage.stanch(&["verify", &file("copy.jsonl", &whole), "--json"]).exit(0).json();
    assert_eq!(copy["run"], "r");
    for command in [["verify", "./nowhere"], ["verify", "nowhere"]] {
        let said = stage.stanch(&command).exit(2);
        assert!(said.stderr.contains("there is no"), "{}", said.stderr);
    }
    stage.stanch(&["verify", "."]).exit(5).done();
}

#[test]
fn a_line_without_an_end_is_damage_and_no_allocation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("endless");
    // Nothing of it lies on the disk.
    fs::File::create(&path).unwrap().set_len(64 * LONGEST_LINE as u64).unwrap();
    let verify = "ulimit -v 3000000; exec \"$0\" verify \"$1\" --state-dir \"$2\"";
    let mut command = Command::new("sh");
    command.arg("-c").arg(verify).arg(crate::stage::STANCH).arg(&path).arg(folder.path());
    let said = Said::from(command.env_remove("STANCH_CLOUD").output().unwrap()).exit(5);
    assert!(said.stderr.contains("damaged at line 1: it is longer than 64 MiB"), "{}", said.stderr);
}

#[tokio::test]
async fn a_text_that_cannot_be_the_id_of_a_run_is_refused_in_every_command() {
    let stage = Stage::set().await;
    let long = "r".repeat(101);
    for id in ["../r", "a/b", ".r", "..r", "-r", "_r", "", "r r", "r\n", "ü", long.as_str()] {
        let begin = ["run", "secret-exposure", "--yes", "-i", SECRET, "-i", "exposed_at=2026-01-01T00:00:00Z"];
        let id_option = format!("--run-id={id}");
        let mut commands: Vec<Vec<&str>> = vec![[&begin[..], &[id_option.as_str()]].concat()];
        for command in COMMANDS.iter().filter(|command| command[0] != "audit") {
            let options: Vec<&str> = command[1..].iter().copied().skip_while(|word| !word.starts_with('-')).collect();
            let words = command[1..].iter().copied().take_while(|word| !word.starts_with('-'));
            let words: Vec<&str> = words.map(|word| if word == "r" { id } else { word }).collect();
            commands.push([&command[..1], &words[..], &options[..]].concat());
        }
        for command in commands {
            let said = stage.stanch(&command).exit(2);
            let is_path = command[0] == "verify" && id.contains('/');
            if id.starts_with('-') {
                continue;
            }
            let told = if is_path { "there is no file" } else { "cannot be the id of a run" };
            assert!(said.stderr.contains(told), "{id:?}, {command:?}: {}", said.stderr);
        }
        let follow = format!("--follow={id}");
        let said = stage.stanch(&["audit", &follow]).exit(2);
        assert!(said.stderr.contains("cannot be the id of a run") || id.is_empty(), "{id:?}: {}", said.stderr);
    }
    stage.stanch(&["status", "nowhere"]).exit(2).done();
}

/// The heads that the messages of a run carried.
fn sent(stage: &Stage, run: &str) -> Vec<String> {
    let status = stage.stanch(&["status", run, "--json"]).exit(0).json();
    let steps = status["steps"].as_array().unwrap().iter();
    let mut heads: Vec<String> = steps
        .filter_map(|step| step["outputs"]["head"].as_str().map(str::to_owned))
        .filter(|head| !head.is_empty())
        .collect();
    heads.dedup();
    heads
}

#[tokio::test]
async fn verify_says_what_it_proves_and_the_heads_that_messages_carried_prove_more() {
    let stage = Stage::set().await;
    stage.stanch(&stage.containment("r")).exit(0).done();
    let path = stage.journal("r");
    let whole = fs::read(&path).unwrap();
    let said = stage.stanch(&["verify", "r"]).exit(0);
    assert!(
        said.stderr.contains("proven      hash chain valid: every line follows from the one before"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("not proven  that no line was cut off at the end"), "{}", said.stderr);
    assert!(said.stderr.contains("written anew as a whole"), "{}", said.stderr);
    let heads = sent(&stage, "r");
    assert!(heads.len() >= 2, "{heads:?}");
    let options: Vec<String> = heads.iter().map(|head| format!("--head={head}")).collect();
    let verify: Vec<&str> = ["verify", "r", "--json"].into_iter().chain(options.iter().map(String::as_str)).collect();
    let proof = stage.stanch(&verify).exit(0).json();
    let places: Vec<u64> =
        proof["heads"].as_array().unwrap().iter().map(|head| head["line"].as_u64().unwrap()).collect();
    assert_eq!(places.len(), heads.len(), "{proof}");
    let last = *places.iter().max().unwrap();
    assert!(proof["proves"].to_string().contains(&format!("up to line {last} nothing was cut off")), "{proof}");
    assert!(proof["does_not_prove"].to_string().contains(&format!("after line {last}")), "{proof}");
    // The head of the last line proves all of it.
    let head = proof["head"].as_str().unwrap().to_uppercase();
    let all = stage.stanch(&["verify", "r", "--json", "--head", &head]).exit(0).json();
    assert_eq!(all["does_not_prove"], Value::Array(Vec::new()), "{all}");
    // Cut off at a line, the journal is whole for itself; what was sent shows it.
    let cut: Vec<u8> = lines(&whole)[..usize::try_from(last).unwrap() - 1].concat();
    fs::write(&path, cut).unwrap();
    stage.stanch(&["verify", "r"]).exit(0).done();
    let said = stage.stanch(&verify).exit(5);
    assert!(said.stderr.contains("the journal does not hold the head"), "{}", said.stderr);
    assert!(said.json()["heads"].to_string().contains("null"), "{}", said.stdout);
    for wrong in ["abc", "sha256:", &head[..60]] {
        let said = stage.stanch(&["verify", "r", "--head", wrong]).exit(2);
        assert!(said.stderr.contains("64 hex digits"), "{}", said.stderr);
    }
}

#[tokio::test]
async fn a_journal_that_is_cut_anywhere_after_its_first_line_is_whole_or_torn_and_goes_on() {
    let stage = Stage::set().await;
    stage.stanch(&stage.containment("r")).exit(0).done();
    let path = stage.journal("r");
    let whole = fs::read(&path).unwrap();
    let first = lines(&whole)[0].len();
    for cut in [first, first + 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        let torn = !whole[..cut].ends_with(b"\n");
        let verify = stage.stanch(&["verify", "r"]).exit(0);
        assert_eq!(verify.stderr.contains("a torn write of"), torn, "{cut}: {}", verify.stderr);
        stage.stanch(&["log", "r"]).exit(0).done();
        stage.stanch(&["report", "r"]).exit(0).done();
        let status = stage.stanch(&["status", "r", "--json"]).exit(0).json();
        assert_eq!(status["status"], "interrupted", "{cut}: {status}");
    }
    // Its effects stand in the vault: a later life finds them, and comes to the same end.
    stage.stanch(&["resume", "r", "--json"]).exit(0).done();
    stage.stanch(&["verify", "r"]).exit(0).done();
}
