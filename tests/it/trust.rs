//! Files that somebody else may have put where we look: whose they are, what they are, and what tags may name.

use crate::stage::{STANCH, Said, Stage};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

mod children;
mod programs;
mod state;
mod tags;

/// Somebody who is neither we nor root.
const STRANGER: u32 = 65_534;

/// Whether files can be given to others here. CI is root.
fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("skipped in part: only root can give files to others");
    }
    is_root
}

fn give_away(path: &Path) {
    chown(path, Some(STRANGER), Some(STRANGER)).unwrap();
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// The program in a folder, in the real world, from which nothing is asked. Whatever it waits for, it ends.
fn real(folder: &Path, arguments: &[&str]) -> Said {
    within(in_folder(folder, arguments))
}

fn in_folder(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(STANCH);
    command.args(arguments).current_dir(folder).env("STANCH_STATE_DIR", folder.join("state"));
    command.env_remove("STANCH_CLOUD").env("HTTPS_PROXY", "http://127.0.0.1:9");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn within(mut command: Command) -> Said {
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("it waits: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap().into()
}

const GATE: &str = "schema: stanch/v1
name: t
summary: Tell
steps:
  - id: gate
    uses: human/approve
    with: { prompt: \"go?\" }
  - id: tell
    uses: notify/webhook
    with: { title: hello, summary: world, severity: sev1 }
";

/// A folder with a runbook that waits for a person before it tells anybody.
fn gate() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("r.yaml"), GATE).unwrap();
    folder
}

fn configuration(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("stanch.yaml");
    std::fs::write(&path, format!("schema: stanch-config/v1\n{text}")).unwrap();
    path
}

const CHANNEL: &str = "channels: { siem: { kind: webhook, url: \"https://127.0.0.1:9/x\" } }\n";

const BEGIN: [&str; 5] = ["run", "r.yaml", "--yes", "--run-id", "a"];

#[test]
fn a_configuration_that_lies_here_counts_only_if_it_is_ours() {
    type Spoil = fn(&Path);
    let for_all: [(&str, Spoil); 4] = [
        ("everybody may write to it (mode 0666)", |path| mode(path, 0o666)),
        ("it is a symbolic link", |path| {
            std::fs::rename(path, path.with_extension("kept")).unwrap();
            symlink(path.with_extension("kept"), path).unwrap();
        }),
        ("it is a FIFO", |path| {
            std::fs::remove_file(path).unwrap();
            fifo(path);
        }),
        ("everybody may write to it (mode 0777)", |path| mode(path.parent().unwrap(), 0o777)),
    ];
    let for_root: [(&str, Spoil); 2] =
        [("it belongs to uid 65534", give_away), ("it belongs to uid 65534", |path| give_away(path.parent().unwrap()))];
    let for_root = if is_root() { for_root.to_vec() } else { Vec::new() };
    for (why, spoil) in for_all.into_iter().chain(for_root) {
        let folder = gate();
        let path = configuration(folder.path(), CHANNEL);
        spoil(&path);
        // The state directory is another folder: it is looked at as well.
        let state = tempfile::tempdir().unwrap();
        let state = state.path().display().to_string();
        for command in
            [["plan", "r.yaml", "--state-dir", &state].as_slice(), &[&BEGIN[..], &["--state-dir", &state]].concat()]
        {
            let said = real(folder.path(), command).exit(2);
            assert!(said.stderr.contains(why), "{why}: {}", said.stderr);
            assert!(said.stderr.contains("` cannot be trusted"), "{}", said.stderr);
            assert!(said.stderr.contains("`--config FILE`"), "{}", said.stderr);
        }
        if !why.contains("FIFO") {
            let named = [&BEGIN[..], &["--state-dir", &state, "--config", "stanch.yaml"]].concat();
            real(folder.path(), &named).exit(4).done();
        }
    }
}

#[test]
fn a_run_begun_without_a_configuration_goes_on_without_one() {
    let (mine, cloned) = (gate(), tempfile::tempdir().unwrap());
    let state = mine.path().join("state").display().to_string();
    real(mine.path(), &BEGIN).exit(4).done();
    let status = real(mine.path(), &["status", "a", "--json"]).exit(0).json();
    assert_eq!(status["config"], json!({ "path": "none", "sha256": "none" }));
    assert!(real(mine.path(), &["status", "a", "--full"]).stdout.contains("\nconfig  none\n"));
    real(mine.path(), &["approve", "a", "gate", "--by", "Alice"]).exit(0).done();
    configuration(cloned.path(), CHANNEL);
    let named = ["resume", "a", "--state-dir", &state, "--config", "stanch.yaml"];
    let said = real(cloned.path(), &named).exit(5);
    assert!(said.stderr.contains("the configuration was changed since the run began"), "{}", said.stderr);
    let said = real(cloned.path(), &["resume", "a", "--state-dir", &state, "--json"]).exit(0).json();
    let tell = said["steps"].as_array().unwrap().iter().find(|step| step["id"] == "tell").unwrap();
    assert_eq!(tell["outputs"]["sent"], false, "{tell}");
}

#[test]
fn the_configuration_and_its_digest_are_shown_and_a_changed_one_is_refused() {
    let folder = gate();
    let path = configuration(folder.path(), CHANNEL);
    let text = std::fs::read(&path).unwrap();
    let sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&text));
    let shown = path.canonicalize().unwrap().display().to_string();
    let plan = real(folder.path(), &["plan", "r.yaml"]);
    assert!(plan.stdout.contains(&format!("configuration {shown}  sha256:{sha256}  (it lay here")), "{}", plan.stdout);
    let begun = real(folder.path(), &BEGIN).exit(4);
    assert!(begun.stderr.contains(&sha256), "{}", begun.stderr);
    assert!(real(folder.path(), &["status", "a", "--full"]).stdout.contains(&format!("config  {shown}  {sha256}")));
    real(folder.path(), &["report", "a", "--format", "md,html,json", "--out", "out"]).exit(0).done();
    for file in ["report.md", "report.html", "report.json"] {
        let text = std::fs::read_to_string(folder.path().join("out").join(file)).unwrap();
        assert!(text.contains(&sha256), "{file}");
    }
    // From elsewhere it is the same one; changed, or of somebody else with other bytes, it is refused.
    let elsewhere = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let resume = ["resume", "a", "--state-dir", &state];
    real(elsewhere.path(), &resume).exit(4).done();
    std::fs::write(&path, [text.as_slice(), b"# changed\n"].concat()).unwrap();
    let said = real(elsewhere.path(), &resume).exit(5);
    assert!(said.stderr.contains("# changed"), "{}", said.stderr);
    mode(&path, 0o666);
    let said = real(elsewhere.path(), &resume).exit(2);
    assert!(said.stderr.contains("cannot be trusted"), "{}", said.stderr);
}

