//! `lint`, `schema` and `actions` as editors, scripts and people call them.

use super::{assert_same, command, folder, stanch};
use crate::stage::Said;
use std::io::Write;
use std::process::Stdio;

#[test]
fn several_files_are_linted_at_once() {
    let folder = folder("tests/cases/lint");
    let said =
        stanch(&folder, &["lint", "id-twice.yaml", "secret-exposure", "condition-always.yaml", "--json"]).exit(2);
    let said = said.json();
    assert_eq!((said["errors"].as_u64(), said["warnings"].as_u64()), (Some(1), Some(1)));
    let problems = said["problems"].as_array().unwrap();
    assert_eq!(problems[0]["file"], "id-twice.yaml");
    assert_eq!((problems[0]["line"].as_u64(), problems[0]["column"].as_u64()), (Some(6), Some(11)));
    assert_eq!(problems[0]["end_column"], 16);
    assert_eq!(problems[1]["severity"], "warning");
}

#[test]
fn a_problem_in_a_fragment_names_the_fragment() {
    let folder = folder("tests/cases/lint");
    let said = stanch(&folder, &["lint", "fragment-wrong-inside.yaml", "--json"]).exit(2).json();
    for problem in said["problems"].as_array().unwrap() {
        assert_eq!(problem["file"], "parts/wrong.yaml", "{problem}");
    }
}

#[test]
fn a_fragment_is_linted_by_itself() {
    let folder = folder("tests/cases/lint");
    stanch(&folder, &["lint", "parts/wait.yaml"]).exit(0).done();
    let said = stanch(&folder, &["lint", "parts/wrong.yaml"]).exit(2);
    assert!(said.stdout.contains("unknown action `notify/slak`"), "{}", said.stdout);
    assert!(!said.stdout.contains("`inputs.nothing`") && !said.stdout.contains("no input"), "{}", said.stdout);
    let said = stanch(&folder, &["run", "parts/wait.yaml", "--yes"]).exit(2);
    assert!(said.stderr.contains("this is a fragment"), "{}", said.stderr);
}

#[test]
fn warnings_pass_unless_they_are_denied() {
    let folder = folder("tests/cases/lint");
    let said = stanch(&folder, &["lint", "condition-always.yaml"]).exit(0);
    assert!(said.stdout.starts_with("warning: "), "{}", said.stdout);
    assert!(said.stderr.contains("0 errors, 1 warning"), "{}", said.stderr);
    stanch(&folder, &["lint", "condition-always.yaml", "--deny-warnings"]).exit(2).done();
    stanch(&folder, &["lint", "secret-exposure", "--deny-warnings"]).exit(0).done();
}

#[test]
fn plan_and_run_show_warnings_before_anything_happens_and_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let text = "schema: stanch/v1\nname: odd\nsteps:\n  - { id: wait, uses: wait, if: true, with: { for: 0s } }\n";
    std::fs::write(folder.path().join("odd.yaml"), text).unwrap();
    for (arguments, warned) in [
        (["plan", "odd.yaml", "--state-dir", "state"].as_slice(), true),
        (&["run", "odd.yaml", "--yes", "--json", "--state-dir", "state"], true),
        (&["run", "odd.yaml", "--yes", "--quiet", "--state-dir", "state"], false),
    ] {
        let said = stanch(folder.path(), arguments).exit(0);
        assert_eq!(said.stderr.contains("warning: "), warned, "{arguments:?}: {}", said.stderr);
        assert!(!said.stdout.contains("warning: "), "{}", said.stdout);
    }
}

#[test]
fn whole_numbers_may_be_written_as_fractions_and_stand_among_them() {
    let folder = tempfile::tempdir().unwrap();
    let text = "schema: stanch/v1\nname: numbers\nsteps:\n  - id: each\n    uses: wait\n    for_each: [1, 2.5]\n    concurrency: 2.0\n\
                \x20   retry: { max: 4.0 }\n    with: { for: \"${{ string(int(item * 0.5 - 0.5)) }}s\" }\n";
    std::fs::write(folder.path().join("numbers.yaml"), text).unwrap();
    stanch(folder.path(), &["lint", "numbers.yaml", "--deny-warnings"]).exit(0).done();
    stanch(folder.path(), &["run", "numbers.yaml", "--yes", "--json", "--state-dir", "state"]).exit(0).done();
}

#[test]
fn standard_input_is_a_runbook_too() {
    let folder = folder("tests/cases/lint");
    let mut child = command(&folder, &["lint", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = "schema: stanch/v1\nname: piped\nsteps:\n  - include: parts/wait.yaml\n  - { id: other, uses: wait }\n";
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = crate::stage::Said::from(child.wait_with_output().unwrap()).exit(2).json();
    let problems = said["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0]["file"], "standard input");
    assert_eq!(problems[0]["message"], "`wait` needs the parameter `for`");
}

#[test]
fn sarif_is_what_its_readers_expect() {
    let folder = folder("tests/cases/lint");
    let said = stanch(&folder, &["lint", "id-twice.yaml", "condition-always.yaml", "--sarif"]).exit(2).json();
    assert_eq!(said["version"], "2.1.0");
    let run = &said["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "stanch");
    let rules: Vec<&str> =
        run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for result in results {
        assert!(rules.contains(&result["ruleId"].as_str().unwrap()), "{result}");
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap()));
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["artifactLocation"]["uri"].as_str().unwrap().ends_with(".yaml"));
        assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        assert!(place["region"]["endColumn"].as_u64().unwrap() > place["region"]["startColumn"].as_u64().unwrap());
    }
    let clean = stanch(&folder, &["lint", "secret-exposure", "--sarif"]).exit(0).json();
    assert_eq!(clean["runs"][0]["results"].as_array().unwrap().len(), 0);
}

#[test]
fn the_schema_in_the_repository_is_that_of_the_program() {
    let said = stanch(&folder("."), &["schema"]).exit(0);
    assert_same(&folder("runbooks/schema.json"), &said.stdout);
}

#[test]
fn every_runbook_names_its_schema_for_editors() {
    for (name, text) in super::runbooks(&folder("runbooks")) {
        let first = text.lines().next().unwrap();
        assert_eq!(first, "# yaml-language-server: $schema=schema.json", "{name}");
    }
}

#[test]
fn a_variable_that_is_set_to_nothing_counts_as_not_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut empty = command(folder.path(), &["runs", "--state-dir", "state"]);
    let said: Said = empty.env("STANCH_CLOUD", "").output().unwrap().into();
    drop(said.exit(0));
    // What was meant for a drill must not become a real run because a variable of the shell is not set.
    let said: Said = command(folder.path(), &["runs", "--cloud", ""]).env("STANCH_CLOUD", "").output().unwrap().into();
    drop(said.exit(2));
}
