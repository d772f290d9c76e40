//! Those who live on the secret: one moves, one is pinned, one is dead; and the sites that refer to it.

use super::step;
use crate::stage::{Said, Stage};
use serde_json::{Value, json};

const SCENARIO: &str = "
schema: stanch-scenario/v1
name: three-consumers
summary: One moves, one is pinned to a version, one does not read any more
vault: kv-drill
secret: orders-key
secrets:
  - { name: orders-key, tags: { owner: orders-team }, versions: [{ age: 20d }] }
consumers:
  - { name: orders-api, reads: latest, refresh: 300ms, ip: 10.1.0.4 }
  - { name: reports-batch, reads: pinned, refresh: 400ms, ip: 10.1.2.9 }
  - { name: night-job, reads: latest, refresh: 24h, ip: 10.1.3.3 }
exposure: 1h
";

const SITES: &str =
    "/subscriptions/5f0d1c2b-7a34-4e6b-9c58-1d2e3f405162/resourceGroups/rg-drill/providers/Microsoft.Web/sites";

const RUNBOOK: &str = "
schema: stanch/v1
name: gate
inputs:
  secret: { type: keyvault_secret, required: true }
  at_end: { type: string, default: go_on }
steps:
  - id: rotate
    uses: keyvault/rotate
    with: { secret: '${{ inputs.secret }}' }
  - id: sites
    uses: appservice/refresh
    with: { secret: '${{ inputs.secret }}', subscription: 5f0d1c2b-7a34-4e6b-9c58-1d2e3f405162 }
  - id: readers
    uses: keyvault/await_readers
    with: { secret: '${{ inputs.secret }}', version: '${{ steps.rotate.outputs.version }}', overlap: 3s, every: 200ms, at_end: '${{ inputs.at_end }}' }
finally:
  - id: report
    uses: report/write
";

/// Three consumers that all have read once.
async fn set() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("scenario.yaml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    let stage = Stage::empty(&["--scenario", scenario.to_str().unwrap()]).await;
    for _ in 0..200 {
        let state = stage.state().await;
        let consumers = state["consumers"].as_array().unwrap().clone();
        if consumers.len() == 3 && consumers.iter().all(|consumer| consumer["reads"].as_u64() > Some(0)) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    std::fs::write(stage.path("gate.yaml"), RUNBOOK).unwrap();
    stage
}

fn run(stage: &Stage, id: &str, more: &[&str]) -> Said {
    let mut arguments = vec!["run", "gate.yaml", "--run-id", id, "--yes", "--json"];
    arguments.extend(["-i", "secret=https://kv-drill.vault.azure.net/secrets/orders-key"]);
    arguments.extend(more);
    stage.stanch(&arguments)
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_gate_waits_for_one_names_the_pinned_one_and_reports_the_dead_one() {
    let stage = set().await;
    let status = run(&stage, "r-three", &[]).exit(0).json();
    let outputs = &step(&status, "readers")["outputs"];
    assert_eq!(outputs["moved"], json!(["orders-api"]));
    assert_eq!(names(&outputs["pinned"]), ["reports-batch"]);
    let remedy = outputs["pinned"][0]["remedy"].as_str().unwrap();
    assert_eq!(remedy, "take the version out of its reference: `https://kv-drill.vault.azure.net/secrets/orders-key`");
    assert_eq!(names(&outputs["left_behind"]), ["night-job"]);
    assert!(outputs["waited_ms"].as_u64().unwrap() >= 3_000, "the dead one was waited for, to the end of the overlap");
    let report = std::fs::read_to_string(stage.state_dir().join("runs/r-three/report/report.md")).unwrap();
    for told in ["night-job", "reports-batch", "was not seen on the new version"] {
        assert!(report.contains(told), "{told}: {report}");
    }
}

#[tokio::test]
async fn at_the_end_of_the_overlap_a_person_may_be_asked() {
    let stage = set().await;
    let said = run(&stage, "r-ask", &["-i", "at_end=ask"]).exit(4);
    assert!(said.stderr.contains("night-job did not move"), "{}", said.stderr);
    stage.stanch(&["approve", "r-ask", "readers", "--by", "kim"]).exit(0).done();
    let status = stage.stanch(&["resume", "r-ask", "--json"]).exit(0).json();
    let outputs = &step(&status, "readers")["outputs"];
    assert_eq!(outputs["decided_by"], "kim");
    assert_eq!(names(&outputs["left_behind"]), ["night-job"]);
}

#[tokio::test]
async fn sites_that_follow_are_refreshed_and_pinned_settings_are_named() {
    let stage = set().await;
    let versions = stage.state().await["vaults"]["kv-drill"]["secrets"]["orders-key"].clone();
    let old = versions[0]["version"].as_str().unwrap().to_owned();
    let whole = "@Microsoft.KeyVault(SecretUri=https://kv-drill.vault.azure.net/secrets/orders-key/)";
    let short = "@Microsoft.KeyVault(VaultName=kv-drill;SecretName=orders-key)";
    let pinned = format!("@Microsoft.KeyVault(SecretUri=https://kv-drill.vault.azure.net/secrets/orders-key/{old})");
    let other = "@Microsoft.KeyVault(SecretUri=https://kv-drill.vault.azure.net/secrets/smtp-relay/)";
    for (name, settings) in [
        ("orders-web", json!({ "Key": whole, "Again": short, "Level": "Debug" })),
        ("reports-web", json!({ "Db__Key": pinned })),
        ("mixed-web", json!({ "Old__Key": pinned, "New__Key": short })),
        ("mail-web", json!({ "Smtp": other })),
    ] {
        stage.control_post("sites", &json!({ "id": format!("{SITES}/{name}"), "settings": settings })).await;
    }
    let status = run(&stage, "r-sites", &[]).exit(0).json();
    let outputs = &step(&status, "sites")["outputs"];
    assert_eq!(outputs["sites"], 4);
    assert_eq!(outputs["refreshed"], json!(["orders-web", "mixed-web"]));
    let named: Vec<String> = outputs["pinned"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pinned| format!("{} {} {}", pinned["site"], pinned["setting"], pinned["version"]).replace('"', ""))
        .collect();
    assert_eq!(named, [format!("reports-web Db__Key {old}"), format!("mixed-web Old__Key {old}")]);
    let state = stage.state().await;
    let new = step(&status, "rotate")["outputs"]["version"].clone();
    assert_eq!(state["sites"][format!("{SITES}/orders-web")]["active"]["Key"], new);
    assert_eq!(state["sites"][format!("{SITES}/orders-web")]["active"]["Again"], new);
    assert_eq!(state["sites"][format!("{SITES}/reports-web")]["active"]["Db__Key"], Value::from(old));
    assert_eq!(state["sites"][format!("{SITES}/mail-web")]["refreshed"], 0);
    let report = std::fs::read_to_string(stage.state_dir().join("runs/r-sites/report/report.md")).unwrap();
    assert!(report.contains("of reports-web is pinned to"), "{report}");
}
