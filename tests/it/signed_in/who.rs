//! Two people, and one with two names; those who are listed, and those who are not.

use super::{DOMAIN, begin, events, gate, shown, signed_in, token, with_steps, write};
use crate::stage::{Stage, several_can_play};
use serde_json::{Value, json};

const TWO: &str = "min: 2, approvals: verified, not_requester: true";

#[tokio::test]
async fn two_sign_ins_are_two_people_on_one_machine() {
    let stage = with_steps(&gate(TWO)).await;
    begin(&stage, "r", &["--signed-in"]).exit(4).done();
    signed_in(&stage, "approve", "r", "bob").exit(0).done();
    let again = signed_in(&stage, "approve", "r", "bob@drill.example").exit(5).stderr;
    assert!(again.contains("bob@drill.example has agreed already"), "{again}");
    let requester = signed_in(&stage, "approve", "r", "carol").exit(5).stderr;
    assert!(requester.contains("carol@drill.example started this run and may not approve it"), "{requester}");
    signed_in(&stage, "approve", "r", "alice").exit(0).done();
    let status = stage.stanch(&["resume", "r", "--json"]).exit(0).json();
    assert_eq!(status["steps"][0]["outputs"]["by"], "bob@drill.example, alice@drill.example");
    let answers = events(&stage, "r", "gate_answered");
    let said: Vec<&Value> = answers.iter().map(|answer| &answer["seen"]["verified"]).collect();
    assert_ne!(said[0]["oid"], said[1]["oid"]);
    for said in said {
        assert_eq!(said["tenant"].as_str().unwrap().len(), 36);
        assert_eq!(said["token_sha256"].as_str().unwrap().len(), 64);
    }
    let log = stage.stanch(&["log", "r"]).exit(0).stdout;
    assert!(log.contains("approved by bob@drill.example (signed in, object id "), "{log}");
}

#[tokio::test]
async fn one_person_with_two_names_is_one() {
    let stage = with_steps(&gate(TWO)).await;
    begin(&stage, "r", &["--signed-in"]).exit(4).done();
    for (upn, code) in [("kim@contoso.com", 0), ("kim.lee@contoso.com", 5)] {
        let token = token(&stage, 7, Some(upn), json!({})).await;
        let said = shown(&stage, "approve", "r", &token).exit(code).stderr;
        assert!(code == 0 || said.contains("who has agreed already"), "{said}");
    }
    // The requester under another name.
    let started = events(&stage, "r", "run_opened")[0]["seen"]["verified"]["oid"].as_str().unwrap().to_owned();
    let oid = uuid::Uuid::try_parse(&started).unwrap().as_u128();
    let token = token(&stage, oid, Some("someone@contoso.com"), json!({})).await;
    let said = shown(&stage, "approve", "r", &token).exit(5).stderr;
    assert!(said.contains("someone@contoso.com started this run"), "{said}");
    assert_eq!(events(&stage, "r", "gate_answered").len(), 1);
}

#[tokio::test]
async fn nobody_is_told_from_a_requester_who_did_not_sign_in() {
    if !several_can_play() {
        return;
    }
    let stage = with_steps(&gate("min: 1, approvals: verified, not_requester: true")).await;
    begin(&stage, "r", &[]).exit(4).done();
    // From another user's account, who may be the same person.
    let said = stage.stanch_as(61001, &["approve", "r", "gate", "--signed-in", "--by", "alice"]).exit(5).stderr;
    assert!(said.contains("carol started this run without signing in") && said.contains("--signed-in"), "{said}");
    assert!(events(&stage, "r", "gate_answered").is_empty());
}

