//! What a run works on belongs to it until it is over, whether a process is at work or not.

use crate::stage::{Said, Stage, count_lines};
use serde_json::{Value, json};
use stanch::journal::{Claimant, Holder, Runs, Stands, TargetError, Targets};
use std::path::{Path, PathBuf};

const SECRET: &str = "https://kv-drill.vault.azure.net/secrets/orders-db";

/// A run that waits for a yes before the old version is taken away.
fn waits(stage: &Stage, run: &str) -> Said {
    let mut arguments = stage.containment(run);
    arguments.extend(["-i", "severity=sev2", "-i", "overlap=0s"]);
    stage.stanch(&arguments).exit(4)
}

fn exposure<'a>(run: &'a str, secret: &'a str) -> Vec<&'a str> {
    vec![
        "run",
        "secret-exposure",
        "--run-id",
        run,
        "-i",
        secret,
        "-i",
        "exposed_at=2026-01-01T00:00:00Z",
        "-i",
        "overlap=0s",
        "--yes",
        "--json",
    ]
}

async fn versions(stage: &Stage, secret: &str) -> usize {
    stage.state().await["vaults"]["kv-drill"]["secrets"][secret].as_array().unwrap().len()
}

/// What reached the other side so far.
async fn heard(stage: &Stage) -> (usize, usize) {
    let state = stage.state().await;
    (state["calls"].as_array().unwrap().len(), state["notifications"].as_array().unwrap().len())
}

#[tokio::test]
async fn a_run_that_waits_holds_its_secret_however_it_is_spelled() {
    let stage = Stage::set().await;
    waits(&stage, "r-first").done();
    let before = heard(&stage).await;
    for secret in [
        "https://kv-drill.vault.azure.net/secrets/orders-db".to_owned(),
        "HTTPS://KV-Drill.Vault.Azure.Net/secrets/Orders-DB".to_owned(),
        format!("{SECRET}/"),
        "https://kv-drill.vault.azure.net:443/secrets/orders-db".to_owned(),
        format!("{SECRET}/0123456789abcdef0123456789ABCDEF"),
    ] {
        let input = format!("secret={secret}");
        let mut command = stage.command(&exposure("r-second", &input));
        let refused = Said::from(command.env("STANCH_OPERATOR", "kim").output().unwrap()).exit(5).stderr;
        let state = stage.state_dir().display().to_string();
        for told in [
            "error: another run holds https://kv-drill.vault.azure.net/secrets/",
            "`secret-exposure`: run `r-first` by ",
            ", since 20",
            "it waits at `approve`, since 20",
            &format!("`stanch approve r-first approve --by NAME --state-dir {state}` says yes"),
            &format!("`stanch resume r-first --state-dir {state}` goes on with it"),
            &format!("`stanch abandon r-first --because TEXT --state-dir {state}` gives it up"),
            "nothing was changed",
        ] {
            assert!(refused.contains(told), "{told}: {refused}");
        }
        assert!(!stage.state_dir().join("runs/r-second").exists());
    }
    assert_eq!(heard(&stage).await, before, "nothing was sent");
    // Another secret is nobody's.
    stage.seed("billing", &json!({ "value": "x" })).await;
    let input = "secret=https://kv-drill.vault.azure.net/secrets/billing";
    stage.stanch(&exposure("r-other", input)).exit(0).done();
    // The one that holds it goes on, and then holds nothing: what it put off neither.
    stage.stanch(&["approve", "r-first", "approve", "--by", "kim"]).exit(0).done();
    stage.stanch(&["resume", "r-first", "--json"]).exit(0).done();
    let put_off = stage.stanch(&["status", "r-first", "--json"]).exit(0).json();
    assert!(!put_off["follow_ups"].as_array().unwrap().is_empty(), "{put_off}");
    stage.stanch(&exposure("r-second", &format!("secret={SECRET}"))).exit(0).done();
    stage.stanch(&["resume", "r-first", "--json"]).exit(0).done();
}

