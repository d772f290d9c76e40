//! What all values of a kind begin with accuses nobody, and a part of a value is named as one.

use super::found;
use crate::stage::Stage;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const HOOKS: [(&str, &str, &str); 3] = [
    ("slack", "https://hooks.slack.com/services/T0A1B2C3D/B0Z9Y8X7W/", "q7mZ2tR9vL4xPp0Kq7mZ2tR9"),
    ("discord", "https://discord.com/api/webhooks/1092837465091827364/", "aB3_dE6-gH9iJ2kL5mN8oP1qR4sT7uV0"),
    (
        "teams",
        "https://contoso.webhook.office.com/webhookb2/6f1c9a0b-7d2e-4f6a-8b3c-1d0e9f8a7b6c@0a1b2c3d-7d2e-4f6a-8b3c-1d0e9f8a7b6c/IncomingWebhook/",
        "4f1c9a0b7d2e8f6a5b3c4f1c9a0b7d2e/2e4f6a8b-7d2e-4f6a-8b3c-1d0e9f8a7b6c",
    ),
];

async fn look(stage: &Stage, leaked: &str) -> Value {
    found(stage, &["kv-drill"], &["--json"], leaked).exit(0).json()
}

fn names(answer: &Value) -> Vec<&str> {
    let found = answer["found"].as_array().unwrap().iter();
    found.map(|hit| hit["secret"].as_str().unwrap().rsplit('/').next().unwrap()).collect()
}

/// A key of RSA as far as its form goes: what all begin with, and a number that is its own.
fn key(seed: u8) -> Vec<u8> {
    let mut bytes = STANDARD.decode("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQAA").unwrap();
    bytes.pop();
    let own = |at: u32| u8::try_from((at * at + u32::from(seed) * (at + 7) * 31) % 251).unwrap();
    bytes.extend((0..1180).map(own));
    bytes.truncate(1217);
    bytes
}

fn pem(bytes: &[u8]) -> String {
    let digits = STANDARD.encode(bytes);
    let lines: Vec<&str> = digits.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

#[tokio::test]
async fn what_all_of_a_kind_begin_with_accuses_nobody() {
    let stage = Stage::empty(&[]).await;
    let (one, other) = (pem(&key(1)), pem(&key(2)));
    let jwt = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJzdmMiLCJpc3MiOiJjb250b3NvIn0.q7mZ2tR9vL4xPp0Kq7mZ2tR9vL4xPp0aB3dE6gH9iJ2";
    stage.seed("one", &json!({ "value": one })).await;
    stage
        .seed("account", &json!({ "value": json!({ "type": "service_account", "private_key": other }).to_string() }))
        .await;
    stage.seed("jwt", &json!({ "value": jwt })).await;
    stage.seed("elliptic", &json!({ "value": rcgen::KeyPair::generate().unwrap().serialize_pem() })).await;
    for (name, begin, token) in HOOKS {
        stage.seed(name, &json!({ "value": format!("{begin}{token}") })).await;
    }
    let (header, claims) = (jwt.split('.').next().unwrap(), jwt.rsplit_once('.').unwrap().0);
    for leaked in [
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
        "ADANBgkqhkiG9w0BAQEFAASCBKcwggSj",
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg",
        &hex::encode(&key(3)[..36]),
        header,
        claims,
        "https://hooks.slack.com/services/",
        "https://hooks.slack.com/services/T0A1B2C3D/B0Z9Y8X7W",
        "https://discord.com/api/webhooks/1092837465091827364",
        "https://contoso.webhook.office.com/webhookb2/6f1c9a0b-7d2e-4f6a-8b3c-1d0e9f8a7b6c@0a1b2c3d",
    ] {
        let answer = look(&stage, leaked).await;
        assert_eq!(names(&answer), Vec::<&str>::new(), "{leaked}: {answer}");
    }
    for (leaked, name) in [
        (one.as_str(), "one"),
        (&hex::encode(key(1)), "one"),
        (&STANDARD.encode(key(2)), "account"),
        (&format!("Authorization: Bearer {jwt}"), "jwt"),
        (HOOKS[0].2, "slack"),
        (&format!("{}{}", HOOKS[1].1, HOOKS[1].2), "discord"),
        (&HOOKS[2].2[..32], "teams"),
    ] {
        let answer = look(&stage, leaked).await;
        assert_eq!(names(&answer), [name], "{leaked}: {answer}");
        assert_ne!(answer["found"][0]["certainty"], "unsure", "{leaked}: {answer}");
    }
}

#[tokio::test]
async fn a_part_of_a_value_is_named_as_one() {
    let stage = Stage::empty(&[]).await;
    let value = "q7mZ2tR9vL4xPp0KaB3dE6gH9iJ2kL5m";
    let key = pem(&key(4));
    stage.seed("plain", &json!({ "value": value })).await;
    stage.seed("key", &json!({ "value": key })).await;
    for (leaked, certainty) in [
        (&value[..12], "unsure"),
        (&value[..24], "likely"),
        (&value[10..30], "likely"),
        (&key[..300], "unsure"),
        (&key[..1500], "likely"),
    ] {
        let answer = look(&stage, leaked).await;
        assert_eq!(answer["found"].as_array().unwrap().len(), 1, "{leaked}: {answer}");
        assert_eq!(answer["found"][0]["partly"], true, "{leaked}: {answer}");
        assert_eq!(answer["found"][0]["certainty"], certainty, "{leaked}: {answer}");
    }
    let said = found(&stage, &["kv-drill"], &[], &value[..12]).exit(0);
    assert!(said.stdout.contains("a part of it"), "{}", said.stdout);
}
