//! What people are asked, and what counts as an answer.

use crate::stage::{Said, Stage, count_lines, several_can_play};
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A stage with a runbook of its own.
async fn with_runbook(steps: &str) -> Stage {
    let stage = Stage::empty(&[]).await;
    let text = format!("schema: stanch/v1\nname: asking\n{steps}");
    std::fs::write(stage.path("asking.yaml"), text).unwrap();
    stage
}

fn run(stage: &Stage, more: &[&str]) -> Said {
    let arguments = [&["run", "asking.yaml", "--run-id", "r", "--yes", "--json"], more].concat();
    stage.command(&arguments).env("STANCH_OPERATOR", "alice").output().unwrap().into()
}

fn step<'a>(status: &'a Value, id: &str) -> &'a Value {
    status["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap()
}

const GATE: &str = r"
steps:
  - id: gate
    uses: human/approve
    with: { prompt: 'go on?', min: 2, from: [alice, bob, carol], not_requester: true, expires: 1h }
  - id: after
    uses: wait
    with: { for: 1ms }
";

#[tokio::test]
async fn a_gate_opens_only_for_enough_of_those_who_may() {
    if !several_can_play() {
        return;
    }
    let stage = with_runbook(GATE).await;
    let status = run(&stage, &[]).exit(4).json();
    assert_eq!(step(&status, "gate")["status"], "waiting");

    let refused = stage.stanch(&["approve", "r", "gate", "--by", "mallory"]).exit(5).stderr;
    assert!(refused.contains("mallory may not answer; alice, bob, carol may"), "{refused}");
    let refused = stage.stanch(&["approve", "r", "gate", "--by", "alice"]).exit(5).stderr;
    assert!(refused.contains("alice started this run and may not approve it"), "{refused}");
    let refused =
        stage.stanch_as(61001, &["approve", "r", "gate", "--by", "bob", "--plan", "sha256:00"]).exit(5).stderr;
    assert!(refused.contains("another plan"), "{refused}");

    stage.stanch_as(61001, &["approve", "r", "gate", "--by", "bob"]).exit(0).done();
    let waiting = stage.stanch(&["status", "r"]).exit(0).stdout;
    assert!(waiting.contains("awaiting 1 more approval"), "{waiting}");
    let refused = stage.stanch_as(61002, &["approve", "r", "gate", "--by", "bob"]).exit(5).stderr;
    assert!(refused.contains("bob has agreed already"), "{refused}");
    stage.stanch_as(61002, &["approve", "r", "gate", "--by", "carol"]).exit(0).done();
    let late = stage.stanch(&["reject", "r", "gate", "--by", "bob"]).exit(2).stderr;
    assert!(late.contains("it was approved by bob (claimed; uid 61001 on "), "{late}");

    let status = stage.stanch(&["resume", "r", "--json"]).exit(0).json();
    assert_eq!(step(&status, "gate")["outputs"]["by"], "bob, carol");
    assert_eq!(step(&status, "after")["status"], "done");
}

#[tokio::test]
async fn a_no_ends_the_run_and_what_runs_whatever_happened_still_runs() {
    let stage = with_runbook(&format!("{GATE}finally:\n  - id: report\n    uses: report/write\n")).await;
    run(&stage, &[]).exit(4).done();
    stage.stanch(&["reject", "r", "gate", "--by", "bob", "--comment", "not now"]).exit(0).done();
    let status = stage.stanch(&["resume", "r", "--json"]).exit(3).json();
    assert_eq!(step(&status, "gate")["error"]["summary"], "rejected by bob: not now");
    assert_eq!(step(&status, "after")["status"], "pending");
    assert_eq!(step(&status, "report")["status"], "done");
}

#[tokio::test]
async fn a_gate_that_expired_is_a_no_and_takes_no_late_yes() {
    let gate = "steps:\n  - { id: gate, uses: human/approve, with: { prompt: go?, expires: 1s } }\n";
    let stage = with_runbook(gate).await;
    run(&stage, &[]).exit(4).done();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let late = stage.stanch(&["approve", "r", "gate", "--by", "bob"]).exit(5).stderr;
    assert!(late.contains("expired, which counts as a no"), "{late}");
    let status = stage.stanch(&["resume", "r", "--json"]).exit(3).json();
    assert_eq!(step(&status, "gate")["error"]["summary"], "nobody approved in time, which counts as a no");
}

