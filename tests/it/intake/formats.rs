//! Every kind of report gives the value, the place and the time that it holds.

use super::{COMMITTED, LEAKED, SEEN, read, sample, stage};
use crate::secrecy::assert_free_of;
use serde_json::{Value, json};

const FILE: &str = "deploy/prod.env:12";
const IN_COMMIT: &str = "deploy/prod.env:12 in commit 4f1c9a0b7d2e";

#[tokio::test]
async fn every_scanner_is_read_with_its_own_place_and_time() {
    let stage = stage().await;
    for (name, format, how, found_at, since, known) in [
        ("gitleaks.jsonl", "gitleaks", "value", IN_COMMIT, COMMITTED, "written"),
        ("gitleaks.csv", "gitleaks", "value", IN_COMMIT, COMMITTED, "written"),
        ("gitleaks-junit.xml", "gitleaks", "value", IN_COMMIT, COMMITTED, "written"),
        ("gitleaks-7.json", "gitleaks-7", "value", &format!("orders {IN_COMMIT}"), COMMITTED, "written"),
        ("trufflehog-2.jsonl", "trufflehog-2", "value", "deploy/prod.env in commit 4f1c9a0b7d2e", COMMITTED, "written"),
        ("trufflehog-s3.json", "trufflehog", "value", "contoso-backups prod.env", COMMITTED, "modified"),
        (
            "trufflehog-slack.json",
            "trufflehog",
            "value",
            "https://contoso.slack.com/archives/C01/p1789374667000200",
            COMMITTED,
            "written",
        ),
        (
            "trufflehog-docker.jsonl",
            "trufflehog",
            "shares_part",
            "contoso/orders sha256:aaaa 1.4 /app/prod.env",
            "",
            "",
        ),
        ("trufflehog-confluence.json", "trufflehog", "value", "Runbook OPS body", COMMITTED, "written"),
        ("detect-secrets.json", "detect-secrets", "hashed", FILE, SEEN, "scanned"),
        ("ggshield.json", "ggshield", "value", IN_COMMIT, COMMITTED, "written"),
        ("ggshield-hidden.json", "ggshield", "hashed", IN_COMMIT, COMMITTED, "written"),
        (
            "kingfisher.json",
            "kingfisher",
            "value",
            "https://github.com/contoso/orders/blob/4f1c9a0b7d2e8f6a5b3c1d0e9f8a7b6c5d4e3f2a/deploy/prod.env#L12",
            "2026-09-14T00:00:00Z",
            "written",
        ),
        ("kingfisher.jsonl", "kingfisher", "value", FILE, "", ""),
        ("trufflehog3.json", "trufflehog3", "value", IN_COMMIT, COMMITTED, "written"),
        ("noseyparker.json", "noseyparker", "value", &format!("orders.git {IN_COMMIT}"), COMMITTED, "written"),
        ("semgrep.json", "semgrep", "shares_part", IN_COMMIT, COMMITTED, "written"),
        ("region.sarif", "sarif", "shares_part", FILE, SEEN, "scanned"),
        ("gl-secret-detection-report.json", "gitlab", "value", IN_COMMIT, COMMITTED, "written"),
        (
            "github-slurp.json",
            "github",
            "value",
            &format!("{IN_COMMIT}, https://github.com/contoso/orders/security/secret-scanning/42"),
            SEEN,
            "detected",
        ),
        (
            "azure-devops.json",
            "azure-devops",
            "value",
            &format!("https://dev.azure.com/contoso/shop/_git/orders {IN_COMMIT}"),
            COMMITTED,
            "written",
        ),
    ] {
        let said = read(&stage, &sample(name), &["--json"], b"").exit(0);
        let answer = said.json();
        let found = answer["found"].as_array().unwrap();
        assert_eq!(found.len(), 1, "{name}: {answer}");
        assert_eq!(found[0]["secret"], "https://kv-drill.vault.azure.net/secrets/stripe-key", "{name}");
        assert_eq!(found[0]["how"], how, "{name}: {answer}");
        let leak = &answer["leak"];
        assert_eq!((&leak["report"]["format"], &leak["found_at"]), (&json!(format), &json!(found_at)), "{name}");
        let text = |member: &str| leak[member].as_str().unwrap_or_default().to_owned();
        assert_eq!((text("exposed_at").as_str(), text("exposed_at_is").as_str()), (since, known), "{name}");
        assert_free_of(name, said.stdout.as_bytes(), &[LEAKED.to_owned()]);
        assert_free_of(name, said.stderr.as_bytes(), &[LEAKED.to_owned()]);
    }
}

