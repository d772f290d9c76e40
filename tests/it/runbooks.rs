//! The runbooks that are brought along, as somebody meets them who looks for one.

use crate::stage::{STANCH, Said};
use std::path::Path;
use std::process::Command;

fn stanch(arguments: &[&str], folder: &Path) -> Said {
    Command::new(STANCH).args(arguments).current_dir(folder).env_remove("STANCH_CLOUD").output().unwrap().into()
}

#[test]
fn built_in_runbooks_are_listed_described_and_printed() {
    let folder = tempfile::tempdir().unwrap();
    let listed = stanch(&["runbooks"], folder.path()).exit(0).stdout;
    let all = stanch(&["runbooks", "--json"], folder.path()).exit(0).json();
    let all = all["runbooks"].as_array().unwrap();
    assert_eq!(all.len(), stanch::cli::BUILT_IN.len());
    for (name, text) in stanch::cli::BUILT_IN {
        let one = all.iter().find(|one| one["name"] == *name).unwrap();
        let summary = one["summary"].as_str().unwrap();
        assert!(listed.lines().any(|line| line.starts_with(name) && line.ends_with(summary)), "{listed}");
        let shown = stanch(&["runbooks", name], folder.path()).exit(0).stdout;
        for part in ["inputs", "steps", "final_steps"].iter().flat_map(|part| one[part].as_array().unwrap()) {
            let named = part.get("name").or(part.get("id")).and_then(|named| named.as_str()).unwrap_or_default();
            assert!(shown.contains(named), "{named} in {shown}");
        }
        assert!(shown.contains(&format!("stanch plan {name} -i ")), "{shown}");
        let printed = stanch(&["runbooks", name, "--show"], folder.path()).exit(0).stdout;
        assert_eq!(printed.trim_end(), text.trim_end());
        // What is printed can be begun with.
        std::fs::write(folder.path().join("own.yaml"), &printed).unwrap();
        stanch(&["lint", "own.yaml"], folder.path()).exit(0).done();
        assert!(stanch(&["runbooks", "own.yaml"], folder.path()).exit(0).stdout.contains(summary));
    }
}

#[test]
fn what_is_no_runbook_is_not_described_as_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.yaml"), "password: hunter2-hunter2\n").unwrap();
    std::fs::write(folder.path().join("list.yaml"), "- a\n- b\n").unwrap();
    let said = stanch(&["runbooks", "secret-exposur"], folder.path()).exit(2);
    assert!(said.stderr.contains("did you mean `secret-exposure`?"), "{}", said.stderr);
    let said = stanch(&["runbooks", "secret-exposur", "--show"], folder.path()).exit(2);
    assert!(said.stderr.contains("did you mean `secret-exposure`?"), "{}", said.stderr);
    for file in ["notes.yaml", "list.yaml"] {
        let said = stanch(&["runbooks", file], folder.path()).exit(2);
        assert!(said.stderr.contains("stanch lint"), "{}", said.stderr);
        let printed = stanch(&["runbooks", file, "--show"], folder.path()).exit(2);
        assert!(!printed.stdout.contains("hunter2") && !printed.stderr.contains("hunter2"));
    }
    stanch(&["runbooks", "--show"], folder.path()).exit(2).done();
}
