//! The reports that are known: whose they are, how each is told, and what it gives.

use super::finding::{Entry, Format};
use super::{
    azure_devops, detect_secrets, ggshield, gitguardian, github, gitlab, gitleaks, junit, kingfisher, nosey_parker,
    sarif, semgrep, trivy, trufflehog,
};
use serde_json::Value;

/// All of them, in the order in which they are tried.
pub static FORMATS: &[&Format] = &[
    &sarif::FORMAT,
    &gitleaks::FORMAT,
    &gitleaks::FORMAT_7,
    &trufflehog::FORMAT,
    &trufflehog::FORMAT_2,
    &trufflehog::FORMAT_PYTHON,
    &detect_secrets::FORMAT,
    &ggshield::FORMAT,
    &gitguardian::FORMAT,
    &kingfisher::FORMAT,
    &nosey_parker::FORMAT,
    &trivy::FORMAT,
    &trivy::FORMAT_OPERATOR,
    &trivy::FORMAT_OLD,
    &semgrep::FORMAT,
    &gitlab::FORMAT,
    &github::FORMAT,
    &azure_devops::FORMAT,
];

/// Which format a document is of, and what it holds.
pub(super) fn entry(document: &Value) -> Option<(&'static Format, Entry)> {
    FORMATS.iter().find_map(|format| Some((*format, (format.read)(document)?)))
}

/// What a text that is no report that is known seems to be.
pub(super) fn seems(text: &str, document: Option<&Value>) -> &'static str {
    match document {
        Some(document) => seems_document(document),
        None => seems_text(text),
    }
}

fn seems_document(document: &Value) -> &'static str {
    let has = |names: &[&str]| names.iter().all(|name| document.get(name).is_some());
    let kinds: &[(&[&str], &str)] = &[
        (&["message", "status"], "an error that the GitHub API answered with, in place of alerts"),
        (&["incomplete_results"], "a page of GitHub's search, which holds no alerts of secret scanning"),
        (&["message", "documentation_url"], "an error that the GitHub API answered with, in place of alerts"),
        (&["runs", "version"], "a SARIF log of a version other than 2.1.0"),
        (&["runs"], "a SARIF log without its version"),
        (&["bomFormat"], "a bill of materials (CycloneDX), which holds no secrets"),
        (&["spdxVersion"], "a bill of materials (SPDX), which holds no secrets"),
        (&["SchemaVersion", "Results"], "a Trivy report that cannot be read"),
        (&["matches", "descriptor"], "a report of vulnerable packages (Grype), which holds no secrets"),
        (&["check_type", "results"], "a Checkov report, which hides its values"),
        (&["metrics", "results", "errors"], "a Bandit report, which speaks of code"),
        (&["vulnerabilities", "scan"], "a GitLab report of another kind than secret detection"),
        (&["security_advisory"], "alerts on vulnerable packages (Dependabot), which hold no secrets"),
        (&["rule", "most_recent_instance"], "alerts on code (CodeQL), which hold no secrets"),
        (&["auditReportVersion"], "a report of vulnerable packages (npm audit), which holds no secrets"),
        (&["issues", "paging"], "an answer of SonarQube"),
        (&["error"], "an error that something answered with"),
        (&["message"], "a message, perhaps an error that something answered with"),
    ];
    let kind = kinds.iter().find(|(names, _)| has(names)).map(|(_, what)| *what);
    kind.unwrap_or("JSON of no scanner that is known")
}

fn seems_text(text: &str) -> &'static str {
    let begin = text.trim_start();
    let lower: String = begin.chars().take(400).collect::<String>().to_lowercase();
    let has_setting =
        |line: &str| line.split_once('=').is_some_and(|(name, _)| !name.is_empty() && !name.contains(' '));
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        "a web page"
    } else if lower.contains("<testsuite") {
        "JUnit of another tool than gitleaks"
    } else if junit::is_xml(begin) {
        "XML of no scanner that is known"
    } else if text.contains("Finding:") && text.contains("RuleID:") {
        "what gitleaks prints for people: write it with `--report-format json --report-path FILE`"
    } else if text.contains("🐷🔑🐷") || text.contains("Detector Type:") {
        "what TruffleHog prints for people: write it with `--json`"
    } else if lower.starts_with("-----begin") {
        "a key or a certificate, and no report: pipe it in without `--from`"
    } else if begin.lines().take(5).all(has_setting) {
        "lines of settings, and no report: pipe them in without `--from`"
    } else if begin.lines().next().is_some_and(|line| line.matches([',', ';', '\t']).count() >= 2) {
        "a table of no scanner that is known"
    } else {
        "text of no scanner that is known"
    }
}