#[tokio::test]
async fn a_run_that_is_cut_off_anywhere_holds_its_secret_until_it_is_resumed_to_its_end() {
    for lines in [1, 6, 14, 30] {
        let stage = Stage::set().await;
        assert!(stage.kill_at(&stage.containment("r-first"), "r-first", lines).await);
        let refused = stage.stanch(&stage.containment("r-second")).exit(5).stderr;
        assert!(refused.contains("run `r-first` by ") && refused.contains("it was cut off"), "{lines}: {refused}");
        stage.stanch(&["resume", "r-first", "--json"]).exit(0).done();
        assert_eq!(versions(&stage, "orders-db").await, 4, "one new version");
        stage.stanch(&stage.containment("r-second")).exit(0).done();
    }
}

#[tokio::test]
async fn a_run_that_failed_before_it_changed_anything_keeps_nobody_from_its_secret() {
    let stage = Stage::set().await;
    stage.deny(&json!({ "deny": [{ "operation": "SecretListVersions" }], "kind": "ForbiddenByRbac" })).await;
    stage.stanch(&stage.containment("r-first")).exit(5).done();
    stage.deny(&json!({ "deny": [] })).await;
    stage.stanch(&stage.containment("r-second")).exit(0).done();
    assert_eq!(versions(&stage, "orders-db").await, 4, "one new version");
}

#[tokio::test]
async fn a_failed_run_holds_its_secret_until_it_is_resumed_or_abandoned() {
    let stage = Stage::set().await;
    stage.deny(&json!({ "deny": [{ "operation": "SecretUpdate" }], "kind": "ForbiddenByRbac" })).await;
    stage.stanch(&stage.containment("r-first")).exit(3).done();
    let refused = stage.stanch(&stage.containment("r-second")).exit(5).stderr;
    assert!(refused.contains("run `r-first` by ") && refused.contains("it failed at `"), "{refused}");
    assert!(refused.contains("can be resumed"), "{refused}");
    stage.stanch(&["abandon", "r-first", "--because", "begun with the wrong inputs"]).exit(0).done();
    let said = stage.stanch(&stage.containment("r-second"));
    assert!(!said.stderr.contains("another run holds"), "{}", said.stderr);
    assert!(stage.journal("r-second").exists());
}

#[tokio::test]
async fn only_the_journal_that_the_targets_file_names_is_looked_at() {
    let stage = Stage::set().await;
    for number in 0..300 {
        let folder = stage.state_dir().join(format!("runs/r-old-{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("journal.jsonl"), "no record\n").unwrap();
    }
    waits(&stage, "r-first").done();
    let refused = stage.stanch(&stage.containment("r-second")).exit(5).stderr;
    assert!(refused.contains("run `r-first` by "), "{refused}");
    // The holder's own journal is another matter: whether it is over is not known.
    std::fs::write(stage.journal("r-first"), "no record\n").unwrap();
    let refused = stage.stanch(&stage.containment("r-second")).exit(5).stderr;
    assert!(refused.contains("whether it is over is not known"), "{refused}");
    assert!(refused.contains("stanch verify r-first"), "{refused}");
}

fn claimant() -> Claimant {
    Claimant { operator: "kim".to_owned(), host: "here".to_owned(), takes_over: false }
}

fn targets(state: &Path, run: &str) -> Targets {
    Targets::new(Runs::new(state.to_path_buf()), run, "", claimant())
}

/// The only file of a target.
fn file(state: &Path) -> PathBuf {
    let files: Vec<_> = std::fs::read_dir(state.join("locks")).unwrap().collect();
    assert_eq!(files.len(), 1);
    files[0].as_ref().unwrap().path()
}

#[test]
fn a_claim_of_a_run_that_never_began_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    targets(folder.path(), "r-1").take(SECRET).unwrap();
    // Its process lives: it is about to write its first record.
    let Err(TargetError::Held(held)) = targets(folder.path(), "r-2").take(SECRET) else { panic!("it is held") };
    assert!(matches!(held.stands, Stands::Beginning), "{held:?}");
    assert!(held.refusal().summary.contains("is being worked on by another process"));
    assert!(targets(folder.path(), "r-2").held(&SECRET.to_uppercase()).unwrap().is_some());
    // It died before; and another one died while it wrote its claim.
    let path = file(folder.path());
    let claim: Holder = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let dead = Holder { process: 4_194_304, ..claim };
    let dead = serde_json::to_string(&dead).unwrap();
    for torn in [1, dead.len() / 2, dead.len() - 1, dead.len()] {
        std::fs::write(&path, format!("{dead}\n{}", &dead[..torn])).unwrap();
        assert!(targets(folder.path(), "r-2").held(SECRET).unwrap().is_none(), "{torn}");
        targets(folder.path(), "r-2").take(SECRET).unwrap();
        let earlier = targets(folder.path(), "r-3").earlier(SECRET).unwrap();
        assert_eq!(earlier, ["r-2", "r-1"], "{torn}: whatever was torn, the lines around it are whole");
        let lines = std::fs::read_to_string(&path).unwrap();
        // Taken once more by the same run, in a later life.
        targets(folder.path(), "r-2").take(SECRET).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), lines);
    }
}

