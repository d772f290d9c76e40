//! `stanch plan`: what would happen, and nothing that does.

use crate::stage::Stage;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn plan<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![
        "plan",
        "secret-exposure",
        "-i",
        "secret=https://kv-drill.vault.azure.net/secrets/orders-db",
        "-i",
        "exposed_at=2026-01-01T00:00:00Z",
    ];
    arguments.extend(more);
    arguments
}

fn check<'a>(plan: &'a Value, words: &str) -> &'a Value {
    let checks = plan["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["what"].as_str().unwrap().contains(words));
    found.unwrap_or_else(|| panic!("{words}: {checks:#?}"))
}

fn step<'a>(plan: &'a Value, id: &str) -> &'a Value {
    plan["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap()
}

#[tokio::test]
async fn a_plan_writes_nothing_anywhere() {
    let stage = Stage::set().await;
    let before = stage.state().await;
    stage.stanch(&plan(&[])).exit(0).done();
    let after = stage.state().await;
    let new = &after["calls"].as_array().unwrap()[before["calls"].as_array().unwrap().len()..];
    assert!(new.len() > 2, "it has looked: {new:#?}");
    let writing: Vec<&Value> = new.iter().filter(|call| call["method"] != "GET").collect();
    assert!(writing.is_empty(), "{writing:#?}");
    assert_eq!(after["vaults"], before["vaults"]);
    assert_eq!(after["notifications"], before["notifications"]);
    assert!(!stage.state_dir().exists(), "nothing is kept of it");
}

#[tokio::test]
async fn a_plan_says_what_every_step_would_do() {
    let stage = Stage::set().await;
    let plan = stage.stanch(&plan(&["--json", "-i", "overlap=10m"])).exit(0).json();
    assert_eq!(plan["mode"], "drill");
    assert_eq!(plan["failed"], false);
    assert!(plan["identity"].as_str().is_some_and(|identity| !identity.is_empty()));
    assert_eq!(check(&plan, "3 versions of `orders-db`, 3 enabled")["verdict"], "fine");
    assert_eq!(check(&plan, "can list and read")["verdict"], "fine");
    assert_eq!(check(&plan, "cannot be tested in advance")["verdict"], "unseen");
    assert!(check(&plan, "(email): the mail server answers")["verdict"] == "fine");
    assert!(check(&plan, "(slack): credential readable; no test message sent")["verdict"] == "fine");
    assert!(step(&plan, "rotate")["does"].as_str().unwrap().starts_with("1 new version of orders-db"));
    assert_eq!(step(&plan, "rotate")["class"], "write");
    assert_eq!(step(&plan, "revoke")["does"], "disables 3 versions of orders-db");
    assert_eq!(step(&plan, "revoke")["class"], "irreversible");
    assert_eq!(step(&plan, "revoke")["gate"], Value::Null, "sev1 asks nobody");
    assert!(step(&plan, "approve")["skipped"].as_str().unwrap().contains("inputs.severity"));
    assert!(step(&plan, "readers")["does"].as_str().unwrap().starts_with("waits up to 10m"));
    assert!(step(&plan, "revoke")["if_lost"].as_str().is_some_and(|lost| !lost.is_empty()));
    assert_eq!(plan["waiting_seconds"], 600);
    assert!((600..700).contains(&plan["expected_seconds"].as_u64().unwrap()), "{}", plan["expected_seconds"]);

    let asked = stage.stanch(&self::plan(&["--json", "-i", "severity=sev2"])).exit(0).json();
    assert_eq!(step(&asked, "revoke")["gate"], "approve");
    assert_eq!(step(&asked, "approve")["does"], "1 yes, within 4h");
}

