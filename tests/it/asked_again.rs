//! A no is not for ever: whoever resumes the run is asked again, and nothing that was said before counts.

use crate::stage::{Said, Stage, count_lines, several_can_play};
use serde_json::{Value, json};
use stanch::engine::State;
use stanch::engine::event::{Answer, Event};
use std::time::Duration;

const RUNBOOK: &str = r#"
schema: stanch/v1
name: asking
inputs: { secret: { type: keyvault_secret, required: true } }
policy: { lock: "${{ inputs.secret }}" }
steps:
  - id: rotate
    uses: keyvault/rotate
    with: { secret: "${{ inputs.secret }}" }
  - id: gate
    uses: human/approve
    with: { prompt: "take the old one away?", min: 2 }
  - id: revoke
    uses: keyvault/revoke
    with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
finally:
  - id: report
    uses: report/write
"#;

async fn asking(stage: &Stage, name: &str) -> Said {
    stage.seed(name, &json!({ "value": "planted" })).await;
    std::fs::write(stage.path("asking.yaml"), RUNBOOK).unwrap();
    let secret = format!("secret=https://kv-drill.vault.azure.net/secrets/{name}");
    stage.stanch(&["run", "asking.yaml", "--run-id", name, "-i", &secret, "--yes", "--json"])
}

/// The versions of a secret, each with whether it is enabled.
async fn versions(stage: &Stage, name: &str) -> Vec<bool> {
    let state = stage.state().await;
    let versions = state["vaults"]["kv-drill"]["secrets"][name].as_array().unwrap();
    versions.iter().map(|version| version["enabled"] == true).collect()
}

fn status_of(status: &Value, id: &str) -> String {
    let step = status["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap();
    step["status"].as_str().unwrap().to_owned()
}

fn events(stage: &Stage, run: &str, kind: &str) -> Vec<Value> {
    let journal = std::fs::read_to_string(stage.journal(run)).unwrap();
    let records = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone());
    records.filter(|event| event["type"] == kind).collect()
}

#[tokio::test]
async fn a_rejected_gate_is_asked_again_and_no_earlier_answer_counts() {
    if !several_can_play() {
        return;
    }
    let stage = Stage::empty(&[]).await;
    asking(&stage, "again").await.exit(4).done();
    stage.stanch(&["approve", "again", "gate", "--by", "alice"]).exit(0).done();
    stage.stanch(&["reject", "again", "gate", "--by", "bob", "--comment", "not now"]).exit(0).done();
    let failed = stage.stanch(&["resume", "again", "--json"]).exit(3).json();
    assert_eq!((status_of(&failed, "gate").as_str(), status_of(&failed, "report").as_str()), ("failed", "done"));
    let shown = stage.stanch(&["status", "again"]).exit(0).stdout;
    let resume = format!("`stanch resume again --state-dir {}` asks again", stage.state_dir().display());
    assert!(shown.contains("rejected by bob: not now") && shown.contains(&resume), "{shown}");

    let asked = stage.stanch(&["resume", "again", "--json"]).exit(4).json();
    assert_eq!((status_of(&asked, "gate").as_str(), status_of(&asked, "revoke").as_str()), ("waiting", "pending"));
    assert_eq!(versions(&stage, "again").await, [true, true], "nothing was changed meanwhile");
    // It waits as often as it is resumed, and is asked once.
    stage.stanch(&["resume", "again"]).exit(4).done();
    let opened = events(&stage, "again", "gate_opened");
    assert_eq!(opened.len(), 2);
    let (first, second) = (opened[0]["plan"].as_str().unwrap(), opened[1]["plan"].as_str().unwrap());
    assert_ne!(first, second, "an answer to the first is none to the second");
    for word in ["approve", "reject"] {
        let old = stage.stanch(&[word, "again", "gate", "--by", "carol", "--plan", first]).exit(5).stderr;
        assert!(old.contains("a question that was asked before"), "{word}: {old}");
    }
    let shown = stage.stanch(&["status", "again"]).exit(0).stdout;
    assert!(shown.contains("awaiting 2 more approvals"), "what alice said before does not count: {shown}");
    stage.stanch(&["approve", "again", "gate", "--by", "alice"]).exit(0).done();
    stage.stanch(&["resume", "again"]).exit(4).done();
    stage.stanch_as(61001, &["approve", "again", "gate", "--by", "carol"]).exit(0).done();
    let done = stage.stanch(&["resume", "again", "--json"]).exit(0).json();
    assert_eq!(done["status"], "completed");
    let gate = done["steps"].as_array().unwrap().iter().find(|step| step["id"] == "gate").unwrap();
    assert_eq!(gate["outputs"]["by"], "alice, carol");
    assert_eq!(versions(&stage, "again").await, [false, true], "one rotation");
    let log = stage.stanch(&["log", "again"]).exit(0).stdout;
    let report = std::fs::read_to_string(stage.state_dir().join("runs/again/report/report.md")).unwrap();
    for told in [&log, &report] {
        assert!(told.contains("rejected by bob: not now") && told.contains("approved by carol"), "{told}");
    }
    stage.stanch(&["verify", "again"]).exit(0).done();
}