/// What a process leaves that dies anywhere before its first record is durable, in the order in which it is written.
#[tokio::test]
async fn a_run_that_died_before_its_first_record_never_began_and_its_name_and_target_are_free() {
    let stage = Stage::set().await;
    waits(&stage, "r-whole").done();
    stage.stanch(&["abandon", "r-whole", "--because", "an example"]).exit(0).done();
    let (whole, left) = (stage.state_dir().join("runs/r-whole"), stage.state_dir().join("runs/.r-1.new"));
    let journal = std::fs::read(whole.join("journal.jsonl")).unwrap();
    let line = &journal[..=journal.iter().position(|byte| *byte == b'\n').unwrap()];
    let pins = ["runbook.yaml", "stanch.yaml"];
    for lies_there in 0..=pins.len() + 3 {
        std::fs::create_dir_all(&left).unwrap();
        for pin in pins.iter().take(lies_there) {
            std::fs::copy(whole.join(pin), left.join(pin)).unwrap();
        }
        // An empty journal, a torn line, a whole one that was not given its place.
        let written = match lies_there.checked_sub(pins.len() + 1) {
            None => None,
            Some(0) => Some(0),
            Some(1) => Some(line.len() / 2),
            Some(_) => Some(line.len()),
        };
        if let Some(length) = written {
            std::fs::write(left.join("journal.jsonl"), &line[..length]).unwrap();
        }
        for arguments in [["status", "r-1"].as_slice(), &["resume", "r-1"], &["abandon", "r-1", "--because", "x"]] {
            let said = stage.stanch(arguments).exit(5).stderr;
            assert!(said.contains("the run `r-1` never began"), "{lies_there}: {said}");
        }
        assert!(!stage.stanch(&["runs"]).exit(0).stdout.contains("r-1"), "{lies_there}");
        if lies_there % 2 == 0 {
            waits(&stage, &format!("r-other-{lies_there}")).done();
            stage.stanch(&["abandon", &format!("r-other-{lies_there}"), "--because", "x"]).exit(0).done();
        } else {
            waits(&stage, "r-1").done();
            assert!(!left.exists() && stage.journal("r-1").exists(), "{lies_there}");
            stage.stanch(&["abandon", "r-1", "--because", "x"]).exit(0).done();
            std::fs::remove_dir_all(stage.state_dir().join("runs/r-1")).unwrap();
        }
    }
}

#[tokio::test]
async fn a_claim_that_the_journal_does_not_name_holds_nothing() {
    let stage = Stage::set().await;
    waits(&stage, "r-first").done();
    let real = targets(&stage.state_dir(), "r-other");
    assert!(real.held(SECRET).unwrap().is_none(), "a drill and a real run do not meet");
    // A second process with the same run id came so far, and lost.
    targets(&stage.state_dir(), "r-first").take("https://kv-drill.vault.azure.net/secrets/another").unwrap();
    assert!(real.held("https://kv-drill.vault.azure.net/secrets/another").unwrap().is_none());
}

fn whole_vault<'a>(run: &'a str, vault: &'a str) -> Vec<&'a str> {
    vec!["run", "whole-vault", "--run-id", run, "-i", vault, "-i", "name=o*", "-i", "overlap=0s", "--yes", "--json"]
}

