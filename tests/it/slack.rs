//! Slack: a run's message, and the buttons that answer its gates, pressed by those who may and those who may not.

use crate::stage::{Said, Stage, count_lines};
use crate::store;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
const BOT_TOKEN: &str = "xoxb-embedded-cloud-bot";
const APP_TOKEN: &str = "xapp-embedded-cloud-app";

/// A process of ours, which ends with the test.
struct Process(Option<Child>);

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Process {
    fn kill(mut self) {
        let mut child = self.0.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// What it said, once it ended.
    fn ended(mut self) -> Said {
        let mut child = self.0.take().unwrap();
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("it does not end: {}", Said::from(child.wait_with_output().unwrap()).stderr);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        child.wait_with_output().unwrap().into()
    }
}

/// A stage with an app in Slack, where alice and bob are known, and a runbook with this gate.
async fn stage(gate: &str) -> Stage {
    let stage = Stage::empty(&[]).await;
    for (name, token) in [("bot", BOT_TOKEN), ("app", APP_TOKEN)] {
        std::fs::write(stage.path("cloud").join(name), token).unwrap();
    }
    let configuration = "schema: stanch-config/v1\nslack:\n  bot_token: file:cloud/bot\n  app_token: file:cloud/app\n  \
                         channel: C0INCIDENTS\n  people: { U0BOB: bob, U0ALICE: alice }\n";
    std::fs::write(stage.path("stanch.yaml"), configuration).unwrap();
    let runbook = format!(
        "schema: stanch/v1\nname: asking\nsteps:\n  - id: gate\n    uses: human/approve\n    with: {gate}\n  - {{ id: after, \
         uses: wait, with: {{ for: 1ms }} }}\n"
    );
    std::fs::write(stage.path("asking.yaml"), runbook).unwrap();
    stage
}

const RUN: &[&str] = &["run", "asking.yaml", "--run-id", "r", "--yes", "--json", "--config", "stanch.yaml"];

fn start(stage: &Stage, arguments: &[&str]) -> Process {
    Process(Some(stage.command(arguments).spawn().unwrap()))
}

/// Someone who listens for all runs.
fn serve(stage: &Stage) -> Process {
    let mut command = stage.command(&["serve", "r", "--slack", "--json", "--config", "stanch.yaml"]);
    Process(Some(command.stdout(Stdio::null()).spawn().unwrap()))
}

async fn slack(stage: &Stage) -> Value {
    stage.state().await["slack"].take()
}

/// Looks until it is as wanted.
async fn until(stage: &Stage, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let slack = slack(stage).await;
        if wanted(&slack) {
            return slack;
        }
        assert!(begun.elapsed() < PATIENCE, "{slack:#}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

fn listens(slack: &Value) -> bool {
    slack["listeners"] == 1
}

/// Waits until the message has its buttons, and the run knows which message it is.
async fn remembered(stage: &Stage) {
    until(stage, has_buttons).await;
    let begun = Instant::now();
    while !stage.journal("r").with_file_name("chat.json").exists() {
        assert!(begun.elapsed() < PATIENCE, "it is not remembered");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The one message, as text.
fn message(slack: &Value) -> String {
    slack["messages"][0]["body"].to_string()
}

fn has_buttons(slack: &Value) -> bool {
    message(slack).contains("\"actions\"")
}

async fn press(stage: &Stage, user: &str, action: &str) {
    stage.control_post("slack/press", &json!({ "user": user, "name": "whoever", "action": action })).await;
}

/// What was told to one person alone, the last of so many.
async fn whispered(stage: &Stage, count: usize) -> (String, String) {
    let slack = until(stage, |slack| slack["ephemeral"].as_array().unwrap().len() >= count).await;
    let last = slack["ephemeral"].as_array().unwrap().last().unwrap().clone();
    (last["user"].as_str().unwrap().to_owned(), last["text"].as_str().unwrap().to_owned())
}

fn answers(stage: &Stage) -> Vec<Value> {
    let journal = std::fs::read_to_string(stage.journal("r")).unwrap();
    let records = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events = records.filter(|record| record.to_string().contains("gate_answered"));
    events.map(|record| record["event"].clone()).collect()
}

/// No file below, and nothing that was said, holds a token.
fn holds_no_token(stage: &Stage, said: &[&Said]) {
    fn look(folder: &Path, token: &str) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, token);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                assert!(!String::from_utf8_lossy(&bytes).contains(token), "{}", path.display());
            }
        }
    }
    for token in [BOT_TOKEN, APP_TOKEN, "ticket="] {
        look(&stage.state_dir(), token);
        for said in said {
            assert!(!said.stdout.contains(token) && !said.stderr.contains(token), "{}", said.stderr);
        }
    }
}

#[tokio::test]
async fn a_gate_is_answered_by_a_button_and_the_message_says_by_whom() {
    let stage = stage("{ prompt: 'go on?', from: [bob] }").await;
    let run = start(&stage, &[RUN, &["-vv"]].concat());
    let asking = until(&stage, |slack| listens(slack) && has_buttons(slack)).await;
    assert!(message(&asking).contains("go on?") && message(&asking).contains("[DRILL] asking"), "{asking:#}");
    press(&stage, "U0BOB", "approve").await;
    let said = run.ended().exit(0);
    let over = slack(&stage).await;
    let text = message(&over);
    assert!(!has_buttons(&over) && text.contains("gate was approved by bob (Slack user U0BOB of T0DRILL)"), "{text}");
    assert!(text.contains("completed") && text.contains("✓ after"), "{text}");
    assert_eq!(over["messages"].as_array().unwrap().len(), 1);
    assert!(over["envelopes"].as_array().unwrap().iter().all(|envelope| envelope["acknowledged"] == 1), "{over:#}");

    let answer = &answers(&stage)[0];
    assert_eq!((&answer["by"], &answer["answer"]), (&"bob".into(), &"approved".into()), "{answer}");
    let chat = json!({ "service": "Slack", "team": "T0DRILL", "user": "U0BOB", "name": "whoever" });
    assert_eq!(answer["seen"]["chat"], chat);
    let log = stage.stanch(&["log", "r"]).exit(0);
    assert!(log.stdout.contains("bob (Slack user U0BOB of T0DRILL)"), "{}", log.stdout);
    holds_no_token(&stage, &[&said, &log]);
}

#[tokio::test]
async fn a_no_ends_the_step_as_any_other_no() {
    let stage = stage("{ prompt: 'go on?' }").await;
    let run = start(&stage, RUN);
    until(&stage, |slack| listens(slack) && has_buttons(slack)).await;
    press(&stage, "U0ALICE", "reject").await;
    run.ended().exit(3).done();
    let over = slack(&stage).await;
    assert!(message(&over).contains("gate was rejected by alice") && !has_buttons(&over), "{over:#}");
}

#[tokio::test]
async fn strangers_are_refused_and_told_what_is_missing() {
    let stage = stage("{ prompt: 'go on?', from: [bob] }").await;
    let run = start(&stage, RUN);
    until(&stage, |slack| listens(slack) && has_buttons(slack)).await;
    press(&stage, "U0MALLORY", "approve").await;
    let (user, text) = whispered(&stage, 1).await;
    assert!(user == "U0MALLORY" && text.contains("U0MALLORY: NAME") && text.contains("stanch.yaml"), "{text}");
    // One who is known, and may not.
    press(&stage, "U0ALICE", "approve").await;
    let (user, text) = whispered(&stage, 2).await;
    assert!(user == "U0ALICE" && text.contains("alice may not answer; bob may"), "{text}");
    assert!(answers(&stage).is_empty());
    press(&stage, "U0BOB", "approve").await;
    run.ended().exit(0).done();
}

#[tokio::test]
async fn whoever_started_the_run_is_known_in_slack_as_well() {
    let stage = stage("{ prompt: 'go on?', not_requester: true }").await;
    let mut command = stage.command(RUN);
    let run = Process(Some(command.env("STANCH_OPERATOR", "Alice").spawn().unwrap()));
    until(&stage, |slack| listens(slack) && has_buttons(slack)).await;
    press(&stage, "U0ALICE", "approve").await;
    let (_, text) = whispered(&stage, 1).await;
    assert!(text.contains("alice started this run and may not approve it"), "{text}");
    press(&stage, "U0BOB", "approve").await;
    run.ended().exit(0).done();
}

#[tokio::test]
async fn two_must_agree_and_one_who_presses_twice_is_one() {
    let stage = stage("{ prompt: 'go on?', min: 2 }").await;
    let run = start(&stage, RUN);
    until(&stage, |slack| listens(slack) && has_buttons(slack)).await;
    press(&stage, "U0BOB", "approve").await;
    until(&stage, |slack| message(slack).contains("agreed: bob") && has_buttons(slack)).await;
    press(&stage, "U0BOB", "approve").await;
    let (_, text) = whispered(&stage, 1).await;
    assert!(text.contains("bob has agreed already; somebody else must"), "{text}");
    press(&stage, "U0ALICE", "approve").await;
    run.ended().exit(0).done();
    assert_eq!(answers(&stage).len(), 2);
}

#[tokio::test]
async fn while_the_machine_of_the_run_is_down_its_answer_waits_and_a_second_one_is_told_whose() {
    let stage = stage("{ prompt: 'go on?', from: [alice, bob] }").await;
    let run = start(&stage, RUN);
    remembered(&stage).await;
    run.kill();
    let listener = serve(&stage);
    until(&stage, |slack| listens(slack) && message(slack).contains("nobody works on it since")).await;
    press(&stage, "U0BOB", "approve").await;
    let answered = until(&stage, |slack| message(slack).contains("approved by bob")).await;
    assert!(!has_buttons(&answered), "{answered:#}");
    assert_eq!(answers(&stage).len(), 1);
    press(&stage, "U0ALICE", "reject").await;
    let (user, text) = whispered(&stage, 1).await;
    assert!(user == "U0ALICE" && text.contains("it was approved by bob (Slack user U0BOB of T0DRILL)"), "{text}");

    // Gone on with, by the same message.
    stage.stanch(&["resume", "r", "--json"]).exit(0).done();
    let over = until(&stage, |slack| message(slack).contains("completed")).await;
    assert_eq!(over["messages"].as_array().unwrap().len(), 1);
    assert_eq!(answers(&stage).len(), 1);
    listener.kill();
}

#[tokio::test]
async fn a_run_of_a_store_is_answered_and_goes_on_elsewhere_by_the_same_message() {
    let stage = stage("{ prompt: 'go on?', from: [bob] }").await;
    let on = |machine: &str, arguments: &[&str]| Process(Some(store::on(&stage, machine, arguments).spawn().unwrap()));
    let run = on("kim", RUN);
    until(&stage, |slack| listens(slack) && has_buttons(slack)).await;
    let process = i32::try_from(run.0.as_ref().unwrap().id()).unwrap();
    kill_process(Pid::from_raw(process).unwrap(), Signal::TERM).unwrap();
    run.ended().exit(143).done();
    let listener = on("lee", &["serve", "r", "--slack", "--quiet", "--config", "stanch.yaml"]);
    until(&stage, listens).await;
    press(&stage, "U0BOB", "approve").await;
    until(&stage, |slack| message(slack).contains("approved by bob")).await;
    listener.kill();
    on("ann", &["resume", "r", "--json"]).ended().exit(0).done();
    let over = slack(&stage).await;
    assert!(message(&over).contains("completed"), "{over:#}");
    assert_eq!(over["messages"].as_array().unwrap().len(), 1);
    let journal = store::journal(&stage, "r").await;
    assert_eq!(journal.matches("\"gate_answered\"").count(), 1, "{journal}");
}

#[tokio::test]
async fn a_message_that_nobody_remembers_is_the_runs_all_the_same() {
    let stage = stage("{ prompt: 'go on?' }").await;
    let run = start(&stage, RUN);
    remembered(&stage).await;
    run.kill();
    std::fs::remove_file(stage.journal("r").with_file_name("chat.json")).unwrap();
    let listener = serve(&stage);
    until(&stage, listens).await;
    press(&stage, "U0BOB", "approve").await;
    let answered = until(&stage, |slack| message(slack).contains("approved by bob")).await;
    assert!(!has_buttons(&answered), "{answered:#}");
    listener.kill();
}

#[tokio::test]
async fn after_a_gate_has_expired_no_press_counts() {
    let stage = stage("{ prompt: 'go on?', expires: 2s }").await;
    let run = start(&stage, RUN);
    remembered(&stage).await;
    run.kill();
    let listener = serve(&stage);
    let expired = until(&stage, |slack| listens(slack) && message(slack).contains("expired: no answer")).await;
    assert!(!has_buttons(&expired), "{expired:#}");
    for (count, action) in [(1, "approve"), (2, "reject")] {
        press(&stage, "U0BOB", action).await;
        let (_, text) = whispered(&stage, count).await;
        assert!(text.contains("the gate has expired, which counts as a no"), "{text}");
    }
    assert!(answers(&stage).is_empty());
    stage.stanch(&["resume", "r", "--json"]).exit(3).done();
    until(&stage, |slack| message(slack).contains("gate: nobody answered in time")).await;
    press(&stage, "U0BOB", "approve").await;
    let (_, text) = whispered(&stage, 3).await;
    assert!(text.contains("has expired"), "{text}");
    listener.kill();
}

#[tokio::test]
async fn a_line_that_breaks_or_is_ended_is_opened_anew() {
    let stage = stage("{ prompt: 'go on?' }").await;
    let run = start(&stage, RUN);
    let mut opened = until(&stage, |slack| listens(slack) && has_buttons(slack)).await["opened"].as_u64().unwrap();
    for warns in [true, false] {
        stage.control_post("slack/disconnect", &json!({ "warns": warns })).await;
        let again = until(&stage, |slack| listens(slack) && slack["opened"].as_u64() > Some(opened)).await;
        opened = again["opened"].as_u64().unwrap();
    }
    press(&stage, "U0BOB", "approve").await;
    run.ended().exit(0).done();
}

#[tokio::test]
async fn what_slack_sends_twice_answers_once_whoever_gets_it() {
    let stage = stage("{ prompt: 'go on?' }").await;
    let run = start(&stage, RUN);
    until(&stage, |slack| listens(slack) && has_buttons(slack)).await;
    let listener = serve(&stage);
    until(&stage, |slack| slack["listeners"] == 2).await;
    // Two to each of the two who listen.
    stage.control_post("slack/press", &json!({ "user": "U0BOB", "action": "approve", "deliveries": 4 })).await;
    run.ended().exit(0).done();
    assert_eq!(answers(&stage).len(), 1);
    let over = until(&stage, |slack| slack["envelopes"][0]["acknowledged"] == 4).await;
    assert!(message(&over).contains("approved by bob"), "{over:#}");
    listener.kill();
}

#[tokio::test]
async fn slack_in_trouble_neither_stops_a_run_nor_shows_a_token() {
    let stage = stage("{ prompt: 'go on?' }").await;
    std::fs::write(stage.path("cloud").join("app"), "xapp-another").unwrap();
    // Its buttons are seen, and nobody listens: the run waits as it does without.
    let said = stage.stanch(RUN).exit(4);
    assert!(said.stderr.contains("Slack answered 200") && said.stderr.contains("invalid_auth"), "{}", said.stderr);
    std::fs::write(stage.path("cloud").join("bot"), "xoxb-another").unwrap();
    let refused = stage.stanch(&["serve", "r", "--slack", "--config", "stanch.yaml"]).exit(5);
    assert!(refused.stderr.contains("invalid_auth"), "{}", refused.stderr);
    holds_no_token(&stage, &[&said, &refused]);

    // Asked too often, it is left alone for as long as it says.
    std::fs::write(stage.path("cloud").join("app"), APP_TOKEN).unwrap();
    std::fs::write(stage.path("cloud").join("bot"), BOT_TOKEN).unwrap();
    stage
        .fault(&json!({ "match": { "host": "slack.com" }, "times": 2, "do": { "status": 429, "retry_after_s": 1 } }))
        .await;
    let resumed = start(&stage, &["resume", "r", "--json"]);
    until(&stage, |slack| listens(slack) && has_buttons(slack)).await;
    press(&stage, "U0BOB", "approve").await;
    resumed.ended().exit(0).done();
}

#[tokio::test]
async fn hostile_names_are_text() {
    let stage = stage("{ prompt: \"<!channel> go <https://evil.example|on>? \\u202e\" }").await;
    let run = start(&stage, RUN);
    let asking = until(&stage, |slack| listens(slack) && has_buttons(slack)).await;
    let text = message(&asking);
    assert!(text.contains("&lt;!channel&gt;") && !text.contains(['<', '\u{202e}']), "{text}");
    let hostile = json!({ "user": "U0BOB", "name": "<!here>\u{1b}[2J\u{202e}", "action": "approve" });
    stage.control_post("slack/press", &hostile).await;
    run.ended().exit(0).done();
    let name = answers(&stage)[0]["seen"]["chat"]["name"].clone();
    assert!(!name.as_str().unwrap().contains(['\u{1b}', '\u{202e}']), "{name}");
    let log = stage.stanch(&["log", "r"]).exit(0).stdout;
    assert!(!log.contains(['\u{1b}', '\u{202e}']), "{log}");
}

#[tokio::test]
async fn a_gate_that_wants_a_sign_in_has_no_button() {
    let stage = stage("{ prompt: 'go on?', approvals: verified }").await;
    let said = stage.stanch(RUN).exit(4);
    let waiting = slack(&stage).await;
    assert!(!has_buttons(&waiting), "{waiting:#}\n{}", said.stderr);
    assert!(message(&waiting).contains("stanch approve r gate --signed-in"), "{waiting:#}");
}

#[tokio::test]
async fn what_a_press_cannot_say_has_no_button() {
    let stage = stage("{ prompt: 'go on?' }").await;
    let runbook = "schema: stanch/v1\nname: asking\nsteps:\n  - id: gate\n    uses: human/do\n    with: { \
                   instructions: by hand, checklist: [look twice], answers: { ticket: { type: string } } }\n";
    std::fs::write(stage.path("asking.yaml"), runbook).unwrap();
    let said = stage.stanch(RUN).exit(4);
    let waiting = slack(&stage).await;
    assert!(
        !has_buttons(&waiting)
            && message(&waiting).contains("stanch approve r gate --by NAME")
            && message(&waiting).contains("- look twice"),
        "{waiting:#}\n{}",
        said.stderr
    );
    assert_eq!(waiting["opened"], 0, "nobody needs to listen");
    assert!(count_lines(&stage.journal("r")) > 2);
}

#[tokio::test]
async fn settings_that_would_let_in_nobody_or_show_a_token_are_refused() {
    let stage = stage("{ prompt: 'go on?' }").await;
    for (settings, wanted) in [
        (
            "{ bot_token: xoxb-1-literal, app_token: env:A, channel: C0X, people: { U0B: bob } }",
            "stands in the configuration itself",
        ),
        (
            "{ bot_tokn: xoxb-1-literal, app_token: env:A, channel: C0X, people: { U0B: bob } }",
            "did you mean `bot_token`",
        ),
        (
            "{ bot_token: env:B, app_token: env:A, channel: '#incidents', people: { U0B: bob } }",
            "not the id of a channel",
        ),
        ("{ bot_token: env:B, app_token: env:A, channel: C0X }", "has no `people`"),
        (
            "{ bot_token: env:B, app_token: env:A, channel: C0X, people: { bob: U0B } }",
            "not the id of somebody in Slack",
        ),
        ("{ bot_token: env:B, app_token: env:A, channel: C0X, people: { U0B: bob, U0C: bоb } }", "mixes letters"),
    ] {
        std::fs::write(stage.path("stanch.yaml"), format!("schema: stanch-config/v1\nslack: {settings}\n")).unwrap();
        let said = stage.stanch(RUN).exit(2).stderr;
        assert!(said.contains(wanted) && !said.contains("xoxb-1-literal"), "{said}");
    }
    std::fs::write(stage.path("stanch.yaml"), "schema: stanch-config/v1\n").unwrap();
    stage.stanch(RUN).exit(4).done();
    let said = stage.stanch(&["serve", "r", "--slack", "--config", "stanch.yaml"]).exit(2).stderr;
    assert!(said.contains("nothing of an app in Slack") && said.contains("bot_token"), "{said}");
}
