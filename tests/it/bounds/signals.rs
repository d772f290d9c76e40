//! Every command ends within five seconds of a signal, whatever it waits for.

use super::hostile::{Hostile, Piece, head};
use crate::stage::{STANCH, Said, Stage, count_lines};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What is promised, and some time for a machine that does much else.
const PROMISED: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

async fn soon(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what} does not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether the program hears signals, and waits for something.
fn waits(child: &Child) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
    let hears = u64::from_str_radix(&caught, 16).unwrap() & (1 << 14) != 0;
    hears && status.lines().any(|line| line.starts_with("State:\tS"))
}

/// Tells a child to end, and asserts that it does so in time and with the code.
async fn ends(what: &str, child: Child, told: Signal, code: i32) -> Said {
    let begun = Instant::now();
    signal(&child, told);
    let said = tokio::task::spawn_blocking(move || Said::from(child.wait_with_output().unwrap())).await.unwrap();
    let took = begun.elapsed();
    assert!(took < PROMISED, "{what} took {took:?}");
    assert_eq!(said.code, Some(code), "{what}\n{}\n{}", said.stdout, said.stderr);
    said
}

fn fifo(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    path
}

const SIGNALS: [(Signal, i32); 3] = [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 143)];

#[tokio::test]
async fn a_command_that_waits_for_a_pipe_ends() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = fifo(folder.path(), "pipe");
    // Somebody holds the other end, and says nothing: an open does not come back otherwise, and that is one more way to hang.
    let silent = fifo(folder.path(), "silent");
    let _held = std::fs::OpenOptions::new().read(true).write(true).open(&silent).unwrap();
    let vault = "https://kv-drill.vault.azure.net";
    let secret = "https://kv-drill.vault.azure.net/secrets/a";
    let mut waiting: Vec<Vec<&str>> =
        vec![vec!["find", "--vault", vault], vec!["find", "--vault", vault, "--from", "-"], vec!["lint", "-"]];
    // Who refuses what is no file ends by itself, and may have done so before any signal.
    let mut refusing: Vec<Vec<&str>> = Vec::new();
    for path in [pipe.to_str().unwrap(), silent.to_str().unwrap()] {
        waiting.push(vec!["find", "--vault", vault, "--from", path]);
        refusing.push(vec!["lint", path]);
        refusing.push(vec!["verify", path]);
        refusing.push(vec!["plan", path]);
        refusing.push(vec!["run", path, "--yes"]);
        refusing.push(vec!["emulate", "--scenario", path]);
        refusing.push(vec!["drill", path]);
        refusing.push(vec!["inventory", "--vault", vault, "--cloud", path]);
        refusing.push(vec!["inventory", "--vault", vault, "--config", path]);
        refusing.push(vec![
            "audit",
            "--archive",
            folder.path().to_str().unwrap(),
            "--secret",
            secret,
            "--since",
            "2026-01-01T00:00:00Z",
            "--known",
            path,
        ]);
    }
    let start = |arguments: &[&str]| {
        let mut command = Command::new(STANCH);
        command.args(arguments).current_dir(folder.path()).stdin(Stdio::piped());
        command.env("STANCH_STATE_DIR", folder.path().join("state")).env_remove("STANCH_CLOUD");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for (index, arguments) in waiting.iter().enumerate() {
        let (told, code) = SIGNALS[index % SIGNALS.len()];
        let what = arguments.join(" ");
        let mut child = start(arguments);
        let input = child.stdin.take();
        soon(&what, || {
            assert!(child.try_wait().unwrap().is_none(), "{what} does not wait");
            waits(&child)
        })
        .await;
        ends(&what, child, told, code).await.done();
        drop(input);
    }
    for arguments in refusing {
        let what = arguments.join(" ");
        let mut child = start(&arguments);
        let input = child.stdin.take();
        soon(&what, || child.try_wait().unwrap().is_some()).await;
        drop(input);
        let said = Said::from(child.wait_with_output().unwrap());
        assert!(matches!(said.code, Some(2 | 5)), "{what}\n{}\n{}", said.stdout, said.stderr);
        assert!(said.stderr.contains("regular file") || said.stderr.contains("not a file"), "{what}\n{}", said.stderr);
        said.done();
    }
}

