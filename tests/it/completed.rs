//! What shells offer to complete, and which run is meant where none is named.

use crate::stage::{STANCH, Stage};
use serde_json::json;
use std::process::Command;

/// What bash offers for the last of some words, with a script that was made for it.
fn offered(stage: &Stage, words: &[&str]) -> Vec<String> {
    let script = r#"
        source <(stanch completions bash)
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
        _clap_complete_stanch stanch "${COMP_WORDS[COMP_CWORD]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let folder = std::path::Path::new(STANCH).parent().unwrap();
    let path = std::env::join_paths([folder, "/usr/bin".as_ref(), "/bin".as_ref()]).unwrap();
    let asked = Command::new("bash")
        .args(["-c", script, "bash"])
        .args(words)
        .env("PATH", path)
        .env("STANCH_STATE_DIR", stage.state_dir())
        .current_dir(stage.path(""))
        .output()
        .unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    String::from_utf8(asked.stdout).unwrap().lines().map(|line| line.trim().to_owned()).collect()
}

fn has(offered: &[String], wanted: &str) -> bool {
    offered.iter().any(|word| word == wanted)
}

const ASKING: &str = "schema: stanch/v1
name: asking
steps:
  - { id: gate, uses: human/approve, with: { prompt: go on? } }
";

/// A run that waits at a gate.
fn waiting(stage: &Stage, run: &str) {
    std::fs::write(stage.path("asking.yaml"), ASKING).unwrap();
    stage.stanch(&["run", "asking.yaml", "--yes", "--run-id", run]).exit(4).done();
}

#[tokio::test]
async fn a_shell_offers_commands_runbooks_scenarios_runs_and_waiting_steps() {
    let stage = Stage::empty(&[]).await;
    let none = offered(&stage, &["stanch", "status", ""]);
    assert!(!none.iter().any(|word| word.starts_with("r-")), "{none:?}");
    waiting(&stage, "r-first");
    let asks: &[(&[&str], &[&str])] = &[
        (&["stanch", "ru"], &["run", "runs", "runbooks"]),
        (&["stanch", "run", "--run"], &["--run-id"]),
        (&["stanch", "run", "le"], &["leaked-value"]),
        (&["stanch", "plan", "asking"], &["asking.yaml"]),
        (&["stanch", "lint", "whole"], &["whole-vault"]),
        (&["stanch", "runbooks", ""], &["secret-exposure", "entra-app-secret"]),
        (&["stanch", "drill", "leaked"], &["leaked-secret", "leaked-string"]),
        (&["stanch", "resume", ""], &["r-first"]),
        (&["stanch", "approve", "r-f"], &["r-first"]),
        (&["stanch", "approve", "r-first", ""], &["gate"]),
    ];
    for (words, wanted) in asks {
        let found = offered(&stage, words);
        for wanted in *wanted {
            assert!(has(&found, wanted), "{words:?}: {found:?}");
        }
        let typed = words.last().unwrap();
        assert!(found.iter().all(|word| word.starts_with(typed)), "{words:?}: {found:?}");
    }
    stage.stanch(&["approve", "r-first", "gate", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r-first"]).exit(0).done();
    assert!(!has(&offered(&stage, &["stanch", "approve", "r-first", ""]), "gate"), "nothing waits any more");
}

#[test]
fn every_shell_has_a_script_that_asks_the_program() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let printed = Command::new(STANCH).args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(printed.stdout).unwrap();
        assert!(script.contains("STANCH_COMPLETE") && script.contains("stanch"), "{shell}: {script}");
    }
    assert_eq!(Command::new(STANCH).args(["completions", "tcsh"]).output().unwrap().status.code(), Some(2));
}

#[tokio::test]
async fn where_no_run_is_named_the_latest_is_meant_and_which_of_several_is_gone_on_with_is_not_guessed() {
    let stage = Stage::empty(&[]).await;
    for command in ["log", "report", "verify", "resume"] {
        let said = stage.stanch(&[command]).exit(2);
        assert!(said.stderr.contains("there are no runs yet"), "{command}: {}", said.stderr);
    }
    waiting(&stage, "r-z-first");
    waiting(&stage, "r-a-second");
    for command in ["status", "log", "report", "verify"] {
        let said = stage.stanch(&[command]).exit(0);
        let told = said.stdout + &said.stderr;
        assert!(told.contains("r-a-second") && !told.contains("r-z-first"), "{command}: {told}");
    }
    let said = stage.stanch(&["resume"]).exit(2);
    assert!(said.stderr.contains("stanch resume r-a-second") && said.stderr.contains("stanch resume r-z-first"));
    stage.stanch(&["approve", "r-a-second", "gate", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r-a-second"]).exit(0).done();
    stage.stanch(&["approve", "r-z-first", "gate", "--by", "kim"]).exit(0).done();
    let went_on = stage.stanch(&["resume", "--json"]).exit(0).json();
    assert_eq!(went_on["run"], json!("r-z-first"), "the only one that is at a stop");
    assert_eq!(stage.stanch(&["resume", "--json"]).exit(0).json()["run"], "r-a-second", "the latest");
}
