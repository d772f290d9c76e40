//! Documents that can rot are tests: the README's commands, the runbooks, the drill.

use crate::stage::{STANCH, Said};
use std::path::Path;
use std::process::Command;

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The lines of the README's shell blocks, continued lines joined.
fn commands() -> Vec<String> {
    let readme = readme();
    let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(|block| block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn the_drill_of_the_readme_meets_every_target() {
    assert!(commands().contains(&"cargo run --release -- drill".to_owned()));
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new(STANCH);
    command.arg("drill").env("STANCH_STATE_DIR", state.path()).env_remove("STANCH_CLOUD");
    let said = Said::from(command.output().unwrap()).exit(0);
    assert!(said.stdout.contains("10 of 10 targets met"), "{}", said.stdout);
    assert!(said.stdout.contains("DRILL  contained"), "{}", said.stdout);
    let report = said.stdout.lines().rev().find_map(|line| line.strip_prefix("report  ")).unwrap();
    let html = std::fs::read_to_string(report).unwrap();
    assert!(html.contains("Contained.") && html.contains("DRILL"));
    assert!(
        !html.contains("src=\"http") && !html.contains("href=\"http") && !html.contains("<script"),
        "it needs nothing else"
    );
}

#[test]
fn a_drill_claims_only_what_its_scenario_can_show() {
    let folder = tempfile::tempdir().unwrap();
    let drill = |scenario: &str| -> Said {
        let mut command = Command::new(STANCH);
        command.args(["drill", scenario, "--json"]).env_remove("STANCH_CLOUD");
        command.env("STANCH_STATE_DIR", folder.path().join("state")).current_dir(folder.path()).output().unwrap().into()
    };
    let quiet = drill("quiet").exit(0).json();
    assert_eq!(quiet["passed"], true);
    let names: Vec<&str> = quiet["targets"].as_array().unwrap().iter().map(|at| at["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"downtime"), "{names:?}");
    assert!(!names.contains(&"the attacker") && !names.contains(&"the blast radius"), "nobody attacks: {names:?}");
    let hurried = "schema: stanch-scenario/v1\nname: hurried\nsummary: no time at all\nvault: kv-drill\nsecret: orders-db\n\
        secrets:\n  - name: orders-db\n    versions: [{ age: 20d }]\nexposure: 1h\ntargets: { rotated_within: 1ms }\n";
    std::fs::write(folder.path().join("hurried.yaml"), hurried).unwrap();
    let missed = drill("hurried.yaml").exit(6).json();
    assert_eq!(missed["passed"], false);
}

#[test]
fn the_readmes_other_commands_are_understood() {
    let stanch: Vec<String> = commands()
        .into_iter()
        .filter(|line| line.starts_with("stanch "))
        .map(|line| line.trim_end_matches('&').to_owned())
        .collect();
    assert!(stanch.len() >= 3, "{stanch:?}");
    for line in stanch {
        let mut words: Vec<&str> = line.split_whitespace().skip(1).collect();
        // Asking for help checks the command and its options without running it.
        words.push("--help");
        let output = Command::new(STANCH).args(&words).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for command in [
        "resume",
        "status",
        "log",
        "approve",
        "reject",
        "settle",
        "abandon",
        "report",
        "verify",
        "upload",
        "audit",
        "lint",
        "find",
        "inventory",
    ] {
        assert!(
            readme().contains(&format!("stanch {command}")) || readme().contains(&format!("or `{command}`")),
            "{command}"
        );
    }
}

#[test]
fn every_runbook_passes_the_checks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let output = Command::new(STANCH).arg("lint").arg(&path).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
            checked += 1;
        }
    }
    assert!(checked >= 1);
}

#[test]
fn the_exit_codes_stand_in_the_help() {
    let said = Said::from(Command::new(STANCH).arg("--help").output().unwrap()).exit(0);
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "130 "] {
        assert!(said.stdout.lines().any(|line| line.trim_start().starts_with(code)), "{code} in {}", said.stdout);
    }
    Said::from(Command::new(STANCH).arg("nonsense").output().unwrap()).exit(2).done();
    let alone = Said::from(Command::new(STANCH).output().unwrap()).exit(2);
    for command in ["stanch plan secret-exposure", "stanch find", "stanch drill", "stanch resume", "stanch --help"] {
        assert!(alone.stderr.contains(command), "{}", alone.stderr);
    }
    assert!(alone.stderr.lines().count() < 12 && alone.stdout.is_empty(), "{}", alone.stderr);
}

#[test]
fn shells_and_man_know_every_command() {
    let call = |arguments: &[&str]| Command::new(STANCH).args(arguments).output().unwrap();
    let help = String::from_utf8(call(&["--help"]).stdout).unwrap();
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next().filter(|_| !line.starts_with("   ")))
        .collect();
    assert!(commands.contains(&"run") && commands.contains(&"completions"), "{commands:?}");
    let folder = tempfile::tempdir().unwrap();
    let written = call(&["man", "--out", folder.path().to_str().unwrap()]);
    assert!(written.status.success());
    // What shows the help of the others is no command of its own.
    for command in commands.iter().filter(|command| **command != "help") {
        let helped = String::from_utf8(call(&["help", command]).stdout).unwrap();
        assert!(helped.contains(&format!("Usage: stanch {command}")), "{helped}");
        let page = std::fs::read_to_string(folder.path().join(format!("stanch-{command}.1"))).unwrap();
        assert!(page.contains(".SH NAME"), "{command}");
    }
    assert_eq!(String::from_utf8(call(&["help"]).stdout).unwrap(), help);
}

#[test]
fn every_claim_of_the_threat_model_names_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let mut open = vec![root.join("tests/it"), root.join("src")];
    let mut sources = String::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => sources.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap())),
            }
        }
    }
    let is_test = |word: &&str| word.matches('_').count() >= 3 && !word.contains([' ', '/', '.']);
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() >= 60, "{}", named.len());
    let missing: Vec<&&str> = named.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