#[tokio::test]
async fn a_value_that_a_report_hides_is_asked_for() {
    let stage = stage().await;
    for name in [
        "trivy.json",
        "trivy-1.json",
        "trivy-operator.json",
        "semgrep-hidden.json",
        "github-locations.json",
        "azure-devops-hidden.json",
        "gitguardian.json",
        "gitleaks-redacted.json",
    ] {
        let said = read(&stage, &sample(name), &[], b"").exit(2);
        assert!(said.stderr.contains("the report does not hold the value"), "{name}: {}", said.stderr);
        let answer = read(&stage, &sample(name), &["--json"], LEAKED.as_bytes()).exit(0).json();
        assert_eq!(answer["found"].as_array().unwrap().len(), 1, "{name}: {answer}");
        assert!(answer["leak"]["found_at"].as_str().unwrap().contains("prod.env:12"), "{name}: {answer}");
    }
    let path = stage.path("report.json");
    for hidden in [
        "requires login",
        "***",
        "ghp_****1234",
        "<secret>",
        "AKIA",
        "xxxxxxxxxxxx",
        "sha256:0123456789abcdef0123456789abcdef",
        "[MASKED]",
        "",
    ] {
        let report = json!([{ "RuleID": "r", "Secret": hidden, "File": "f", "StartLine": 3 }]);
        std::fs::write(&path, report.to_string()).unwrap();
        let said = read(&stage, &path, &[], b"").exit(2);
        assert!(said.stderr.contains("the report does not hold the value"), "{hidden}: {}", said.stderr);
    }
    // What a page shows of a token is no token, wherever it comes from.
    for covered in ["ghp_****1234", "REDACTED", "AKIA…"] {
        let said =
            stage.stanch_given(&["find", "--vault", "https://kv-drill.vault.azure.net"], covered.as_bytes()).exit(2);
        assert!(said.stderr.contains("what was given is no value"), "{covered}: {}", said.stderr);
    }
    let cut = stage.stanch_given(&["find", "--vault", "https://kv-drill.vault.azure.net"], b"ghp_1a2B").exit(5);
    assert!(cut.stderr.contains("the rest of the value"), "{}", cut.stderr);
}

#[tokio::test]
async fn a_hash_that_no_version_has_is_no_miss() {
    let stage = stage().await;
    let text = std::fs::read_to_string(sample("detect-secrets.json")).unwrap();
    let hash = serde_json::from_str::<Value>(&text).unwrap()["results"]["deploy/prod.env"][0]["hashed_secret"].clone();
    let path = stage.path("baseline.json");
    std::fs::write(&path, text.replace(hash.as_str().unwrap(), &"0".repeat(40))).unwrap();
    let said = read(&stage, &path, &[], b"").exit(5);
    assert!(said.stderr.contains("not looked for: the value itself"), "{}", said.stderr);
    let answer = read(&stage, &path, &["--json"], LEAKED.as_bytes()).exit(0).json();
    assert_eq!(answer["found"][0]["how"], "value", "the value is better than its hash: {answer}");
}

#[tokio::test]
async fn one_value_in_several_places_has_been_out_since_the_first() {
    let stage = stage().await;
    let path = stage.path("report.json");
    let at =
        |date: &str, file: &str| json!({ "RuleID": "r", "Secret": LEAKED, "File": file, "StartLine": 1, "Date": date });
    let report =
        json!([at("2026-09-14T08:31:07Z", "b"), at("2026-08-01T10:00:00+02:00", "a"), at("0001-01-01T00:00:00Z", "c")]);
    std::fs::write(&path, report.to_string()).unwrap();
    let said = read(&stage, &path, &["--json"], b"").exit(0);
    assert_eq!(said.json()["leak"]["exposed_at"], "2026-08-01T08:00:00Z");
    assert!(said.stderr.contains("2 more places"), "{}", said.stderr);
    let last = read(&stage, &path, &["--json", "--finding", "3"], b"").exit(0).json();
    assert_eq!(last["leak"]["exposed_at"], "2026-08-01T08:00:00Z");
}

#[tokio::test]
async fn the_table_of_formats_is_printed() {
    let stage = stage().await;
    let told = stage.stanch(&["find", "--formats"]).exit(0);
    let table = stage.stanch(&["find", "--formats", "--json"]).exit(0).json();
    let formats = table["formats"].as_array().unwrap();
    assert!(formats.len() >= 15, "{table}");
    for format in formats {
        assert!(told.stdout.contains(format["name"].as_str().unwrap()), "{}", told.stdout);
        for member in ["shapes", "told_by", "value", "place", "time"] {
            assert!(!format[member].as_str().unwrap().is_empty(), "{format}");
        }
    }
}
