//! One live process for each run and each target, and what the next one must know before it goes on.

use crate::stage::{Said, Stage, count_lines};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use stanch::journal::{Claimant, GENESIS, Holder, Life, Lock, LockError, line_hash};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

fn claimant(host: &str) -> Claimant {
    Claimant { operator: "oncall".to_owned(), host: host.to_owned(), takes_over: false }
}

fn holder(host: &str, process: u32) -> Holder {
    Holder {
        run: "r-1".to_owned(),
        operator: "kim".to_owned(),
        host: host.to_owned(),
        process,
        process_started: 0,
        boot: String::new(),
        since: chrono::Utc::now(),
    }
}

fn written(path: &Path) -> Option<Holder> {
    serde_json::from_slice(&std::fs::read(path).unwrap()).ok()
}

#[test]
fn a_lock_is_held_once_and_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let lock = Lock::take(&path, "r-1", &claimant("here")).unwrap();
    assert_eq!(lock.predecessor(), None);
    let mine = written(&path).unwrap();
    assert_eq!((mine.process, mine.host.as_str()), (std::process::id(), "here"));
    assert!(mine.process_started > 0 && !mine.boot.is_empty());
    let Err(LockError::Held(Some(held))) = Lock::take(&path, "r-2", &claimant("here")) else { panic!("held") };
    assert_eq!(held, mine);
    assert_eq!(Lock::holder(&path, "here"), Some(mine));
    drop(lock);
    assert_eq!(Lock::holder(&path, "here"), None);
    assert_eq!(written(&path), None, "given back in good order");
    assert!(Lock::take(&path, "r-2", &claimant("here")).unwrap().predecessor().is_none());
}

#[test]
fn a_dead_holder_is_recognised_by_process_start_and_machine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let mine = {
        let _lock = Lock::take(&path, "r-1", &claimant("here")).unwrap();
        written(&path).unwrap()
    };
    // The system's lock says nothing on a folder that machines share: there the name in the file decides.
    assert_eq!(mine.life("here", false), Life::Alive);
    let reused = Holder { process_started: mine.process_started + 1, ..mine.clone() };
    assert_eq!(reused.life("here", false), Life::Dead, "another process has its number now");
    let before = Holder { boot: "another".to_owned(), ..mine.clone() };
    assert_eq!(before.life("here", false), Life::Dead, "the machine was started since");
    assert_eq!(holder("here", 4_194_304).life("here", false), Life::Dead, "there is no such process");
    assert_eq!(holder("here", std::process::id()).life("here", false), Life::Alive, "more is not known of it");
    assert_eq!(mine.life("elsewhere", false), Life::NotKnown);
    assert_eq!(mine.life("elsewhere", true), Life::Dead, "nobody else can reach the file");
    // A holder that died, in a file of this machine alone.
    std::fs::write(&path, serde_json::to_vec(&holder("elsewhere", 7)).unwrap()).unwrap();
    assert_eq!(Lock::holder(&path, "here"), None);
    let lock = Lock::take(&path, "r-2", &claimant("here")).unwrap();
    assert_eq!(lock.predecessor().map(|dead| (dead.process, dead.operator.as_str())), Some((7, "kim")));
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

/// Starts a run whose rotation gets no answer for long, and waits until it is on its way.
async fn in_flight(stage: &Stage, run: &str) -> Child {
    stage.fault(&json!({ "match": { "method": "PUT" }, "times": 1, "do": { "delay_ms": 15000 } })).await;
    let child = stage.command(&stage.containment(run)).spawn().unwrap();
    let begun = Instant::now();
    while !std::fs::read_to_string(stage.journal(run)).is_ok_and(|text| text.contains("\"effect\":\"publish\"")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "the rotation does not begin");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child
}

