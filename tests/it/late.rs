//! What reaches the audit trail after a run had its answer: asked for again when it is due, told once, and reported.

use crate::stage::Stage;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SECRET: &str = "https://kv-drill.vault.azure.net/secrets/orders-db";

/// A run that tells a chat and an inbox, looks into the audit trail, and puts later looks off.
async fn looked(requery: &str) -> Stage {
    let stage = Stage::set().await;
    let runbook = format!(
        r#"schema: stanch/v1
name: looking
inputs: {{ secret: {{ type: keyvault_secret, required: true }} }}
steps:
  - {{ id: tell, uses: notify/slack, with: {{ title: found }} }}
  - {{ id: mail, uses: notify/email, with: {{ title: found }} }}
  - id: look
    uses: audit/blast_radius
    with: {{ secret: "${{{{ inputs.secret }}}}", since: "2026-01-01T00:00:00Z", requery: {requery} }}
finally:
  - {{ id: report, uses: report/write }}
"#
    );
    std::fs::write(stage.path("looking.yaml"), runbook).unwrap();
    let status = stage
        .stanch(&["run", "looking.yaml", "--run-id", "r", "-i", &format!("secret={SECRET}"), "--yes", "--json"])
        .exit(0)
        .json();
    assert_eq!(status["status"], "completed", "nobody waits for what reaches the log late");
    stage
}

/// The versions of the secret, the newest first.
async fn newest(stage: &Stage) -> String {
    let state = stage.state().await;
    let versions = state["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap();
    versions.last().unwrap()["version"].as_str().unwrap().to_owned()
}

async fn messages(stage: &Stage) -> Vec<String> {
    let state = stage.state().await;
    let sent = state["notifications"].as_array().unwrap();
    sent.iter().map(|sent| format!("{} {}", sent["channel"].as_str().unwrap(), sent["body"])).collect()
}

fn journal(stage: &Stage) -> Vec<Value> {
    let text = std::fs::read_to_string(stage.journal("r")).unwrap();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone()).collect()
}

fn of<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["type"] == kind)
}