#[tokio::test]
async fn a_gate_that_is_asked_again_survives_a_kill_at_each_record() {
    if !several_can_play() {
        return;
    }
    let stage = Stage::empty(&[]).await;
    let every = if crate::stage::is_heavy() { 1 } else { 4 };
    for after in (1..14).step_by(every) {
        let run = format!("killed-{after}");
        let resume = ["resume", run.as_str(), "--json"];
        asking(&stage, &run).await.exit(4).done();
        stage.stanch(&["reject", &run, "gate", "--by", "bob"]).exit(0).done();
        let lines = |stage: &Stage| count_lines(&stage.journal(&run));
        // While the no is taken in, and what runs whatever happened runs.
        stage.kill_at(&resume, &run, lines(&stage) + after).await;
        let mut said = stage.stanch(&resume);
        if said.code == Some(3) {
            let failed = said.json();
            assert_eq!(
                (status_of(&failed, "gate").as_str(), status_of(&failed, "report").as_str()),
                ("failed", "done")
            );
            said = stage.stanch(&resume);
        }
        assert_eq!(status_of(&said.exit(4).json(), "gate"), "waiting", "{after}");
        // While it is asked again.
        stage.stanch(&["reject", &run, "gate", "--by", "bob"]).exit(0).done();
        stage.stanch(&resume).exit(3).done();
        stage.kill_at(&resume, &run, lines(&stage) + after).await;
        stage.stanch(&resume).exit(4).done();
        assert_eq!(versions(&stage, &run).await, [true, true], "{after}");
        stage.stanch(&["approve", &run, "gate", "--by", "alice"]).exit(0).done();
        stage.stanch_as(61001, &["approve", &run, "gate", "--by", "carol"]).exit(0).done();
        // While it goes on.
        stage.kill_at(&resume, &run, lines(&stage) + after).await;
        stage.stanch(&resume).exit(0).done();
        assert_eq!(versions(&stage, &run).await, [false, true], "{after}");
        let published = events(&stage, &run, "effect_finished");
        let published = published.iter().filter(|event| event["effect"] == "publish").count();
        assert_eq!((published, events(&stage, &run, "gate_opened").len()), (1, 3), "{after}");
        stage.stanch(&["verify", &run]).exit(0).done();
    }
}

