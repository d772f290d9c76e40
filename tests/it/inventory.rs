//! The inventory: what there is, whose it is, when it is due, and whether the answer was practised.

use crate::stage::Stage;
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

fn days_ago(days: i64) -> String {
    (Utc::now() - Duration::days(days)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn secret<'a>(listed: &'a Value, name: &str) -> &'a Value {
    let secrets = listed["vaults"][0]["secrets"].as_array().unwrap();
    secrets.iter().find(|row| row["secret"].as_str().unwrap().ends_with(&format!("/{name}"))).unwrap()
}

#[tokio::test]
async fn secrets_are_listed_with_what_tags_and_the_configuration_say_and_no_value_is_read() {
    let stage = Stage::empty(&[]).await;
    let tags = json!({ "Owner": "orders-team", "ValidityPeriodDays": "30" });
    stage.seed("orders-db", &json!({ "value": "x", "created": days_ago(45), "tags": tags })).await;
    stage.seed("stripe-key", &json!({ "value": "x", "created": days_ago(10) })).await;
    let ends = (Utc::now() + Duration::days(3)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    stage.seed("smtp-relay", &json!({ "value": "x", "created": days_ago(100), "expires": ends })).await;
    stage
        .seed(
            "web-certificate",
            &json!({ "value": "x", "managed": true, "created": days_ago(400), "tags": { "rotate-every": "30d" } }),
        )
        .await;
    let config = stage.path("inventory.yaml");
    let text = "schema: stanch-config/v1\nvaults:\n  kv-drill: {}\ninventory:\n  - { secret: \"stripe-*\", vault: kv-drill, owner: payments-team, issuer: Stripe, provider: manual, runbook: leaked-value, rotate_every: 90d }\n  - { secret: \"*\", owner: platform-team }\n  - { secret: \"*\", vault: kv-elsewhere, issuer: Nobody }\n";
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    // The vaults of the configuration, where none is named.
    let listed = stage.stanch(&["inventory", "--json", "--config", config]).exit(0).json();
    let orders = secret(&listed, "orders-db");
    assert_eq!(
        (&orders["owner"], &orders["overdue"], &orders["age_days"]),
        (&json!("orders-team"), &json!(true), &json!(45))
    );
    assert_eq!((&orders["runbook"], &orders["issuer"]), (&json!("secret-exposure"), &Value::Null));
    let stripe = secret(&listed, "stripe-key");
    assert_eq!(
        (&stripe["owner"], &stripe["issuer"], &stripe["provider"]),
        (&json!("payments-team"), &json!("Stripe"), &json!("manual"))
    );
    assert_eq!((&stripe["overdue"], &stripe["last_drilled"]), (&json!(false), &Value::Null));
    let due: DateTime<Utc> = stripe["rotation_due"].as_str().unwrap().parse().unwrap();
    assert_eq!((due - Utc::now()).num_days(), 79);
    assert_eq!(secret(&listed, "smtp-relay")["owner"], "platform-team");
    assert_eq!(secret(&listed, "web-certificate")["overdue"], false, "Key Vault rotates it");
    assert_eq!(
        listed["vaults"][0]["secrets"][0]["secret"].as_str().unwrap().rsplit('/').next(),
        Some("web-certificate"),
        "what is due first stands first"
    );

    let said = stage.stanch(&["inventory", "--vault", "https://kv-drill.vault.azure.net", "--config", config]).exit(0);
    let line = |name: &str| said.stdout.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(line("orders-db").ends_with("overdue") && line("smtp-relay").ends_with("due soon"), "{}", said.stdout);
    assert!(
        said.stdout.contains("4 secrets: 1 overdue; 3 with a runbook that was never drilled from here"),
        "{}",
        said.stdout
    );

    let state = stage.state().await;
    let paths: Vec<&str> = state["calls"].as_array().unwrap().iter().filter_map(|call| call["path"].as_str()).collect();
    assert!(
        paths.iter().all(|path| !path.starts_with("/secrets/") || path.trim_end_matches('/') == "/secrets"),
        "{paths:?}"
    );
}

#[tokio::test]
async fn runs_and_drills_are_known_from_their_journals() {
    let stage = Stage::set().await;
    stage.stanch(&stage.containment("r-drilled")).exit(0).done();
    let listed = stage.stanch(&["inventory", "--json", "--vault", "https://kv-drill.vault.azure.net"]).exit(0).json();
    let orders = secret(&listed, "orders-db");
    assert_eq!(orders["last_run"], "r-drilled");
    assert!(orders["last_drilled"].as_str().is_some() && orders["last_run_at"].as_str().is_some(), "{orders}");
    assert_eq!(orders["age_days"], 0);
    std::fs::write(stage.journal("r-drilled"), "{}\n").unwrap();
    let said = stage.stanch(&["inventory", "--vault", "https://kv-drill.vault.azure.net"]).exit(0);
    assert!(said.stderr.contains("1 run cannot be read"), "{}", said.stderr);
    assert!(said.stdout.contains("never"), "{}", said.stdout);
}

#[tokio::test]
async fn a_vault_that_cannot_be_listed_is_said() {
    let stage = Stage::set().await;
    stage.deny(&json!({ "deny": [{ "operation": "SecretList" }] })).await;
    let vaults =
        ["inventory", "--vault", "https://kv-drill.vault.azure.net", "--vault", "https://kv-other.vault.azure.net"];
    let said = stage.stanch(&vaults).exit(5);
    assert!(said.stdout.contains("not listed: stanch may not list secrets in `kv-drill`"), "{}", said.stdout);
    assert!(said.stdout.contains("https://kv-other.vault.azure.net\n"), "{}", said.stdout);
}

#[test]
fn mistakes_in_the_inventory_are_shown_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stanch.yaml");
    for (text, said) in [
        ("inventory: { secret: x }\n", "`inventory` must be a list"),
        ("inventory:\n  - { owner: x }\n", "has no `secret`"),
        ("inventory:\n  - { secret: x, ownr: y }\n", "did you mean `owner`?"),
        ("inventory:\n  - { secret: x, rotate_every: soon }\n", "`soon` is not a length of time"),
    ] {
        std::fs::write(&path, text).unwrap();
        let problems = stanch::config::Config::read(&path).unwrap_err().to_string();
        assert!(problems.contains(said), "{said} in {problems}");
    }
}
