//! What others wrote reaches no terminal as anything but text: tags, names, comments, inputs, runbooks, what servers
//! answer, and arguments; on a terminal and piped.

use crate::stage::{Said, Stage};
use regex::Regex;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

/// A title, colours that are none of ours, a wiped screen in seven and in eight bits, a turned line, hidden letters, and
/// lines that look like ours.
const HOSTILE: &str = "x\u{1b}]0;FORGED\u{7}\u{1b}[97m\u{9b}2J\u{202e}y\u{200b}z\r\u{8}\u{7f}\u{2028}\nerror: FORGED\n  help: FORGED\nverdict  FORGED\nnext    FORGED\n  ✓ FORGED";

/// A terminal: our end, and the program's.
fn terminal() -> (File, File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let path = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    (File::from(ours), std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap())
}

/// What a command shows on a terminal, until it ends; `typed` is typed once it asks.
fn shown(mut command: Command, typed: &str) -> String {
    let (ours, theirs) = terminal();
    let end = || Stdio::from(theirs.try_clone().unwrap());
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).env("TERM", "xterm").spawn().unwrap();
    // The command would hold it open.
    drop((command, theirs));
    let mut keyboard = ours.try_clone().unwrap();
    keyboard.write_all(typed.as_bytes()).unwrap();
    let mut text = Vec::new();
    let mut screen = ours;
    let mut chunk = [0; 4096];
    // Where nobody holds the other end any more, reading fails.
    while let Ok(count @ 1..) = screen.read(&mut chunk) {
        text.extend_from_slice(&chunk[..count]);
    }
    child.wait().unwrap();
    String::from_utf8(text).unwrap()
}

/// Asserts that a transcript holds no character that acts, but for our own colours and the display's moves, and no line
/// that looks like ours and is not.
fn is_clean(what: &str, text: &str) {
    let ours = Regex::new("\u{1b}\\[(?:0|2|31;1|32;1|33;1)?m|\u{1b}\\[[0-9]*[KABGJH]|\u{1b}\\[\\?25[lh]").unwrap();
    let rest = ours.replace_all(text, "");
    let hidden = Regex::new(r"[[\p{Cc}--[\n\r]]\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]").unwrap();
    if let Some(found) = hidden.find(&rest) {
        panic!("{what}: {:?} in {rest}", found.as_str());
    }
    let forged = Regex::new(r"(?m)^\W*(?:error|help|verdict|next|✓)?\W*FORGED").unwrap();
    for line in rest.split(['\n', '\r']).filter(|line| !line.trim_start().starts_with('│')) {
        assert!(!forged.is_match(line), "{what}: {line:?} in {rest}");
    }
}

fn both_clean(what: &str, said: &Said) {
    for text in [&said.stdout, &said.stderr] {
        assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{what}: {text:?}");
        is_clean(what, text);
    }
}

fn runbook() -> String {
    let steps = json!([
        { "id": "gate", "uses": "human/approve", "with": { "prompt": HOSTILE } },
        { "id": "task", "uses": "human/do", "with": { "instructions": HOSTILE, "checklist": [HOSTILE], "answers": { "why": { "type": "string", "description": HOSTILE } } } },
        { "id": "check", "uses": "http/check", "on_failure": "ask", "retry": { "max": 0 }, "with": { "url": "https://kv-drill.vault.azure.net/nothing", "status": 299 } },
    ]);
    let inputs = json!({ "found_at": { "type": "string", "default": HOSTILE, "description": HOSTILE } });
    let finally = json!([{ "id": "report", "uses": "report/write" }]);
    let runbook = json!({ "schema": "stanch/v1", "name": "hostile", "summary": HOSTILE, "inputs": inputs, "steps": steps, "finally": finally });
    stanch::visible::json(&runbook.to_string())
}

async fn stage() -> Stage {
    let stage = Stage::empty(&[]).await;
    let tags = json!({ "owner": HOSTILE, "stanch-provider": HOSTILE, "runbook": HOSTILE, "stanch-runbook": HOSTILE, "issuer": HOSTILE });
    stage.seed("orders-db", &json!({ "value": "planted-value-1", "tags": tags })).await;
    std::fs::write(stage.path("hostile.yaml"), runbook()).unwrap();
    stage
}

const VAULT: &str = "https://kv-drill.vault.azure.net";

