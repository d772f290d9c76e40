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
    for said in [
        "What reached the log late",
        "Asked again",
        "New unrecognised callers:",
        "Told through:",
        "is to be asked again at",
    ] {
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
    assert!(log.contains("asked the audit trail again: 1 unrecognised caller"), "{log}");
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
    // So far the log holds no entry: that nothing has arrived is not known.
    let said = stage.stanch(&["audit", "--follow", "r"]).exit(5).stdout;
    assert!(said.contains("is not known") && !said.contains("nothing has arrived"), "{said}");
    stage.read_value("orders-db", &newest(&stage).await).await;
    let found = stage.stanch(&["audit", "--follow", "r", "--json"]).exit(0).json();
    assert_eq!(found["late"]["unknown_callers"].as_array().map(Vec::len), Some(1), "{found}");
    assert!(stage.stanch(&["audit", "--follow", "r"]).exit(0).stdout.contains("UNKNOWN"));
    assert_eq!(journal(&stage).len(), before);
    let said = stage.stanch(&["audit", "--follow", "other"]).exit(2);
    assert!(said.stderr.contains("there is no run `other`"), "{}", said.stderr);
}

/// Watches for a moment, and tells a channel.
fn watch(stage: &Stage, channel: &str) -> crate::stage::Said {
    let secret = ["--secret", SECRET, "--since", "2026-01-01T00:00:00Z"];
    let pace = ["--watch", "--every", "200ms", "--for", "500ms", "--notify", channel];
    stage.stanch(&[&["audit"], &secret[..], &pace[..]].concat())
}

async fn bodies(stage: &Stage, channel: &str) -> Vec<Value> {
    let state = stage.state().await;
    let sent = state["notifications"].as_array().unwrap().iter().filter(|sent| sent["channel"] == channel);
    sent.cloned().collect()
}

#[tokio::test]
async fn a_watch_tells_each_access_once_also_over_restarts() {
    let stage = Stage::set().await;
    let version = newest(&stage).await;
    stage.read_value("orders-db", &version).await;
    watch(&stage, "incident").exit(0).done();
    let told = bodies(&stage, "slack").await;
    assert_eq!(told.len(), 1, "{told:?}");
    let text = told[0]["body"].to_string();
    assert!(text.contains("1 new access of https://kv-drill.vault.azure.net/secrets/orders-db"), "{text}");
    assert!(text.contains("UNKNOWN") && text.contains("SecretGet") && text.contains("DRILL"), "{text}");

    watch(&stage, "incident").exit(0).done();
    assert_eq!(bodies(&stage, "slack").await.len(), 1, "what was told is not told again");
    stage.read_value("orders-db", &version).await;
    stage.read_value("orders-db", &version).await;
    watch(&stage, "incident").exit(0).done();
    let told = bodies(&stage, "slack").await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1]["body"].to_string().contains("2 new accesses"), "{told:?}");

    let said = watch(&stage, "nobody").exit(2);
    assert!(
        said.stderr.contains("there is no channel `nobody`") && said.stderr.contains("incident"),
        "{}",
        said.stderr
    );
}

#[tokio::test]
async fn a_watch_that_cannot_tell_does_so_later_under_the_same_key() {
    let stage = Stage::set().await;
    let version = newest(&stage).await;
    stage.read_value("orders-db", &version).await;
    // The message arrives, its answer does not: again and again, until the watch ends.
    stage
        .fault(&json!({ "match": { "method": "POST", "path": "/stanch" }, "times": 50, "do": { "drop": "after" } }))
        .await;
    let said = watch(&stage, "siem").exit(0);
    assert!(said.stderr.contains("`siem` was not told"), "{}", said.stderr);
    assert!(!bodies(&stage, "webhook").await.is_empty());
    stage.clear_faults().await;
    // Meanwhile somebody else reads it.
    stage.read_value("orders-db", &version).await;
    watch(&stage, "siem").exit(0).done();
    watch(&stage, "siem").exit(0).done();
    let told = bodies(&stage, "webhook").await;
    let keys: std::collections::BTreeSet<&str> = told.iter().map(|sent| sent["id"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 2, "one key for what was sent again, one for what came after it: {told:?}");
}

#[tokio::test]
async fn a_memory_of_a_watch_that_makes_no_sense_is_named_by_its_line() {
    let stage = Stage::set().await;
    stage.read_value("orders-db", &newest(&stage).await).await;
    watch(&stage, "incident").exit(0).done();
    let files = std::fs::read_dir(stage.state_dir().join("watches")).unwrap();
    let mut files =
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"));
    let memory = files.next().unwrap();
    let told = std::fs::read_to_string(&memory).unwrap();
    std::fs::write(&memory, told.replacen("sent", "s\u{0}nt", 1)).unwrap();
    let said = watch(&stage, "incident").exit(5);
    let place = format!("`{}`, line 2", memory.display());
    assert!(
        said.stderr.contains("what `incident` was told cannot be read") && said.stderr.contains(&place),
        "{}",
        said.stderr
    );
    assert_eq!(bodies(&stage, "slack").await.len(), 1, "nothing is told on a guess");
    // A line that was torn by the end of the machine is another matter: nothing followed from it.
    std::fs::write(&memory, &told[..told.len() - 5]).unwrap();
    watch(&stage, "incident").exit(0).done();
    std::fs::remove_file(&memory).unwrap();
    watch(&stage, "incident").exit(0).done();
    assert!(bodies(&stage, "slack").await.len() > 1, "without its memory it tells again");
}

#[tokio::test]
async fn two_watches_do_not_tell_one_channel_the_same() {
    let stage = Stage::set().await;
    let options = ["audit", "--secret", SECRET, "--since", "2026-01-01T00:00:00Z", "--watch", "--notify", "incident"];
    let mut first = stage.command(&options).spawn().unwrap();
    let locks = stage.state_dir().join("watches");
    let begun = Instant::now();
    let held = || {
        let files = std::fs::read_dir(&locks).into_iter().flatten().filter_map(Result::ok);
        files.map(|file| file.path()).any(|path| {
            path.extension().is_some_and(|kind| kind == "lock")
                && std::fs::read(&path).is_ok_and(|text| !text.is_empty())
        })
    };
    while !held() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the first watch does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let said = watch(&stage, "incident").exit(5);
    assert!(said.stderr.contains("another process watches this"), "{}", said.stderr);
    first.kill().unwrap();
    first.wait().unwrap();
    watch(&stage, "incident").exit(0).done();
}

/// What nobody may find anywhere as it was written.
const HOSTILE: &str =
    "\u{1b}[31m<script>alert(1)</script> [x](javascript:y) <!channel> **b** |c|\n# d\r\n- run: forged \u{0}\u{202e}";

/// A read by somebody whose name, address and program are written to hurt whoever reads them.
fn plant(stage: &Stage) {
    let mut folders = vec![stage.path("cloud")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "PT1H.json") {
                let text = std::fs::read_to_string(&path).unwrap();
                let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
                let Some(mut line) = lines.rev().find(|line| line["operationName"] == "SecretGet") else { continue };
                line["time"] = json!(stanch::clock::now().format("%Y-%m-%dT%H:%M:%S%.6f0Z").to_string());
                line["correlationId"] = json!(HOSTILE);
                line["callerIpAddress"] = json!(format!("=1+1{HOSTILE}"));
                line["properties"]["clientInfo"] = json!(format!("curl/8 {HOSTILE}"));
                line["identity"] = json!({ "claim": {
                    "http://schemas.microsoft.com/identity/claims/objectidentifier": format!("@oid{HOSTILE}"),
                    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": format!("=cmd(){HOSTILE}"),
                } });
                std::fs::write(path.with_file_name("planted.json"), format!("{line}\n")).unwrap();
                return;
            }
        }
    }
    panic!("the cloud keeps no trail");
}