#[tokio::test]
async fn a_command_whose_reader_does_not_read_ends() {
    for arguments in [vec!["actions", "--markdown"], vec!["schema"], vec!["actions", "--json"]] {
        // Each says more than this pipe takes.
        let (unread, written) = std::io::pipe().unwrap();
        rustix::pipe::fcntl_setpipe_size(&written, 4096).unwrap();
        let mut child = Command::new(STANCH).args(&arguments).stdout(written).stderr(Stdio::piped()).spawn().unwrap();
        let what = arguments.join(" ");
        soon(&what, || {
            assert!(child.try_wait().unwrap().is_none(), "{what} does not wait");
            waits(&child)
        })
        .await;
        ends(&what, child, Signal::TERM, 143).await.done();
        drop(unread);
    }
}

#[tokio::test]
async fn a_command_that_waits_for_an_answer_ends() {
    let silent = Hostile::new(|_, _| vec![head(200, ""), Piece::Drip(b' ', Duration::from_millis(50))]).await;
    let vault = "https://kv-drill.vault.azure.net";
    let secret = format!("secret={vault}/secrets/a");
    let calls: [&[&str]; 3] = [
        &["inventory", "--vault", vault],
        &["plan", "secret-exposure", "-i", &secret, "-i", "exposed_at=2026-01-01T00:00:00Z"],
        &["run", "secret-exposure", "-i", &secret, "-i", "exposed_at=2026-01-01T00:00:00Z", "--yes"],
    ];
    for (arguments, (told, code)) in calls.into_iter().zip(SIGNALS) {
        let child = silent.command(Some("t"), arguments).spawn().unwrap();
        soon("its wait", || waits(&child)).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        ends(&arguments.join(" "), child, told, code).await.done();
    }
}

#[tokio::test]
async fn the_embedded_cloud_and_a_drill_end_and_leave_nothing_behind() {
    for arguments in [vec!["emulate"], vec!["drill", "leaked-secret"]] {
        for (told, code) in SIGNALS {
            let folder = tempfile::tempdir().unwrap();
            let mut command = Command::new(STANCH);
            command.args(&arguments).arg("--state-dir").arg(folder.path().join("state"));
            command.env("TMPDIR", folder.path()).env_remove("STANCH_CLOUD").stdin(Stdio::null());
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            soon("its folder", || {
                let entries = std::fs::read_dir(folder.path()).unwrap();
                entries
                    .filter_map(|entry| std::fs::read_dir(entry.unwrap().path()).ok())
                    .any(|inside| inside.count() > 0)
            })
            .await;
            ends(&arguments.join(" "), child, told, code).await.done();
            let left: Vec<_> =
                std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert!(left.iter().all(|name| name == "state"), "{left:?}");
        }
    }
}

#[tokio::test]
async fn whoever_is_to_outlive_the_terminal_does() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready.json");
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", STANCH, "emulate", "--ready-file"]).arg(&ready);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    soon("the cloud", || ready.exists()).await;
    signal(&child, Signal::HUP);
    tokio::time::sleep(Duration::from_millis(300)).await;
    ends("emulate", child, Signal::TERM, 143).await.done();
}

#[tokio::test]
async fn what_runs_at_last_is_left_to_the_next_life_when_there_is_no_time() {
    let stage = Stage::set().await;
    // The message of the end gets no answer for long: twice, so that the next life meets it as well.
    stage.fault(&json!({ "match": { "method": "PUT" }, "times": 1, "do": { "delay_ms": 60_000 } })).await;
    stage.fault(&json!({ "match": { "host": "hooks.slack.com" }, "skip": 1, "do": { "delay_ms": 60_000 } })).await;
    let run = "r-left";
    let child = stage.command(&stage.containment(run)).spawn().unwrap();
    soon("the rotation", || {
        std::fs::read_to_string(stage.journal(run)).is_ok_and(|text| text.contains("\"effect\":\"publish\""))
    })
    .await;
    let said = ends("the run", child, Signal::TERM, 143).await;
    assert!(said.stderr.contains("told to stop"), "{}", said.stderr);
    let lines = count_lines(&stage.journal(run));
    stage.stanch(&["verify", run]).exit(0).done();
    assert_eq!(stage.stanch(&["status", run, "--json"]).exit(0).json()["status"], "interrupted");
    stage.clear_faults().await;
    let status = stage.stanch(&["resume", run, "--json"]).exit(0).json();
    assert_eq!(status["status"], "completed");
    assert!(count_lines(&stage.journal(run)) > lines);
    assert_eq!(crate::run::contained(&stage, run).await, Ok(()));
    assert!(stage.state_dir().join("runs").join(run).join("report/report.html").exists());
}
