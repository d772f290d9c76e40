//! State directories, locks, answers and reports of others.

use super::*;
use stanch::journal::{LeftAnswer, Runs};

#[test]
fn a_state_directory_of_others_is_refused() {
    let folder = gate();
    real(folder.path(), &BEGIN).exit(4).done();
    let state = folder.path().join("state");
    let refused = |why: &str| {
        for command in
            [["status", "a"].as_slice(), &["runs"], &["resume", "a"], &["log", "a"], &["report", "a"], &["verify", "a"]]
        {
            let said = real(folder.path(), command).exit(5);
            assert!(said.stderr.contains(why) && said.stderr.contains("`--state-dir`"), "{command:?}: {}", said.stderr);
        }
        let begin = ["run", "r.yaml", "--yes", "--run-id", "b"];
        real(folder.path(), &begin).exit(5).done();
    };
    mode(&state, 0o777);
    refused("everybody may write to it (mode 0777)");
    assert!(real(folder.path(), &["runs"]).stderr.contains("`chmod go-w "));
    mode(&state, 0o700);
    mode(folder.path(), 0o777);
    refused("everybody may write to it (mode 0777)");
    // As in `/tmp`: others cannot move what is not theirs.
    mode(folder.path(), 0o1777);
    real(folder.path(), &["status", "a"]).exit(0).done();
    mode(&state.join("runs/a/journal.jsonl"), 0o666);
    let said = real(folder.path(), &["status", "a"]).exit(5);
    assert!(said.stderr.contains("journal.jsonl` cannot be trusted"), "{}", said.stderr);
    mode(&state.join("runs/a/journal.jsonl"), 0o600);
    if is_root() {
        give_away(&state);
        refused("it belongs to uid 65534, and you are uid 0");
        // Under `sudo` it may belong to who called it, as for git.
        let mut sudo = in_folder(folder.path(), &["status", "a"]);
        sudo.env("SUDO_UID", STRANGER.to_string());
        within(sudo).exit(0).done();
        // Whoever is not root has no such way.
        chown(&state, Some(4711), None).unwrap();
        let mut other = in_folder(folder.path(), &["runs"]);
        other.uid(STRANGER).gid(STRANGER).env("SUDO_UID", "4711");
        mode(&state, 0o755);
        let said = within(other).exit(5);
        assert!(said.stderr.contains("it belongs to uid 4711, and you are uid 65534"), "{}", said.stderr);
    }
}

#[tokio::test]
async fn a_link_or_a_fifo_in_the_place_of_a_file_of_ours_is_not_followed() {
    let stage = Stage::set().await;
    let precious = stage.path("precious");
    std::fs::write(&precious, "precious").unwrap();
    let containment = stage.containment("r-link");
    stage.stanch(&[&["plan"], &containment[1..2], &containment[4..10]].concat()).done();
    let locks = stage.state_dir().join("locks");
    std::fs::create_dir_all(&locks).unwrap();
    mode(&stage.state_dir(), 0o700);
    let world = format!("drill {} ", stage.ready_file().display());
    let target = format!("{world}https://kv-drill.vault.azure.net/secrets/orders-db").to_lowercase();
    let lock = locks.join(hex::encode(<sha2::Sha256 as sha2::Digest>::digest(target)));
    symlink(&precious, &lock).unwrap();
    let said = within(stage.command(&containment)).exit(5);
    assert!(said.stderr.contains("it is a symbolic link"), "{}", said.stderr);
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
    std::fs::remove_file(&lock).unwrap();
    fifo(&lock);
    let said = within(stage.command(&containment)).exit(5);
    assert!(said.stderr.contains("no regular file"), "{}", said.stderr);
    std::fs::remove_file(&lock).unwrap();
    let key = stage.state_dir().join("fingerprint.key");
    drop(std::fs::remove_file(&key));
    symlink(&precious, &key).unwrap();
    within(stage.command(&containment)).exit(5).done();
    std::fs::remove_file(&key).unwrap();
    within(stage.command(&containment)).exit(0).done();
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
}