#[tokio::test]
async fn a_run_keeps_its_configuration_whatever_its_cloud_has() {
    let stage = Stage::empty(&[]).await;
    std::fs::write(stage.path("r.yaml"), GATE).unwrap();
    std::fs::write(stage.path("own.yaml"), "schema: stanch-config/v1\nlimits: {}\n").unwrap();
    let begin = ["run", "r.yaml", "--run-id", "own", "--yes", "--config", "own.yaml"];
    let begun = stage.command(&begin).current_dir(stage.path(".")).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&begun.stdout), String::from_utf8_lossy(&begun.stderr));
    assert_eq!(begun.status.code(), Some(4), "{said}");
    stage.stanch(&["resume", "own"]).exit(4).done();
}

#[test]
fn no_token_goes_out_without_encryption() {
    let folder = gate();
    let text = "channels: { siem: { kind: webhook, url: \"http://127.0.0.1:9/x\", token: \"env:T\" } }\n";
    let path = configuration(folder.path(), text);
    let said = real(folder.path(), &["plan", "r.yaml"]).exit(2);
    assert!(said.stderr.contains("would send its token without encryption"), "{}", said.stderr);
    assert!(said.stderr.contains("stanch.yaml:2:"), "{}", said.stderr);
    let text = std::fs::read_to_string(&path).unwrap();
    stanch::config::Config::of(&path, text, true).expect("in a drill the cloud listens here");
}

