//! Who answered: people are told apart by what the machine knows of them, and a name is only claimed.

use crate::stage::{Said, Stage, several_can_play};
use serde_json::Value;

const TWO: &str = r"
schema: stanch/v1
name: two-people
steps:
  - id: gate
    uses: human/approve
    with: { prompt: 'go on?', min: 2, from: [alice, 'Bob ', carol], not_requester: true }
finally:
  - { id: report, uses: report/write }
";

async fn asking(runbook: &str) -> Stage {
    let stage = Stage::empty(&[]).await;
    std::fs::write(stage.path("two.yaml"), runbook).unwrap();
    stage
}

fn run(stage: &Stage, operator: &str) -> Said {
    let arguments = ["run", "two.yaml", "--run-id", "r", "--yes", "--json"];
    stage.command(&arguments).env("STANCH_OPERATOR", operator).output().unwrap().into()
}

fn answers(stage: &Stage) -> Vec<Value> {
    let journal = std::fs::read_to_string(stage.journal("r")).unwrap();
    let events = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone());
    events.filter(|event| event["type"] == "gate_answered").collect()
}

#[tokio::test]
async fn one_user_with_two_names_is_one_person() {
    let stage = asking(TWO).await;
    run(&stage, "alice").exit(4).done();
    let refused = stage.stanch(&["approve", "r", "gate", "--by", "bob"]).exit(5).stderr;
    assert!(refused.contains("nothing tells bob (claimed; ") && refused.contains("who started this run"), "{refused}");
    assert!(answers(&stage).is_empty());

    // Without the rule on the requester, the first yes counts, and the second is the same person's.
    let stage = asking(&TWO.replace("not_requester: true", "not_requester: false")).await;
    run(&stage, "alice").exit(4).done();
    stage.stanch(&["approve", "r", "gate", "--by", "bob"]).exit(0).done();
    let refused = stage.stanch(&["approve", "r", "gate", "--by", "carol"]).exit(5).stderr;
    assert!(refused.contains("nothing tells carol") && refused.contains("who has agreed already"), "{refused}");
    let shown = stage.stanch(&["status", "r", "--full"]).exit(0).stdout;
    assert!(shown.contains("awaiting 1 more approval"), "{shown}");
    // A no needs nothing but the right to answer.
    stage.stanch(&["reject", "r", "gate", "--by", "carol"]).exit(0).done();
}

#[tokio::test]
async fn two_users_are_two_people_and_the_answers_say_who_they_were() {
    if !several_can_play() {
        return;
    }
    let stage = asking(TWO).await;
    run(&stage, "alice").exit(4).done();
    stage.stanch_as(61001, &["approve", "r", "gate", "--by", " BOB "]).exit(0).done();
    let refused = stage.stanch_as(61001, &["approve", "r", "gate", "--by", "carol"]).exit(5).stderr;
    assert!(refused.contains("who has agreed already"), "{refused}");
    stage.stanch_as(61002, &["approve", "r", "gate", "--by", "carol"]).exit(0).done();
    let answers = answers(&stage);
    let uids: Vec<&Value> = answers.iter().map(|answer| &answer["seen"]["uid"]).collect();
    assert_eq!(uids, [61001, 61002]);
    assert!(!answers[0]["seen"]["host"].as_str().unwrap().is_empty());
    let status = stage.stanch(&["resume", "r", "--json"]).exit(0).json();
    assert_eq!(status["steps"][0]["outputs"]["by"], "BOB, carol");
    let log = stage.stanch(&["log", "r"]).exit(0).stdout;
    let report = std::fs::read_to_string(stage.state_dir().join("runs/r/report/report.md")).unwrap();
    let shown = stage.stanch(&["status", "r", "--full"]).exit(0).stdout;
    for text in [&log, &report, &shown] {
        assert!(text.contains("BOB (claimed; uid 61001 on "), "{text}");
    }
    assert!(log.contains("begun by alice (claimed; "), "{log}");
}

#[tokio::test]
async fn names_are_trimmed_folded_and_none_looks_like_another() {
    let stage = asking(&TWO.replace("not_requester: true", "not_requester: false")).await;
    run(&stage, "alice").exit(4).done();
    for (name, why) in [
        ("", "a name is missing"),
        (" \u{a0} ", "a name is missing"),
        ("bo\u{200b}b", "cannot be seen"),
        ("b\u{43e}b", "different scripts"),
        ("bob\nerror: it is over", "cannot be seen"),
    ] {
        let refused = stage.stanch(&["approve", "r", "gate", "--by", name]).exit(2).stderr;
        assert!(refused.contains(why), "{name:?}: {refused}");
        let refused = stage.command(&["status", "r"]).env("STANCH_OPERATOR", name).output().unwrap();
        assert_eq!(refused.status.code(), Some(if name.is_empty() { 0 } else { 2 }), "{name:?}");
    }
    let refused = stage.stanch(&["approve", "r", "gate", "--by", "a1ice"]).exit(5).stderr;
    assert!(refused.contains("`a1ice` looks like `alice`"), "{refused}");
    stage.stanch(&["approve", "r", "gate", "--by", "ＢＯＢ"]).exit(0).done();
    assert_eq!(answers(&stage)[0]["by"], "BOB");
}

#[tokio::test]
async fn an_answer_from_a_file_tells_of_the_file() {
    let stage = asking(&TWO.replace("min: 2", "min: 1").replace("not_requester: true", "not_requester: false")).await;
    let text = "gate: { answer: approve, by: bob }\n";
    std::fs::write(stage.path("answers.yaml"), text).unwrap();
    stage.stanch(&["run", "two.yaml", "--run-id", "r", "--yes", "--answers", "answers.yaml"]).exit(0).done();
    let file = &answers(&stage)[0]["seen"]["file"];
    assert!(file["path"].as_str().unwrap().ends_with("/answers.yaml"), "{file}");
    assert_eq!(file["sha256"].as_str().unwrap().len(), 64);
    let log = stage.stanch(&["log", "r"]).exit(0).stdout;
    assert!(log.contains("approved by bob (claimed; ") && log.contains("from the file "), "{log}");
    std::fs::write(stage.path("answers.yaml"), "gate: { answer: approve, by: '  ' }\n").unwrap();
    let refused = stage.stanch(&["run", "two.yaml", "--yes", "--answers", "answers.yaml"]).exit(2).stderr;
    assert!(refused.contains("a name is missing"), "{refused}");
}

#[tokio::test]
async fn a_list_of_people_holds_names_that_differ() {
    for (from, why) in [("[bob, 'BOB ']", "2 people must agree, and 1 may answer"), ("[alice, a1ice]", "look alike")] {
        let stage = asking(&TWO.replace("[alice, 'Bob ', carol]", from)).await;
        let status = run(&stage, "alice").exit(3).json();
        assert!(status["steps"][0]["error"].to_string().contains(why), "{}", status["steps"][0]);
    }
}