#[tokio::test]
async fn a_gate_expires_while_another_step_works() {
    let steps = "steps:\n  - { id: gate, uses: human/approve, needs: [], with: { prompt: go?, expires: 1s } }\n  - { id: work, uses: wait, needs: [], with: { for: 1m } }\n";
    let stage = with_runbook(steps).await;
    let arguments = ["run", "asking.yaml", "--run-id", "r", "--yes", "--json"];
    let mut process = stage.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let give_up = Instant::now() + Duration::from_secs(20);
    let expired = loop {
        let journal = std::fs::read_to_string(stage.journal("r")).unwrap_or_default();
        if journal.contains("\"answer\":\"expired\"") {
            break true;
        }
        if Instant::now() > give_up {
            break false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(expired, "nobody acted on it while the other step worked");
}

#[tokio::test]
async fn what_is_left_of_a_failed_step_is_settled_and_not_approved() {
    let steps = "steps:\n  - { id: ask, uses: http/check, on_failure: ask, retry: { max: 0 }, with: { url: 'https://kv-drill.vault.azure.net/nothing', status: 299 } }\n";
    let stage = with_runbook(steps).await;
    run(&stage, &[]).exit(4).done();
    let status = stage.stanch(&["status", "r", "--full"]).exit(0).stdout;
    assert!(status.contains("stanch settle r ask --as 'retry|continue|stop' --because TEXT"), "{status}");
    assert!(!status.contains("stanch approve"), "{status}");
    let told = "steps:\n  - { id: tell, uses: human/do, with: { instructions: roll it, answers: { at: { type: timestamp } } } }\n";
    let stage = with_runbook(told).await;
    run(&stage, &[]).exit(4).done();
    let status = stage.stanch(&["status", "r"]).exit(0).stdout;
    assert!(status.contains("stanch approve r tell --by NAME --answer at=…"), "{status}");
}

#[tokio::test]
async fn the_policy_says_who_may_open_gates_and_when_none_is_asked() {
    let runbook = r#"
inputs:
  severity: { type: enum, values: [sev1, sev2], default: sev1 }
policy:
  gates: { skip_if: '${{ inputs.severity == "sev1" }}', from: [bob] }
steps:
  - { id: gate, uses: human/approve, with: { prompt: "go on?" } }
"#;
    let stage = with_runbook(runbook).await;
    let status = run(&stage, &[]).exit(0).json();
    assert_eq!(step(&status, "gate")["status"], "skipped");
    let arguments = ["run", "asking.yaml", "--run-id", "r2", "--yes", "-i", "severity=sev2"];
    stage.stanch(&arguments).exit(4).done();
    let refused = stage.stanch(&["approve", "r2", "gate", "--by", "carol"]).exit(5).stderr;
    assert!(refused.contains("carol may not answer; bob may"), "{refused}");
}

/// A run by alice with a configuration that names approvers.
fn run_with(stage: &Stage, id: &str, approvers: &str) -> Said {
    std::fs::write(stage.path("people.yaml"), format!("schema: stanch-config/v1\n{approvers}")).unwrap();
    let arguments = ["run", "asking.yaml", "--run-id", id, "--yes", "--config", "people.yaml"];
    stage.command(&arguments).env("STANCH_OPERATOR", "alice").output().unwrap().into()
}

#[tokio::test]
async fn the_configuration_says_who_may_open_a_gate_that_names_nobody() {
    let runbook = "steps:\n  - { id: gate, uses: human/approve, with: { prompt: \"go on?\" } }\n";
    let stage = with_runbook(runbook).await;
    let answer = |run: &str, by: &str| stage.stanch(&["approve", run, "gate", "--by", by]);
    run_with(&stage, "several", "approvers: [alice, bob]\n").exit(4).done();
    let refused = answer("several", "carol").exit(5).stderr;
    assert!(refused.contains("carol may not answer; alice, bob may"), "{refused}");
    let refused = answer("several", "alice").exit(5).stderr;
    assert!(refused.contains("alice started this run"), "{refused}");
    if several_can_play() {
        stage.stanch_as(61001, &["approve", "several", "gate", "--by", "bob"]).exit(0).done();
    }
    let plan = ["plan", "asking.yaml", "--config", "people.yaml"];
    let plan = stage.stanch(&plan).exit(0).stdout;
    assert!(plan.contains("1 yes of alice, bob, not you"), "{plan}");
    // One person alone answers for herself; where nobody is named, everybody may.
    run_with(&stage, "one", "approvers: [alice]\n").exit(4).done();
    answer("one", "alice").exit(0).done();
    run_with(&stage, "nobody", "").exit(4).done();
    answer("nobody", "alice").exit(0).done();
    let refused = run_with(&stage, "twice", "approvers: [alice, 'Alice ']\n").exit(2).stderr;
    assert!(refused.contains("names somebody twice"), "{refused}");
}

#[tokio::test]
async fn a_step_that_names_people_is_answered_by_them_alone() {
    let gate = "steps:\n  - { id: gate, uses: human/approve, with: { prompt: go?, from: [alice] } }\n";
    let stage = with_runbook(gate).await;
    run_with(&stage, "r", "approvers: [bob, carol]\n").exit(4).done();
    stage.stanch(&["approve", "r", "gate", "--by", "bob"]).exit(5).done();
    stage.stanch(&["approve", "r", "gate", "--by", "alice"]).exit(0).done();
}

const BY_HAND: &str = r"
steps:
  - id: revoke_at_stripe
    uses: human/do
    with:
      instructions: Roll the key in the dashboard
      checklist: [open the dashboard, roll the key]
      answers:
        rolled_at: { type: timestamp }
        region: { type: enum, values: [eu, us] }
        ticket: { type: string, required: false }
  - id: after
    uses: wait
    if: ${{ steps.revoke_at_stripe.outputs.answers.region == 'eu' }}
    with: { for: 1ms }
";

#[tokio::test]
async fn what_is_done_by_hand_is_told_by_name_and_type() {
    let stage = with_runbook(BY_HAND).await;
    run(&stage, &[]).exit(4).done();
    let shown = stage.stanch(&["status", "r"]).exit(0).stdout;
    assert!(shown.contains("1. open the dashboard"), "{shown}");
    assert!(shown.contains("stanch approve r revoke_at_stripe --by NAME"), "{shown}");
    let wrong = ["approve", "r", "revoke_at_stripe", "--by", "bob", "--answer", "region=mars", "--answer", "x=1"];
    let said = stage.stanch(&wrong).exit(2).stderr;
    for problem in ["`mars` is not one of eu, us", "`rolled_at` is missing", "nothing called `x` is asked for"] {
        assert!(said.contains(problem), "{problem}: {said}");
    }
    let right = ["--answer", "region=eu", "--answer", "rolled_at=2026-11-24T03:00:00+01:00"];
    stage.stanch(&[&["approve", "r", "revoke_at_stripe", "--by", "bob"][..], &right].concat()).exit(0).done();
    let status = stage.stanch(&["resume", "r", "--json"]).exit(0).json();
    let told = &step(&status, "revoke_at_stripe")["outputs"]["answers"];
    assert_eq!(told["rolled_at"], "2026-11-24T02:00:00Z");
    assert_eq!(step(&status, "after")["status"], "done");
}

#[tokio::test]
async fn a_file_of_answers_answers_for_automation() {
    let stage = with_runbook(BY_HAND).await;
    let answers = "revoke_at_stripe: { answer: approve, by: robot, answers: { region: us, rolled_at: '2026-11-24T02:00:00Z' } }\n";
    std::fs::write(stage.path("answers.yaml"), answers).unwrap();
    let status = run(&stage, &["--answers", "answers.yaml"]).exit(0).json();
    assert_eq!(step(&status, "revoke_at_stripe")["outputs"]["by"], "robot");
    assert_eq!(step(&status, "after")["status"], "skipped");
    std::fs::write(stage.path("answers.yaml"), "revoke_at_stripe: perhaps\n").unwrap();
    let said = stage.stanch(&["run", "asking.yaml", "--yes", "--answers", "answers.yaml"]).exit(2).stderr;
    assert!(said.contains("the file of answers"), "{said}");
}

const FAILS: &str = r"
steps:
  - id: check
    uses: http/check
    on_failure: ask
    retry: { max: 0 }
    with: { url: 'https://kv-drill.vault.azure.net/nothing', status: 299 }
  - id: after
    uses: wait
    with: { for: 1ms }
";

#[tokio::test]
async fn a_failure_waits_for_a_person_who_says_how_to_go_on() {
    let stage = with_runbook(FAILS).await;
    let status = run(&stage, &[]).exit(4).json();
    assert_eq!(step(&status, "check")["status"], "waiting");
    let shown = stage.stanch(&["status", "r"]).exit(0).stdout;
    assert!(shown.contains("stanch settle r check --as continue"), "{shown}");
    let wrong = stage.stanch(&["settle", "r", "check", "--as", "done", "--because", "x"]).exit(2).stderr;
    assert!(wrong.contains("it asks for `retry` or `continue` or `stop`"), "{wrong}");
    stage.stanch(&["settle", "r", "check", "--as", "retry", "--because", "mended"]).exit(0).done();
    stage.stanch(&["resume", "r"]).exit(4).done();
    stage.stanch(&["settle", "r", "check", "--as", "continue", "--because", "known to be off"]).exit(0).done();
    let status = stage.stanch(&["resume", "r", "--json"]).exit(0).json();
    assert_eq!(step(&status, "check")["status"], "failed");
    assert_eq!(step(&status, "after")["status"], "done");
}

#[tokio::test]
async fn of_two_answers_at_once_one_wins_and_the_other_is_told() {
    // The branch at work keeps the process alive, which then is the one that takes the answers.
    let runbook = r"
steps:
  - { id: gate, uses: human/approve, needs: [], with: { prompt: 'go on?' } }
  - { id: busy, uses: wait, needs: [], with: { for: 30s } }
";
    let stage = with_runbook(runbook).await;
    let arguments = ["run", "asking.yaml", "--run-id", "r", "--yes"];
    let mut running = stage.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !std::fs::read_to_string(stage.journal("r")).is_ok_and(|journal| journal.contains("gate_opened")) {
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let answers: Vec<std::process::Child> = ["approve", "reject"]
        .iter()
        .map(|word| stage.command(&[word, "r", "gate", "--by", word]).spawn().unwrap())
        .collect();
    let said: Vec<Said> = answers.into_iter().map(|answer| answer.wait_with_output().unwrap().into()).collect();
    let codes: Vec<Option<i32>> = said.iter().map(|said| said.code).collect();
    let told: Vec<&str> = said.iter().map(|said| said.stderr.as_str()).collect();
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?} {told:?}");
    assert!(codes.iter().any(|code| matches!(code, Some(2 | 5))), "{codes:?} {told:?}");
    let journal = std::fs::read_to_string(stage.journal("r")).unwrap();
    assert_eq!(journal.matches(r#""type":"gate_answered""#).count(), 1);
    running.kill().unwrap();
    running.wait().unwrap();
}

#[tokio::test]
async fn a_wait_keeps_its_deadline_over_a_crash() {
    let stage = with_runbook("steps:\n  - { id: pause, uses: wait, with: { for: 3s } }\n").await;
    let arguments = ["run", "asking.yaml", "--run-id", "r", "--yes"];
    assert!(stage.kill_at(&arguments, "r", 3).await);
    let set = deadline(&stage);
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.stanch(&["resume", "r"]).exit(0).done();
    assert_eq!(deadline(&stage), set, "set once");
    assert!(count_lines(&stage.journal("r")) > 4);
}

fn deadline(stage: &Stage) -> String {
    let journal = std::fs::read_to_string(stage.journal("r")).unwrap();
    let timers: Vec<&str> = journal.lines().filter(|line| line.contains("timer_set")).collect();
    assert_eq!(timers.len(), 1);
    timers[0].split(r#""until":""#).nth(1).unwrap().split('"').next().unwrap().to_owned()
}
