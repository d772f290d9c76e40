//! A program of the team's that says too much, takes too long, or would live on.

use crate::stage::{Said, Stage};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const SECRET: &str = "secret=https://kv-drill.vault.azure.net/secrets/orders-key";

/// A cloud with a secret that a script issues, and the script's place.
async fn issued_by(script: &str) -> (Stage, PathBuf) {
    let stage = Stage::empty(&[]).await;
    stage.seed("orders-key", &json!({ "value": "sk_live_theOldOneThatLeaked", "tags": { "owner": "o" } })).await;
    let program = stage.path("issuer.sh");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let runbook = format!(
        r#"schema: stanch/v1
name: issue
summary: Rotate
inputs:
  secret: {{ type: keyvault_secret, required: true }}
steps:
  - id: rotate
    uses: keyvault/rotate
    with: {{ secret: "${{{{ inputs.secret }}}}", provider: command, settings: {{ program: ["{}"] }} }}
"#,
        program.display()
    );
    std::fs::write(stage.path("issue.yaml"), runbook).unwrap();
    (stage, program)
}

fn begin(run: &str) -> [&str; 8] {
    ["run", "issue.yaml", "--run-id", run, "-i", SECRET, "--yes", "--json"]
}

/// The processes whose command line holds a text.
fn alive(text: &str) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap();
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    })
    .collect()
}

async fn gone(text: &str) {
    let begun = Instant::now();
    while !alive(text).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?} live on", alive(text));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_program_that_says_too_much_is_ended_with_what_it_started() {
    let mark = "86413.25";
    let (stage, _) = issued_by(&format!("sleep {mark} &\nexec yes no-json-and-no-end")).await;
    let begun = Instant::now();
    let status: Value = stage.stanch(&begin("r-much")).json();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let error = status["steps"][0]["error"].to_string();
    assert!(error.contains("gave no answer") && error.contains("wrote more than 1024 KiB"), "{status}");
    assert!(error.contains("issuer.sh") && !error.contains("no-json"), "{error}");
    gone(mark).await;
}

#[tokio::test]
async fn a_program_ends_when_the_run_is_told_to() {
    let mark = "86414.25";
    let (stage, _) = issued_by(&format!("sleep {mark} &\nwait")).await;
    for (told, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let run = format!("r-told-{code}");
        let child = stage.command(&begin(&run)).spawn().unwrap();
        let begun = Instant::now();
        while alive(mark).is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the program does not begin");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let begun = Instant::now();
        kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), told).unwrap();
        let said = tokio::task::spawn_blocking(move || Said::from(child.wait_with_output().unwrap())).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        said.exit(code).done();
        gone(mark).await;
        stage.stanch(&["verify", &run]).exit(0).done();
        stage.stanch(&["abandon", &run, "--because", "a test"]).done();
    }
}