#[test]
fn what_a_runbook_includes_stays_beside_it_and_nothing_else_is_quoted() {
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY----- MIIEvQ-hunter2";
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(outside.path().join("key"), PRIVATE).unwrap();
    std::fs::write(outside.path().join("part.yaml"), "schema: stanch-fragment/v1\nsteps: []\n").unwrap();
    std::fs::write(folder.path().join("key"), PRIVATE).unwrap();
    std::fs::write(folder.path().join("bytes"), [0xff, 0xfe, 0]).unwrap();
    symlink(outside.path().join("part.yaml"), folder.path().join("link.yaml")).unwrap();
    symlink(outside.path(), folder.path().join("parts")).unwrap();
    fifo(&folder.path().join("fifo"));
    std::fs::create_dir(folder.path().join("own")).unwrap();
    std::fs::write(
        folder.path().join("own/part.yaml"),
        "schema: stanch-fragment/v1\nsteps: [{ id: p, uses: wait, with: { for: 1s } }]\n",
    )
    .unwrap();
    symlink("own/part.yaml", folder.path().join("inside.yaml")).unwrap();
    let lint = |path: &str| {
        let text = format!("schema: stanch/v1\nname: t\nsteps:\n  - include: {path}\n");
        std::fs::write(folder.path().join("r.yaml"), text).unwrap();
        real(folder.path(), &["lint", "r.yaml"])
    };
    let outside = outside.path().display();
    for (path, why) in [
        (
            format!("../{}/part.yaml", outside.to_string().rsplit('/').next().unwrap()),
            "it leads out of the runbook's folder",
        ),
        ("parts/part.yaml".to_owned(), "it leads out of the runbook's folder"),
        ("link.yaml".to_owned(), "it leads out of the runbook's folder"),
        (format!("{outside}/part.yaml"), "it must be relative"),
        ("fifo".to_owned(), "it is a FIFO"),
        ("key".to_owned(), "its text is no fragment"),
        ("bytes".to_owned(), "not UTF-8"),
    ] {
        let said = lint(&path).exit(2);
        assert!(said.stdout.contains(why), "{path}: {}", said.stdout);
        assert!(!format!("{}{}", said.stdout, said.stderr).contains("hunter2"), "{path}");
    }
    lint("inside.yaml").exit(0).done();
}

#[test]
fn a_file_that_is_another_one_than_was_meant_is_not_quoted() {
    let folder = gate();
    let texts = [
        "root:$6$hunter2:19000::\n",
        "root:$6$hunter2:19000::\nsshd:!:19000::\n",
        "-----BEGIN PRIVATE KEY-----\nMII/hunter2: [\n",
        "gate: { answer: hunter2, by: x }\n",
        "{ \"token\": { \"hunter2\": 1 } }\n",
        "{ \"password\": \"hunter2\" }\n",
        "\"hunter2\"\n",
        "hunter2\n",
        "- hunter2\n",
        "password: hunter2\n? [hunter2]\n: 1\n",
        "DB_PASSWORD=hunter2\nAPI=\"hunter2\n",
        "name: payments\npassword: hunter2\n",
        "steps: hunter2\n: [\n",
        "inputs: { password: hunter2 }\n: [\n",
        "summary: hunter2\njobs: { x: [\n",
        "a: &x hunter2\nb: !hunter2 y\n<<: *hunter2\n",
        "apiVersion: v1\nkind: Secret\nmetadata: { name: x }\nstringData:\n  steps: hunter2\n",
        "\thunter2\n",
    ];
    let since = ["--since", "2026-01-01T00:00:00Z", "--secret", "https://kv-drill.vault.azure.net/secrets/a"];
    let audit = ["audit", "--archive", ".", "--known", "shadow"];
    for text in texts {
        std::fs::write(folder.path().join("shadow"), text).unwrap();
        let mut calls: Vec<Vec<&str>> = ["--answers", "--inputs", "--cloud", "--config"]
            .map(|option| [&BEGIN[..], &[option, "shadow"]].concat())
            .into();
        for command in ["lint", "plan", "run", "drill", "verify"] {
            calls.push(vec![command, "shadow"]);
            calls.push(vec![command, "shadow", "--json"]);
        }
        calls.push(vec!["lint", "shadow", "--sarif"]);
        calls.push(vec!["run", "shadow", "--yes"]);
        calls.push(vec!["plan", "r.yaml", "--config", "shadow"]);
        calls.push(vec!["drill", "--answers", "shadow", "--scenario", "shadow"]);
        calls.push(vec!["emulate", "--scenario", "shadow"]);
        calls.push([&audit[..], &since].concat());
        for arguments in calls {
            let said = real(folder.path(), &arguments);
            assert_ne!(said.code, Some(0), "{arguments:?}: {}", said.stdout);
            let all = format!("{}{}", said.stdout, said.stderr);
            assert!(!all.contains("hunter2"), "{arguments:?} {text}: {all}");
        }
    }
}