#[tokio::test]
async fn a_run_on_a_vault_holds_what_it_listed_and_nothing_else() {
    let stage = Stage::set().await;
    stage.seed("billing", &json!({ "value": "x" })).await;
    let mut arguments = whole_vault("r-vault", "vault=https://kv-drill.vault.azure.net");
    arguments.extend(["-i", "severity=sev2"]);
    stage.stanch(&arguments).exit(4).done();
    let refused = stage.stanch(&stage.containment("r-secret")).exit(5).stderr;
    assert!(refused.contains("`whole-vault`: run `r-vault` by "), "{refused}");
    let refused = stage.stanch(&whole_vault("r-again", "vault=https://KV-drill.vault.azure.net:443/")).exit(5).stderr;
    assert!(refused.contains("run `r-vault` by ") && refused.contains("approve r-vault approve_rotation"), "{refused}");
    let other = "secret=https://kv-drill.vault.azure.net/secrets/billing";
    stage.stanch(&exposure("r-other", other)).exit(0).done();
    stage.stanch(&["abandon", "r-vault", "--because", "one secret only"]).exit(0).done();
    stage.stanch(&stage.containment("r-secret")).exit(0).done();
}

#[tokio::test]
async fn a_run_on_a_vault_leaves_alone_and_names_what_another_run_holds() {
    let stage = Stage::set().await;
    stage.seed("orders-mail", &json!({ "value": "x" })).await;
    waits(&stage, "r-first").done();
    let status = stage.stanch(&whole_vault("r-vault", "vault=https://kv-drill.vault.azure.net")).exit(0).json();
    let list = status["steps"].as_array().unwrap().iter().find(|step| step["id"] == "list").unwrap();
    assert_eq!(list["outputs"]["secrets"], json!(["https://kv-drill.vault.azure.net/secrets/orders-mail"]));
    assert_eq!(list["outputs"]["skipped"][0]["secret"], SECRET);
    let because = list["outputs"]["skipped"][0]["because"].as_str().unwrap();
    assert!(because.starts_with("the run `r-first` holds it: it waits at `approve`"), "{because}");
    assert_eq!((versions(&stage, "orders-db").await, versions(&stage, "orders-mail").await), (4, 2));
}

#[tokio::test]
async fn an_abandoned_run_is_over_and_says_who_gave_it_up_and_why() {
    let stage = Stage::set().await;
    waits(&stage, "r-first").done();
    stage.stanch(&["abandon", "r-first"]).exit(2).done();
    stage.stanch(&["abandon", "r-first", "--because", " "]).exit(2).done();
    stage.stanch(&["abandon", "r-none", "--because", "x"]).exit(2).done();
    let lines = count_lines(&stage.journal("r-first"));
    let give_up = ["abandon", "r-first", "--because", "the secret is not ours", "--by", "kim", "--json"];
    let status = stage.stanch(&give_up).exit(0).json();
    assert_eq!(count_lines(&stage.journal("r-first")), lines + 1);
    let journal = std::fs::read_to_string(stage.journal("r-first")).unwrap();
    let mut last: Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
    let seen = last["event"].as_object_mut().unwrap().remove("seen").unwrap();
    assert!(seen["uid"].is_number(), "{seen}");
    let event = json!({ "type": "run_abandoned", "by": "kim", "because": "the secret is not ours" });
    assert_eq!((&last["event"], &last["v"]), (&event, &json!(1)));
    let shown = stage.stanch(&["status", "r-first", "--json"]).exit(0).json();
    let runs = stage.stanch(&["runs", "--json"]).exit(0).json();
    for told in [&status, &shown, &runs["runs"][0]] {
        assert_eq!(told["status"], "failed");
        assert_eq!(told["abandoned"]["by"], "kim");
        assert_eq!(told["abandoned"]["because"], "the secret is not ours");
        assert!(told["abandoned"]["at"].as_str().unwrap().starts_with("20"), "{told}");
    }
    for (arguments, code) in [
        (vec!["resume", "r-first"], 5),
        (vec!["resume", "r-first", "--wait"], 5),
        (vec!["approve", "r-first", "approve", "--by", "kim"], 5),
        (vec!["abandon", "r-first", "--because", "again"], 5),
    ] {
        let refused = stage.stanch(&arguments).exit(code).stderr;
        assert!(refused.contains("was abandoned by kim") && refused.contains("not ours"), "{arguments:?}: {refused}");
    }
    assert_eq!(count_lines(&stage.journal("r-first")), lines + 1, "nothing follows it");
    let screen = stage.stanch(&["status", "r-first"]).exit(0).stdout;
    assert!(screen.contains("given up by kim") && screen.contains("was not answered"), "{screen}");
    assert!(!screen.contains("stanch resume") && !screen.contains("stanch approve"), "{screen}");
    let told = stage.stanch(&["runs"]).exit(0).stdout;
    assert!(told.contains("abandoned by kim: the secret is not ours"), "{told}");
    let log = stage.stanch(&["log", "r-first"]).exit(0).stdout;
    assert!(log.contains("abandoned by kim: the secret is not ours"), "{log}");
    stage.stanch(&["verify", "r-first"]).exit(0).done();
    stage.stanch(&["report", "r-first", "--format", "md"]).exit(0).done();
    let report = std::fs::read_to_string(stage.state_dir().join("runs/r-first/report/report.md")).unwrap();
    assert!(report.contains("abandoned by kim: the secret is not ours"), "{report}");
}

