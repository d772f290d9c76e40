//! What cannot be read is counted and said, and nothing is said to be clean that was not read whole.

use super::{LEAKED, read, sample, stage};
use serde_json::json;
use std::io::Write;

#[tokio::test]
async fn a_report_without_a_finding_is_an_answer() {
    let stage = stage().await;
    let path = stage.path("report");
    for (report, whose) in [
        ("[]", "a report"),
        ("null\n", "a report"),
        ("[[],[]]", "a report"),
        ("\u{feff}[]\r\n", "a report"),
        (r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[]}]}"#, "a SARIF log"),
        ("RuleID,Commit,File,SymlinkFile,Secret,Match,StartLine\n", "a gitleaks report"),
        (
            "<?xml version=\"1.0\"?>\n<testsuites><testsuite failures=\"0\" name=\"gitleaks\" tests=\"0\"></testsuite></testsuites>",
            "a gitleaks report",
        ),
        (r#"{"level":"info-0","msg":"finished scanning","verified_secrets":0,"unverified_secrets":0}"#, "a report"),
        (
            r#"{"version":"1.5.0","plugins_used":[],"results":{},"generated_at":"2026-09-14T08:40:12Z"}"#,
            "a detect-secrets baseline",
        ),
        (
            r#"{"vulnerabilities":[],"scan":{"type":"secret_detection","status":"success"}}"#,
            "a GitLab secret detection report",
        ),
        (r#"{"count":0,"value":[]}"#, "alerts of Advanced Security"),
        (r#"{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"a","Class":"os-pkgs"}]}"#, "a Trivy report"),
    ] {
        std::fs::write(&path, report).unwrap();
        let said = read(&stage, &path, &[], b"").exit(0);
        assert!(said.stdout.starts_with(whose) && said.stdout.contains("nothing leaked"), "{report}: {}", said.stdout);
        let answer = read(&stage, &path, &["--json"], b"").exit(0).json();
        assert_eq!((&answer["findings"], &answer["unread"]), (&json!([]), &json!([])), "{report}");
    }
}

#[tokio::test]
async fn what_is_cut_off_is_said_and_nothing_is_clean_then() {
    let stage = stage().await;
    let path = stage.path("report");
    for report in [
        r#"{"version":"2.1.0","runs":[{"results":null}]}"#,
        r#"{"version":"2.1.0","runs":[{"results":[7]}]}"#,
        r#"{"version":"2.1.0","runs":[{"results":[],"invocations":[{"executionSuccessful":false}]}]}"#,
        "RuleID,Commit,File,Secret\na,b\n",
        r#"{"results":{"a":7},"plugins_used":[]}"#,
        r#"{"vulnerabilities":[],"scan":{"type":"secret_detection","status":"failure"}}"#,
        "[]\nand something else",
        "[]\u{0}\u{0}]",
        r#"{"level":"info-0","msg":"finished scanning","verified_secrets":2}"#,
        r#"{"level":"error","msg":"could not clone"}"#,
        "<testsuites><testsuite failures=\"2\" name=\"gitleaks\">",
        r#"{"count":3,"value":[]}"#,
    ] {
        std::fs::write(&path, report).unwrap();
        let said = read(&stage, &path, &[], b"");
        assert!([Some(2), Some(5)].contains(&said.code), "{report}: {:?} {}", said.code, said.stderr);
        assert!(!said.stdout.contains("nothing leaked"), "{report}: {}", said.stdout);
    }
    // A finding that is whole is looked for, and the rest is said.
    let finding = json!({ "RuleID": "r", "Secret": LEAKED, "File": "f", "StartLine": 1 }).to_string();
    for report in [
        format!("[{finding},{{\"RuleID\": \"r\", \"Secr"),
        format!("{finding}\n{{\"RuleID\": \"r\", \"Secret\": \"other"),
        format!("[{finding}, 7]"),
        format!("[{finding}] trailing"),
        format!("RuleID,File,Secret\nr,f,{LEAKED}\nr,f,\"cut"),
    ] {
        std::fs::write(&path, &report).unwrap();
        let said = read(&stage, &path, &["--json"], b"").exit(5);
        let answer = said.json();
        assert_eq!(answer["found"].as_array().unwrap().len(), 1, "{report}: {answer}");
        assert_eq!(answer["leak"]["report"]["unread"].as_array().unwrap().len(), 1, "{report}: {answer}");
        assert!(said.stderr.contains("could not be read whole"), "{}", said.stderr);
    }
}

#[tokio::test]
async fn an_unknown_one_is_named_as_what_it_seems_to_be() {
    let stage = stage().await;
    let path = stage.path("report");
    for (report, seems) in [
        ("<!DOCTYPE html><html></html>", "a web page"),
        ("<testsuites><testsuite name=\"pytest\" failures=\"0\"/></testsuites>", "JUnit of another tool"),
        (
            r#"{"message":"Not Found","documentation_url":"https://docs.github.com"}"#,
            "an error that the GitHub API answered with",
        ),
        (r#"{"bomFormat":"CycloneDX"}"#, "a bill of materials"),
        ("DB_HOST=x\nDB_PASSWORD=s3cr3t-in-the-report\n", "lines of settings"),
        ("Finding:     x\nSecret:      s3cr3t-in-the-report\nRuleID:      r\n", "what gitleaks prints for people"),
        ("a,b,c\n1,2,3\n", "a table of no scanner that is known"),
        (r#"{"version":"1.0.0","runs":[]}"#, "a SARIF log of a version other than 2.1.0"),
        ("PK\u{3}\u{4}abc", "a ZIP archive"),
        (r#"[{"s3cr3t-in-the-report":1}]"#, "JSON of no scanner that is known"),
    ] {
        std::fs::write(&path, report).unwrap();
        let said = read(&stage, &path, &[], b"").exit(2);
        assert!(said.stderr.contains(seems), "{report}: {}", said.stderr);
        assert!(!said.stderr.contains("s3cr3t-in-the-report"), "{}", said.stderr);
    }
}

#[tokio::test]
async fn a_report_is_read_however_a_shell_wrote_it() {
    let stage = stage().await;
    let path = stage.path("report");
    for name in ["gitleaks.json", "gitleaks.csv", "gitleaks-junit.xml", "trufflehog.jsonl", "region.sarif"] {
        let text = std::fs::read_to_string(sample(name)).unwrap();
        let crlf = text.replace('\n', "\r\n");
        let wide = |text: &str, join: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(join).collect::<Vec<u8>>();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(text.as_bytes()).unwrap();
        for (shape, bytes) in [
            ("lines of Windows", crlf.clone().into_bytes()),
            ("a mark", [b"\xEF\xBB\xBF", text.as_bytes()].concat()),
            ("UTF-16, little", [&[0xFF, 0xFE], wide(&crlf, u16::to_le_bytes).as_slice()].concat()),
            ("UTF-16, big", [&[0xFE, 0xFF], wide(&text, u16::to_be_bytes).as_slice()].concat()),
            ("UTF-16 without a mark", wide(&text, u16::to_le_bytes)),
            ("gzip", packed.finish().unwrap()),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let answer = read(&stage, &path, &["--json"], b"").exit(0).json();
            assert_eq!(answer["found"].as_array().unwrap().len(), 1, "{name}, {shape}: {answer}");
        }
    }
}