#[tokio::test]
async fn what_expired_or_could_not_be_done_is_asked_again() {
    let stage = Stage::empty(&[]).await;
    let runbook = |step: &str| format!("schema: stanch/v1\nname: asking\nsteps:\n  - {step}\n");
    let gate = "{ id: gate, uses: human/approve, with: { prompt: go?, expires: 2s } }";
    std::fs::write(stage.path("gate.yaml"), runbook(gate)).unwrap();
    stage.stanch(&["run", "gate.yaml", "--run-id", "r-gate", "--yes"]).exit(4).done();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    stage.stanch(&["resume", "r-gate"]).exit(3).done();
    stage.stanch(&["resume", "r-gate"]).exit(4).done();
    stage.stanch(&["approve", "r-gate", "gate", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r-gate"]).exit(0).done();

    let by_hand = "{ id: task, uses: human/do, on_failure: ask, with: { instructions: turn it off } }";
    std::fs::write(stage.path("task.yaml"), runbook(by_hand)).unwrap();
    stage.stanch(&["run", "task.yaml", "--run-id", "r-task", "--yes"]).exit(4).done();
    stage.stanch(&["reject", "r-task", "task", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r-task"]).exit(4).done();
    // Trying a step again that failed for a no is asking again, in the same life of the run or in a later one.
    stage.stanch(&["settle", "r-task", "task", "--as", "retry", "--because", "the switch is found"]).exit(0).done();
    stage.stanch(&["resume", "r-task"]).exit(4).done();
    let shown = stage.stanch(&["status", "r-task"]).exit(0).stdout;
    assert!(shown.contains("awaiting approval: turn it off"), "{shown}");
    stage.stanch(&["approve", "r-task", "task", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r-task"]).exit(0).done();
}

#[tokio::test]
async fn a_gate_of_what_runs_whatever_happened_and_one_of_an_item_are_asked_again() {
    let stage = Stage::empty(&[]).await;
    let runbook = "schema: stanch/v1\nname: asking\nsteps:\n  - { id: each, uses: human/approve, for_each: '${{ [1, 2] }}', concurrency: 2, with: { prompt: '${{ string(item) }}?' } }\nfinally:\n  - { id: last, uses: human/approve, with: { prompt: 'really?' } }\n";
    std::fs::write(stage.path("both.yaml"), runbook).unwrap();
    stage.stanch(&["run", "both.yaml", "--run-id", "r", "--yes"]).exit(4).done();
    stage.stanch(&["approve", "r", "each[0]", "--by", "kim"]).exit(0).done();
    stage.stanch(&["reject", "r", "each[1]", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r"]).exit(4).done();
    stage.stanch(&["reject", "r", "last", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r"]).exit(3).done();
    stage.stanch(&["resume", "r"]).exit(4).done();
    let refused = stage.stanch(&["approve", "r", "each[0]", "--by", "kim"]).exit(2).stderr;
    assert!(refused.contains("does not wait"), "what was approved stays approved: {refused}");
    stage.stanch(&["approve", "r", "each[1]", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r"]).exit(4).done();
    stage.stanch(&["approve", "r", "last", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r"]).exit(0).done();
}

#[tokio::test]
async fn an_answer_that_was_left_for_the_question_before_is_none_to_the_next() {
    let stage = Stage::empty(&[]).await;
    asking(&stage, "left").await.exit(4).done();
    stage.stanch(&["reject", "left", "gate", "--by", "bob"]).exit(0).done();
    stage.stanch(&["resume", "left"]).exit(3).done();
    stage.stanch(&["resume", "left"]).exit(4).done();
    let opened = events(&stage, "left", "gate_opened");
    let mut state = State::default();
    let mut last = None;
    for line in std::fs::read_to_string(stage.journal("left")).unwrap().lines() {
        let record: stanch::journal::Record = serde_json::from_str(line).unwrap();
        state.apply(record.at, &record.event).unwrap();
        last = Some(record.at);
    }
    for (plan, taken) in [(0, false), (1, true)] {
        for answer in [Answer::Approved, Answer::Rejected] {
            let event = Event::GateAnswered {
                step: "gate".to_owned(),
                answer,
                by: "carol".to_owned(),
                seen: None,
                comment: None,
                answers: serde_json::Map::new(),
                plan: opened[plan]["plan"].as_str().map(str::to_owned),
            };
            assert_eq!(state.clone().apply(last.unwrap(), &event).is_ok(), taken, "{answer:?} to the question {plan}");
        }
    }
}
