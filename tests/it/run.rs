//! The main job over real connections: a leaked secret is contained, whatever happens in between.

use crate::stage::{Said, Stage, count_lines};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Asserts the one end state: one new version that took everything over, all older ones disabled, each message once.
async fn assert_contained(stage: &Stage, run: &str) {
    assert_eq!(contained(stage, run).await, Ok(()));
}

/// What is not as it must be at the end.
pub(crate) async fn contained(stage: &Stage, run: &str) -> Result<(), String> {
    let state = stage.state().await;
    let versions = state["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap().clone();
    let holds = |holds: bool, what: &str| {
        if holds { Ok(()) } else { Err(format!("not so: {what}\n{versions:#?}\n{:#?}", state["notifications"])) }
    };
    holds(versions.len() == 4, "exactly one version was added")?;
    let ours: Vec<&Value> = versions.iter().filter(|version| version["tags"]["stanch-run"] == run).collect();
    let [new] = ours.as_slice() else { return holds(false, "one version names the run") };
    holds(new["enabled"] == true, "the new version is enabled")?;
    holds(new["content_type"] == "text/plain", "the content type is taken over")?;
    holds(new["tags"]["owner"] == "orders-team", "the owner is taken over")?;
    holds(new["tags"]["number"] == "2", "the current version's tags are taken over")?;
    holds(new["tags"]["stanch-effect"].as_str().is_some_and(|key| key.len() == 32), "the effect's key is there")?;
    let mut old = versions.iter().filter(|version| version["tags"]["stanch-run"].is_null());
    holds(old.all(|old| old["enabled"] == false), "all older ones are disabled")?;
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for sent in state["notifications"].as_array().unwrap() {
        let id = sent["id"].as_str().unwrap_or_default().to_owned();
        ids.entry(sent["channel"].as_str().unwrap().to_owned()).or_default().push(id);
    }
    for channel in ["pagerduty", "slack", "teams", "email", "webhook"] {
        holds(ids.contains_key(channel), channel)?;
    }
    for keyed in ["pagerduty", "email", "webhook"] {
        holds(ids[keyed].len() == 1, &format!("one message by its key for {keyed}: {ids:?}"))?;
    }
    Ok(())
}

fn step<'a>(status: &'a Value, id: &str) -> &'a Value {
    status["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap()
}

#[tokio::test]
async fn a_leaked_secret_is_contained() {
    let stage = Stage::set().await;
    let said = stage.stanch(&stage.containment("r-whole")).exit(0);
    let status = said.json();
    assert_eq!(status["run"], "r-whole");
    assert_eq!(status["mode"], "drill");
    assert_eq!(status["status"], "completed");
    assert_eq!(step(&status, "approve")["status"], "skipped");
    assert_eq!(step(&status, "prove")["outputs"]["proven"].as_array().unwrap().len(), 3);
    assert_contained(&stage, "r-whole").await;
    let notifications = stage.state().await["notifications"].as_array().unwrap().len();
    assert_eq!(notifications, 5, "every channel got its message once");
    let journal = std::fs::read(stage.journal("r-whole")).unwrap();
    assert!(journal.ends_with(b"\n"));
    let head = stage.stanch(&["verify", "r-whole"]).exit(0).stdout;
    assert_eq!(Value::from(head.trim()), status["head"]);
    assert!(stage.state_dir().join("runs/r-whole/report/report.html").is_file());
    for screen in [vec!["log", "r-whole"], vec!["status", "r-whole"], vec!["runs"]] {
        assert!(stage.stanch(&screen).exit(0).stdout.contains("DRILL"), "{screen:?} says what it was");
    }
    let again = stage.stanch(&["resume", "r-whole", "--json"]).exit(0).json();
    assert_eq!(again["head"], status["head"], "a completed run is left alone");
}

#[tokio::test]
async fn an_earlier_run_is_no_stranger() {
    let stage = Stage::set().await;
    stage.stanch(&stage.containment("r-earlier")).exit(0).done();
    let status = stage.stanch(&stage.containment("r-later")).exit(0).json();
    let radius = &step(&status, "blast_radius_after")["outputs"];
    assert_eq!((&radius["unknown"], &radius["reads"]), (&json!(0), &json!(0)), "{radius}");
    assert_eq!(step(&status, "readers")["outputs"]["left_behind"], json!([]), "nobody waits for an earlier run");
    let archive = stage.path("cloud").join("insights-logs-auditevent");
    let url = "https://kv-drill.vault.azure.net/secrets/orders-db";
    let since = "2026-01-01T00:00:00Z";
    let asked = ["audit", "--archive", archive.to_str().unwrap(), "--secret", url, "--since", since, "--json"];
    let found = stage.stanch(&asked).exit(0).json();
    assert!(!found["accesses"].as_array().unwrap().is_empty());
    assert_eq!(found["unknown_callers"], json!([]));
}

