//! Issuers without an interface of their own: a person, a program, and tokens that can only be revoked.

use super::{arguments, assert_vault, killed, points_of_death, step, versions};
use crate::stage::{Said, Stage};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

const OLD: &str = "sk_live_theOldOneThatLeaked0123456789";
const NEW: &str = "sk_live_theNewOneThatNobodySaw9876543210";

async fn set(value: &str, tags: Value) -> Stage {
    let stage = Stage::empty(&[]).await;
    stage.seed("orders-key", &json!({ "value": value, "tags": tags })).await;
    stage
}

/// Calls the program with this on its standard input.
fn with_input(stage: &Stage, arguments: &[&str], input: &str) -> Said {
    let mut child = stage.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// Nothing below the state directory holds the text.
fn assert_nowhere(stage: &Stage, text: &str) {
    let mut folders = vec![stage.state_dir()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                assert!(!String::from_utf8_lossy(&bytes).contains(text), "{}", path.display());
            }
        }
    }
}

#[tokio::test]
async fn a_person_enters_the_new_value_and_revokes_the_old_one() {
    let stage = set(OLD, json!({ "owner": "orders-team" })).await;
    let run = "r-manual";
    // Nobody is there who could enter it: the run waits, and says how to go on.
    let said = stage.stanch(&arguments("third-party-api-key", run, &[])).exit(4);
    let status = said.json();
    assert_eq!(step(&status, "rotate")["status"], "waiting");
    assert!(said.stderr.contains("stanch resume r-manual --secret-stdin"), "{}", said.stderr);
    stage.stanch(&["resume", run, "--json"]).exit(4).done();
    let stdin = ["resume", run, "--json", "--secret-stdin"];
    let said = with_input(&stage, &stdin, &format!("{OLD}\n")).exit(3);
    let error = step(&said.json(), "rotate")["error"].to_string();
    assert!(error.contains("is the one that leaked"), "{error}");
    let status = with_input(&stage, &stdin, &format!("{NEW}\n")).exit(4).json();
    assert_eq!(step(&status, "retire")["status"], "waiting", "only a person can revoke it");
    stage.stanch(&["approve", run, "retire", "--by", "kim"]).exit(0).done();
    let status = stage.stanch(&["resume", run, "--json"]).exit(0).json();
    assert_eq!(step(&status, "retire")["outputs"]["by"], "kim");
    let proof = &step(&status, "prove_dead")["outputs"];
    assert_eq!(proof["proven"], json!([]));
    assert!(proof["not_proven"][0]["because"].as_str().unwrap().contains("no interface that stanch knows"));
    let report = std::fs::read_to_string(stage.state_dir().join("runs/r-manual/report/report.md")).unwrap();
    assert!(report.contains("not proven at its issuer"), "{report}");
    let sent = stage.state().await["notifications"].to_string();
    assert!(sent.contains("Not proven to be contained:") && !sent.contains("Contained"), "{sent}");
    assert_vault(&stage.state().await, run);
    assert_eq!(stage.read_value("orders-key", "").await, NEW);
    for value in [OLD, NEW] {
        assert_nowhere(&stage, value);
    }
}

