//! Wrong input: each a clear message with the next step, the right exit code, and nothing half done.

use crate::stage::{Said, Stage};
use serde_json::{Value, json};

/// Asserts what the message says, and that it says what to do.
fn told(said: &Said, parts: &[&str]) {
    for part in parts {
        assert!(said.stderr.contains(part), "`{part}` is missing in:\n{}", said.stderr);
    }
    assert!(said.stderr.contains("help:"), "no next step in:\n{}", said.stderr);
    assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
}

async fn assert_untouched(stage: &Stage) {
    let state = stage.state().await;
    let versions = state["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().map_or(0, Vec::len);
    assert_eq!(versions, 3, "nothing was written");
    let writes = |call: &&Value| {
        let method = call["method"].as_str().unwrap();
        call["path"].as_str().unwrap().starts_with("/secrets") && method != "GET" && call["status"] == 200
    };
    assert_eq!(state["calls"].as_array().unwrap().iter().filter(writes).count(), 0);
}

#[tokio::test]
async fn a_misspelt_key_is_shown_where_it_stands() {
    let stage = Stage::empty(&[]).await;
    let path = stage.path("leak.yaml");
    std::fs::write(
        &path,
        "schema: stanch/v1\nname: leak\nsteps:\n  - id: rotate\n    usess: keyvault/rotate\n  - id: look\n    uses: keyvault/chekc\n    with: { secret: \"${{ inputs.secret }}\" }\n",
    )
    .unwrap();
    let said = stage.stanch(&["lint", path.to_str().unwrap()]).exit(2);
    for part in [
        "unknown key `usess`",
        "did you mean `uses`?",
        "leak.yaml:5:5",
        "unknown action `keyvault/chekc`",
        "did you mean `keyvault/check`?",
        "leak.yaml:7:11",
        "no input is called `secret`",
        "has no `uses`",
    ] {
        assert!(said.stdout.contains(part), "`{part}` is missing in:\n{}", said.stdout);
    }
    stage.stanch(&["run", path.to_str().unwrap(), "--yes"]).exit(2).done();
    assert!(!stage.state_dir().exists(), "no run was begun");
    let listed = stage.stanch(&["lint", path.to_str().unwrap(), "--json"]).exit(2).json();
    assert!(
        listed["problems"].as_array().unwrap().iter().any(|problem| problem["line"] == 5 && problem["column"] == 5)
    );
}

#[tokio::test]
async fn inputs_are_checked_before_anything_happens() {
    let stage = Stage::set().await;
    let at = "exposed_at=2026-01-01T00:00:00Z";
    let good = "secret=https://kv-drill.vault.azure.net/secrets/orders-db";
    for (inputs, parts) in [
        (vec!["secret=http://kv-drill.vault.azure.net/secrets/x", at], vec!["must begin with `https://`"]),
        (vec!["secret=https://kv-drill.vault.azure.net/keys/x", at], vec!["keys"]),
        (vec!["secret=https://kv-drill.example.com/secrets/x", at], vec!["not that of a vault"]),
        (vec!["secret=orders-db", at], vec!["`secret`", "must begin with `https://`", "VAULT.vault.azure.net"]),
        (vec![good, at, "overlap=soon"], vec!["`soon` is not a duration"]),
        (vec![good, "exposed_at=2999-01-01T00:00:00Z"], vec!["which is still to come", "nothing was changed"]),
        (vec![good], vec!["`exposed_at` is missing", "-i exposed_at="]),
        (vec![good, "exposed_at=yesterday"], vec!["yesterday", "RFC 3339"]),
        (vec![good, at, "severty=sev1"], vec!["no input `severty`", "did you mean `severity`?"]),
        (vec![good, at, "severity=sev9"], vec!["`sev9` is not one of sev1, sev2, sev3"]),
    ] {
        let mut arguments = vec!["run", "secret-exposure", "--yes"];
        for input in &inputs {
            arguments.extend(["-i", input]);
        }
        told(&stage.stanch(&arguments).exit(2), &parts);
    }
    told(&stage.stanch(&["run", "secret-exposur", "--yes"]).exit(2), &["did you mean `secret-exposure`?"]);
    told(&stage.stanch(&["status", "r-nowhere"]).exit(2), &["there is no run `r-nowhere`"]);
    assert!(!stage.state_dir().exists(), "no run was begun");
    assert_untouched(&stage).await;
}

#[test]
fn broken_yaml_is_shown_where_it_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let lint = |text: &str| {
        std::fs::write(folder.path().join("leak.yaml"), text).unwrap();
        let mut command = std::process::Command::new(crate::stage::STANCH);
        let said: Said = command.args(["lint", "leak.yaml"]).current_dir(folder.path()).output().unwrap().into();
        said.exit(2).stdout
    };
    let twice = lint("schema: stanch/v1\nname: leak\nname: twice\nsteps: []\n");
    assert!(twice.contains("the key `name` stands twice") && twice.contains("leak.yaml:3:1"), "{twice}");
    assert!(!twice.contains("DuplicateKeyPolicy"), "{twice}");
    let broken = lint("schema: stanch/v1\n- x: [\n");
    assert!(broken.contains("leak.yaml:2:"), "the line that breaks is the one that is shown: {broken}");
    assert!(!broken.contains(" at line "), "the place is said once: {broken}");
}