#[tokio::test]
async fn nothing_that_others_wrote_acts_on_a_pipe() {
    let stage = stage().await;
    let input = format!("found_at={HOSTILE}");
    let begin = ["run", "hostile.yaml", "--run-id", "r", "--yes", "-i", &input];
    let secret = format!("secret={VAULT}/secrets/orders-db");
    let approve = ["approve", "r", "gate", "--by", "bob", "--comment", HOSTILE];
    let task = ["approve", "r", "task", "--by", "bob", "--comment", HOSTILE, "--answer", &format!("why={HOSTILE}")];
    let settle = ["settle", "r", "check", "--as", "continue", "--because", HOSTILE];
    let calls: &[&[&str]] = &[
        &["inventory", "--vault", VAULT],
        &["plan", "secret-exposure", "-i", &secret, "-i", "exposed_at=2026-01-01T00:00:00Z"],
        &["plan", "hostile.yaml", "-i", &input],
        &begin,
        &["status", "r"],
        &approve,
        &["resume", "r"],
        &["status", "r"],
        &task,
        &["resume", "r", "-v"],
        &["status", "r"],
        &settle,
        &["resume", "r"],
        &["status", "r"],
        &["log", "r"],
        &["runs"],
        &["report", "r"],
        &["verify", "r"],
        &["lint", "hostile.yaml"],
        &["lint", HOSTILE],
        &["run", HOSTILE],
        &["resume", HOSTILE],
        &["approve", HOSTILE, HOSTILE, "--by", "bob"],
        &["run", "hostile.yaml", "-i", HOSTILE],
        &[
            "run",
            "secret-exposure",
            "--yes",
            "-i",
            &format!("exposed_at={HOSTILE}"),
            "-i",
            &format!("secret={HOSTILE}"),
        ],
        &["verify", "r", "--head", HOSTILE],
        &["actions", HOSTILE],
        &["drill", HOSTILE],
        &["--config", HOSTILE, "inventory", "--vault", VAULT],
        &["inventory", "--vault", HOSTILE],
        &[HOSTILE],
        &["status", "--color", HOSTILE],
        &["settle", "r", "check", "--as", HOSTILE, "--because", "x"],
    ];
    for call in calls {
        let said = stage.stanch(call);
        both_clean(&format!("{call:?}"), &said);
    }
    let found = stage.stanch_given(&["find", "--vault", VAULT], b"planted-value-1");
    both_clean("find", &found);
    assert!(found.stdout.contains("next: stanch plan "), "{}", found.stdout);
    // JSON keeps its meaning, and nothing in it acts either.
    for call in
        [&["status", "r", "--json"][..], &["log", "r", "--json"], &["plan", "hostile.yaml", "-i", &input, "--json"]]
    {
        let said = stage.stanch(call);
        both_clean(&format!("{call:?}"), &said);
        assert!(said.json().to_string().contains("FORGED"), "{call:?}");
    }
    let inputs = &stage.stanch(&["plan", "hostile.yaml", "-i", &input, "--json"]).json()["inputs"];
    assert_eq!(inputs["found_at"], HOSTILE);
    // Documents are opened, sent on, and shown with `cat`.
    let formats = stage.stanch(&["report", "r", "--format", "md,html,json,csv,ocsf", "--out", "documents"]).exit(0);
    drop(formats);
    for file in std::fs::read_dir(stage.path("documents")).unwrap() {
        let path = file.unwrap().path();
        is_clean(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
    }
}

#[tokio::test]
async fn nothing_that_others_wrote_acts_on_a_terminal() {
    let stage = stage().await;
    let begin = ["run", "hostile.yaml", "--run-id", "r", "--color", "always"];
    let mut coloured = false;
    for (call, typed) in [
        (&["inventory", "--vault", VAULT, "--color", "always"][..], ""),
        (&begin, "y\n"),
        (&["status", "r", "--color", "always"], ""),
        (&["log", "r", "--color", "always"], ""),
        (&["run", HOSTILE, "--color", "always"], ""),
        (&["status", HOSTILE], ""),
        (&["--nonsense", HOSTILE], ""),
    ] {
        let mut command = stage.command(call);
        // It asks at the gate, and nobody answers: it ends when it is told to.
        if call == begin {
            let mut limited = Command::new("timeout");
            limited.args(["--foreground", "-s", "TERM", "8"]).arg(command.get_program()).args(command.get_args());
            limited.current_dir(stage.path(""));
            command = limited;
        }
        let text = shown(command, typed);
        is_clean(&format!("{call:?}"), &text);
        coloured |= text.contains("\u{1b}[33;1m") || text.contains("\u{1b}[31;1m");
        if call == begin {
            assert!(text.contains("gate") && text.contains("FORGED"), "{text}");
        }
    }
    assert!(coloured, "our own colours are shown");
}

#[tokio::test]
async fn what_a_server_answers_is_shown_as_what_it_is() {
    let stage = stage().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = [0; 8192];
            drop(connection.read(&mut request));
            let error = json!({ "error": { "code": HOSTILE, "message": HOSTILE }, "error_description": HOSTILE });
            let body = error.to_string();
            let head = "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nconnection: close\r\n";
            drop(connection.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()));
        }
    });
    let mut cloud: Value = serde_json::from_str(&std::fs::read_to_string(stage.cloud_file(&address)).unwrap()).unwrap();
    cloud["token"] = json!("t");
    let path = stage.path("hostile-cloud.json");
    std::fs::write(&path, cloud.to_string()).unwrap();
    let mut seen = String::new();
    for call in
        [&["inventory", "--vault", VAULT][..], &["inventory", "--vault", VAULT, "-vv"], &["find", "--vault", VAULT]]
    {
        let said: Said = crate::stage::given(&mut stage.command_by(&path, call), b"planted-value-1").into();
        both_clean(&format!("{call:?}"), &said);
        seen.push_str(&said.stderr);
        seen.push_str(&said.stdout);
    }
    assert!(seen.contains("FORGED"), "what it said is shown: {seen}");
}
