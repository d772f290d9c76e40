//! How steps run: side by side, for each item of a list, within their time, and at last.

use crate::stage::Stage;
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

async fn with_runbook(steps: &str) -> Stage {
    let stage = Stage::empty(&[]).await;
    std::fs::write(stage.path("steps.yaml"), format!("schema: stanch/v1\nname: stepping\n{steps}")).unwrap();
    stage
}

const RUN: [&str; 6] = ["run", "steps.yaml", "--run-id", "r", "--yes", "--json"];

fn step<'a>(status: &'a Value, id: &str) -> &'a Value {
    status["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap()
}

/// The journal's records of one type.
fn events(stage: &Stage, kind: &str) -> Vec<Value> {
    let journal = std::fs::read_to_string(stage.journal("r")).unwrap();
    let records = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["event"]["type"] == kind).collect()
}

#[tokio::test]
async fn independent_branches_overlap_in_time() {
    let branch = |id: &str| format!("  - {{ id: {id}, uses: wait, needs: [], with: {{ for: 600ms }} }}\n");
    let stage = with_runbook(&format!("steps:\n{}{}{}", branch("one"), branch("two"), branch("three"))).await;
    let status = stage.stanch(&RUN).exit(0).json();
    let times = |key: &str| {
        let of = |id| step(&status, id)[key].as_str().unwrap().to_owned();
        [of("one"), of("two"), of("three")]
    };
    let (last_start, first_end) =
        (times("started_at").into_iter().max().unwrap(), times("ended_at").into_iter().min().unwrap());
    assert!(last_start < first_end, "{last_start} {first_end}");
}

#[tokio::test]
async fn a_step_is_done_for_each_item_and_so_many_at_a_time() {
    let runbook = r#"
inputs:
  names: { type: list, default: [a, b, c, d, e] }
steps:
  - id: each
    uses: wait
    for_each: ${{ inputs.names }}
    concurrency: 2
    if: ${{ item != "c" }}
    with: { for: 50ms }
  - id: after
    uses: wait
    if: ${{ steps.each.outputs.items.filter(each, each.status == "done").size() == 4 }}
    with: { for: 1ms }
"#;
    let stage = with_runbook(runbook).await;
    let status = stage.stanch(&RUN).exit(0).json();
    let items = step(&status, "each")["outputs"]["items"].as_array().unwrap();
    let told: Vec<(&str, &str)> =
        items.iter().map(|item| (item["item"].as_str().unwrap(), item["status"].as_str().unwrap())).collect();
    assert_eq!(told, [("a", "done"), ("b", "done"), ("c", "skipped"), ("d", "done"), ("e", "done")]);
    assert_eq!(step(&status, "after")["status"], "done");

    let mut at_work = 0_i32;
    let mut most = 0;
    let journal = std::fs::read_to_string(stage.journal("r")).unwrap();
    for record in journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let item = record["event"]["step"].as_str().is_some_and(|step| step.starts_with("each["));
        match record["event"]["type"].as_str() {
            Some("step_started") if item => at_work += 1,
            Some("step_finished") if item => at_work -= 1,
            _ => {}
        }
        most = most.max(at_work);
    }
    assert_eq!(most, 2);
}