#[tokio::test]
async fn one_token_answers_a_gate_once() {
    let stage = with_steps(&gate(TWO)).await;
    begin(&stage, "r", &[]).exit(4).done();
    let token = token(&stage, 8, Some("kim@contoso.com"), json!({})).await;
    // The requester did not sign in, and sits at this machine, as whoever answers does: nothing else is known of them.
    let said = shown(&stage, "approve", "r", &token).exit(5).stderr;
    assert!(said.contains("nothing tells kim@contoso.com"), "{said}");
    begin(&stage, "s", &["--signed-in"]).exit(4).done();
    shown(&stage, "approve", "s", &token).exit(0).done();
    let said = shown(&stage, "approve", "s", &token).exit(5).stderr;
    assert!(said.contains("has answered already"), "{said}");
}

#[tokio::test]
async fn typed_names_are_no_answers_under_the_policy() {
    let steps = "  - id: gate\n    uses: http/check\n    on_failure: ask\n    retry: { max: 0 }\n    with: { url: 'https://kv-drill.vault.azure.net/nothing', status: 299 }\n";
    let stage = with_steps(steps).await;
    std::fs::write(stage.path("policy.yaml"), "schema: stanch-config/v1\napprovals: verified\n").unwrap();
    let policy = ["--config", "policy.yaml"];
    begin(&stage, "settled", &policy).exit(4).done();
    let settle = ["settle", "settled", "gate", "--as", "continue", "--because", "known"];
    let said = stage.stanch(&[&settle[..], &["--by", "alice"]].concat()).exit(5).stderr;
    assert!(said.contains("`alice` is only typed") && said.contains("--signed-in"), "{said}");
    let shown = stage.stanch(&["status", "settled"]).exit(0).stdout;
    assert!(shown.contains("stanch settle settled gate --as continue --signed-in"), "{shown}");
    // Without a name whoever is logged in signs in: where the run takes nobody's word, that is what is meant.
    let mut command = stage.command(&settle);
    let said = command.env("STANCH_OPERATOR", "bob").output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(events(&stage, "settled", "failure_answered")[0]["by"], "bob@drill.example");

    write(&stage, "  - { id: gate, uses: human/do, with: { instructions: roll it } }\n");
    begin(&stage, "done", &policy).exit(4).done();
    for word in ["approve", "reject"] {
        let said = stage.stanch(&[word, "done", "gate", "--by", "alice"]).exit(5).stderr;
        assert!(said.contains("`alice` is only typed"), "{said}");
    }
    std::fs::write(stage.path("answers.yaml"), "gate: { answer: approve, by: alice@drill.example }\n").unwrap();
    begin(&stage, "written", &[&policy[..], &["--answers", "answers.yaml"]].concat()).exit(4).done();
    signed_in(&stage, "reject", "done", "alice").exit(0).done();

    // Nobody can sign in as a name: that is said before anything begins.
    write(&stage, &gate("from: [alice]"));
    let said = begin(&stage, "nobody", &policy).exit(2).stderr;
    assert!(said.contains("`alice` may answer a gate and is only a name"), "{said}");
    assert!(!stage.journal("nobody").exists());
}

#[tokio::test]
async fn those_who_may_answer_are_listed_by_object_ids_sign_in_names_and_groups() {
    let (oid, group) = (uuid::Uuid::from_u128(9).to_string(), uuid::Uuid::from_u128(99).to_string());
    let stage =
        with_steps(&gate(&format!("from: ['{}', 'bob@{DOMAIN}', 'group:{group}'], min: 1", oid.to_uppercase()))).await;
    let asked = |run: &str| begin(&stage, run, &[]).exit(4).done();
    asked("typed");
    let said = stage.stanch(&["approve", "typed", "gate", "--by", &oid]).exit(5).stderr;
    assert!(said.contains("is only typed"), "{said}");
    for (run, oid, upn, claims) in [
        ("by-id", 9, "a@contoso.com", json!({})),
        ("by-name", 10, "BOB@drill.example", json!({})),
        ("by-group", 11, "c@contoso.com", json!({ "groups": [group.to_uppercase()] })),
    ] {
        asked(run);
        let token = token(&stage, oid, Some(upn), claims).await;
        shown(&stage, "approve", run, &token).exit(0).done();
    }
    asked("others");
    let others = json!([uuid::Uuid::from_u128(98).to_string()]);
    let elsewhere = json!({ "groups": null, "_claim_names": { "groups": "src1" } });
    for (claims, why) in [
        (json!({ "groups": others }), "may not answer"),
        (elsewhere, "which groups e@contoso.com is in is not known"),
        (json!({ "groups": null, "hasgroups": true }), "which groups e@contoso.com is in is not known"),
        (json!({ "groups": null }), "which groups e@contoso.com is in is not known"),
    ] {
        let token = token(&stage, 12, Some("e@contoso.com"), claims).await;
        let said = shown(&stage, "approve", "others", &token).exit(5).stderr;
        assert!(said.contains(why), "{why}: {said}");
    }
    // What others are in is nobody's business.
    let recorded = events(&stage, "by-group", "gate_answered")[0]["seen"]["verified"]["groups"].clone();
    assert_eq!(recorded, json!([group]));
}