#[tokio::test]
async fn tokens_are_revoked_through_their_interfaces_and_refused_there() {
    for (name, old, new, answer) in [
        ("github_token", "ghp_theOldOneThatLeaked01234567890123456", "ghp_theNewOne01234567890123456789012345", "401"),
        ("slack_token", "xoxb-1-theOldOneThatLeaked", "xoxb-2-theNewOne", "token_revoked"),
    ] {
        for lost in [false, true] {
            // An older version that can still be read holds another token, which lives as well.
            let older = format!("{old}0");
            let tags = json!({ "owner": "orders-team", "stanch-provider": name });
            let stage = set(&older, tags.clone()).await;
            stage.seed("orders-key", &json!({ "value": old, "tags": tags })).await;
            for token in [older.as_str(), old, new] {
                stage.control_post("issued", &json!({ "token": token })).await;
            }
            if lost {
                let fault = json!({ "match": { "path": "revoke" }, "times": 1, "do": { "drop": "after" } });
                stage.fault(&fault).await;
            }
            let mut begin = arguments("third-party-api-key", "r-token", &[]);
            begin.push("--secret-stdin");
            let status = with_input(&stage, &begin, new).exit(0).json();
            assert_eq!(step(&status, "issuer")["outputs"]["provider"], name);
            assert_eq!(step(&status, "prove_dead")["outputs"]["answer"], answer);
            let state = stage.state().await;
            assert_vault(&state, "r-token");
            assert_eq!(state["tokens"][hex::encode(Sha256::digest(old))], false);
            assert_eq!(state["tokens"][hex::encode(Sha256::digest(&older))], false);
            assert_eq!(state["tokens"][hex::encode(Sha256::digest(new))], true);
            let calls = state["calls"].as_array().unwrap().clone();
            let revocations = calls.iter().filter(|call| call["path"].as_str().unwrap().ends_with("revoke")).count();
            let requests = if name == "github_token" { 1 } else { 2 + usize::from(lost) };
            assert_eq!(revocations, requests, "a batch, or one by one; a lost answer is settled by trying the token");
            assert_nowhere(&stage, old);
            assert_nowhere(&stage, new);
        }
    }
}

#[tokio::test]
async fn a_person_may_revoke_first_and_say_no() {
    let stage = set(OLD, json!({ "owner": "orders-team" })).await;
    let begin = arguments("third-party-api-key", "r-first", &["containment=revoke_first"]);
    let status = stage.stanch(&begin).exit(4).json();
    assert!(step(&status, "rotate")["status"] == "waiting", "{status}");
    stage.stanch(&["approve", "r-first", "rotate", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r-first", "--json"]).exit(4).done();
    let status = with_input(&stage, &["resume", "r-first", "--json", "--secret-stdin"], NEW).exit(0).json();
    assert_eq!(step(&status, "retire")["outputs"]["by"], "kim");
    assert_eq!(step(&status, "retire")["outputs"]["before"], true);
    assert_vault(&stage.state().await, "r-first");

    let stage = set(OLD, json!({ "owner": "orders-team" })).await;
    stage.stanch(&arguments("third-party-api-key", "r-no", &[])).exit(4).done();
    stage.stanch(&["reject", "r-no", "rotate", "--by", "kim"]).exit(0).done();
    let said = stage.stanch(&["resume", "r-no", "--json"]).exit(3);
    let error = step(&said.json(), "rotate")["error"].to_string();
    assert!(error.contains("kim said that no value will be entered"), "{error}");
    assert_eq!(versions(&stage.state().await).len(), 1);
}

/// An issuer in a shell script: one file per living credential, named by the value.
fn issuer(stage: &Stage) -> String {
    let folder = stage.path("issuer");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join(OLD), "").unwrap();
    let script = stage.path("issuer.sh");
    let text = r#"#!/bin/sh
cd "$(dirname "$0")/issuer" || exit 1
read -r request
field() { printf '%s' "$request" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
case "$(field do)" in
issue)
  # What was issued under this key before is replaced.
  for before in *; do [ "$(cat "$before")" = "$(field key)" ] && rm "$before"; done
  value="issued-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
  printf '%s' "$(field key)" > "$value"
  printf '{"value":"%s","credential":"the script'"'"'s"}\n' "$value" ;;
retire) rm -f "$(field value)"; echo '{}' ;;
try) if [ -e "$(field value)" ]; then echo '{"accepted":true,"answer":"there"}'; else echo '{"accepted":false,"answer":"gone"}'; fi ;;
esac
"#;
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script.display().to_string()
}