/// A terminal, or a reader of plain text, is not led astray.
fn assert_plain(what: &str, text: &str) {
    let bad = |char: char| (char.is_control() && !"\n\t".contains(char)) || char == '\u{202e}';
    assert!(!text.contains(bad), "{what}: {text:?}");
    assert!(!text.contains("\n# d") && !text.contains("\n- run: forged"), "{what}: {text:?}");
}

#[tokio::test]
async fn what_a_stranger_wrote_into_the_log_stays_text_wherever_it_is_told() {
    let stage = looked("[1s]").await;
    stage.read_value("orders-db", &newest(&stage).await).await;
    plant(&stage);
    resume_when_due(&stage);
    watch(&stage, "stakeholders").exit(0).done();
    let said = watch(&stage, "incident").exit(0);
    assert!(said.stdout.contains("UNKNOWN"), "{}", said.stdout);
    assert_plain("the watch", &said.stdout);
    assert_plain("the screen", &stage.stanch(&["status", "r"]).exit(0).stdout);
    assert_plain("the follow-up", &stage.stanch(&["audit", "--follow", "r"]).exit(0).stdout);
    let question = ["audit", "--secret", SECRET, "--since", "2026-01-01T00:00:00Z"];
    assert_plain("the table", &stage.stanch(&question).exit(0).stdout);
    assert_plain("the log", &stage.stanch(&["log", "r"]).exit(0).stdout);
    for sent in bodies(&stage, "slack").await {
        let text = sent["body"].to_string();
        assert!(!text.contains("<script") && !text.contains("<!channel"), "{text}");
    }
    for sent in bodies(&stage, "email").await {
        let text = sent["body"].as_str().map_or_else(|| sent["body"].to_string(), str::to_owned);
        // Lines that the encoding broke are one line.
        let text = text.replace("=\r\n", "").replace("=\n", "");
        assert!(!text.contains('\u{1b}') && !text.contains("\n- run: forged"), "{text}");
    }
    let teams = bodies(&stage, "teams").await;
    assert_eq!(teams.len(), 1);
    assert!(!teams[0]["body"].to_string().contains("[x](javascript:y)"), "{}", teams[0]["body"]);
    let html = report(&stage, "html", "report.html");
    assert!(
        !html.contains("<script>alert") && !html.contains("<!channel>") && html.contains("&lt;script&gt;"),
        "{html}"
    );
    let markdown = report(&stage, "md", "report.md");
    assert!(!markdown.contains("<script") && !markdown.contains("[x](javascript") && !markdown.contains("**b**"));
    assert_plain("the report", &markdown);
    let csv = report(&stage, "csv", "report.csv");
    assert!(csv.lines().all(|line| !line.starts_with('=') && !line.contains(",=") && !line.contains(",@")), "{csv}");
    let csv = stage.stanch(&[&question[..], &["--csv"]].concat()).exit(0).stdout;
    assert!(!csv.contains(",=") && !csv.contains(",@") && !csv.contains('\u{1b}'), "{csv}");
    report(&stage, "ocsf", "report.ocsf.json");
    report(&stage, "json", "report.json");
}