#[tokio::test]
async fn a_failed_item_stops_the_loop_or_is_left_behind() {
    let runbook = |on_failure: &str| {
        format!(
            "steps:\n  - id: each\n    uses: http/check\n    for_each: [200, 299, 200]\n    on_failure: {on_failure}\n    retry: {{ max: 0 }}\n    with: {{ url: 'https://kv-drill.vault.azure.net/nothing', status: '${{{{ item == 299 ? 298 : 401 }}}}' }}\n"
        )
    };
    let stage = with_runbook(&runbook("stop")).await;
    let status = stage.stanch(&RUN).exit(3).json();
    let of = |status: &Value| {
        let items = step(status, "each")["outputs"]["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of(&status), ["done", "failed", "pending"]);
    assert_eq!(step(&status, "each")["error"]["summary"], "1 of 3 failed, 1 were not done");
    let stage = with_runbook(&runbook("continue")).await;
    let status = stage.stanch(&RUN).exit(0).json();
    assert_eq!(of(&status), ["done", "failed", "done"]);
    assert_eq!(step(&status, "each")["status"], "failed");
}

#[tokio::test]
async fn a_timeout_ends_the_step_of_a_hanging_server() {
    let runbook = "steps:\n  - id: hangs\n    uses: http/check\n    timeout: 300ms\n    retry: { max: 1, backoff: 10ms }\n    with: { url: 'https://kv-drill.vault.azure.net/slow' }\nfinally:\n  - { id: report, uses: report/write }\n";
    let stage = with_runbook(runbook).await;
    stage.fault(&json!({ "match": { "path": "/slow" }, "do": { "delay_ms": 60_000 } })).await;
    let begun = Instant::now();
    let status = stage.stanch(&RUN).exit(3).json();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(step(&status, "hangs")["error"]["summary"], "the step took longer than its 300ms");
    assert_eq!(events(&stage, "attempt_failed").len(), 2);
    assert_eq!(step(&status, "report")["status"], "done");
}

#[tokio::test]
async fn a_run_that_takes_too_long_ends_and_can_be_gone_on_with() {
    let runbook = "inputs: { pause: { type: duration, default: 4s } }\npolicy: { timeout: 3s }\nsteps:\n  - { id: long, uses: wait, with: { for: '${{ inputs.pause }}' } }\nfinally:\n  - { id: report, uses: report/write }\n";
    let stage = with_runbook(runbook).await;
    let status = stage.stanch(&RUN).exit(3).json();
    assert_eq!(status["status"], "failed");
    assert_eq!(events(&stage, "run_halted")[0]["event"]["because"], "timed_out");
    assert_eq!(step(&status, "report")["status"], "done");
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let status = stage.stanch(&["resume", "r", "--json"]).exit(0).json();
    assert_eq!(step(&status, "long")["status"], "done");
}

#[tokio::test]
async fn what_runs_whatever_happened_runs_after_an_interruption() {
    let runbook =
        "steps:\n  - { id: long, uses: wait, with: { for: 60s } }\nfinally:\n  - { id: report, uses: report/write }\n";
    let stage = with_runbook(runbook).await;
    let child = stage.command(&RUN).stdout(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !std::fs::read_to_string(stage.journal("r")).is_ok_and(|journal| journal.contains("timer_set")) {
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["status"], "interrupted");
    assert_eq!(step(&status, "report")["status"], "done");
    assert!(stage.state_dir().join("runs/r/report/report.md").is_file());
}

#[tokio::test]
async fn a_runbook_with_the_names_that_actions_had_before_is_planned_run_and_resumed() {
    let stage = Stage::set().await;
    let runbook = r#"schema: stanch/v1
name: old names
inputs: { secret: { type: keyvault_secret, required: true } }
steps:
  - { id: rotate, uses: keyvault/rotate, with: { secret: "${{ inputs.secret }}" } }
  - id: kill
    uses: provider/retire
    with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}", issuer: "${{ steps.rotate.outputs.issuer }}" }
  - { id: gate, uses: human/approve, with: { prompt: "Go on?" } }
  - id: disable
    uses: keyvault/revoke
    with: { secret: "${{ inputs.secret }}", keep: "${{ steps.rotate.outputs.version }}" }
"#;
    std::fs::write(stage.path("old.yaml"), runbook).unwrap();
    let secret = "secret=https://kv-drill.vault.azure.net/secrets/orders-db";
    let plan = stage.stanch(&["plan", "old.yaml", "-i", secret, "--json"]).exit(0).json();
    let planned: Vec<&str> =
        plan["steps"].as_array().unwrap().iter().map(|step| step["uses"].as_str().unwrap()).collect();
    assert_eq!(planned, ["keyvault/rotate", "issuer/revoke", "human/approve", "keyvault/disable_old"]);
    let stopped = stage.stanch(&["run", "old.yaml", "--run-id", "r", "-i", secret, "--yes", "--json"]);
    assert!(stopped.stderr.contains("`keyvault/revoke` is now called `keyvault/disable_old`"), "{}", stopped.stderr);
    stage.stanch(&["approve", "r", "gate", "--by", "kim"]).exit(0).done();
    let status = stage.stanch(&["resume", "r", "--json"]).exit(0).json();
    assert_eq!(step(&status, "disable")["uses"], "keyvault/disable_old");
    assert_eq!(step(&status, "disable")["outputs"]["disabled"].as_array().unwrap().len(), 3);
}