#[tokio::test]
async fn a_full_disk_stops_the_run_and_loses_nothing() {
    let stage = Stage::set().await;
    for blocks in [22, 28, 34, 40] {
        let first = stage.journal("r-full").exists();
        let arguments = if first { vec!["resume", "r-full", "--json"] } else { stage.containment("r-full") };
        let said = stage.stanch_in_little_space(blocks, &arguments).exit(1);
        assert!(said.stderr.contains("the journal cannot be written"), "{}", said.stderr);
        assert!(said.stderr.contains("stanch resume r-full"), "{}", said.stderr);
        assert_eq!(stage.stanch(&["status", "r-full", "--json"]).exit(0).json()["status"], "interrupted");
    }
    stage.stanch(&["resume", "r-full", "--json"]).exit(0).done();
    assert_contained(&stage, "r-full").await;
    stage.stanch(&["verify", "r-full"]).exit(0).done();
}

#[tokio::test]
async fn nothing_is_disabled_before_the_new_version_exists() {
    let stage = Stage::set().await;
    stage.stanch(&stage.containment("r-order")).exit(0).done();
    let calls = stage.state().await["calls"].as_array().unwrap().clone();
    let writes: Vec<&str> = calls
        .iter()
        .filter(|call| call["status"] == 200 && call["path"].as_str().unwrap().starts_with("/secrets/orders-db"))
        .filter_map(|call| call["method"].as_str())
        .filter(|method| *method != "GET")
        .collect();
    assert_eq!(writes, ["PUT", "PATCH", "PATCH", "PATCH"]);
}

/// Kills the run when its journal has so many lines, and each resume a little later, until one of them gets through.
async fn killed_again_and_again(stage: &Stage, run: &str, first: usize, further: usize) -> Said {
    let containment = stage.containment(run);
    if !stage.kill_at(&containment, run, first).await {
        return stage.stanch(&["resume", run, "--json"]);
    }
    let resume = ["resume", run, "--json"];
    for _ in 0..2 {
        let lines = count_lines(&stage.journal(run)) + further;
        if !stage.kill_at(&resume, run, lines).await {
            break;
        }
    }
    stage.stanch(&resume)
}

#[tokio::test]
async fn a_run_that_is_killed_anywhere_ends_where_the_whole_one_ends() {
    // Every line is tried by the heavy suite; the quick one takes a sample that holds each kind of record.
    let every = if crate::stage::is_heavy() { 1 } else { 19 };
    let mut tried = 0;
    for lines in (1..60).step_by(every) {
        let stage = Stage::set().await;
        let run = format!("r-killed-{lines}");
        let said = killed_again_and_again(&stage, &run, lines, 2 + lines % 3).await.exit(0);
        assert_eq!(said.json()["status"], "completed", "killed at {lines}");
        assert_contained(&stage, &run).await;
        stage.stanch(&["verify", &run]).exit(0).done();
        tried += 1;
    }
    println!("{tried} points of death tried, each with two more during the resume");
}