#[tokio::test]
async fn a_second_run_is_refused_with_who_where_and_since_when() {
    let stage = Stage::set().await;
    let mut child = in_flight(&stage, "r-first").await;
    for arguments in [stage.containment("r-second"), vec!["resume", "r-first", "--json"]] {
        let said = stage.command(&arguments).env("STANCH_OPERATOR", "kim").output().unwrap();
        let said = Said::from(said).exit(5);
        let lock: Value =
            serde_json::from_slice(&std::fs::read(stage.state_dir().join("runs/r-first/lock")).unwrap()).unwrap();
        let (host, process) = (lock["host"].as_str().unwrap(), child.id());
        assert!(said.stderr.contains("is being worked on by another process"), "{}", said.stderr);
        assert!(said.stderr.contains(&format!("on {host}, process {process}, since 20")), "{}", said.stderr);
        assert!(said.stderr.contains("run `r-first` by "), "{}", said.stderr);
        assert!(said.stderr.contains("nothing was changed"), "{}", said.stderr);
    }
    assert!(!stage.journal("r-second").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    // The target is not free because the process is dead.
    let said = stage.stanch(&stage.containment("r-third")).exit(5);
    assert!(said.stderr.contains("`secret-exposure`: run `r-first` by "), "{}", said.stderr);
    assert!(said.stderr.contains("it was cut off at `"), "{}", said.stderr);
    let resume = format!("`stanch resume r-first --state-dir {}` goes on with it", stage.state_dir().display());
    assert!(said.stderr.contains(&resume), "{}", said.stderr);
    assert!(!stage.journal("r-third").exists());
    // The dead one is recognised, and the journal says from whom the run was taken over.
    stage.stanch(&["resume", "r-first", "--json"]).exit(0).done();
    let journal = std::fs::read_to_string(stage.journal("r-first")).unwrap();
    let resumed = journal.lines().find(|line| line.contains("\"type\":\"run_resumed\"")).unwrap();
    let resumed: Value = serde_json::from_str(resumed).unwrap();
    assert_eq!(resumed["event"]["took_over"]["process"], child.id());
    let log = stage.stanch(&["log", "r-first"]).exit(0).stdout;
    assert!(log.contains(&format!("process {} of ", child.id())), "{log}");
}

#[tokio::test]
async fn an_answer_to_a_run_that_was_cut_off_leaves_the_name_of_the_dead_holder() {
    let stage = Stage::set().await;
    // Cut off while the gate is open and a message is on its way.
    let fault = json!({ "match": { "path": "^/services" }, "times": 1, "do": { "delay_ms": 15000 } });
    stage.fault(&fault).await;
    let mut arguments = stage.containment("r-answered");
    arguments.extend(["-i", "overlap=0s", "-i", "severity=sev2"]);
    let mut child = stage.command(&arguments).spawn().unwrap();
    let begun = Instant::now();
    while !std::fs::read_to_string(stage.journal("r-answered")).is_ok_and(|text| text.contains("\"gate_opened\"")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody is asked");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    stage.stanch(&["approve", "r-answered", "approve", "--by", "kim"]).exit(0).done();
    let left = written(&stage.state_dir().join("runs/r-answered/lock")).expect("who died is still named");
    assert_eq!(left.process, child.id());
    stage.stanch(&["resume", "r-answered", "--json"]).exit(0).done();
    let log = stage.stanch(&["log", "r-answered"]).exit(0).stdout;
    assert!(log.contains(&format!("process {} of ", child.id())), "{log}");
}

#[tokio::test]
async fn a_second_signal_ends_the_program_at_once_and_the_run_goes_on_later() {
    let stage = Stage::set().await;
    let child = in_flight(&stage, "r-twice").await;
    signal(&child, Signal::INT);
    let began = Instant::now();
    let told = Duration::from_millis(300);
    tokio::time::sleep(told).await;
    signal(&child, Signal::INT);
    let said = Said::from(child.wait_with_output().unwrap()).exit(130);
    assert!(began.elapsed() < Duration::from_secs(8), "at once, not after the answer");
    assert!(said.stderr.contains("once more ends the program at once"), "{}", said.stderr);
    let lines = count_lines(&stage.journal("r-twice"));
    stage.stanch(&["verify", "r-twice"]).exit(0).done();
    stage.stanch(&["resume", "r-twice", "--json"]).exit(0).done();
    assert!(count_lines(&stage.journal("r-twice")) > lines);
    assert_eq!(crate::run::contained(&stage, "r-twice").await, Ok(()));
}

/// Writes a journal's first line anew, with all that follows from it.
fn rewrite(journal: &Path, change: impl Fn(&mut Value)) {
    let text = std::fs::read_to_string(journal).unwrap();
    let mut prev = GENESIS.to_owned();
    let mut written = String::new();
    for (index, line) in text.lines().enumerate() {
        let mut record: Value = serde_json::from_str(line).unwrap();
        if index == 0 {
            change(&mut record["event"]);
        }
        record["prev"] = prev.into();
        // A line without a sum of its own is bound by the chain alone.
        record.as_object_mut().unwrap().shift_remove("sum");
        let line = record.to_string();
        prev = line_hash(line.as_bytes());
        written.push_str(&line);
        written.push('\n');
    }
    std::fs::write(journal, written).unwrap();
}

#[tokio::test]
async fn another_program_version_is_refused_until_a_person_accepts_it_with_a_reason() {
    let stage = Stage::set().await;
    assert!(stage.kill_at(&stage.containment("r-version"), "r-version", 9).await);
    rewrite(&stage.journal("r-version"), |opened| opened["program_version"] = "0.0.9".into());
    let said = stage.stanch(&["resume", "r-version", "--json"]).exit(5);
    assert!(said.stderr.contains("begun by stanch 0.0.9, this is stanch "), "{}", said.stderr);
    assert!(said.stderr.contains("--accept-program-version --because"), "{}", said.stderr);
    stage.stanch(&["resume", "r-version", "--accept-program-version"]).exit(2).done();
    let accept = ["resume", "r-version", "--json", "--accept-program-version", "--because", "0.0.9 is withdrawn"];
    let said = Said::from(stage.command(&accept).env("STANCH_OPERATOR", "kim").output().unwrap()).exit(0);
    assert_eq!(said.json()["status"], "completed");
    let log = stage.stanch(&["log", "r-version"]).exit(0).stdout;
    let told = "kim lets the run go on with another program version, 0.0.9 before and ";
    assert!(log.contains(told) && log.contains("0.0.9 is withdrawn"), "{log}");
    assert_eq!(crate::run::contained(&stage, "r-version").await, Ok(()));
}

#[tokio::test]
async fn a_changed_runbook_is_refused_with_the_difference() {
    let stage = Stage::set().await;
    assert!(stage.kill_at(&stage.containment("r-runbook"), "r-runbook", 9).await);
    let path = stage.state_dir().join("runs/r-runbook/runbook.yaml");
    let pinned = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, pinned.replace("length: 48", "length: 8")).unwrap();
    let said = stage.stanch(&["resume", "r-runbook", "--json"]).exit(5);
    assert!(said.stderr.contains("the pinned runbook was changed since the run began"), "{}", said.stderr);
    let lines: Vec<&str> = said.stderr.lines().map(str::trim).filter(|line| line.contains("length: ")).collect();
    assert!(matches!(lines.as_slice(), [was, now] if was.starts_with('-') && now.starts_with('+')), "{lines:?}");
    std::fs::write(&path, pinned).unwrap();
    stage.stanch(&["resume", "r-runbook", "--json"]).exit(0).done();
}

#[tokio::test]
async fn a_changed_configuration_is_shown_and_refused_until_a_person_accepts_it() {
    let stage = Stage::set().await;
    let mut arguments = stage.containment("r-config");
    arguments.extend(["-i", "severity=sev2"]);
    stage.stanch(&arguments).exit(4).done();
    let journal = std::fs::read_to_string(stage.journal("r-config")).unwrap();
    let opened: Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    let config = opened["event"]["config"].as_str().unwrap().to_owned();
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}\nlimits: {{ creates: 7 }}\n")).unwrap();
    let said = stage.stanch(&["resume", "r-config", "--json"]).exit(5);
    assert!(said.stderr.contains("the configuration was changed since the run began"), "{}", said.stderr);
    assert!(said.stderr.contains("+limits: { creates: 7 }"), "the difference is shown: {}", said.stderr);
    let accept = ["resume", "r-config", "--json", "--accept-config", "--because", "the vault is shared"];
    stage.stanch(&accept).exit(4).done();
    assert!(std::fs::read_to_string(stage.journal("r-config")).unwrap().contains("\"pin\":\"configuration\""));
    // What was accepted once is pinned from there on.
    stage.stanch(&["resume", "r-config", "--json"]).exit(4).done();
}