#[tokio::test]
async fn a_sign_in_answers_where_none_is_asked_for_too() {
    let stage = with_steps(&gate("from: ['alice@drill.example', bob], min: 1")).await;
    begin(&stage, "r", &[]).exit(4).done();
    let said = signed_in(&stage, "approve", "r", "bob").exit(5).stderr;
    assert!(
        said.contains("bob@drill.example may not answer"),
        "a name that is typed is not the one that signs in: {said}"
    );
    let wrong = stage.stanch(&["approve", "r", "gate", "--signed-in", "--by", "mallory"]).exit(5).stderr;
    assert!(wrong.contains("`mallory` cannot sign in"), "{wrong}");
    signed_in(&stage, "approve", "r", "alice").exit(0).done();
    assert_eq!(events(&stage, "r", "gate_answered")[0]["by"], "alice@drill.example");
}

#[tokio::test]
async fn a_run_that_knows_no_tenant_takes_names_alone() {
    let stage = with_steps(&gate("min: 1")).await;
    std::fs::write(stage.path("bare.yaml"), "schema: stanch-config/v1\n").unwrap();
    begin(&stage, "r", &["--config", "bare.yaml"]).exit(4).done();
    let said = signed_in(&stage, "approve", "r", "alice").exit(5).stderr;
    assert!(said.contains("without knowing whose sign-ins count") && said.contains("`tenant`"), "{said}");
    let said = stage.stanch(&["approve", "r", "gate"]).exit(2).stderr;
    assert!(said.contains("nobody says who answers"), "{said}");
    stage.stanch(&["approve", "r", "gate", "--by", "alice"]).exit(0).done();
    assert_eq!(keys_asked(&stage).await, 0);
}

async fn keys_asked(stage: &Stage) -> usize {
    let state = stage.state().await;
    let calls = state["calls"].as_array().unwrap();
    calls.iter().filter(|call| call["path"].as_str().unwrap().ends_with("/discovery/v2.0/keys")).count()
}

#[tokio::test]
async fn those_who_may_answer_can_be_told_by_the_run() {
    let steps = gate("from: '${{ inputs.people }}'");
    let stage = with_steps(&steps).await;
    let text = std::fs::read_to_string(stage.path("asking.yaml")).unwrap();
    let inputs = "inputs:\n  people: { type: list, items: { type: string }, required: true }\nsteps:";
    std::fs::write(stage.path("asking.yaml"), text.replace("steps:", inputs)).unwrap();
    std::fs::write(stage.path("bare.yaml"), "schema: stanch-config/v1\n").unwrap();
    let people = format!("people={}", uuid::Uuid::from_u128(9));
    begin(&stage, "r", &["--config", "bare.yaml", "-i", &people]).exit(4).done();
    let said = stage.stanch(&["approve", "r", "gate", "--by", "kim"]).exit(5).stderr;
    assert!(said.contains("is only typed"), "{said}");
    let token = token(&stage, 9, Some("kim@contoso.com"), json!({})).await;
    shown(&stage, "approve", "r", &token).exit(0).done();
}
