//! A scanner's report leads to the right secret and a prefilled run, and a hostile one to nothing.

use crate::secrecy::{assert_folder_free_of, assert_free_of};
use crate::stage::{Said, Stage};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

mod broken;
mod formats;

const LEAKED: &str = "pl4nted-Leak-0123456789abcdef";
const COMMITTED: &str = "2026-09-14T08:31:07Z";
const SEEN: &str = "2026-09-14T08:40:12Z";

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/intake").join(name)
}

async fn stage() -> Stage {
    let stage = Stage::empty(&[]).await;
    stage.seed("stripe-key", &json!({ "value": LEAKED, "tags": { "owner": "payments-team" } })).await;
    stage.seed("other", &json!({ "value": "not the one" })).await;
    stage
}

fn read(stage: &Stage, report: &Path, more: &[&str], input: &[u8]) -> Said {
    let mut arguments = vec!["find", "--vault", "https://kv-drill.vault.azure.net", "--from", report.to_str().unwrap()];
    arguments.extend(more);
    stage.stanch_given(&arguments, input)
}

/// The words of a command, as a shell takes them apart.
fn words(command: &str) -> Vec<String> {
    let script = format!("printf '%s\\n' {}", command.strip_prefix("stanch ").unwrap());
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn every_format_leads_to_the_right_secret_and_a_prefilled_run() {
    let stage = stage().await;
    for (name, input, found_at, since) in [
        (
            "gitleaks.json",
            "",
            "https://github.com/contoso/orders/blob/4f1c9a0b7d2e8f6a5b3c1d0e9f8a7b6c5d4e3f2a/deploy/prod.env#L12",
            COMMITTED,
        ),
        ("gitleaks-redacted.json", LEAKED, "deploy/prod.env:12 in commit 4f1c9a0b7d2e", COMMITTED),
        ("gitleaks.sarif", "", "deploy/prod.env:12 in commit 4f1c9a0b7d2e", COMMITTED),
        (
            "trufflehog.jsonl",
            "",
            "https://github.com/contoso/orders deploy/prod.env:12 in commit 4f1c9a0b7d2e",
            COMMITTED,
        ),
        (
            "github-alert.json",
            "",
            "deploy/prod.env:12 in commit 4f1c9a0b7d2e, https://github.com/contoso/orders/security/secret-scanning/42",
            SEEN,
        ),
        (
            "github-alerts.json",
            "",
            "contoso/orders deploy/prod.env:12 in commit 4f1c9a0b7d2e, https://github.com/contoso/orders/security/secret-scanning/42",
            SEEN,
        ),
        (
            "github-webhook.json",
            LEAKED,
            "contoso/orders, https://github.com/contoso/orders/security/secret-scanning/42",
            SEEN,
        ),
        (
            "github-location-webhook.json",
            LEAKED,
            "contoso/orders deploy/prod.env:12 in commit 4f1c9a0b7d2e, https://github.com/contoso/orders/security/secret-scanning/42",
            SEEN,
        ),
    ] {
        let said = read(&stage, &sample(name), &["--json"], input.as_bytes()).exit(0);
        let answer = said.json();
        let secret = "https://kv-drill.vault.azure.net/secrets/stripe-key";
        assert_eq!(answer["found"][0]["secret"], secret, "{name}: {answer}");
        assert_eq!(answer["found"].as_array().unwrap().len(), 1, "{name}");
        assert_eq!(answer["leak"]["found_at"], found_at, "{name}");
        assert_eq!(answer["leak"]["exposed_at"], since, "{name}");
        let what = if since == SEEN { "detected" } else { "written" };
        assert_eq!(answer["leak"]["exposed_at_is"], what, "{name}");
        let next = words(answer["found"][0]["next"].as_str().unwrap());
        let inputs = ["secret", "exposed_at", "found_at"].iter().zip([secret, since, found_at]);
        for (input, value) in inputs {
            assert!(next.contains(&format!("{input}={value}")), "{name}: {next:?}");
        }
        assert_free_of(name, said.stdout.as_bytes(), &[LEAKED.to_owned()]);
        assert_free_of(name, said.stderr.as_bytes(), &[LEAKED.to_owned()]);
    }
    assert_folder_free_of(&stage.state_dir(), &[LEAKED.to_owned()]);
}

#[tokio::test]
async fn one_of_several_findings_is_chosen_and_begun() {
    let stage = stage().await;
    let report = sample("gitleaks-several.json");
    let listed = read(&stage, &report, &[], b"").exit(2);
    assert!(listed.stdout.contains("2 findings; choose one with `--finding N`"), "{}", listed.stdout);
    assert!(
        listed.stdout.contains("charts/values.yaml:7") && listed.stdout.contains("notes/[redacted].md:3"),
        "{}",
        listed.stdout
    );
    let miss = read(&stage, &report, &["--finding", "1"], b"").exit(0);
    assert!(miss.stdout.starts_with("not found"), "{}", miss.stdout);
    read(&stage, &report, &["--finding", "3"], b"").exit(2).done();
    read(&stage, &report, &["--finding", "0"], b"").exit(2).done();

    let vault = "https://kv-drill.vault.azure.net";
    let from = report.to_str().unwrap();
    let second = ["find", "--vault", vault, "--from", from, "--finding", "2", "--run", "--yes", "--json"];
    let begun = stage.stanch_while_read(&second, "stripe-key").await.exit(0);
    let status = begun.json();
    assert_eq!((&status["runbook"], &status["status"]), (&json!("secret-exposure"), &json!("completed")), "{status}");
    let journal = std::fs::read_to_string(stage.journal(status["run"].as_str().unwrap())).unwrap();
    let opened: Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    let inputs = &opened["event"]["inputs"];
    assert_eq!(inputs["secret"], "https://kv-drill.vault.azure.net/secrets/stripe-key");
    assert_eq!(inputs["exposed_at"], "2026-08-02T09:00:00Z");
    assert_eq!(inputs["found_at"], "charts/values.yaml:7 in commit 1b2c3d4e5f60");
    let state = stage.state().await;
    assert_eq!(state["vaults"]["kv-drill"]["secrets"]["stripe-key"].as_array().unwrap().len(), 2);
    let refused = read(&stage, &report, &["--finding", "1", "--run", "--yes"], b"").exit(5);
    assert!(refused.stderr.contains("no secret holds the value"), "{}", refused.stderr);
    let elsewhere = json!({ "value": "something-else-that-leaked", "tags": { "issuer": "Stripe" } });
    stage.seed("of-stripe", &elsewhere).await;
    // Whoever is named as the issuer, in words, is no vault: a person is asked for the new value.
    let begun = read(&stage, &report, &["--finding", "1", "--run", "--yes", "--json"], b"").exit(4);
    assert_eq!(begun.json()["runbook"], "third-party-api-key", "{}", begun.stdout);
}

#[tokio::test]
async fn a_report_on_standard_input_is_read_and_one_without_the_value_is_refused_there() {
    let stage = stage().await;
    let report = std::fs::read(sample("trufflehog.jsonl")).unwrap();
    let answer = read(&stage, Path::new("-"), &["--json"], &report).exit(0).json();
    assert_eq!(answer["found"].as_array().unwrap().len(), 1);
    let wide: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(String::from_utf8(report).unwrap().encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let answer = read(&stage, Path::new("-"), &["--json"], &wide).exit(0).json();
    assert_eq!(answer["found"].as_array().unwrap().len(), 1, "as some shells write it");
    let redacted = std::fs::read(sample("gitleaks-redacted.json")).unwrap();
    let said = read(&stage, Path::new("-"), &[], &redacted).exit(2);
    assert!(said.stderr.contains("does not hold the value"), "{}", said.stderr);
}

#[tokio::test]
async fn a_hostile_report_does_no_harm() {
    let stage = stage().await;
    let path = stage.path("report.json");
    let refused = |text: &[u8], said: &str| {
        std::fs::write(&path, text).unwrap();
        let begun = Instant::now();
        let answer = read(&stage, &path, &[], b"").exit(2);
        assert!(answer.stderr.contains(said), "{said} in {}", answer.stderr);
        assert!(begun.elapsed() < Duration::from_secs(20), "{said}: {:?}", begun.elapsed());
        assert!(!answer.stderr.contains("s3cr3t-in-the-report"), "{}", answer.stderr);
    };
    refused(b"", "the report is empty");
    refused(b"  \n", "the report is empty");
    refused(b"{}", "no report that is known");
    refused(br#"{"s3cr3t-in-the-report": 1}"#, "no report that is known");
    refused(br#"[{"RuleID": "s3cr3t-in-the-report""#, "line 1, column");
    refused(&[b'['; 200_000], "nested too deep");
    refused(&vec![b' '; (32 << 20) + 1], "larger than 32 MiB");
    refused(&[0, 159, 146, 150], "not text");

    // What others wrote is shown as text, and a shell takes it as one word.
    let hostile = json!([{
        "RuleID": "\u{1b}[2Jrule", "Secret": LEAKED, "StartLine": 1,
        "File": format!("a'; touch pwned; $(touch pwned) `touch pwned` \u{202e}{LEAKED}\u{7}\n"), "Date": "yesterday", "Commit": "x'y",
    }]);
    std::fs::write(&path, hostile.to_string()).unwrap();
    let said = read(&stage, &path, &[], b"").exit(0);
    for text in [&said.stdout, &said.stderr] {
        let hostile = |character: char| character != '\n' && (character.is_control() || character == '\u{202e}');
        assert!(!text.contains(hostile) && !text.contains(LEAKED), "{text:?}");
    }
    let next = said.stdout.lines().find_map(|line| line.strip_prefix("next: ")).unwrap();
    let words = words(&next.replace("exposed_at=…", "exposed_at=x"));
    assert!(words.iter().any(|word| word.starts_with("found_at=a'; touch pwned; $(touch pwned)")), "{words:?}");
    assert!(!stage.path("pwned").exists() && !Path::new("pwned").exists());

    let many: Vec<Value> =
        (0..5_000).map(|number| json!({ "RuleID": "r", "Secret": format!("value-{number}-x"), "File": "f" })).collect();
    std::fs::write(&path, Value::from(many).to_string()).unwrap();
    let listed = read(&stage, &path, &[], b"").exit(2);
    assert!(listed.stdout.lines().count() < 60 && listed.stdout.contains("and 4950 more"), "{}", listed.stdout);
}