#[tokio::test]
async fn a_head_that_was_sent_away_shows_that_the_end_was_cut_off() {
    let stage = Stage::set().await;
    let head = stage.stanch(&stage.containment("r-cut")).exit(0).json()["head"].as_str().unwrap().to_owned();
    let said = stage.stanch(&["verify", "r-cut", "--head", &head]).exit(0);
    assert!(said.stderr.contains("stands at line"), "{}", said.stderr);
    let journal = stage.journal("r-cut");
    let text = std::fs::read_to_string(&journal).unwrap();
    let cut: Vec<&str> = text.lines().take(text.lines().count() - 1).collect();
    std::fs::write(&journal, format!("{}\n", cut.join("\n"))).unwrap();
    stage.stanch(&["verify", "r-cut"]).exit(0).done();
    let said = stage.stanch(&["verify", "r-cut", "--head", &head]).exit(5);
    assert!(said.stderr.contains("does not hold the head"), "{}", said.stderr);
}

#[tokio::test]
async fn an_effect_without_an_answer_is_recorded_as_unknown_when_the_program_has_to_end() {
    if !crate::stage::is_heavy() {
        // The answer is waited for as long as a person would wait, which is too long for every day.
        return;
    }
    let stage = Stage::set().await;
    stage.fault(&json!({ "match": { "method": "PUT" }, "times": 1, "do": { "delay_ms": 90000 } })).await;
    let child = stage.command(&stage.containment("r-unknown")).spawn().unwrap();
    while !std::fs::read_to_string(stage.journal("r-unknown")).is_ok_and(|text| text.contains("\"effect\":\"publish\""))
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal(&child, Signal::TERM);
    Said::from(child.wait_with_output().unwrap()).exit(143).done();
    let journal = std::fs::read_to_string(stage.journal("r-unknown")).unwrap();
    assert!(journal.contains("the program ended before an answer came"), "{journal}");
    stage.stanch(&["resume", "r-unknown", "--json"]).exit(0).done();
    assert_eq!(crate::run::contained(&stage, "r-unknown").await, Ok(()));
}
