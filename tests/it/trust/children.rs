//! What a program of others is told of us.

use super::*;

#[tokio::test]
async fn a_program_gets_a_clean_environment() {
    let stage = Stage::empty(&[]).await;
    stage.seed("orders-key", &json!({ "value": "an-old-value-of-theirs" })).await;
    let (script, told) = (stage.path("issuer.sh"), stage.path("told"));
    let text = format!(
        "#!/bin/sh\nenv >> {}\ncase $(cat) in *issue*) echo '{{\"value\":\"a-new-value-of-theirs\"}}';; *) echo '{{}}';; esac\n",
        told.display()
    );
    std::fs::write(&script, text).unwrap();
    mode(&script, 0o755);
    let ready: Value = serde_json::from_str(&std::fs::read_to_string(stage.ready_file()).unwrap()).unwrap();
    let mut config = std::fs::read_to_string(ready["config"].as_str().unwrap()).unwrap();
    config.push_str(&format!(
        "\ninventory: [{{ secret: orders-key, provider: command, settings: {{ program: [\"{}\"], environment: [ISSUER_REGION] }} }}]\n",
        script.display()
    ));
    std::fs::write(stage.path("mine.yaml"), config).unwrap();
    let mut command = stage.command(&[
        "run",
        "third-party-api-key",
        "--yes",
        "--run-id",
        "r-clean",
        "--config",
        "mine.yaml",
        "-i",
        "secret=https://kv-drill.vault.azure.net/secrets/orders-key",
        "-i",
        "exposed_at=2026-01-01T00:00:00Z",
        "-i",
        "overlap=0s",
    ]);
    let credentials =
        ["AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "GITHUB_TOKEN", "STANCH_OPERATOR", "IDENTITY_HEADER"];
    for name in credentials {
        command.env(name, "planted-credential");
    }
    // None of them is used in a drill; a program that is started sees none either.
    command
        .env("ISSUER_REGION", "north")
        .env("LC_ALL", "C")
        .env("PATH", format!(".::{}", std::env::var("PATH").unwrap()));
    within(command).done();
    let told = std::fs::read_to_string(told).expect("it was started");
    for name in credentials.iter().chain(&["STANCH_", "planted-credential"]) {
        assert!(!told.contains(name), "{name}:\n{told}");
    }
    for line in ["ISSUER_REGION=north", "LC_ALL=C", "PATH=/"] {
        assert!(told.contains(line), "{line}:\n{told}");
    }
}
