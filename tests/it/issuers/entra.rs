//! A password of an application: no crash leaves an orphan, and the leaked one is refused at the sign-in.

use super::{arguments, assert_vault, killed, points_of_death, step, versions};
use crate::stage::Stage;
use serde_json::{Value, json};

const APPLICATION: &str = "6c0b7a9e-3f61-4b7e-9d43-0a1b2c3d4e5f";
const CLIENT: &str = "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e0f9";

/// An application whose only password is in the secret; gives the password's id.
async fn set(tagged: bool) -> (Stage, String) {
    let stage = Stage::empty(&[]).await;
    let seeded = stage.control_post("applications", &json!({ "id": APPLICATION, "app_id": CLIENT })).await;
    let key_id = seeded["key_id"].as_str().unwrap().to_owned();
    let mut tags = json!({ "owner": "orders-team", "ProviderAddress": format!("/applications/{APPLICATION}") });
    if tagged {
        tags["CredentialId"] = key_id.clone().into();
    }
    stage.seed("orders-key", &json!({ "value": seeded["text"], "tags": tags })).await;
    (stage, key_id)
}

/// One password is left, the published one, and the old one is gone.
async fn assert_contained(stage: &Stage, run: &str, old: &str) {
    let state = stage.state().await;
    assert_vault(&state, run);
    let passwords = state["applications"][APPLICATION]["passwords"].as_array().unwrap().clone();
    let [password] = passwords.as_slice() else { panic!("one password and no orphan: {passwords:#?}") };
    assert_ne!(password["keyId"], old);
    let current = versions(&state).into_iter().find(|version| version["latest"] == true).unwrap();
    assert_eq!(current["tags"]["CredentialId"], password["keyId"]);
}

#[tokio::test]
async fn the_leaked_password_is_removed_and_refused() {
    for tagged in [true, false] {
        let (stage, old) = set(tagged).await;
        let status = stage.stanch(&arguments("entra-app-secret", "r-entra", &[])).exit(0).json();
        assert_eq!(status["status"], "completed");
        assert_contained(&stage, "r-entra", &old).await;
        assert_eq!(step(&status, "prove_dead")["outputs"]["answer"], "401 AADSTS7000215");
        assert_eq!(step(&status, "rotate")["outputs"]["issuer"]["old"], old);
        let cleaned = step(&status, "close")["outputs"]["cleaned"].to_string();
        assert!(cleaned.contains("staging secret"), "{cleaned}");
    }
}

#[tokio::test]
async fn a_password_whose_text_was_lost_is_removed_and_another_one_added() {
    for (name, fault, added) in [
        ("told", json!({ "match": { "path": "addPassword" }, "times": 1, "do": { "drop": "after" } }), 3),
        (
            "staged",
            json!({ "match": { "method": "PUT", "path": "-stanch-" }, "times": 1, "do": { "drop": "after" } }),
            2,
        ),
        (
            "unstaged",
            json!({ "match": { "method": "PUT", "path": "-stanch-" }, "times": 1, "do": { "drop": "before" } }),
            3,
        ),
        ("removed", json!({ "match": { "path": "removePassword" }, "times": 1, "do": { "drop": "after" } }), 2),
    ] {
        let (stage, old) = set(true).await;
        stage.fault(&fault).await;
        let run = format!("r-lost-{name}");
        stage.stanch(&arguments("entra-app-secret", &run, &[])).exit(0).done();
        assert_contained(&stage, &run, &old).await;
        let state: Value = stage.state().await;
        assert_eq!(state["applications"][APPLICATION]["added"], added, "{name}");
    }
}

#[tokio::test]
async fn a_password_rotation_killed_anywhere_leaves_no_orphan() {
    for lines in points_of_death(30) {
        let (stage, old) = set(true).await;
        let run = format!("r-killed-{lines}");
        let status = killed(&stage, &arguments("entra-app-secret", &run, &[]), &run, lines).await.exit(0).json();
        assert_eq!(status["status"], "completed", "killed at {lines}");
        assert_contained(&stage, &run, &old).await;
    }
}

#[tokio::test]
async fn a_tag_alone_is_not_believed() {
    let (stage, _) = set(false).await;
    let other = "7d1c8b0f-4a72-4c8f-8e54-1b2c3d4e5f60";
    stage.control_post("applications", &json!({ "id": other, "app_id": "2a3b4c5d-6e7f-4890-a1b2-c3d4e5f60718" })).await;
    let theirs = stage.state().await["applications"][other]["passwords"][0]["keyId"].clone();
    let tags =
        json!({ "owner": "orders-team", "ProviderAddress": format!("/applications/{other}"), "CredentialId": theirs });
    stage.seed("orders-key", &json!({ "value": "not that application's", "tags": tags })).await;
    let said = stage.stanch(&arguments("entra-app-secret", "r-foreign", &[])).exit(3);
    let error = step(&said.json(), "issuer")["error"].to_string();
    assert!(error.contains("no password of the application in its tag"), "{error}");
    assert_eq!(stage.state().await["applications"][other]["added"], 1);
}
