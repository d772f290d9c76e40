//! Wrong runbooks, each with the exact text that `lint` answers.

use super::{assert_same, folder, runbooks, stanch};

#[test]
fn every_wrong_runbook_is_answered_word_for_word() {
    let folder = folder("tests/cases/lint");
    let cases = runbooks(&folder);
    assert!(cases.len() >= 60, "{} cases", cases.len());
    for (name, _) in cases {
        let said = stanch(&folder, &["lint", &name, "--quiet"]);
        assert!(said.stderr.is_empty(), "{name}: {}", said.stderr);
        assert!(!said.stdout.is_empty(), "{name} has no problem");
        let only_warnings = !said.stdout.lines().any(|line| line.starts_with("error:"));
        assert_eq!(said.code, Some(if only_warnings { 0 } else { 2 }), "{name}");
        assert_same(&folder.join(name.replace(".yaml", ".txt")), &said.stdout);
        // The text of a problem never repeats what must not be shown.
        for secret in ["hunter22", "Tr0ub4dor", "AKIAABCDEFGHIJKLMNOP", "ghp_a1B2"] {
            assert!(!said.stdout.contains(secret), "{name} shows {secret}");
        }
    }
}

#[test]
fn one_pass_finds_every_problem() {
    let said = stanch(&folder("tests/cases/lint"), &["lint", "everything-at-once.yaml", "--json"]).exit(2).json();
    let rules: Vec<&str> =
        said["problems"].as_array().unwrap().iter().map(|problem| problem["rule"].as_str().unwrap()).collect();
    for rule in [
        "type",
        "limits",
        "unknown-action",
        "reference",
        "expression",
        "unknown-parameter",
        "missing-parameter",
        "revoke-without-rotate",
        "duration",
    ] {
        assert!(rules.contains(&rule), "{rule} is missing in {rules:?}");
    }
    assert!(rules.len() >= 11, "{rules:?}");
}
