//! Many secrets at once: a list, a whole vault, or all that hold one value; each is done once, whatever happens.

use crate::secrecy::{assert_folder_free_of, assert_free_of};
use crate::stage::{STANCH, Said, Stage, count_lines, given, seed};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);

async fn seed_many(stage: &Stage, count: usize) {
    stream::iter(0..count)
        .for_each_concurrent(16, async |number| {
            let body =
                json!({ "value": format!("value-{number}-{}", "x".repeat(20)), "tags": { "owner": "all-of-us" } });
            stage.seed(&format!("secret-{number:03}"), &body).await;
        })
        .await;
}

fn versions(state: &Value, secret: &str) -> Vec<Value> {
    state["vaults"]["kv-drill"]["secrets"][secret].as_array().unwrap().clone()
}

/// How often a journal holds a text.
fn times(stage: &Stage, run: &str, text: &str) -> usize {
    std::fs::read_to_string(stage.journal(run)).map_or(0, |journal| journal.matches(text).count())
}

/// Lets a command run until the journal says that so many items of a step are done, then kills it.
fn kill_after(stage: &Stage, arguments: &[&str], run: &str, step: &str, items: usize) {
    let finished = format!("\"type\":\"step_finished\",\"step\":\"{step}[");
    let mut child = stage.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while times(stage, run, &finished) < items {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        assert!(begun.elapsed() < PATIENCE, "it does not get on");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Successful calls by method and the first two parts of the path.
fn calls(state: &Value) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for call in state["calls"].as_array().unwrap().iter().filter(|call| call["status"] == 200) {
        let path = call["path"].as_str().unwrap().split('/').take(3).collect::<Vec<_>>().join("/");
        *counts.entry((call["method"].as_str().unwrap().to_owned(), path)).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn a_loop_that_is_killed_goes_on_without_touching_the_items_that_are_done() {
    let stage = Stage::empty(&[]).await;
    seed_many(&stage, 50).await;
    let runbook = stage.path("each.yaml");
    let text = "schema: stanch/v1\nname: each\ninputs:\n  secrets: { type: list, required: true }\nsteps:\n  - id: each\n    uses: keyvault/rotate\n    for_each: ${{ inputs.secrets }}\n    with: { secret: \"${{ item }}\" }\n";
    std::fs::write(&runbook, text).unwrap();
    let secrets: Vec<String> =
        (0..50).map(|number| format!("https://kv-drill.vault.azure.net/secrets/secret-{number:03}")).collect();
    let input = format!("secrets={}", secrets.join(","));
    let begin = ["run", runbook.to_str().unwrap(), "--run-id", "r-each", "-i", &input, "--yes", "--json"];
    kill_after(&stage, &begin, "r-each", "each", 23);
    let done = times(&stage, "r-each", "\"type\":\"step_finished\",\"step\":\"each[");
    let before = calls(&stage.state().await);
    let resumed = stage.stanch(&["resume", "r-each", "--json"]).exit(0);
    assert!(resumed.stderr.contains(&format!("{} of 50 done", done + 1)), "{}", resumed.stderr);
    assert_eq!(resumed.json()["status"], "completed");
    let state = stage.state().await;
    let after = calls(&state);
    for number in 0..done {
        let path = format!("/secrets/secret-{number:03}");
        for method in ["GET", "PUT", "PATCH"] {
            let key = (method.to_owned(), path.clone());
            assert_eq!(before.get(&key), after.get(&key), "{method} {path} was done, and is left alone");
        }
    }
    assert!((23..50).contains(&done), "{done} items were done when it was killed");
    for number in 0..50 {
        let name = format!("secret-{number:03}");
        assert_eq!(versions(&state, &name).len(), 2, "{name} has one new version");
        assert_eq!(after.get(&("PUT".to_owned(), format!("/secrets/{name}"))), Some(&1), "{name}");
    }
    assert_eq!(times(&stage, "r-each", "\"type\":\"loop_opened\""), 1, "the list is pinned");
}

fn whole_vault(run: &str) -> Vec<&str> {
    let vault = "vault=https://kv-drill.vault.azure.net";
    vec!["run", "whole-vault", "--run-id", run, "-i", vault, "-i", "overlap=1s", "--yes", "--json"]
}

#[tokio::test]
async fn a_whole_vault_that_is_killed_in_the_middle_gets_one_new_version_of_each_secret_and_no_more() {
    let count = if crate::stage::is_heavy() { 100 } else { 16 };
    let stage = Stage::empty(&["--limits"]).await;
    seed_many(&stage, count).await;
    stage.seed("a-certificate", &json!({ "value": "x", "managed": true })).await;
    stage.seed("switched-off", &json!({ "value": "x", "enabled": false })).await;
    stage.seed("of-stripe", &json!({ "value": "x", "tags": { "issuer": "Stripe", "provider": "manual" } })).await;
    let begin = whole_vault("r-whole-vault");
    kill_after(&stage, &begin, "r-whole-vault", "rotate", count / 2);
    let resume = ["resume", "r-whole-vault", "--json"];
    kill_after(&stage, &resume, "r-whole-vault", "revoke", count / 2);
    let status = stage.stanch(&resume).exit(0).json();
    assert_eq!(status["status"], "completed");
    let state = stage.state().await;
    for number in 0..count {
        let name = format!("secret-{number:03}");
        let versions = versions(&state, &name);
        assert_eq!(versions.len(), 2, "{name}: exactly one new version");
        let enabled: Vec<&Value> = versions.iter().filter(|version| version["enabled"] == true).collect();
        assert_eq!(enabled.len(), 1, "{name}: the old one is disabled");
        assert_eq!(enabled[0]["tags"]["stanch-run"], "r-whole-vault");
        assert_eq!(enabled[0]["tags"]["owner"], "all-of-us");
    }
    for name in ["a-certificate", "switched-off", "of-stripe"] {
        assert_eq!(versions(&state, name).len(), 1, "{name} is left alone");
    }
    let list = status["steps"].as_array().unwrap().iter().find(|step| step["id"] == "list").unwrap();
    assert_eq!(list["outputs"]["count"], count);
    assert_eq!(list["outputs"]["skipped"].as_array().unwrap().len(), 3, "{list}");
    let channels: Vec<&Value> =
        state["notifications"].as_array().unwrap().iter().map(|sent| &sent["channel"]).collect();
    assert_eq!(channels.len(), 5, "{channels:?}");
    let report = std::fs::read_to_string(stage.state_dir().join("runs/r-whole-vault/report/report.md")).unwrap();
    // One is left to a person, with what may have leaked; the others are proven to be contained.
    assert!(report.contains("NOT contained") && report.contains("of-stripe"), "{report}");
    assert_eq!(status["verdict"]["state"], "not_contained", "{status}");
    stage.stanch(&["verify", "r-whole-vault"]).exit(0).done();
}

const LEAKED: &str = "pl4nted+leak/value=ü-0123456789";

fn leaked_value(run: &str) -> Vec<&str> {
    vec![
        "run",
        "leaked-value",
        "--secret-stdin",
        "--run-id",
        run,
        "-i",
        "vaults=https://kv-drill.vault.azure.net,https://kv-other.vault.azure.net",
        "-i",
        "exposed_at=2026-01-01T00:00:00Z",
        "-i",
        "overlap=1s",
        "--yes",
        "--json",
    ]
}

async fn seed_leaked(stage: &Stage) {
    stage.seed("stripe-key", &json!({ "value": LEAKED, "tags": { "owner": "payments-team" } })).await;
    stage.seed_in("kv-other", "orders-db", &json!({ "value": LEAKED })).await;
    stage.seed("untouched", &json!({ "value": "another value" })).await;
}

async fn assert_all_holders_are_contained(stage: &Stage, run: &str) {
    let state = stage.state().await;
    for (vault, name) in [("kv-drill", "stripe-key"), ("kv-other", "orders-db")] {
        let versions = state["vaults"][vault]["secrets"][name].as_array().unwrap().clone();
        assert_eq!(versions.len(), 2, "{name}: {versions:?}");
        assert!(versions.iter().all(|version| (version["tags"]["stanch-run"] == run) == (version["enabled"] == true)));
    }
    assert_eq!(versions(&state, "untouched").len(), 1);
    let notifications = serde_json::to_vec(&state["notifications"]).unwrap();
    assert_free_of("the notifications", &notifications, &[LEAKED.to_owned()]);
}

#[tokio::test]
async fn a_value_alone_is_enough_to_contain_every_secret_that_holds_it() {
    let stage = Stage::empty(&[]).await;
    seed_leaked(&stage).await;
    let mut arguments = leaked_value("r-value");
    arguments.push("-vv");
    let output = given(stage.command(&arguments).env("RUST_LOG", "trace"), LEAKED.as_bytes());
    let said = Said::from(output).exit(0);
    let status = said.json();
    assert_eq!(status["status"], "completed");
    let find = status["steps"].as_array().unwrap().iter().find(|step| step["id"] == "find").unwrap();
    assert_eq!(find["outputs"]["secret"], "https://kv-drill.vault.azure.net/secrets/stripe-key");
    assert_eq!(find["outputs"]["secrets"].as_array().unwrap().len(), 2);
    assert!(find["outputs"]["fingerprint"].as_str().unwrap().starts_with("hmac-sha256:"));
    assert_all_holders_are_contained(&stage, "r-value").await;
    let values = [LEAKED.to_owned()];
    assert_free_of("standard output", said.stdout.as_bytes(), &values);
    assert_free_of("standard error", said.stderr.as_bytes(), &values);
    assert_folder_free_of(&stage.state_dir(), &values);
    let report = std::fs::read_to_string(stage.state_dir().join("runs/r-value/report/report.md")).unwrap();
    assert!(report.contains("stripe-key") && report.contains("Contained."), "{report}");
    for secret in find["outputs"]["secrets"].as_array().unwrap() {
        // What reads like an address is written so that nothing makes a link of it.
        let place = secret.as_str().unwrap().trim_start_matches("https:");
        let is_heading = |line: &str| line.starts_with("### ") && line.ends_with(place);
        assert!(report.lines().any(is_heading), "the blast radius of each is shown: {report}");
    }
}

#[tokio::test]
async fn what_somebody_else_issued_is_replaced_once_and_its_copies_are_left_to_a_person() {
    let stage = Stage::empty(&[]).await;
    let stripes = json!({ "value": LEAKED, "tags": { "issuer": "Stripe" } });
    stage.seed("of-stripe", &stripes).await;
    seed_leaked(&stage).await;
    let said = stage.stanch_given(&leaked_value("r-stripe"), LEAKED.as_bytes()).exit(4);
    let status = said.json();
    let find = status["steps"].as_array().unwrap().iter().find(|step| step["id"] == "find").unwrap();
    let secret = "https://kv-drill.vault.azure.net/secrets/of-stripe";
    assert_eq!((&find["outputs"]["secrets"], &find["outputs"]["secret"]), (&json!([secret]), &json!(secret)));
    let left = find["outputs"]["by_hand"].as_array().unwrap();
    assert_eq!(left.len(), 2, "{find}");
    assert!(left.iter().all(|left| left["because"].as_str().unwrap().contains("the same credential as")), "{find}");
    for name in ["of-stripe", "stripe-key"] {
        assert_eq!(versions(&stage.state().await, name).len(), 1, "a random value would not work at Stripe");
    }
    // Whoever begins another run on what was found is refused, also while this one waits for the value.
    let mut waiting = stage.command(&["resume", "r-stripe", "--json", "--secret-stdin"]);
    let mut waiting = waiting.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let other = format!("secret={secret}");
    let other = ["run", "secret-exposure", "-i", &other, "-i", "exposed_at=2026-01-01T00:00:00Z", "--yes", "--json"];
    let begun = Instant::now();
    while times(&stage, "r-stripe", "\"run_resumed\"") == 0 {
        assert!(begun.elapsed() < PATIENCE, "it is not resumed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = stage.stanch(&other).exit(5);
    assert!(refused.stderr.contains("is being worked on by another process"), "{}", refused.stderr);
    std::io::Write::write_all(&mut waiting.stdin.take().unwrap(), b"sk_live_theNewOneOfStripe\n").unwrap();
    let status = Said::from(waiting.wait_with_output().unwrap()).exit(4).json();
    assert_eq!(status["status"], "waiting", "only a person can revoke it: {status}");
    stage.stanch(&["approve", "r-stripe", "retire[0]", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r-stripe", "--json"]).exit(0).done();
    let report = std::fs::read_to_string(stage.state_dir().join("runs/r-stripe/report/report.md")).unwrap();
    assert!(report.contains("secrets/stripe-key holds what may have leaked"), "{report}");
}

#[tokio::test]
async fn a_run_that_begins_from_a_value_asks_again_until_the_finding_is_in_the_journal() {
    let stage = Stage::empty(&[]).await;
    seed_leaked(&stage).await;
    let nobody: Vec<&str> = leaked_value("r-asks").into_iter().filter(|word| *word != "--secret-stdin").collect();
    stage.stanch(&nobody).exit(4).done();
    let waits = stage.stanch(&["status", "r-asks"]).exit(0).stdout;
    assert!(waits.contains("stanch resume r-asks --secret-stdin"), "{waits}");
    let resume = ["resume", "r-asks", "--json", "--secret-stdin"];
    let miss = stage.stanch_given(&resume, b"something else").exit(3);
    assert!(
        miss.stdout.contains("no secret of kv-drill, kv-other holds the value; 3 versions were read"),
        "{}",
        miss.stdout
    );
    let hit = stage.stanch_given(&resume, LEAKED.as_bytes()).exit(0);
    assert_eq!(hit.json()["status"], "completed", "a miss is not the last word");

    let stage = Stage::empty(&[]).await;
    seed_leaked(&stage).await;
    stage.fault(&json!({ "match": { "method": "PUT" }, "times": 1, "do": { "delay_ms": 60_000 } })).await;
    let begin = leaked_value("r-found");
    let mut child =
        stage.command(&begin).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), LEAKED.as_bytes()).unwrap();
    let begun = Instant::now();
    while times(&stage, "r-found", "\"effect\":\"publish\"") == 0 {
        assert!(begun.elapsed() < PATIENCE, "it does not get on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let status = stage.stanch(&["resume", "r-found", "--json"]).exit(0).json();
    assert_eq!(status["status"], "completed", "nothing was asked: the finding stands in the journal");
    assert_all_holders_are_contained(&stage, "r-found").await;
}

#[tokio::test]
async fn secrets_are_chosen_by_name_tags_and_exceptions() {
    let stage = Stage::empty(&[]).await;
    for (name, tags) in [
        ("orders-db", json!({ "owner": "orders-team", "stage": "prod" })),
        ("orders-test", json!({ "owner": "orders-team", "stage": "test" })),
        ("orders-old", json!({ "owner": "orders-team", "stage": "prod" })),
        ("billing-db", json!({ "owner": "billing-team", "stage": "prod" })),
    ] {
        stage.seed(name, &json!({ "value": "x", "tags": tags })).await;
    }
    let runbook = stage.path("list.yaml");
    let text = "schema: stanch/v1\nname: list\nsteps:\n  - id: list\n    uses: keyvault/list\n    with: { vault: \"https://kv-drill.vault.azure.net\", name: \"orders-*\", tags: [\"stage=p*\"], except: [\"*-old\"] }\n";
    std::fs::write(&runbook, text).unwrap();
    let status = stage.stanch(&["run", runbook.to_str().unwrap(), "--yes", "--json"]).exit(0).json();
    let outputs = &status["steps"][0]["outputs"];
    assert_eq!(outputs["secrets"], json!(["https://kv-drill.vault.azure.net/secrets/orders-db"]), "{outputs}");
    assert_eq!(outputs["skipped"][0]["because"], "excepted by name");
    let reads = stage.state().await["calls"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|call| call["path"] != "/secrets" && call["path"] != "/secrets/")
        .filter(|call| call["path"].as_str().unwrap().starts_with("/secrets/"))
        .count();
    assert_eq!(reads, 1, "a value is read only where its form decides whether a random one fits");
}

#[tokio::test]
async fn what_a_random_text_cannot_replace_is_left_to_a_person_among_many() {
    let stage = Stage::empty(&[]).await;
    stage.seed("alone", &json!({ "value": LEAKED })).await;
    let forms = [
        ("connection", format!("Server=db;User Id=app;Password={LEAKED}"), "a connection string"),
        ("json", json!({ "db": { "password": LEAKED } }).to_string(), "JSON"),
        ("env", format!("USER_NAME=app\nPASSWORD={LEAKED}\n"), "lines of settings"),
    ];
    for (name, value, _) in &forms {
        stage.seed(name, &json!({ "value": value })).await;
    }
    let status = stage.stanch_given(&leaked_value("r-forms"), LEAKED.as_bytes()).exit(0).json();
    let find = status["steps"].as_array().unwrap().iter().find(|step| step["id"] == "find").unwrap();
    let by_hand = find["outputs"]["by_hand"].as_array().unwrap();
    let status = stage.stanch(&whole_vault("r-all")).exit(0).json();
    let list = status["steps"].as_array().unwrap().iter().find(|step| step["id"] == "list").unwrap();
    let skipped = list["outputs"]["skipped"].as_array().unwrap();
    assert_eq!((by_hand.len(), skipped.len()), (3, 3), "{find} {list}");
    let state = stage.state().await;
    for (name, _, form) in forms {
        for left in [by_hand, skipped] {
            let left = left.iter().find(|left| left["secret"].as_str().unwrap().ends_with(name)).unwrap();
            assert!(left["because"].as_str().unwrap().contains(form), "{left}");
        }
        assert_eq!(versions(&state, name).len(), 1, "{name} is as it was");
    }
    assert_eq!(versions(&state, "alone").len(), 3, "the two runs have replaced what they could");
    assert_eq!(status["verdict"]["state"], "not_contained", "{status}");
}

/// Lets a command run until its journal has so many lines, then kills it. Gives whether it was killed.
fn kill_at(stage: &Stage, arguments: &[&str], run: &str, lines: usize) -> bool {
    let mut command = stage.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    drop(std::io::Write::write_all(&mut child.stdin.take().unwrap(), LEAKED.as_bytes()));
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if count_lines(&stage.journal(run)) >= lines {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        assert!(begun.elapsed() < PATIENCE, "it neither ends nor gets on");
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

/// Kills a run at a line of its journal, and twice more during the resume; the last resume gets through.
fn killed_again_and_again(stage: &Stage, begin: &[&str], run: &str, lines: usize) {
    let resume = ["resume", run, "--json", "--secret-stdin"];
    if kill_at(stage, begin, run, lines) {
        for further in [1 + lines % 3, 4] {
            let lines = count_lines(&stage.journal(run)) + further;
            if !kill_at(stage, &resume, run, lines) {
                break;
            }
        }
    }
    let status = stage.stanch_given(&resume, LEAKED.as_bytes()).exit(0).json();
    assert_eq!(status["status"], "completed", "killed at {lines}");
    stage.stanch(&["verify", run]).exit(0).done();
}

/// The heavy suite tries a share of the lines that the seed draws, the quick one a sample. Every point there is, `crash`
/// plays in one process.
fn points_of_death() -> impl Iterator<Item = usize> {
    let heavy = crate::stage::is_heavy();
    let (first, every) = if heavy { (usize::try_from(seed() % 9).unwrap(), 9) } else { (0, 24) };
    (1 + first..120).step_by(every)
}

#[tokio::test]
async fn a_run_from_a_value_that_is_killed_anywhere_ends_where_the_whole_one_ends() {
    for lines in points_of_death() {
        let stage = Stage::empty(&[]).await;
        seed_leaked(&stage).await;
        let run = format!("r-value-{lines}");
        killed_again_and_again(&stage, &leaked_value(&run), &run, lines);
        assert_all_holders_are_contained(&stage, &run).await;
    }
}

#[tokio::test]
async fn a_whole_vault_run_that_is_killed_anywhere_ends_where_the_whole_one_ends() {
    for lines in points_of_death() {
        let stage = Stage::empty(&[]).await;
        seed_many(&stage, 3).await;
        let run = format!("r-vault-{lines}");
        killed_again_and_again(&stage, &whole_vault(&run), &run, lines);
        let state = stage.state().await;
        for name in ["secret-000", "secret-001", "secret-002"] {
            let versions = versions(&state, name);
            assert_eq!(versions.len(), 2, "killed at {lines}: {versions:?}");
            assert!(
                versions.iter().all(|version| (version["tags"]["stanch-run"] == *run) == (version["enabled"] == true))
            );
        }
    }
}

#[test]
fn the_drills_of_a_string_and_of_a_whole_vault_meet_every_target() {
    let state = tempfile::tempdir().unwrap();
    let drill = |scenario: &str| {
        let mut command = Command::new(STANCH);
        command.args(["drill", scenario, "--json", "--state-dir"]).arg(state.path()).env_remove("STANCH_CLOUD");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for (scenario, child) in ["leaked-string", "open-vault"].map(|scenario| (scenario, drill(scenario))) {
        let said = Said::from(child.wait_with_output().unwrap()).exit(0).json();
        assert_eq!(said["passed"], true, "{scenario}: {said}");
        assert!(said["targets"].as_array().unwrap().len() >= 9, "{scenario}: {said}");
    }
}