#[tokio::test]
async fn a_run_is_not_abandoned_while_it_is_at_work_or_once_it_is_completed() {
    let stage = Stage::set().await;
    stage.stanch(&stage.containment("r-done")).exit(0).done();
    let refused = stage.stanch(&["abandon", "r-done", "--because", "x"]).exit(5).stderr;
    assert!(refused.contains("`r-done` is completed"), "{refused}");
    let runbook = "schema: stanch/v1\nname: long\nsteps:\n  - { id: pause, uses: wait, with: { for: 60s } }\n";
    std::fs::write(stage.path("long.yaml"), runbook).unwrap();
    let mut child = stage.command(&["run", "long.yaml", "--run-id", "r-long", "--yes"]).spawn().unwrap();
    while count_lines(&stage.journal("r-long")) < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let refused = stage.stanch(&["abandon", "r-long", "--because", "x"]).exit(5).stderr;
    assert!(refused.contains("being worked on by another process"), "{refused}");
    child.kill().unwrap();
    child.wait().unwrap();
    // A torn write is cut off, as by whoever resumes.
    let journal = stage.journal("r-long");
    let whole = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, format!("{whole}{{\"v\":1,")).unwrap();
    stage.stanch(&["abandon", "r-long", "--because", "x"]).exit(0).done();
    stage.stanch(&["verify", "r-long"]).exit(0).done();
    assert!(std::fs::read_to_string(&journal).unwrap().contains("\"tail_cut\""));
}

#[tokio::test]
async fn whoever_rotates_again_is_told_of_the_rotation_before() {
    let stage = Stage::set().await;
    let told = "run r-first rotated this secret less than a minute ago (contained)";
    let said = stage.stanch(&stage.containment("r-first")).exit(0);
    assert!(!said.stderr.contains(" rotated this secret "), "{}", said.stderr);
    let mut plan = vec!["plan"];
    plan.extend(stage.containment("r-second").into_iter().skip(1).filter(|word| !word.starts_with("--yes")));
    let planned = stage.stanch(&plan).exit(0).json();
    assert_eq!(
        (&planned["rotated_lately"]["run"], &planned["rotated_lately"]["ended"]),
        (&json!("r-first"), &json!("contained"))
    );
    let shown = stage.stanch(&plan.into_iter().filter(|word| *word != "--json").collect::<Vec<_>>()).exit(0).stdout;
    assert!(shown.contains(told), "{shown}");
    // One that changed nothing hides nothing of what was done before it.
    waits(&stage, "r-second").done();
    stage.stanch(&["abandon", "r-second", "--because", "twice", "--by", "kim"]).exit(0).done();
    let said = stage.stanch(&stage.containment("r-third")).exit(0);
    assert!(said.stderr.contains("run r-second rotated this secret"), "{}", said.stderr);
    assert!(said.stderr.contains("ago (abandoned by kim)"), "{}", said.stderr);
    stage.seed("orders-mail", &json!({ "value": "x" })).await;
    for run in ["r-vault", "r-again"] {
        let said = stage.stanch(&whole_vault(run, "vault=https://kv-drill.vault.azure.net")).exit(0);
        let is_told = said.stderr.contains("run r-vault rotated 2 secrets of this vault less than a minute ago (");
        assert_eq!(is_told, run == "r-again", "{}", said.stderr);
    }
    let said = stage.stanch(&stage.containment("r-fourth")).exit(0);
    assert!(said.stderr.contains("run r-again rotated this secret less than a minute ago"), "{}", said.stderr);
}