#[test]
fn an_answer_that_somebody_else_left_is_nobodys() {
    let state = tempfile::tempdir().unwrap();
    let folder = Runs::new(state.path().to_owned()).folder("a").unwrap();
    std::fs::create_dir_all(folder.path()).unwrap();
    folder.leave_answer("3", b"ours").unwrap();
    fifo(&folder.path().join("answers").join("0.json"));
    symlink(folder.path().join("answers").join("3.json"), folder.path().join("answers").join("1.json")).unwrap();
    if is_root() {
        folder.leave_answer("2", b"a stranger's").unwrap();
        give_away(&folder.path().join("answers").join("2.json"));
    }
    let owner = rustix::process::getuid().as_raw();
    let left = LeftAnswer { name: "3".to_owned(), owner: Some(owner), answer: b"ours".to_vec() };
    assert_eq!(folder.take_answer(), Some(left));
    assert_eq!(folder.take_answer(), None);
    folder.leave_answer("4", b"ours").unwrap();
    mode(&folder.path().join("answers"), 0o777);
    assert_eq!(folder.take_answer(), None, "whoever may write there may bring back what was answered before");
}

#[test]
fn a_report_replaces_a_link_and_never_follows_one() {
    let folder = gate();
    real(folder.path(), &BEGIN).exit(4).done();
    let precious = folder.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();
    let own = folder.path().join("state/runs/a/report");
    for out in [folder.path().join("out"), own.clone()] {
        std::fs::create_dir_all(&out).unwrap();
        for file in ["report.md", "report.html"] {
            drop(std::fs::remove_file(out.join(file)));
            symlink(&precious, out.join(file)).unwrap();
        }
    }
    real(folder.path(), &["report", "a", "--out", "out"]).exit(0).done();
    real(folder.path(), &["report", "a"]).exit(0).done();
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
    mode(&own, 0o777);
    real(folder.path(), &["report", "a"]).exit(5).done();
}

#[test]
fn the_embedded_clouds_files_lie_in_a_folder_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    mode(&data, 0o777);
    let said = real(folder.path(), &["emulate", "--data", "data"]).exit(5);
    assert!(said.stderr.contains("everybody may write to it"), "{}", said.stderr);
}

#[test]
fn a_folder_of_a_run_that_is_a_link_counts_only_where_nobody_else_may_write() {
    for name in ["runs", "runs/a", "runs/a/answers"] {
        let (folder, others) = (gate(), tempfile::tempdir().unwrap());
        real(folder.path(), &BEGIN).exit(4).done();
        let (place, target) = (folder.path().join("state").join(name), others.path().join("folder"));
        std::fs::create_dir_all(&place).unwrap();
        moved(&place, &target);
        symlink(&target, &place).unwrap();
        // One of ours that leads to a folder of ours is as good as the folder.
        real(folder.path(), &["status", "a"]).exit(0).done();
        mode(others.path(), 0o777);
        let before = listed(&target);
        let calls =
            [["status", "a"].as_slice(), &["log", "a"], &["report", "a"], &["verify", "a"], &["resume", "a", "--yes"]];
        let calls = if name == "runs/a/answers" { &[] } else { &calls[..] };
        for call in calls {
            let said = real(folder.path(), call).exit(5);
            assert!(said.stderr.contains("everybody may write to it (mode 0777)"), "{call:?}: {}", said.stderr);
        }
        if name == "runs" {
            real(folder.path(), &["run", "r.yaml", "--yes", "--run-id", "b"]).exit(5).done();
        }
        if name == "runs/a/answers" {
            let run = Runs::new(folder.path().join("state")).folder("a").unwrap();
            assert!(run.leave_answer("1", b"x").is_err(), "others could take it away, and put another one there");
            assert_eq!(run.take_answer(), None);
        }
        assert_eq!(listed(&target), before, "{name}: nothing is written there");
    }
}

fn moved(from: &Path, to: &Path) {
    assert!(Command::new("mv").args([from, to]).status().unwrap().success());
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}
