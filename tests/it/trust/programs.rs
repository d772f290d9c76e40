//! Programs that a configuration names.

use super::*;

fn program(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("rotate.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    mode(&path, 0o755);
    path
}

#[test]
fn a_program_that_nobody_named_is_not_started_unasked() {
    let folder = gate();
    let path = program(folder.path(), "exit 1");
    let inventory = format!(
        "{CHANNEL}inventory: [{{ secret: x, provider: command, settings: {{ program: [\"{}\"] }} }}]\n",
        path.display()
    );
    configuration(folder.path(), &inventory);
    let said = real(folder.path(), &BEGIN).exit(2);
    assert!(said.stderr.contains(&path.display().to_string()), "{}", said.stderr);
    assert!(said.stderr.contains("`--config stanch.yaml`"), "{}", said.stderr);
    assert!(!folder.path().join("state/runs/a").exists(), "nothing was begun");
    let plan = real(folder.path(), &["plan", "r.yaml"]);
    assert!(plan.stdout.contains(&format!("it lets this run start {}", path.display())), "{}", plan.stdout);
    real(folder.path(), &[&BEGIN[..], &["--config", "stanch.yaml"]].concat()).exit(4).done();
}

#[test]
fn a_program_that_others_could_have_written_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = program(folder.path(), "exit 1");
    let named = path.display().to_string();
    assert_eq!(stanch::programs::find(&named).unwrap(), path);
    assert!(stanch::programs::find("sh").unwrap().is_absolute());
    for relative in ["./rotate.sh", "bin/rotate.sh", "", ".."] {
        stanch::programs::find(relative).expect_err(relative);
    }
    mode(&path, 0o777);
    assert!(stanch::programs::find(&named).unwrap_err().to_string().contains("mode 0777"));
    mode(&path, 0o755);
    mode(folder.path(), 0o777);
    assert!(stanch::programs::find(&named).unwrap_err().to_string().contains("mode 0777"));
    mode(folder.path(), 0o755);
    if is_root() {
        give_away(&path);
        assert!(stanch::programs::find(&named).unwrap_err().to_string().contains("uid 65534"));
    }
}