/// What is refused before anybody is told of it.
async fn assert_nobody_was_told(stage: &Stage, run: &str) {
    assert!(!stage.journal(run).exists(), "there is no run");
    assert_eq!(stage.state().await["notifications"], json!([]), "nobody was told");
}

#[tokio::test]
async fn a_version_that_the_secret_does_not_have_is_refused() {
    let stage = Stage::set().await;
    let url = format!("secret=https://kv-drill.vault.azure.net/secrets/orders-db/{}", "0".repeat(32));
    let mut arguments = stage.containment("r-no-version");
    arguments.extend(["-i", &url]);
    let said = stage.stanch(&arguments).exit(5);
    told(&said, &["has no version 0000", "nothing was changed, and nobody was told"]);
    assert_untouched(&stage).await;
    assert_nobody_was_told(&stage, "r-no-version").await;
}

fn error_of<'a>(status: &'a Value, step: &str) -> &'a Value {
    let steps = status["steps"].as_array().unwrap();
    &steps.iter().find(|at| at["id"] == step).unwrap()["error"]
}

#[tokio::test]
async fn a_vault_that_says_no_stops_the_run_before_anybody_is_told() {
    let stage = Stage::set().await;
    for (kind, help) in [
        ("ForbiddenByRbac", "Key Vault Secrets Officer"),
        ("AccessDenied", "add get, list and set"),
        ("ForbiddenByFirewall", "az keyvault network-rule add --name kv-drill"),
        ("ForbiddenByConnection", "virtual network of the private endpoint"),
    ] {
        for operation in ["SecretListVersions", "SecretGet"] {
            stage.deny(&json!({ "deny": [{ "operation": operation }], "kind": kind })).await;
            let said = stage.stanch(&stage.containment("r-denied")).exit(5);
            told(&said, &[&format!("403 {kind}"), help, "nobody was told"]);
        }
    }
    assert_untouched(&stage).await;
    assert_nobody_was_told(&stage, "r-denied").await;
}

/// Whoever wants people to know in spite of it says so; the page tells what cannot be done.
#[tokio::test]
async fn people_are_told_all_the_same_and_of_what_cannot_be_done() {
    let stage = Stage::set().await;
    stage.deny(&json!({ "deny": [{ "operation": "SecretListVersions" }], "kind": "ForbiddenByRbac" })).await;
    let mut arguments = stage.containment("r-anyway");
    arguments.push("--anyway");
    let status = stage.stanch(&arguments).exit(5).json();
    assert!(error_of(&status, "preflight").to_string().contains("403 ForbiddenByRbac"), "{status:#}");
    let pages = stage.state().await["notifications"].as_array().unwrap().clone();
    let page = pages.iter().find(|page| page["channel"] == "pagerduty").unwrap()["body"].to_string();
    assert!(page.contains("cannot be done now") && page.contains("may not list the versions"), "{page}");
    assert!(page.contains("Key Vault Secrets Officer"), "{page}");
}

