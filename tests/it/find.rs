//! Which secret holds a leaked value: the right answer, over many vaults, and nothing given away.

use crate::secrecy::{assert_folder_free_of, assert_free_of};
use crate::stage::{Said, Stage, given};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

mod forms;
mod heads;
mod layered;
mod parts;
mod sealed;

const LEAKED: &str = "pl4nted+leak/value=ü-0123456789";

fn find(vaults: &[&str]) -> Vec<String> {
    let mut arguments = vec!["find".to_owned()];
    for vault in vaults {
        arguments.extend(["--vault".to_owned(), format!("https://{vault}.vault.azure.net")]);
    }
    arguments
}

fn found(stage: &Stage, vaults: &[&str], more: &[&str], leaked: &str) -> Said {
    let arguments = find(vaults);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
    stage.stanch_given(&arguments, leaked.as_bytes())
}

#[tokio::test]
async fn a_value_is_found_in_many_vaults_under_their_limits_and_given_away_nowhere() {
    // As many as a real estate has with STANCH_HEAVY; a sample of the same shape without.
    let secrets = if crate::stage::is_heavy() { 300 } else { 30 };
    let vaults = ["kv-one", "kv-two", "kv-three", "kv-four", "kv-five"];
    let stage = Stage::empty(&["--limits"]).await;
    let value = |vault: &str, secret: usize, version: usize| format!("0ther+value/{vault}-{secret}-{version}=ä");
    let all = vaults.iter().flat_map(|vault| (0..secrets).map(move |secret| (*vault, secret)));
    stream::iter(all)
        .for_each_concurrent(16, async |(vault, secret)| {
            for version in 0..3 {
                let hit = (vault, secret, version) == ("kv-four", secrets / 2, 1);
                let text = match hit {
                    true => format!("Server=db;User Id=app;Password={LEAKED};Encrypt=true"),
                    false => value(vault, secret, version),
                };
                let created = format!("2026-0{}-01T00:00:00Z", version + 1);
                let tags = json!({ "owner": "payments-team", "issuer": "Stripe", "provider": "manual" });
                let body = json!({ "value": text, "created": created, "tags": tags });
                stage.seed_in(vault, &format!("secret-{secret}"), &body).await;
            }
        })
        .await;
    let mut arguments = find(&vaults);
    arguments.extend(["--json".to_owned(), "-vv".to_owned()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = given(stage.command(&arguments).env("RUST_LOG", "trace"), format!("{LEAKED}\n").as_bytes());
    let said = Said::from(output).exit(0);
    let answer = said.json();
    let hits = answer["found"].as_array().unwrap();
    assert_eq!(hits.len(), 1, "{answer}");
    assert_eq!(hits[0]["secret"], format!("https://kv-four.vault.azure.net/secrets/secret-{}", secrets / 2));
    assert_eq!((&hits[0]["current"], &hits[0]["enabled"]), (&json!(false), &json!(true)));
    assert_eq!((&hits[0]["how"], &hits[0]["field"]), (&json!("inside"), &json!("password")));
    assert_eq!((&hits[0]["owner"], &hits[0]["issuer"]), (&json!("payments-team"), &json!("Stripe")));
    assert_eq!(answer["secrets"], 5 * secrets);
    assert_eq!(answer["versions"], 15 * secrets);
    assert_eq!(answer["complete"], true);

    let calls = stage.state().await["calls"].as_array().unwrap().clone();
    let throttled = calls.iter().filter(|call| call["status"] == 429).count();
    println!("{} calls, {throttled} of them answered with 429", calls.len());
    assert_eq!(throttled, 0, "no storm");
    assert!(calls.iter().all(|call| call["method"] == "GET" || call["path"].as_str().unwrap().contains("oauth2")));

    let values = [LEAKED.to_owned(), value("kv-one", 0, 0), value("kv-five", secrets - 1, 2)];
    assert!(said.stderr.len() > 10_000, "tracing was on");
    assert_free_of("standard output", said.stdout.as_bytes(), &values);
    assert_free_of("standard error", said.stderr.as_bytes(), &values);
    assert_eq!(assert_folder_free_of(&stage.state_dir(), &values), 1, "the key of the fingerprints alone");
}

#[tokio::test]
async fn a_miss_is_an_answer_with_the_count_of_what_was_read() {
    let stage = Stage::set().await;
    let said = found(&stage, &["kv-drill"], &[], "something else altogether").exit(0);
    assert!(said.stdout.starts_with("not found in 1 vault (1 secret, 3 versions read)\n"), "{}", said.stdout);
    assert!(!said.stdout.contains("next:"), "{}", said.stdout);
}

#[tokio::test]
async fn what_cannot_be_read_is_said_with_its_reason() {
    let stage = Stage::set().await;
    stage.seed("half-off", &json!({ "value": "old", "enabled": false, "created": "2026-01-01T00:00:00Z" })).await;
    stage.seed("half-off", &json!({ "value": LEAKED })).await;
    stage.seed("gone", &json!({ "value": LEAKED, "deleted": true })).await;
    let said = found(&stage, &["kv-drill"], &[], LEAKED).exit(0);
    let counts =
        "found in 1 of 1 vault (2 secrets, 4 versions read; not read: 1 version, disabled, 1 secret, deleted)\n";
    assert!(said.stdout.starts_with(counts), "{}", said.stdout);
    assert!(said.stdout.contains("kv-drill/half-off") && said.stdout.contains("kv-drill/gone"), "{}", said.stdout);
    assert!(said.stdout.contains("current, enabled, created"), "{}", said.stdout);
    let answer = found(&stage, &["kv-drill"], &["--json"], LEAKED).exit(0).json();
    assert_eq!(answer["complete"], false, "what was not read may hold it as well: {answer}");
    let next =
        "next: stanch plan secret-exposure -i secret=https://kv-drill.vault.azure.net/secrets/half-off -i exposed_at=…";
    assert!(said.stdout.contains(next), "{}", said.stdout);

    stage.deny(&json!({ "deny": [{ "operation": "SecretGet" }] })).await;
    let answer = found(&stage, &["kv-drill"], &["--json"], LEAKED).exit(0).json();
    assert_eq!(answer["found"], json!([]));
    let forbidden = json!({ "because": { "forbidden": "ForbiddenByRbac" }, "count": 4 });
    assert!(answer["not_read"].as_array().unwrap().contains(&forbidden), "{answer}");

    // A vault that cannot even be listed leaves the question open.
    stage.deny(&json!({ "deny": [{ "operation": "SecretList" }], "kind": "ForbiddenByFirewall" })).await;
    let said = found(&stage, &["kv-drill", "kv-other"], &[], LEAKED).exit(5);
    assert!(said.stdout.contains("not found in 1 of 2 vaults"), "{}", said.stdout);
    assert!(
        said.stdout.contains("not searched kv-drill: the network of `kv-drill` does not let stanch in"),
        "{}",
        said.stdout
    );
}

#[tokio::test]
async fn the_value_is_recognised_in_whatever_form_it_leaked() {
    let stage = Stage::empty(&[]).await;
    stage.seed("plain", &json!({ "value": LEAKED })).await;
    stage.seed("json", &json!({ "value": json!({ "db": { "password": LEAKED } }).to_string() })).await;
    stage.seed("other", &json!({ "value": "another-value-1" })).await;
    for leaked in [
        LEAKED.to_owned(),
        format!("  {LEAKED}\r\n"),
        percent_encoding::utf8_percent_encode(LEAKED, percent_encoding::NON_ALPHANUMERIC).to_string(),
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, LEAKED),
        format!("DB_HOST=x\nDB_PASSWORD={LEAKED}\n"),
    ] {
        let answer = found(&stage, &["kv-drill"], &["--json"], &leaked).exit(0).json();
        let names: Vec<&Value> = answer["found"].as_array().unwrap().iter().map(|hit| &hit["secret"]).collect();
        assert_eq!(names[0], "https://kv-drill.vault.azure.net/secrets/plain", "{leaked}: {answer}");
        assert!(!names.iter().any(|name| name.as_str().unwrap().ends_with("/other")), "{answer}");
    }
    let answer = found(&stage, &["kv-drill"], &["--json"], LEAKED).exit(0).json();
    assert_eq!(answer["found"].as_array().unwrap().len(), 2);
    let again = found(&stage, &["kv-drill"], &["--json"], LEAKED).exit(0).json();
    assert_eq!(answer["fingerprint"], again["fingerprint"], "one state directory, one value, one fingerprint");
}

#[tokio::test]
async fn nothing_is_looked_for_without_a_value_or_a_vault() {
    let stage = Stage::set().await;
    found(&stage, &["kv-drill"], &[], "").exit(2).done();
    found(&stage, &["kv-drill"], &[], "\n").exit(2).done();
    found(&stage, &[], &[], LEAKED).exit(2).done();
    stage.stanch_given(&["find", "--vault", "https://example.com"], b"x").exit(2).done();
    let not_text = stage.stanch_given(&["find", "--vault", "https://kv-drill.vault.azure.net"], &[0xC3, 0x28]).exit(2);
    assert!(not_text.stderr.contains("not text"), "{}", not_text.stderr);
    let calls = stage.state().await["calls"].as_array().unwrap().len();
    assert_eq!(calls, 0, "nothing was sent");
}

#[tokio::test]
async fn a_throttling_vault_is_outlasted() {
    let stage = Stage::set().await;
    stage.fault(&json!({ "match": { "path": "^/secrets" }, "skip": 1, "times": 7, "do": { "status": 429 } })).await;
    let leaked = stage.values()[2].clone();
    let answer = found(&stage, &["kv-drill"], &["--json"], &leaked).exit(0).json();
    assert_eq!(answer["found"][0]["current"], true, "{answer}");
    assert_eq!(answer["versions"], 3);
}
