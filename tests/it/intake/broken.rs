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
        (r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"Nosey Parker"}},"results":[]}]}"#, "a SARIF log"),
        (r#"{"findings":[],"metadata":{"kingfisher_version":"1.60.0"}}"#, "a Kingfisher report"),
        ("RuleID,Commit,File,SymlinkFile,Secret,Match,StartLine\n", "a gitleaks report"),
        (
            "<?xml version=\"1.0\"?>\n<testsuites><testsuite failures=\"0\" name=\"gitleaks\" tests=\"0\"></testsuite></testsuites>",
            "a gitleaks report",
        ),
        (r#"{"level":"info-0","msg":"finished scanning","verified_secrets":0,"unverified_secrets":0}"#, "a report"),
        (
            r#"{"version":"1.5.0","plugins_used":[{"name":"KeywordDetector"}],"results":{},"generated_at":"2026-09-14T08:40:12Z"}"#,
            "a detect-secrets baseline",
        ),
        (
            r#"{"vulnerabilities":[],"scan":{"type":"secret_detection","status":"success"}}"#,
            "a GitLab secret detection report",
        ),
        (r#"{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"a","Class":"secret"}]}"#, "a Trivy report"),
        (r#"{"ClusterName":"prod","Resources":[]}"#, "a Trivy report"),
        (
            r#"{"results":[],"errors":[],"paths":{"scanned":["a"]},"time":{"rules":[{"id":"generic.secrets.x"}]}}"#,
            "a Semgrep report",
        ),
        ("3:12AM INF scanned ~120 bytes (120 bytes) in 4ms\n3:12AM INF no leaks found\n[]", "a report"),
        ("HTTP/2.0 200 OK\r\nContent-Type: application/json\r\n\r\n[]", "a report"),
        ("\u{1b}[1;37m[\u{1b}[m\u{1b}[1;37m]\u{1b}[m\n", "a report"),
        (
            r#"{"id":"x","type":"scan","total_incidents":0,"scans":[{"id":"c","type":"commit","total_incidents":0}]}"#,
            "a ggshield report",
        ),
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"gitleaks","rules":[{"id":"aws-access-token"}]}},"results":[]}]}"#,
            "a SARIF log",
        ),
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
async fn a_scanner_that_did_not_finish_says_nothing() {
    let stage = stage().await;
    let path = stage.path("report");
    for (report, why) in [
        (r#"{"count":0,"value":[]}"#, "every list of Azure DevOps"),
        (r#"{"SchemaVersion":2,"ArtifactName":"x"}"#, "holds no results"),
        (r#"{"SchemaVersion":2,"ArtifactName":"x","Results":[]}"#, "holds no results"),
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[]}]}"#,
            "names no rule about secrets",
        ),
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"ESLint","rules":[{"id":"no-eval"}]}},"results":[]}]}"#,
            "did not look for secrets",
        ),
        (
            r#"{"id":".","type":"path_scan","iac_engine_version":"1.21.0","entities_with_incidents":[],"total_incidents":0}"#,
            "infrastructure or packages",
        ),
        (r#"{"results":[],"errors":[],"paths":{"scanned":["a"]}}"#, "does not say which rules"),
        (
            r#"{"SchemaVersion":2,"ArtifactName":"x","ArtifactType":"container_image","Results":null}"#,
            "holds no results",
        ),
        (
            r#"{"level":"info-0","msg":"finished scanning","chunks":0,"bytes":0,"verified_secrets":0,"unverified_secrets":0}"#,
            "looked at nothing",
        ),
        ("3:12AM INF scanned ~0 bytes (0) in 4ms\n3:12AM INF no leaks found\n[]", "looked at nothing"),
        (
            r#"{"version":"2.1.0","runs":[{"externalPropertyFileReferences":{"results":[{"location":{"uri":"r.sarif"}}]}}]}"#,
            "stand in other files",
        ),
        (
            r#"{"version":"2.1.0","runs":[{"results":[],"externalPropertyFileReferences":{"results":[{"itemCount":3}]}}]}"#,
            "stand in other files",
        ),
        (r#"{"version":"2.1.0","runs":[]}"#, "holds no run"),
        (r#"{"version":"2.1.0","runs":[{"results":[],"invocations":[{"executionSuccessful":false}]}]}"#, "run failed"),
        (
            r#"{"version":"2.1.0","runs":[{"results":[],"invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[{"level":"error","message":{"text":"x"}}]}]}]}"#,
            "run failed",
        ),
        (
            r#"{"version":"2.1.0","runs":[{"results":[],"invocations":[{"executionSuccessful":true,"exitCode":2}]}]}"#,
            "run failed",
        ),
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"CodeQL","rules":[{"id":"js/xss","properties":{"tags":["external/cwe/cwe-079"]}}]}},"results":[]}]}"#,
            "did not look for secrets",
        ),
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"ESLint"}},"results":[{"ruleId":"no-eval","message":{"text":"eval"}}]}]}"#,
            "none of a secret",
        ),
        (
            r#"{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"a","Class":"os-pkgs","Vulnerabilities":[]}]}"#,
            "none of a secret",
        ),
        (
            r#"{"ClusterName":"prod","Resources":[{"Namespace":"d","Kind":"Pod","Name":"p","Results":[{"Class":"config"}]}]}"#,
            "none of a secret",
        ),
        (r#"{"ClusterName":"prod","Findings":[]}"#, "a summary"),
        (r#"{"results":[],"errors":[],"paths":{"scanned":[]}}"#, "looked at no file"),
        (
            r#"{"results":[],"errors":[{"level":"warn","type":"Timeout"}],"paths":{"scanned":["a"]}}"#,
            "may not have looked everywhere",
        ),
        (
            r#"{"results":[{"check_id":"python.lang.security.audit.eval-detected","path":"a.py","extra":{"metadata":{"cwe":["CWE-95"]},"lines":"eval(x)"}}],"errors":[],"paths":{"scanned":["a.py"]}}"#,
            "none of a secret",
        ),
        (
            r#"<testsuites><testsuite failures="0" errors="1" name="gitleaks" tests="0"></testsuite></testsuites>"#,
            "ended in an error",
        ),
        (
            r#"<testsuites><testsuite failures="0" name="gitleaks"><testcase><error message="x"/></testcase></testsuite></testsuites>"#,
            "ended in an error",
        ),
        (r#"{"total_incidents":0,"scans":[]}"#, "looked at nothing"),
        (
            r#"{"total_incidents":0,"scans":[{"id":"x","errors":[{"files":[{"filename":"a"}]}]}]}"#,
            "could not look at 1",
        ),
        (r#"{"version":"1.5.0","plugins_used":[],"results":{},"generated_at":"2026-09-14T08:40:12Z"}"#, "no plugin"),
        (r#"{"level":"info-0","logger":"trufflehog","msg":"running source"}"#, "has no end"),
        (
            r#"{"level":"info-0","msg":"finished scanning","verified_secrets":0,"unverified_secrets":3}"#,
            "speaks of 3 findings, and 0",
        ),
        (
            "2026-11-23T03:01:12Z\tinfo-0\ttrufflehog\tfinished scanning\t{\"verified_secrets\": 1, \"unverified_secrets\": 0}",
            "speaks of 1 findings",
        ),
        ("3:12AM FTL failed to scan\n[]", "speaks of an error"),
        ("\u{1b}[90m3:12AM\u{1b}[0m \u{1b}[31mERR\u{1b}[0m [git] fatal: bad revision\n[]", "speaks of an error"),
        ("3:12AM WRN leaks found: 3\n[]\n", "speaks of 3 findings, and 0"),
        ("null\n3:12AM WRN no leaks found in partial scan\n", "speaks of an error"),
        ("time=\"2021-11-23T03:01:12Z\" level=error msg=\"clone failed\"\nnull", "speaks of an error"),
        (
            r#"{"vulnerabilities":[],"scan":{"type":"secret_detection","status":"success","messages":[{"level":"fatal","value":"x"}]}}"#,
            "something went wrong",
        ),
        (r#"[{"id":1,"report_type":"sast","severity":"high","location":{}}]"#, "none of a secret"),
        (r#"{"count":1,"value":[{"alertId":1,"alertType":"code"}]}"#, "none of a secret"),
        ("HTTP/2.0 403 Forbidden\n\n[]", "HTTP 403"),
        ("HTTP/2.0 200 OK\nLink: <https://api.github.com/x?page=2>; rel=\"next\"\n\n[]", "more pages"),
    ] {
        std::fs::write(&path, report).unwrap();
        let said = read(&stage, &path, &[], b"").exit(2);
        assert!(said.stderr.contains(why), "{report}: {}", said.stderr);
        assert!(!said.stdout.contains("nothing leaked"), "{report}: {}", said.stdout);
    }
    // What is there is looked for, and the rest is said.
    let finding = json!({ "RuleID": "r", "Secret": LEAKED, "File": "f", "StartLine": 1 }).to_string();
    for report in [
        format!("3:12AM WRN leaks found: 2\n[{finding}]"),
        format!("[{finding}]\n3:12AM ERR failed to scan Git repository"),
        format!("HTTP/1.1 200 OK\nlink: <x>; rel=\"next\"\n\n[{finding}]"),
    ] {
        std::fs::write(&path, &report).unwrap();
        let said = read(&stage, &path, &["--json"], b"").exit(5);
        assert_eq!(said.json()["found"].as_array().unwrap().len(), 1, "{report}");
        assert!(said.stderr.contains("did not look at everything"), "{report}: {}", said.stderr);
    }
}

#[tokio::test]
async fn a_report_is_read_however_it_was_carried() {
    let stage = stage().await;
    let path = stage.path("report");
    let pretty = std::fs::read_to_string(sample("gitleaks.json")).unwrap();
    let hog = std::fs::read_to_string(sample("trufflehog.jsonl")).unwrap();
    let before =
        |prefix: &str, text: &str| -> String { text.lines().map(|line| format!("{prefix}{line}\n")).collect() };
    let coloured = pretty.replace('"', "\u{1b}[0;32m\"\u{1b}[0m");
    for (how, report) in [
        ("with its head", format!("HTTP/2.0 200 OK\r\nX-Github-Media-Type: github.v3\r\n\r\n{pretty}")),
        (
            "pages with their heads",
            format!("HTTP/2.0 200 OK\nLink: <x>; rel=\"next\"\n\n[]\nHTTP/2.0 200 OK\n\n{pretty}"),
        ),
        ("coloured", coloured),
        ("syslog", before("<134>Nov 23 03:01:12 ci trufflehog[71]: ", &hog)),
        ("a log of CI", before("2026-11-23T03:01:12.1234567Z ", &pretty)),
        ("a log of CI, line by line", before("2026-11-23T03:01:12.1234567Z ", &hog)),
        ("compose", before("scan-1  | ", &hog)),
        ("a quotation", before("> ", &pretty)),
    ] {
        std::fs::write(&path, &report).unwrap();
        let answer = read(&stage, &path, &["--json"], b"").exit(0).json();
        assert_eq!(answer["found"].as_array().unwrap().len(), 1, "{how}: {answer}");
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
        (r#"{"message":"Resource not accessible","status":"403"}"#, "an error that the GitHub API answered with"),
        (r#"{"total_count":3,"incomplete_results":true,"items":[]}"#, "a page of GitHub's search"),
        ("<134>Nov 23 03:01:12 ci app: hello", "text of no scanner"),
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

#[tokio::test]
async fn what_breaks_off_before_the_first_finding_is_said_to_be_cut_off() {
    let stage = stage().await;
    let path = stage.path("report");
    let rows = format!("RuleID,Commit,File,Secret\nr,c,f,\"{LEAKED}");
    let list = format!("[{{\"RuleID\":\"r\",\"Secret\":\"{LEAKED}\",\"File\":\"f\"}}]");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(list.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    for report in [rows.as_bytes(), &packed[..40], &list.as_bytes()[..30]] {
        std::fs::write(&path, report).unwrap();
        let said = read(&stage, &path, &[], b"").exit(2);
        assert!(said.stderr.contains("cut off"), "{}", said.stderr);
    }
}

#[tokio::test]
async fn the_begin_of_a_key_is_not_the_value_of_a_finding() {
    let stage = stage().await;
    let path = stage.path("report");
    for begin in [
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    ] {
        let finding = json!([{ "RuleID": "private-key", "Secret": begin, "File": "f", "StartLine": 1 }]).to_string();
        std::fs::write(&path, finding).unwrap();
        let answer = read(&stage, &path, &["--json"], LEAKED.as_bytes()).exit(0).json();
        assert_eq!(answer["found"].as_array().unwrap().len(), 1, "{begin}: {answer}");
    }
}

#[tokio::test]
async fn a_time_that_cannot_be_is_said_and_not_taken() {
    let stage = stage().await;
    let path = stage.path("report");
    for (time, taken, told) in [
        ("2026-09-14T10:31:07.5+02:00", Some("2026-09-14T08:31:07Z"), None),
        ("9999-12-31T23:59:59-12:00", None, Some("cannot be read")),
        ("14/09/2026", None, Some("cannot be read")),
        ("2026-02-30T00:00:00Z", None, Some("cannot be read")),
        ("9999-12-31T23:59:59Z", None, Some("in the future")),
        ("0001-01-01T00:00:00Z", None, None),
    ] {
        let report = format!(r#"[{{"RuleID":"r","Secret":"{LEAKED}","File":"f","Date":"{time}"}}]"#);
        std::fs::write(&path, &report).unwrap();
        let answer = read(&stage, &path, &["--json"], b"").exit(0).json();
        assert_eq!(answer["leak"]["exposed_at"].as_str(), taken, "{time}: {answer}");
        let said = answer["leak"]["exposed_at_not_taken"].as_str();
        assert_eq!(said.is_some(), told.is_some(), "{time}: {answer}");
        assert!(told.is_none_or(|told| said.unwrap().contains(told)), "{time}: {answer}");
        assert!(!answer["found"][0]["next"].as_str().unwrap().contains("+1"), "{time}: {answer}");
    }
    for time in ["9999-12-31T23:59:59-12:00", "2099-01-01T00:00:00Z"] {
        read(&stage, &path, &["--exposed-at", time], b"").exit(2).done();
    }
}

#[tokio::test]
async fn a_table_cut_inside_its_titles_is_no_answer() {
    let stage = stage().await;
    let path = stage.path("report");
    let whole = "RuleID,Commit,File,SymlinkFile,Secret,Match,StartLine,EndLine,StartColumn,EndColumn,Author,Message,Date,Email,Fingerprint,Tags";
    for length in [13, 34, 46, whole.len() - 9, whole.len() - 1] {
        let report = &whole[..length];
        std::fs::write(&path, report).unwrap();
        let said = read(&stage, &path, &[], b"").exit(2);
        assert!(said.stderr.contains("cut off"), "{report}: {}", said.stderr);
    }
}

#[test]
fn what_a_kingfisher_report_left_out_is_said() {
    for (report, said) in [
        (
            r#"{"findings":[],"metadata":{"kingfisher_version":"1.99.0","summary":{"findings":3}}}"#,
            "it speaks of 3 findings, and holds 0",
        ),
        (
            r#"{"kingfisher_version":"1.99.0","summary":{"total":6},"findings":[{"rule":{"name":"g"},"finding":{"snippet":"nothere12345678"}}],"findings_omitted":5}"#,
            "it speaks of 6 findings, and holds 1",
        ),
        (
            r#"{"kingfisher_version":"1.99.0","summary":{},"findings":[],"findings_omitted":5}"#,
            "it speaks of 5 findings, and holds 0",
        ),
    ] {
        let report = stanch::intake::read(report.as_bytes()).unwrap();
        assert_eq!(report.unread, [said]);
    }
    let whole = r#"{"findings":[],"metadata":{"kingfisher_version":"1.99.0","summary":{"findings":0}}}"#;
    assert!(stanch::intake::read(whole.as_bytes()).unwrap().unread.is_empty());
}

#[test]
fn a_semgrep_report_need_not_say_where_it_looked() {
    let report = r#"{"errors":[],"version":"1.0","results":[{"check_id":"generic.secrets.x","path":"a.py","extra":{"lines":"key = 'Zx9vK2mQ7tLw4RnB8sYd'"}}]}"#;
    assert_eq!(stanch::intake::read(report.as_bytes()).unwrap().findings.len(), 1);
}