/// No answer is no reason to keep a leak from anybody.
#[tokio::test]
async fn a_vault_in_trouble_is_told_of_in_the_page() {
    let stage = Stage::set().await;
    stage.fault(&json!({ "match": { "path": "^/secrets/orders-db" }, "do": { "status": 503 } })).await;
    let said = stage.stanch(&stage.containment("r-trouble")).exit(5);
    assert!(said.stderr.contains("cannot be done now: `kv-drill` is unavailable ("), "{}", said.stderr);
    let pages = stage.state().await["notifications"].as_array().unwrap().clone();
    let first = pages.iter().find(|page| page["channel"] == "pagerduty").unwrap()["body"].to_string();
    assert!(first.contains("cannot be done now") && first.contains("is unavailable ("), "{first}");
    // Once the secret could be looked at, nothing of it is said any more.
    stage.clear_faults().await;
    stage.stanch(&["resume", "r-trouble", "--json"]).exit(0).done();
    let pages = stage.state().await["notifications"].as_array().unwrap().clone();
    let last = pages.iter().rfind(|page| page["channel"] == "slack").unwrap()["body"].to_string();
    assert!(!last.contains("cannot be done now"), "{last}");
}

#[tokio::test]
async fn a_denied_write_fails_the_step_and_can_be_resumed() {
    let stage = Stage::set().await;
    stage.deny(&json!({ "deny": [{ "operation": "SecretSet" }], "kind": "ForbiddenByRbac" })).await;
    let status = stage.stanch(&stage.containment("r-set-denied")).exit(3).json();
    let error = error_of(&status, "rotate").to_string();
    assert!(error.contains("stanch may not set secrets in `kv-drill`"), "{error}");
    assert_untouched(&stage).await;
    stage.deny(&json!({ "deny": [] })).await;
    stage.stanch(&["resume", "r-set-denied", "--json"]).exit(0).done();
}

#[tokio::test]
async fn a_soft_deleted_or_unknown_secret_is_said_to_be_one() {
    let stage = Stage::empty(&[]).await;
    stage.seed("orders-db", &json!({ "value": "x", "deleted": true })).await;
    let said = stage.stanch(&stage.containment("r-deleted")).exit(5);
    told(
        &said,
        &["soft-deleted in `kv-drill`, until it is purged at", "az keyvault secret recover --vault-name kv-drill"],
    );
    assert_nobody_was_told(&stage, "r-deleted").await;

    stage.change_vault(&json!({ "purge_protection": true })).await;
    let said = stage.stanch(&stage.containment("r-protected")).exit(5);
    told(&said, &["purge protection keeps its name taken", "another name"]);

    // Whoever may not look at deleted secrets does not know, and says so.
    stage.deny(&json!({ "deny": [{ "operation": "SecretGetDeleted" }], "kind": "ForbiddenByRbac" })).await;
    let said = stage.stanch(&stage.containment("r-unseen")).exit(5);
    told(&said, &["there is no secret `orders-db`", "whether it was deleted is not known", "if it was deleted lately"]);

    let stage = Stage::empty(&[]).await;
    let said = stage.stanch(&stage.containment("r-unknown")).exit(5);
    told(&said, &["there is no secret `orders-db`", "not among the deleted ones either"]);

    stage.seed("orders-db", &json!({ "value": "x", "content_type": "application/x-pem-file", "managed": true })).await;
    let said = stage.stanch(&stage.containment("r-managed")).exit(5);
    told(&said, &["belongs to a certificate", "az keyvault certificate create", "revoke the leaked one"]);
    assert_nobody_was_told(&stage, "r-managed").await;
}

#[tokio::test]
async fn an_unreachable_vault_is_said_to_be_one() {
    let stage = Stage::empty(&[]).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let file = stage.path("nobody.json");
    let cloud =
        json!({ "base_url": format!("http://{nobody}"), "ca_pem": null, "hosts": ["*.vault.azure.net"], "token": "t" });
    std::fs::write(&file, cloud.to_string()).unwrap();
    let mut command = std::process::Command::new(crate::stage::STANCH);
    let arguments = stage.containment("r-unreachable");
    let said: Said = command
        .args(&arguments)
        .arg("--cloud")
        .arg(&file)
        .arg("--state-dir")
        .arg(stage.state_dir())
        .env_remove("STANCH_CLOUD")
        .output()
        .unwrap()
        .into();
    let status = said.exit(5).json();
    let error = error_of(&status, "preflight").to_string();
    assert!(error.contains("the vault `kv-drill` cannot be reached"), "{error}");
    assert!(error.contains("help"), "{error}");
}