#[tokio::test]
async fn a_lost_answer_to_the_rotation_is_settled_by_asking_the_vault() {
    let stage = Stage::set().await;
    stage.fault(&json!({ "match": { "method": "PUT" }, "times": 1, "do": { "drop": "after" } })).await;
    let said = stage.stanch(&stage.containment("r-lost")).exit(0);
    assert_eq!(said.json()["status"], "completed");
    assert_contained(&stage, "r-lost").await;
    let journal = std::fs::read_to_string(stage.journal("r-lost")).unwrap();
    assert!(journal.contains(r#""outcome":"done","by":"probe""#), "{journal}");
}

#[tokio::test]
async fn trouble_on_any_request_is_outlasted() {
    let kinds = [
        ("before", json!({ "match": { "method": "PUT" }, "times": 1, "do": { "drop": "before" } })),
        ("503", json!({ "match": { "host": "kv-drill.vault.azure.net" }, "times": 3, "do": { "status": 503 } })),
        (
            "429",
            json!({ "match": { "host": "kv-drill.vault.azure.net" }, "skip": 2, "times": 4, "do": { "status": 429 } }),
        ),
        ("patch", json!({ "match": { "method": "PATCH" }, "times": 2, "do": { "drop": "after" } })),
        ("pages", json!({ "match": { "host": "events.pagerduty.com" }, "times": 2, "do": { "status": 503 } })),
        ("chats", json!({ "match": { "host": "hooks.slack.com" }, "times": 2, "do": { "status": 503 } })),
        ("any-503", json!({ "match": {}, "times": 6, "do": { "status": 503 } })),
        ("any-429", json!({ "match": {}, "skip": 4, "times": 8, "do": { "status": 429 } })),
        ("any-before", json!({ "match": {}, "skip": 1, "times": 5, "do": { "drop": "before" } })),
        ("any-after", json!({ "match": {}, "skip": 3, "times": 5, "do": { "drop": "after" } })),
        ("pager", json!({ "match": { "host": "events.pagerduty.com" }, "times": 1, "do": { "drop": "after" } })),
    ];
    // Side by side: what takes long here is waiting.
    let plays = kinds.into_iter().map(|(name, fault)| {
        tokio::task::spawn_blocking(move || tokio::runtime::Handle::current().block_on(outlasted(name, fault)))
    });
    for played in plays.collect::<Vec<_>>() {
        played.await.unwrap();
    }
}

async fn outlasted(name: &str, fault: Value) {
    let stage = Stage::set().await;
    stage.fault(&fault).await;
    let run = format!("r-{name}");
    let said = stage.stanch(&stage.containment(&run)).exit(0);
    assert_eq!(said.json()["status"], "completed", "{name}");
    assert_contained(&stage, &run).await;
}

#[tokio::test]
async fn a_dead_channel_stops_nothing() {
    let stage = Stage::set().await;
    stage.fault(&json!({ "match": { "host": "hooks.slack.com" }, "times": 1000, "do": { "status": 404 } })).await;
    let status = stage.stanch(&stage.containment("r-dead-channel")).exit(0).json();
    assert_eq!(status["status"], "completed");
    assert_eq!(step(&status, "tell_incident_channel")["status"], "failed");
    assert_eq!(step(&status, "prove")["status"], "done");
}

#[tokio::test]
async fn a_message_that_nobody_got_is_left_to_the_reader() {
    let stage = Stage::set().await;
    let config = stage.path("silent.yaml");
    std::fs::write(&config, "channels:\n  chat: { kind: slack, webhook: \"env:NOT_SET_ANYWHERE\" }\n").unwrap();
    let mut arguments = stage.containment("r-silent");
    arguments.retain(|argument| *argument != "--json");
    arguments.extend(["--config", config.to_str().unwrap()]);
    let said = stage.stanch(&arguments).exit(0);
    for part in [
        "! page ",
        "nobody was told by `page`: no pagerduty channel is configured",
        "the environment variable `NOT_SET_ANYWHERE` is not read in a drill",
        "help: put a made-up one into",
    ] {
        assert!(said.stdout.contains(part), "`{part}` is missing in:\n{}", said.stdout);
    }
    let report = std::fs::read_to_string(stage.state_dir().join("runs/r-silent/report/report.md")).unwrap();
    assert!(report.contains("nobody was told by"), "{report}");
}

#[tokio::test]
async fn a_gate_waits_for_a_person_and_takes_no_for_an_answer() {
    let stage = Stage::set().await;
    let mut arguments = stage.containment("r-gate");
    arguments.extend(["-i", "severity=sev2"]);
    let status = stage.stanch(&arguments).exit(4).json();
    assert_eq!(status["status"], "waiting");
    assert_eq!(step(&status, "approve")["status"], "waiting");
    let still = stage.stanch(&["resume", "r-gate", "--json"]).exit(4).json();
    assert_eq!(still["status"], "waiting", "--yes at the start answers no gate");
    stage.stanch(&["approve", "r-gate", "revoke", "--by", "kim"]).exit(2).done();
    stage.stanch(&["approve", "r-gate", "approve", "--by", "kim", "--comment", "go"]).exit(0).done();
    let ended = stage.stanch(&["resume", "r-gate", "--json"]).exit(0).json();
    assert_eq!(step(&ended, "approve")["outputs"]["by"], "kim");
    assert_contained(&stage, "r-gate").await;

    let stage = Stage::set().await;
    let mut arguments = stage.containment("r-no");
    arguments.extend(["-i", "severity=sev2"]);
    stage.stanch(&arguments).exit(4).done();
    stage.stanch(&["reject", "r-no", "approve", "--by", "kim"]).exit(0).done();
    let ended = stage.stanch(&["resume", "r-no", "--json"]).exit(3).json();
    assert_eq!(ended["status"], "failed");
    let state = stage.state().await;
    let versions = state["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap().clone();
    assert!(versions.iter().all(|version| version["enabled"] == true), "a no disables nothing: {versions:#?}");
}

/// Number of the line, counted from 1, that a byte stands in; a line feed belongs to the line it ends.
fn line_of(bytes: &[u8], place: usize) -> usize {
    bytes[..place].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[tokio::test]
async fn the_journal_shows_every_changed_byte() {
    let stage = Stage::set().await;
    stage.stanch(&stage.containment("r-tampered")).exit(0).done();
    let path = stage.journal("r-tampered");
    let whole = std::fs::read(&path).unwrap();
    // Through the program: places all over the file, the last byte among them.
    let places = if crate::stage::is_heavy() { 40 } else { 8 };
    for place in (0..whole.len()).step_by(whole.len() / places).chain([whole.len() - 1]) {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        let said = stage.stanch(&["verify", "r-tampered"]).exit(5);
        let named = format!("damaged at line {}:", line_of(&whole, place));
        assert!(said.stderr.contains(&named), "byte {place}: {}", said.stderr);
    }
    // Every byte of the last two lines, which few or none that follow bind.
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    let before = whole[..last].iter().rposition(|byte| *byte == b'\n').unwrap();
    for place in before + 1..whole.len() {
        for bit in [0x01, 0x20] {
            let mut changed = whole.clone();
            changed[place] ^= bit;
            let damage = crate::whole::Whole::read(&changed).expect_err("a changed byte is shown");
            assert_eq!(damage.line, line_of(&whole, place) as u64, "byte {place}: {damage}");
        }
    }
    std::fs::write(&path, &whole).unwrap();
    stage.stanch(&["verify", "r-tampered"]).exit(0).done();
}

#[tokio::test]
async fn a_torn_last_line_is_cut_and_said_so() {
    let stage = Stage::set().await;
    stage.kill_at(&stage.containment("r-torn"), "r-torn", 12).await;
    let path = stage.journal("r-torn");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(br#"{"v":1,"seq":99,"at":"2026-"#);
    std::fs::write(&path, &bytes).unwrap();
    stage.stanch(&["resume", "r-torn", "--json"]).exit(0).done();
    assert!(std::fs::read_to_string(&path).unwrap().contains(r#""type":"tail_cut""#));
    assert_contained(&stage, "r-torn").await;
}

#[tokio::test]
async fn a_run_that_is_told_to_stop_ends_in_good_order() {
    for (signal, code) in [(rustix::process::Signal::INT, 130), (rustix::process::Signal::TERM, 143)] {
        let stage = Stage::set().await;
        stage.fault(&json!({ "match": { "method": "PUT" }, "times": 1, "do": { "delay_ms": 1500 } })).await;
        let run = format!("r-stopped-{code}");
        let child = stage.command(&stage.containment(&run)).spawn().unwrap();
        while !std::fs::read_to_string(stage.journal(&run))
            .is_ok_and(|journal| journal.contains("\"effect\":\"publish\""))
        {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let process = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(process, signal).unwrap();
        let said = Said::from(child.wait_with_output().unwrap()).exit(code);
        assert_eq!(said.json()["status"], "interrupted");
        let journal = std::fs::read_to_string(stage.journal(&run)).unwrap();
        let started = journal.matches("\"type\":\"effect_started\"").count();
        assert_eq!(journal.matches("\"type\":\"effect_finished\"").count(), started, "every effect has its outcome");
        assert_eq!(stage.stanch(&["status", &run, "--json"]).exit(0).json()["status"], "interrupted");
        stage.stanch(&["resume", &run, "--json"]).exit(0).done();
        assert_contained(&stage, &run).await;
    }
}

#[tokio::test]
async fn a_killed_run_is_interrupted_and_never_running() {
    let stage = Stage::set().await;
    assert!(stage.kill_at(&stage.containment("r-dead"), "r-dead", 10).await);
    assert_eq!(stage.stanch(&["status", "r-dead", "--json"]).exit(0).json()["status"], "interrupted");
    let listed = stage.stanch(&["runs", "--json"]).exit(0).json();
    assert_eq!(listed["runs"][0]["status"], "interrupted");
    assert_eq!(stage.stanch(&["log", "r-dead"]).exit(0).stdout.lines().count(), count_lines(&stage.journal("r-dead")));
}
