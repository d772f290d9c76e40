//! An address loses the credentials in it where it comes in.

use crate::secrecy::{assert_folder_free_of, assert_free_of};
use crate::stage::Stage;
use serde_json::{Value, json};

const TOKEN: &str = "glpat-T0KENofTheAddress";
const SECRET: &str = "secret=https://kv-drill.vault.azure.net/secrets/orders-db";

/// A place as people and scanners write one down.
fn places() -> String {
    format!(
        "https://ci:{TOKEN}@git.contoso.com/orders.git HTTPS://{TOKEN}@git.contoso.com, postgres://u:{TOKEN}@db/x \
         https%3A%2F%2Fu%3A{TOKEN}%40h%2F https://acct.blob.core.windows.net/c?sv=1&sig={TOKEN}&se=2 \
         https://fn.azurewebsites.net/api/x?code={TOKEN}"
    )
}

#[tokio::test]
async fn no_input_brings_an_addresss_credential_into_anything() {
    let stage = Stage::set().await;
    let values = [TOKEN.to_owned()];
    let found_at = format!("found_at={}", places());
    let mut begin = stage.containment("r-address");
    begin.extend(["-i", &found_at, "-vv"]);
    let output = stage
        .command(&begin)
        .env("RUST_LOG", "trace")
        .env("STANCH_OPERATOR", format!("https://kim:{TOKEN}@h"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_free_of("standard output", &output.stdout, &values);
    assert_free_of("standard error", &output.stderr, &values);
    assert!(assert_folder_free_of(&stage.state_dir(), &values) >= 5);
    let state = stage.state().await;
    assert_free_of("the messages", state["notifications"].to_string().as_bytes(), &values);
    for arguments in [
        &["status", "r-address", "--json"][..],
        &["status", "r-address"],
        &["log", "r-address"],
        &["report", "r-address", "--format", "md,html,json,csv,ocsf"],
        &["runs", "--json"],
    ] {
        let said = stage.stanch(arguments).exit(0);
        assert_free_of(arguments[0], said.stdout.as_bytes(), &values);
        assert_free_of(arguments[0], said.stderr.as_bytes(), &values);
    }
    let journal = std::fs::read_to_string(stage.journal("r-address")).unwrap();
    assert!(journal.contains("https://git.contoso.com/orders.git"), "the place itself stays");
    stage.stanch(&["verify", "r-address"]).exit(0).done();
}

#[tokio::test]
async fn a_file_of_inputs_loses_it_as_well_and_the_run_goes_on_after_a_death() {
    let stage = Stage::set().await;
    let inputs = stage.path("inputs.json");
    let given = json!({
        "secret": "https://kv-drill.vault.azure.net/secrets/orders-db", "exposed_at": "2026-01-01T00:00:00Z",
        "overlap": "2s", "found_at": places(),
    });
    std::fs::write(&inputs, given.to_string()).unwrap();
    let begin =
        ["run", "secret-exposure", "--run-id", "r-file", "--inputs", inputs.to_str().unwrap(), "--yes", "--json"];
    let killed = stage.kill_at(&begin, "r-file", 20).await;
    let said = if killed {
        stage.stanch(&["resume", "r-file", "--json"])
    } else {
        stage.stanch(&["status", "r-file", "--json"])
    };
    let said = said.exit(0);
    assert_eq!(said.json()["status"], "completed");
    assert_free_of("standard output", said.stdout.as_bytes(), &[TOKEN.to_owned()]);
    assert_folder_free_of(&stage.state_dir(), &[TOKEN.to_owned()]);
}

#[tokio::test]
async fn an_error_about_an_address_does_not_repeat_its_credential() {
    let stage = Stage::set().await;
    let vault = format!("https://u:{TOKEN}@somewhere.example");
    let url = format!("secret={vault}/x");
    for arguments in [
        vec!["find", "--vault", &vault],
        vec!["run", "secret-exposure", "-i", &url, "-i", "exposed_at=2026-01-01T00:00:00Z", "--yes"],
        vec!["audit", "--archive", &vault, "--secret", &vault, "--since", &vault],
        vec!["plan", &vault, "-i", SECRET],
    ] {
        let said = stage.stanch(&arguments);
        assert!(!said.stdout.contains(TOKEN) && !said.stderr.contains(TOKEN), "{arguments:?}: {}", said.stderr);
    }
}

#[tokio::test]
async fn a_scanners_report_loses_it_and_half_of_a_value_is_never_left_by_a_cut() {
    let stage = Stage::set().await;
    let leaked = stage.values()[2].clone();
    let path = stage.path("report.json");
    for before in [0, 200, 225, 235] {
        let file = format!("{}{leaked}", "d".repeat(before));
        let report = json!([{
            "RuleID": format!("generic {}", places()), "Secret": leaked, "File": format!("{file} {}", places()),
            "StartLine": 3, "Commit": "0123456789abcdef", "Date": "2026-01-01T00:00:00Z",
            "Link": if before == 0 { places() } else { String::new() },
        }]);
        std::fs::write(&path, report.to_string()).unwrap();
        let vault = "https://kv-drill.vault.azure.net";
        for more in [&["--json"][..], &[]] {
            let mut arguments = vec!["find", "--vault", vault, "--from", path.to_str().unwrap()];
            arguments.extend(more);
            let said = stage.stanch(&arguments).exit(0);
            let values = [TOKEN.to_owned(), leaked[..13].to_owned()];
            assert_free_of("standard output", said.stdout.as_bytes(), &values);
            assert_free_of("standard error", said.stderr.as_bytes(), &values);
        }
    }
}

#[tokio::test]
async fn a_log_entry_loses_it() {
    let folder = tempfile::tempdir().unwrap();
    let entry = json!({
        "time": "2026-01-01T10:00:00Z", "category": "AuditEvent", "operationName": "SecretGet",
        "resourceId": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-DRILL",
        "resultSignature": "OK", "callerIpAddress": "10.0.0.1",
        "identity": { "claim": { "oid": "o-1", "upn": format!("https://u:{TOKEN}@h"), "appid": "a-1" } },
        "properties": {
            "id": "https://kv-drill.vault.azure.net/secrets/orders-db/0123", "httpStatusCode": 200,
            "clientInfo": format!("curl {}", places()),
            "requestUri": format!("https://u:{TOKEN}@kv-drill.vault.azure.net/secrets/orders-db?api-version=7.4&sig={TOKEN}"),
        },
    });
    std::fs::write(folder.path().join("PT1H.json"), format!("{entry}\n")).unwrap();
    for form in ["--json", "--csv", "-q"] {
        let mut command = std::process::Command::new(crate::stage::STANCH);
        command.args(["audit", "--secret", "https://kv-drill.vault.azure.net/secrets/orders-db", form, "--archive"]);
        command.arg(folder.path()).args(["--since", "2026-01-01T00:00:00Z", "--until", "2026-01-02T00:00:00Z"]);
        let output = command.current_dir(folder.path()).env_remove("STANCH_CLOUD").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_free_of(form, &output.stdout, &[TOKEN.to_owned()]);
        assert_free_of(form, &output.stderr, &[TOKEN.to_owned()]);
        if form == "--json" {
            let found: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(found["accesses"][0]["upn"], "https://h", "{found}");
        }
    }
}
