//! What stands in place of a value is no value: it is refused, or a miss says that it may be none.

use super::found;
use crate::stage::Stage;
use serde_json::json;

#[tokio::test]
async fn what_was_never_a_value_is_refused() {
    let stage = Stage::empty(&[]).await;
    for leaked in [
        "xxxxx8sYd",
        "Zx9v####",
        "****8sYd",
        "—",
        "!vault",
        "!secret db_password",
        "System.Security.SecureString",
        "[object Object]",
        "com.example.Password@1b2c3d4e",
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ] {
        let said = found(&stage, &["kv-drill"], &[], leaked).exit(2);
        assert!(said.stderr.contains("what was given is"), "{leaked}: {}", said.stderr);
    }
}

#[tokio::test]
async fn words_in_place_of_a_value_are_no_miss() {
    let stage = Stage::empty(&[]).await;
    stage.seed("kept", &json!({ "value": "changeme" })).await;
    for leaked in ["your-api-key-here", "secret_value", "sensitive value hidden", "password: ReplaceMe", "undefined"] {
        let said = found(&stage, &["kv-drill"], &[], leaked).exit(5);
        assert!(said.stderr.contains("reads as if it stood in the place of one"), "{leaked}: {}", said.stderr);
    }
    // Somebody may have kept one.
    let answer = found(&stage, &["kv-drill"], &["--json"], "changeme").exit(0).json();
    assert_eq!(answer["found"].as_array().unwrap().len(), 1, "{answer}");
    for leaked in [
        "{cipher}AQB1c2VjcmV0",
        "AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq+x",
        "{\"apiVersion\":\"bitnami.com/v1alpha1\",\"kind\":\"SealedSecret\",\"spec\":{}}",
        "<~87cURD]i,\"Ebo80~>",
    ] {
        let said = found(&stage, &["kv-drill"], &[], leaked).exit(5);
        assert!(said.stderr.contains("what is inside of the leaked text"), "{leaked}: {}", said.stderr);
    }
}

#[tokio::test]
async fn what_somebody_answered_in_place_of_a_value_is_named() {
    let stage = Stage::empty(&[]).await;
    for (leaked, what) in [
        ("ERROR: (Forbidden) The user does not have secrets get permission on key vault 'kv-drill'.", "that failed"),
        ("{\"message\":\"Bad credentials\",\"documentation_url\":\"https://docs.github.com/rest\"}", "an error"),
        ("<!DOCTYPE html>\n<html><head><title>Sign in to your account</title></head></html>", "a web page"),
        ("{\"action\":\"created\",\"repository\":{\"id\":1},\"sender\":{\"id\":2}}", "a web hook of GitHub"),
        ("curl: (6) Could not resolve host: vault.example", "that failed"),
        ("{\"error\":{\"code\":\"SecretNotFound\",\"message\":\"A secret was not found\"}}", "an error"),
    ] {
        let said = found(&stage, &["kv-drill"], &[], leaked).exit(2);
        assert!(said.stderr.contains(what) && said.stderr.contains("holds no value"), "{leaked}: {}", said.stderr);
    }
    // A line of a log, and a page, may hold what leaked.
    stage.seed("leaked", &json!({ "value": "Kq7mZ2tR9vL4xPp0" })).await;
    for leaked in [
        "ERROR login of svc failed, password=Kq7mZ2tR9vL4xPp0",
        "<html><body><pre>password: Kq7mZ2tR9vL4xPp0</pre></body></html>",
    ] {
        let answer = found(&stage, &["kv-drill"], &["--json"], leaked).exit(0).json();
        assert_eq!(answer["found"][0]["secret"], "https://kv-drill.vault.azure.net/secrets/leaked", "{leaked}");
    }
    let said = found(&stage, &["kv-drill"], &[], "<html><body>nothing of it</body></html>").exit(5);
    assert!(said.stderr.contains("a web page"), "{}", said.stderr);
}