#[tokio::test]
async fn thousands_of_versions_are_read_to_the_last_page() {
    let stage = Stage::set().await;
    let count = if crate::stage::is_heavy() { 20_000 } else { 2_000 };
    stage
        .seed(
            "orders-db",
            &json!({ "value": "old", "enabled": false, "count": count, "created": "2020-01-01T00:00:00Z" }),
        )
        .await;
    // This cloud has no limits; proving twenty thousand versions within Azure's takes a minute.
    let config = stage.path("cloud/stanch.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}limits: {{ creates: 1000000, others: 1000000 }}\n")).unwrap();
    let status = stage.stanch(&stage.containment("r-many")).exit(0).json();
    let steps = status["steps"].as_array().unwrap();
    let revoke = steps.iter().find(|step| step["id"] == "revoke").unwrap();
    assert_eq!(revoke["outputs"]["disabled"].as_array().unwrap().len(), 3, "{}", revoke["outputs"]["disabled"]);
}

#[tokio::test]
async fn a_state_directory_that_cannot_be_written_begins_nothing() {
    let stage = Stage::set().await;
    // A file where the folder should be: permissions do not stop the root user.
    std::fs::write(stage.state_dir(), "in the way").unwrap();
    let said = stage.stanch(&stage.containment("r-nowhere")).exit(1);
    told(&said, &["cannot be written", "--state-dir", "nothing was changed"]);
    assert_untouched(&stage).await;
}

#[tokio::test]
async fn a_disk_too_full_for_the_first_record_begins_nothing() {
    let stage = Stage::set().await;
    let path = stage.path("look.yaml");
    let secret = "https://kv-drill.vault.azure.net/secrets/orders-db";
    let text = format!(
        "schema: stanch/v1\nname: look\ninputs:\n  note: {{ type: string }}\nsteps:\n  - id: look\n    uses: keyvault/check\n    with: {{ secret: \"{secret}\" }}\n"
    );
    std::fs::write(&path, text).unwrap();
    let note = format!("note={}", "x".repeat(3000));
    let arguments = ["run", path.to_str().unwrap(), "--run-id", "r-none", "--yes", "-i", &note];
    // The pinned files fit, the first record does not.
    let said = stage.stanch_in_little_space(4, &arguments).exit(1);
    told(&said, &["the journal cannot be written", "`r-none` did not begin", "nothing was changed"]);
    assert!(!said.stderr.contains("stanch resume"), "there is nothing to resume: {}", said.stderr);
    stage.stanch(&["status", "r-none"]).exit(2).done();
    stage.stanch(&arguments).exit(0).done();
}

#[tokio::test]
async fn a_configuration_with_a_literal_secret_is_refused_without_showing_it() {
    let stage = Stage::set().await;
    let config = stage.path("own.yaml");
    std::fs::write(&config, "channels:\n  chat:\n    kind: slack\n    webhook: literal-webhook-credential\n").unwrap();
    let mut arguments = stage.containment("r-literal");
    let path = config.to_str().unwrap().to_owned();
    arguments.extend(["--config", &path]);
    let said = stage.stanch(&arguments).exit(2);
    told(&said, &["a secret stands in the configuration itself", "@Microsoft.KeyVault(SecretUri=", "own.yaml:4:14"]);
    assert!(!said.stderr.contains("literal-webhook-credential"), "{}", said.stderr);
    assert_untouched(&stage).await;
}

#[tokio::test]
async fn one_target_is_worked_on_by_one_run() {
    let stage = Stage::set().await;
    stage.fault(&json!({ "match": { "method": "PUT" }, "times": 1, "do": { "delay_ms": 4000 } })).await;
    let mut first = stage.command(&stage.containment("r-first")).spawn().unwrap();
    while crate::stage::count_lines(&stage.journal("r-first")) < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let said = stage.stanch(&stage.containment("r-second")).exit(5);
    told(&said, &["is being worked on by another process", "run `r-first`"]);
    let said = stage.stanch(&["resume", "r-first"]).exit(5);
    told(&said, &["the run is being worked on"]);
    assert_eq!(first.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_changed_runbook_is_not_gone_on_with() {
    let stage = Stage::set().await;
    assert!(stage.kill_at(&stage.containment("r-pinned"), "r-pinned", 6).await);
    let pinned = stage.state_dir().join("runs/r-pinned/runbook.yaml");
    let text = std::fs::read_to_string(&pinned).unwrap();
    std::fs::write(&pinned, text.replace("length: 48", "length: 20")).unwrap();
    let said = stage.stanch(&["resume", "r-pinned"]).exit(5);
    told(&said, &["the pinned runbook was changed"]);
}