/// What each action says of itself, by parameters that are known and by one that is not.
#[tokio::test]
async fn every_action_says_what_it_would_do_with_what_is_known() {
    let stage = Stage::set().await;
    let runbook = r#"schema: stanch/v1
name: known
inputs:
  secret: { type: keyvault_secret }
policy: { gates: { from: [alice, bob] } }
steps:
  - { id: pause, uses: wait, with: { for: 90s } }
  - { id: works, uses: http/check, with: { url: "https://orders.contoso.com/healthz" } }
  - { id: later, uses: http/check, with: { url: "https://${{ steps.pause.outputs.until }}" } }
  - { id: dashboard, uses: human/do, with: { instructions: Roll the key, checklist: [one, two] } }
  - { id: ask, uses: human/approve, needs: [dashboard], with: { prompt: Now?, min: 2, not_requester: true } }
  - { id: look, uses: audit/blast_radius, with: { secret: "${{ inputs.secret }}", since: "2026-01-01T00:00:00Z", requery: [1h, 2h] } }
  - { id: chat, uses: notify/slack, with: { title: Contained } }
  - { id: nobody, uses: notify/slack, with: { title: Contained, channel: elsewhere } }
"#;
    std::fs::write(stage.path("known.yaml"), runbook).unwrap();
    let path = stage.path("known.yaml");
    let input = "secret=https://kv-drill.vault.azure.net/secrets/orders-db";
    let plan = stage.stanch(&["plan", path.to_str().unwrap(), "--json", "-i", input]).exit(0).json();
    let says = |id: &str| step(&plan, id)["does"].as_str().unwrap().to_owned();
    assert_eq!(says("pause"), "waits 90s");
    assert_eq!(step(&plan, "pause")["seconds"], 90);
    assert_eq!(says("works"), "asks https://orders.contoso.com/healthz");
    assert_eq!(says("later"), "asks a URL");
    assert_eq!(says("dashboard"), "by hand: Roll the key (2 tasks)");
    assert_eq!(says("ask"), "2 yes of alice, bob, not you", "the policy names the people");
    assert_eq!(says("look"), "who read orders-db since 01-01 00:00, and what else; again after 1h, 2h");
    assert!(says("chat").starts_with("message to `"), "{}", says("chat"));
    assert_eq!(says("nobody"), "nobody is told");
}

#[tokio::test]
async fn a_plan_names_the_consumer_that_is_pinned_to_the_old_version() {
    let stage = Stage::empty(&["--scenario", "leaked-secret"]).await;
    let begun = Instant::now();
    loop {
        let state = stage.state().await;
        let consumers = state["consumers"].as_array().unwrap();
        if consumers.iter().all(|consumer| consumer["reads"].as_u64().unwrap_or_default() > 1) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{consumers:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let said = stage.stanch(&plan(&[])).exit(0).stdout;
    assert!(said.contains("reports-batch is pinned to version"), "{said}");
    assert!(said.contains("it will fail once that is disabled"), "{said}");
    assert!(said.contains("drop the version from its reference"), "{said}");
    let plan = stage.stanch(&plan(&["--json"])).exit(0).json();
    let consumers: Vec<&str> =
        plan["breaks"].as_array().unwrap().iter().map(|broken| broken["consumer"].as_str().unwrap()).collect();
    assert_eq!(consumers, ["reports-batch"]);
}

#[tokio::test]
async fn a_plan_that_cannot_be_carried_out_says_why_and_what_to_do() {
    let stage = Stage::set().await;
    stage.deny(&json!({ "deny": [{ "operation": "SecretListVersions" }], "kind": "ForbiddenByRbac" })).await;
    let said = stage.stanch(&plan(&[])).exit(5).stdout;
    assert!(said.contains("✗ stanch may not list the versions of secrets in `kv-drill`"), "{said}");
    assert!(said.contains("Nothing has been changed."), "{said}");
    let missing = "secret=https://kv-drill.vault.azure.net/secrets/nothing";
    let said = stage.stanch(&["plan", "secret-exposure", "-i", missing, "-i", "exposed_at=2026-01-01T00:00:00Z"]);
    assert!(said.exit(5).stdout.contains("✗"));
}