#[test]
fn what_shows_a_sign_of_being_a_runbook_or_a_configuration_is_told_where_it_is_wrong() {
    let folder = gate();
    let path = folder.path().join("r.yaml");
    for text in [
        "schema: stanch/v2\nname: [\n",
        "name: t\nsteps: { a: 1 }\n",
        "{ \"name\": \"t\", \"steps\": 1 }",
        "---\n# a runbook\n'steps' : 1\nsummary: [\n",
        "  shcema: stanch/v1\n  steps: 1\n",
    ] {
        std::fs::write(&path, text).unwrap();
        let said = real(folder.path(), &["lint", "r.yaml"]).exit(2);
        assert!(!said.stdout.contains("this is no runbook"), "{text}: {}", said.stdout);
        assert!(said.stdout.contains("r.yaml:"), "{text}: {}", said.stdout);
    }
    std::fs::write(&path, GATE).unwrap();
    std::fs::write(folder.path().join("c.yaml"), "chanels: {}\nidentity: auto\n").unwrap();
    let said = real(folder.path(), &["plan", "r.yaml", "--config", "c.yaml"]).exit(2);
    assert!(said.stderr.contains("did you mean `channels`?"), "{}", said.stderr);
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_not_waited_for_and_one_of_the_shells_is_read() {
    let folder = gate();
    fifo(&folder.path().join("pipe"));
    for arguments in [
        ["plan", "r.yaml", "--config", "pipe"].as_slice(),
        &["plan", "r.yaml", "--inputs", "pipe"],
        &["run", "r.yaml", "--yes", "--answers", "pipe"],
        &["inventory", "--vault", "https://kv-drill.vault.azure.net", "--cloud", "pipe"],
        &["lint", "pipe"],
        &["emulate", "--scenario", "pipe"],
    ] {
        let said = real(folder.path(), arguments);
        assert!(said.code == Some(2) || said.code == Some(5), "{arguments:?}: {:?} {}", said.code, said.stderr);
        assert!(said.stderr.contains("no regular file"), "{arguments:?}: {}", said.stderr);
    }
    let mut shell = Command::new("bash");
    shell.args([
        "-c",
        "\"$0\" lint <(cat r.yaml) && \"$0\" lint /dev/stdin < r.yaml && \"$0\" plan r.yaml --config /dev/null",
    ]);
    shell.arg(STANCH).current_dir(folder.path()).env("STANCH_STATE_DIR", folder.path().join("state"));
    shell.env_remove("STANCH_CLOUD").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let said = within(shell);
    assert!(!said.stderr.contains("no regular file") && said.stderr.contains("no problems"), "{}", said.stderr);
    // A report may come from a pipe that somebody made: it is said that it is waited for.
    let mut waiting =
        in_folder(folder.path(), &["find", "--vault", "https://kv-drill.vault.azure.net", "--from", "pipe"]);
    let child = waiting.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    std::fs::OpenOptions::new().write(true).open(folder.path().join("pipe")).map(drop).unwrap();
    let said: Said = child.wait_with_output().unwrap().into();
    assert!(said.stderr.contains("waiting for the report from the pipe `pipe`"), "{}", said.stderr);
}
