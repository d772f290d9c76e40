//! Game days at those who issue credentials: what the scorecard says is what the issuer says.

use crate::stage::{STANCH, Said};
use serde_json::Value;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Game days of one state directory.
struct GameDay(TempDir);

impl GameDay {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn drill(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(STANCH);
        command.arg("drill").args(arguments).arg("--state-dir").arg(self.0.path().join("state"));
        command.current_dir(self.0.path()).env_remove("STANCH_CLOUD").stdin(Stdio::null()).output().unwrap().into()
    }

    /// A built-in scenario with some texts in place of others, in a file.
    fn changed(&self, name: &str, changes: &[(&str, &str)]) -> &'static str {
        let mut text = stanch::cloud::scenario::Scenario::builtin_text(name).unwrap().to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        std::fs::write(self.0.path().join("scenario.yaml"), text).unwrap();
        "scenario.yaml"
    }
}

fn target<'a>(said: &'a Value, name: &str) -> &'a Value {
    let targets = said["targets"].as_array().unwrap();
    targets.iter().find(|target| target["name"] == name).unwrap_or_else(|| panic!("no {name}: {said:#}"))
}

#[test]
fn every_issuers_runbook_is_drilled_and_meets_every_target() {
    let day = GameDay::new();
    for (scenario, issuer) in [
        ("storage-account-key", "the account `ordersstore`"),
        ("entra-app-secret", "Entra, for the application `6c0b7a9e-3f61-4b7e-9d43-0a1b2c3d4e5f`"),
        ("third-party-api-key", "GitHub"),
    ] {
        let said = day.drill(&[scenario, "--json"]).exit(0).json();
        assert_eq!(said["passed"], true, "{scenario}: {said:#}");
        let refused = target(&said, "leaked credential refused")["seen"].as_str().unwrap();
        assert!(refused.starts_with("after ") && refused.ends_with(issuer), "{refused}");
        assert_eq!(target(&said, "the new credential")["met"], true);
        assert_eq!(target(&said, "downtime")["met"], true);
        let journal = std::fs::read_to_string(said["journal"].as_str().unwrap()).unwrap();
        assert!(journal.contains(&format!("\"runbook\":\"{scenario}\"")), "its own runbook answers");
    }
}

#[test]
fn a_target_at_the_issuer_can_be_missed() {
    let day = GameDay::new();
    let late = day.changed("storage-account-key", &[("killed_within: 30s", "killed_within: 10ms")]);
    let said = day.drill(&[late]).exit(6);
    assert!(
        said.stdout.contains("✗ leaked credential refused") && said.stdout.contains("within 10ms"),
        "{}",
        said.stdout
    );

    // Killed before its users have moved: the scorecard sees them fail where they use it, not at the vault.
    let first = day.changed(
        "storage-account-key",
        &[
            ("runbook: storage-account-key", "runbook: storage-account-key\ninputs: { containment: revoke_first }"),
            // However slow this machine is, this target is met.
            ("killed_within: 30s", "killed_within: 10m"),
        ],
    );
    let said = day.drill(&[first, "--json"]).exit(6).json();
    let downtime = target(&said, "downtime");
    assert_eq!(downtime["met"], false, "{said:#}");
    assert!(downtime["seen"].as_str().unwrap().contains("orders-api"), "{downtime}");
    assert_eq!(target(&said, "leaked credential refused")["met"], true);
}

#[test]
fn a_runbook_that_leaves_the_issuer_alone_misses_the_target() {
    let day = GameDay::new();
    // The vault is cleaned up, and the leaked token goes on working.
    let changes = [
        ("runbook: third-party-api-key", "runbook: secret-exposure"),
        ("owner: platform-team, stanch-provider: github_token", "owner: platform-team, stanch-provider: random"),
        ("enters: new_value", "enters: leaked_value"),
    ];
    let scenario = day.changed("third-party-api-key", &changes);
    let said = day.drill(&[scenario, "--json"]).exit(6).json();
    let seen = target(&said, "leaked credential refused")["seen"].as_str().unwrap();
    assert_eq!(seen, "never: GitHub still takes it");
    assert_eq!(target(&said, "the new credential")["met"], false);
}

#[test]
fn gates_of_a_drill_are_answered_from_a_file_and_wrong_inputs_are_refused() {
    let day = GameDay::new();
    let changes = [("runbook: entra-app-secret", "runbook: entra-app-secret\ninputs: { severity: sev2 }")];
    let asked = day.changed("entra-app-secret", &changes);
    let said = day.drill(&[asked, "--json"]).exit(4);
    assert!(said.stderr.contains("beforehand with `--answers FILE`"), "{}", said.stderr);
    std::fs::write(day.0.path().join("answers.yaml"), "approve: { answer: approve, by: kim }\n").unwrap();
    let said = day.drill(&[asked, "--answers", "answers.yaml", "--json"]).exit(0).json();
    assert_eq!(said["passed"], true, "{said:#}");

    let changes = [("runbook: entra-app-secret", "runbook: entra-app-secret\ninputs: { severty: sev2 }")];
    let said = day.drill(&[day.changed("entra-app-secret", &changes)]).exit(2);
    assert!(said.stderr.contains("`severty`") && said.stderr.contains("did you mean `severity`"), "{}", said.stderr);
}

#[test]
fn every_scenario_is_named_in_the_help_and_can_be_printed_and_played() {
    let day = GameDay::new();
    let help = day.drill(&["--help"]).exit(0).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for name in stanch::cloud::scenario::Scenario::builtin_names() {
        assert!(help.contains(name), "{name}");
        let text = day.drill(&[name, "--show"]).exit(0).stdout;
        assert_eq!(stanch::cloud::scenario::Scenario::parse(&text).unwrap().name(), name);
    }
    let said = day.drill(&["entra-app-secrets"]).exit(2);
    assert!(said.stderr.contains("did you mean `entra-app-secret`?"), "{}", said.stderr);
    let said = day.drill(&["entra", "--show"]).exit(2);
    assert!(said.stderr.contains("there is no scenario `entra`; built in are"), "{}", said.stderr);
}
