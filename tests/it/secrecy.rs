//! No secret value, in any encoding, in anything that is written, said or sent.

use crate::stage::Stage;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::path::Path;

/// A value as it might show up somewhere.
fn spellings(value: &str) -> Vec<Vec<u8>> {
    let quoted = serde_json::to_string(value).unwrap();
    let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('=', "&#x3D;");
    let base64 = STANDARD.encode(value);
    let mut spellings = vec![
        value.to_owned(),
        quoted.trim_matches('"').to_owned(),
        hex::encode(value),
        hex::encode_upper(value),
        utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
        html,
        URL_SAFE_NO_PAD.encode(value),
    ];
    // Inside a longer text only the middle of a base64 spelling is the same at every offset.
    for offset in 0..3 {
        let shifted = STANDARD.encode(format!("{}{value}", "x".repeat(offset)));
        spellings.push(shifted.get(4..shifted.len() - 4).unwrap().to_owned());
    }
    spellings.push(base64);
    spellings.into_iter().map(String::into_bytes).collect()
}

fn assert_free_of(place: &str, bytes: &[u8], values: &[String]) {
    for value in values {
        for spelling in spellings(value) {
            assert!(memchr::memmem::find(bytes, &spelling).is_none(), "a value stands in {place}");
        }
    }
}

fn assert_folder_free_of(folder: &Path, values: &[String]) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += assert_folder_free_of(&path, values);
        } else {
            assert_free_of(&path.display().to_string(), &std::fs::read(&path).unwrap(), values);
            files += 1;
        }
    }
    files
}

/// The value that a version has now, read as a consumer would.
async fn read_value(stage: &Stage, version: &str) -> String {
    stage.read_value("orders-db", version).await
}

#[tokio::test]
async fn no_value_is_found_anywhere_but_in_the_vault() {
    let stage = Stage::set().await;
    stage.fault(&json!({ "match": { "method": "PUT" }, "times": 1, "do": { "drop": "after" } })).await;
    let mut arguments = stage.containment("r-secrecy");
    arguments.push("-vv");
    let output = stage.command(&arguments).env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let state = stage.state().await;
    let versions = state["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap().clone();
    let new = versions.iter().find(|version| version["tags"]["stanch-run"] == "r-secrecy").unwrap();
    let mut values = stage.values().to_vec();
    values.push(read_value(&stage, new["version"].as_str().unwrap()).await);
    assert_eq!(values.len(), 4);
    assert!(output.stderr.len() > 10_000, "tracing was on");
    assert_free_of("standard output", &output.stdout, &values);
    assert_free_of("standard error", &output.stderr, &values);
    let files = assert_folder_free_of(&stage.state_dir(), &values);
    assert!(files >= 5, "{files}");
    let notifications = serde_json::to_vec(&state["notifications"]).unwrap();
    assert_eq!(state["notifications"].as_array().map(Vec::len), Some(5));
    assert_free_of("the notifications", &notifications, &values);
    assert_free_of("the tags", serde_json::to_string(&new["tags"]).unwrap().as_bytes(), &values);
}

#[tokio::test]
async fn the_program_leaves_no_core_dump_and_files_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::set().await;
    stage.fault(&json!({ "match": { "method": "PUT" }, "do": { "delay_ms": 20000 } })).await;
    let mut child = stage.command(&stage.containment("r-core")).spawn().unwrap();
    let limits = loop {
        if crate::stage::count_lines(&stage.journal("r-core")) > 3 {
            break std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let sizes: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(sizes, ["0", "0"], "{core}");
    child.kill().unwrap();
    child.wait().unwrap();
    let run = stage.state_dir().join("runs/r-core");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&run), 0o700);
    for file in ["journal.jsonl", "runbook.yaml"] {
        assert_eq!(mode(&run.join(file)), 0o600, "{file}");
    }
}

#[test]
fn the_clients_debug_output_holds_no_value() {
    // The feature `azure_core/debug` would print it, and any crate of the graph could switch it on.
    let parameters = azure_security_keyvault_secrets::models::SetSecretParameters {
        value: Some("planted-value".to_owned()),
        ..Default::default()
    };
    assert!(!format!("{parameters:?}").contains("planted-value"));
    let secret = stanch::secret::Secret::new("planted-value".to_owned());
    assert_eq!(format!("{secret:?}"), "Secret(…)");
    assert_eq!(Value::from(secret.expose()), "planted-value");
}