/// Goes on with the run until its first follow-up is done.
fn resume_when_due(stage: &Stage) -> Value {
    let begun = Instant::now();
    loop {
        let status = stage.stanch(&["resume", "r", "--json"]).exit(0).json();
        if status["follow_ups"][0]["done"] == true {
            return status;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{status}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn report(stage: &Stage, format: &str, file: &str) -> String {
    stage.stanch(&["report", "r", "--format", format]).exit(0).done();
    std::fs::read_to_string(stage.state_dir().join("runs/r/report").join(file)).unwrap()
}

#[tokio::test]
async fn what_came_late_amends_the_report_and_is_told_once() {
    let stage = looked("[1s, 24h]").await;
    let events = journal(&stage);
    let set: Vec<&Value> = of(&events, "timer_set").collect();
    assert_eq!(set.len(), 2, "{set:?}");
    assert!(set.iter().all(|timer| timer["follow_up"] == true && timer["step"] == "look"), "{set:?}");
    assert_eq!(events.last().unwrap()["type"], "run_finished");
    assert_eq!(messages(&stage).await.len(), 2);

    // Somebody whom nobody knows reads the secret; the log shows it after the run.
    stage.read_value("orders-db", &newest(&stage).await).await;
    let status = resume_when_due(&stage);
    assert_eq!(status["status"], "completed");
    let look = status["steps"].as_array().unwrap().iter().find(|step| step["id"] == "look").unwrap();
    assert_eq!((&look["status"], &look["outputs"]["unknown"]), (&json!("done"), &json!(1)));
    assert_eq!(status["follow_ups"][1]["done"], false);

    let events = journal(&stage);
    let amendment = of(&events, "observed").find(|event| event["name"] == "late 1s").unwrap();
    assert_eq!(amendment["value"]["late"]["unknown_callers"], json!(["00000000-0000-4000-8000-000000000001"]));
    assert_eq!(of(&events, "timer_fired").count(), 1);
    let told = messages(&stage).await;
    assert_eq!(told.len(), 4, "{told:?}");
    for channel in ["slack", "email"] {
        let of_channel: Vec<&String> = told.iter().filter(|sent| sent.starts_with(channel)).collect();
        assert!(of_channel.len() == 2 && of_channel[1].contains("More is known of"), "{told:?}");
    }

    let text = report(&stage, "md", "report.md");
    for said in
        ["What reached the log late", "Asked again", "New unknown callers:", "Told through:", "is to be asked again at"]
    {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert_eq!(report(&stage, "md", "report.md"), text, "the report is a function of the journal");
    assert!(report(&stage, "html", "report.html").contains("What reached the log late"));
    let model: Value = serde_json::from_str(&report(&stage, "json", "report.json")).unwrap();
    assert_eq!(model["late"][0]["told"].as_array().map(Vec::len), Some(2), "{}", model["late"]);
    assert_eq!(model["blast_radius"]["unknown_callers"], 1, "the table holds what came late as well");

    // Nothing more is due: nothing is written, nobody is told anything.
    let before = journal(&stage).len();
    let said = stage.stanch(&["resume", "r"]).exit(0);
    assert!(said.stderr.contains("is completed") && said.stderr.contains("asked again at"), "{}", said.stderr);
    assert!(said.stdout.contains("tomorrow"), "{}", said.stdout);
    assert_eq!((journal(&stage).len(), messages(&stage).await.len()), (before, 4));
    let runs = stage.stanch(&["runs"]).exit(0).stdout;
    assert!(runs.contains("asked again"), "{runs}");
    let log = stage.stanch(&["log", "r"]).exit(0).stdout;
    assert!(log.contains("asked the audit trail again: 1 unknown caller"), "{log}");
}

#[tokio::test]
async fn whoever_waits_stays_until_nothing_is_due_any_more() {
    let stage = looked("[300ms, 900ms]").await;
    let status = stage.stanch(&["resume", "r", "--wait", "--json"]).exit(0).json();
    let done: Vec<&Value> = status["follow_ups"].as_array().unwrap().iter().map(|due| &due["done"]).collect();
    assert_eq!(done, [true, true]);
    let text = report(&stage, "md", "report.md");
    assert!(text.contains("Nothing had arrived that was not known"), "{text}");
    assert!(!text.contains("is to be asked again"), "{text}");
    assert_eq!(messages(&stage).await.len(), 2, "nothing new is nothing to tell");
    let said = stage.stanch(&["resume", "r", "--wait"]).exit(0);
    assert!(said.stdout.contains("completed"), "{}", said.stdout);
}

#[tokio::test]
async fn a_later_look_that_fails_takes_nothing_back_and_is_made_up_for() {
    let stage = looked("[1s]").await;
    let archive = stage.path("cloud").join("insights-logs-auditevent");
    let away = stage.path("away");
    std::fs::rename(&archive, &away).unwrap();
    let said = stage.stanch(&["resume", "r", "--wait", "--json"]).exit(3);
    let status = said.json();
    assert_eq!((&status["status"], &status["follow_ups"][0]["done"]), (&json!("completed"), &json!(false)));
    let look = status["steps"].as_array().unwrap().iter().find(|step| step["id"] == "look").unwrap();
    assert_eq!(look["status"], "failed");
    assert!(look["outputs"]["reads"].is_u64(), "what it had found stays: {look}");
    std::fs::rename(&away, &archive).unwrap();
    let status = resume_when_due(&stage);
    assert!(status["steps"].as_array().unwrap().iter().all(|step| step["status"] == "done"), "{status}");
}

#[tokio::test]
async fn a_run_can_be_followed_by_hand_and_its_journal_stays_as_it_is() {
    let stage = looked("[24h]").await;
    let before = journal(&stage).len();
    let said = stage.stanch(&["audit", "--follow", "r"]).exit(0).stdout;
    assert!(said.contains("nothing has arrived that was not known"), "{said}");
    stage.read_value("orders-db", &newest(&stage).await).await;
    let found = stage.stanch(&["audit", "--follow", "r", "--json"]).exit(0).json();
    assert_eq!(found["late"]["unknown_callers"].as_array().map(Vec::len), Some(1), "{found}");
    assert!(stage.stanch(&["audit", "--follow", "r"]).exit(0).stdout.contains("UNKNOWN"));
    assert_eq!(journal(&stage).len(), before);
    let said = stage.stanch(&["audit", "--follow", "other"]).exit(2);
    assert!(said.stderr.contains("there is no run `other`"), "{}", said.stderr);
}