#[tokio::test]
async fn a_program_of_the_teams_own_killed_anywhere_leaves_one_living_credential() {
    for lines in [200].into_iter().chain(points_of_death(40)) {
        let stage = set(OLD, json!({ "owner": "orders-team" })).await;
        let program = issuer(&stage);
        // The emulator's configuration, with an inventory: a program is never taken from a tag.
        let ready: Value = serde_json::from_str(&std::fs::read_to_string(stage.ready_file()).unwrap()).unwrap();
        let config = ready["config"].as_str().unwrap();
        let inventory = format!(
            "\ninventory:\n  - secret: orders-key\n    provider: command\n    settings: {{ program: [\"{program}\"] }}\n"
        );
        let mut file = std::fs::OpenOptions::new().append(true).open(config).unwrap();
        file.write_all(inventory.as_bytes()).unwrap();
        let run = format!("r-killed-{lines}");
        let begin = arguments("third-party-api-key", &run, &[]);
        let status = killed(&stage, &begin, &run, lines).await.exit(0).json();
        assert_eq!(status["status"], "completed", "killed at {lines}");
        assert_eq!(step(&status, "issuer")["outputs"]["because"], "`command` is named in the inventory");
        assert_eq!(step(&status, "prove_dead")["outputs"]["answer"], "gone");
        assert_vault(&stage.state().await, &run);
        let living: Vec<String> = std::fs::read_dir(stage.path("issuer"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(living, [stage.read_value("orders-key", "").await], "killed at {lines}");
        assert_nowhere(&stage, &living[0]);
    }
}

#[tokio::test]
async fn the_usual_runbook_asks_for_what_only_a_person_can_make() {
    // People's words for an issuer, in a tag of everyday use, are enough to keep a random value away.
    for tags in [
        json!({ "owner": "orders-team", "issuer": "Stripe" }),
        json!({ "owner": "orders-team", "provider": "Stripe" }),
        json!({ "owner": "orders-team", "stanch-provider": "manual" }),
    ] {
        let stage = set(OLD, tags).await;
        let said = stage.stanch(&arguments("secret-exposure", "r-usual", &[])).exit(4);
        assert!(said.stderr.contains("stanch resume r-usual --secret-stdin"), "{}", said.stderr);
        assert_eq!(versions(&stage.state().await).len(), 1, "nothing was put in place of it");
        let stdin = ["resume", "r-usual", "--json", "--secret-stdin"];
        let status = with_input(&stage, &stdin, &format!("{NEW}\n")).exit(4).json();
        assert_eq!(step(&status, "issuer")["outputs"]["provider"], "manual");
        assert_eq!(step(&status, "retire")["status"], "waiting", "only a person can revoke it");
        stage.stanch(&["approve", "r-usual", "retire", "--by", "kim"]).exit(0).done();
        stage.stanch(&["resume", "r-usual", "--json"]).exit(0).done();
        let sent = stage.state().await["notifications"].to_string();
        assert!(sent.contains("Not proven to be contained:") && !sent.contains("Contained"), "{sent}");
        assert_vault(&stage.state().await, "r-usual");
        assert_eq!(stage.read_value("orders-key", "").await, NEW);
    }
}

#[tokio::test]
async fn where_nothing_names_an_issuer_the_plan_the_gate_and_the_report_say_so() {
    const SAID: &str = "issuer unknown, treated as the vault itself";
    let stage = set("an-opaque-value-1", json!({ "owner": "orders-team" })).await;
    let secret = "secret=https://kv-drill.vault.azure.net/secrets/orders-key";
    let plan = ["plan", "secret-exposure", "-i", secret, "-i", "exposed_at=2026-01-01T00:00:00Z"];
    let told = stage.stanch(&plan).exit(0).stdout;
    assert!(told.contains(&format!("! `orders-key`: {SAID}")) && told.contains("randomly generated"), "{told}");
    let waits = stage.stanch(&arguments("secret-exposure", "r-nobody", &["severity=sev2"])).exit(4);
    assert!(waits.stderr.contains(SAID), "{}", waits.stderr);
    stage.stanch(&["approve", "r-nobody", "approve", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r-nobody", "--json"]).exit(0).done();
    let report = std::fs::read_to_string(stage.state_dir().join("runs/r-nobody/report/report.md")).unwrap();
    for words in ["nobody but the vault was asked", "nothing names who issues the secret"] {
        assert!(report.contains(words), "{words}: {report}");
    }
    let sent = stage.state().await["notifications"].to_string();
    assert!(sent.contains(SAID), "{sent}");

    // Where the vault is named, it is its own affair.
    let stage = set(OLD, json!({ "owner": "orders-team", "stanch-provider": "random" })).await;
    let told = stage.stanch(&plan).exit(0).stdout;
    assert!(told.contains("`orders-key`: the vault issues it"), "{told}");
    stage.stanch(&arguments("secret-exposure", "r-vault", &[])).exit(0).done();
    let report = std::fs::read_to_string(stage.state_dir().join("runs/r-vault/report/report.md")).unwrap();
    assert!(!report.contains("nobody but the vault was asked"), "{report}");
    assert_vault(&stage.state().await, "r-vault");
}

#[tokio::test]
async fn what_is_no_secret_of_its_own_is_refused_with_the_reason() {
    let stage = Stage::empty(&[]).await;
    let managed = json!({ "value": "the certificate with its key", "managed": true });
    stage.seed("orders-key", &managed).await;
    let said = stage.stanch(&arguments("third-party-api-key", "r-managed", &[])).exit(5);
    assert!(said.stderr.contains("belongs to a certificate"), "{}", said.stderr);
    assert_eq!(versions(&stage.state().await).len(), 1);
    for kind in ["keys", "certificates"] {
        let secret = format!("secret=https://kv-drill.vault.azure.net/{kind}/orders-key");
        let run = ["run", "secret-exposure", "-i", &secret, "-i", "exposed_at=2026-01-01T00:00:00Z", "--yes"];
        let said = stage.stanch(&run).exit(2);
        assert!(said.stderr.contains("is one of the vault's"), "{}", said.stderr);
    }
}

/// What a run recorded of a step, by name.
fn recorded(stage: &Stage, run: &str, name: &str) -> Option<Value> {
    let journal = std::fs::read_to_string(stage.journal(run)).unwrap();
    let mut records = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.find(|record| record["event"]["name"] == name).map(|record| record["event"]["value"].clone())
}

#[tokio::test]
async fn what_the_issuer_answers_is_recorded_whatever_it_is_and_so_is_that_none_was_asked() {
    let stage = set(OLD, json!({ "owner": "orders-team" })).await;
    let program = issuer(&stage);
    let replaced = |provider: &str| {
        format!(
            r#"schema: stanch/v1
name: prove
inputs: {{ secret: {{ type: keyvault_secret, required: true }} }}
steps:
  - {{ id: rotate, uses: keyvault/rotate, with: {{ secret: "${{{{ inputs.secret }}}}", {provider} }} }}
  - id: prove
    uses: issuer/prove
    with: {{ secret: "${{{{ inputs.secret }}}}", keep: "${{{{ steps.rotate.outputs.version }}}}", issuer: "${{{{ steps.rotate.outputs.issuer }}}}" }}
"#
        )
    };
    let secret = "secret=https://kv-drill.vault.azure.net/secrets/orders-key";
    let begin = |run| ["run", "prove.yaml", "--run-id", run, "-i", secret, "--yes", "--json"];
    let old = versions(&stage.state().await)[0]["version"].as_str().unwrap().to_owned();
    let settings = format!("provider: command, settings: {{ program: [\"{program}\"] }}");
    std::fs::write(stage.path("prove.yaml"), replaced(&settings)).unwrap();
    let status = stage.stanch(&begin("r-alive")).exit(3).json();
    assert!(step(&status, "prove")["error"].to_string().contains("still works"), "{status}");
    let accepted = recorded(&stage, "r-alive", &format!("issuer accepted {old}")).unwrap();
    assert_eq!((&accepted["provider"], &accepted["answer"]), (&json!("command"), &json!("there")));
    assert!(accepted["at"].is_string() && accepted["version"] == old.as_str(), "{accepted}");
    assert_eq!(recorded(&stage, "r-alive", &format!("issuer refused {old}")), None);

    std::fs::write(stage.path("prove.yaml"), replaced("provider: random")).unwrap();
    stage.stanch(&begin("r-vault")).exit(0).done();
    let asked = recorded(&stage, "r-vault", "issuer not asked").unwrap();
    assert_eq!((&asked["provider"], &asked["assumed"]), (&json!("random"), &json!(false)));
    assert!(asked["because"].as_str().unwrap().contains("in the runbook"), "{asked}");
    assert!(recorded(&stage, "r-vault", "survey").is_none() && recorded(&stage, "r-vault", "tested").is_none());
}
