//! A value that is pasted at the hidden prompt is taken whole, and nothing of it is left over for anybody else.

use super::{READY, Terminal};
use crate::stage::Stage;
use serde_json::json;
use std::time::{Duration, Instant};

const FIND: &str = "stanch find --vault https://kv-drill.vault.azure.net";

/// A value of so many lines, each of which the shell would show and run.
fn value(lines: usize) -> String {
    let line = |number| format!("echo planted-{number}-{}", "ab".repeat(20));
    let lines: Vec<String> = (0..lines).map(line).collect();
    if lines.len() < 100 {
        return lines.join("\n");
    }
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

async fn stage() -> Stage {
    let stage = Stage::empty(&[]).await;
    for lines in [1, 3, 200] {
        stage.seed(&format!("lines-{lines}"), &json!({ "value": value(lines) })).await;
    }
    stage
}

/// The shell must never have seen anything of a value.
fn assert_nothing_left(stage: &Stage, terminal: &mut Terminal, said: &str) {
    terminal.command("history -w");
    let (after, _) = terminal.ended();
    let history = std::fs::read_to_string(stage.path("history")).unwrap_or_default();
    for seen in [said, &after, &history] {
        assert!(!seen.contains("planted") && !seen.contains("PRIVATE KEY"), "{seen}");
    }
}

#[derive(Clone, Copy, Debug)]
struct Paste {
    lines: usize,
    line_break: &'static str,
    marked: bool,
    slow: bool,
}

#[tokio::test]
async fn a_paste_is_taken_whole_and_nothing_of_it_reaches_the_shell() {
    let stage = stage().await;
    let mut terminal = Terminal::open(&stage, 24, 80);
    let of = |lines, line_break, marked, slow| Paste { lines, line_break, marked, slow };
    let mut pastes = vec![
        of(1, "\r", false, false),
        of(3, "\r", false, true),
        of(3, "\n", true, true),
        of(200, "\r\n", false, false),
        of(200, "\r", true, false),
        of(200, "\n", false, true),
    ];
    if crate::stage::is_heavy() {
        let breaks = ["\r", "\n", "\r\n"];
        let kinds = [(false, false), (false, true), (true, false), (true, true)];
        pastes = [1, 3, 200]
            .into_iter()
            .flat_map(|lines| breaks.map(|line_break| (lines, line_break)))
            .collect::<Vec<_>>()
            .into_iter()
            .flat_map(|(lines, line_break)| kinds.map(|(marked, slow)| of(lines, line_break, marked, slow)))
            .collect();
    }
    for paste in pastes {
        terminal.command(FIND);
        terminal.until("stored: ");
        terminal.until_hidden();
        let pasted = value(paste.lines).replace('\n', paste.line_break);
        let pasted = if paste.marked { format!("\x1b[200~{pasted}\x1b[201~") } else { pasted };
        match (paste.slow, paste.lines) {
            (false, _) => terminal.send(pasted.as_bytes()),
            (true, 200) => terminal.send_slowly(pasted.as_bytes(), 53, Duration::from_millis(10)),
            (true, _) => terminal.send_slowly(pasted.as_bytes(), 1, Duration::from_millis(12)),
        }
        terminal.send(b"\r");
        let (said, code) = terminal.ended();
        assert_eq!(code, 0, "{paste:?}: {said}");
        assert!(said.contains(&format!("secrets/lines-{}", paste.lines)), "{paste:?}: {said}");
        assert!(paste.lines == 1 || said.contains(" lines; "), "it is said how much was taken: {said}");
        assert_nothing_left(&stage, &mut terminal, &said);
    }
}

#[tokio::test]
async fn a_paste_that_is_broken_off_leaves_nothing_behind() {
    let stage = stage().await;
    let mut terminal = Terminal::open(&stage, 24, 80);
    let pasted = value(200).replace('\n', "\r");
    let (first, rest) = pasted.split_at(3000);
    for (way_out, code) in [("\x03", 130), ("TERM", 143), ("HUP", 143), ("INT", 130)] {
        terminal.command(&format!("{FIND} & echo $! > pid; fg"));
        terminal.until("stored: ");
        terminal.until_hidden();
        terminal.send(first.as_bytes());
        end(&stage, &mut terminal, way_out);
        terminal.send(rest.as_bytes());
        let (said, ended) = terminal.ended();
        assert_eq!(ended, code, "{way_out:?}: {said}");
        assert_nothing_left(&stage, &mut terminal, &said);
    }
}

/// What ends a prompt: a key, or a signal by its name.
fn end(stage: &Stage, terminal: &mut Terminal, way_out: &str) {
    if way_out == "\x03" {
        return terminal.send(way_out.as_bytes());
    }
    let process = std::fs::read_to_string(stage.path("pid")).unwrap();
    let killed = std::process::Command::new("kill").args(["-s", way_out, process.trim()]).status();
    assert!(killed.unwrap().success());
}

#[tokio::test]
async fn the_rest_of_what_was_broken_off_is_waited_for() {
    let stage = stage().await;
    let mut terminal = Terminal::open(&stage, 24, 80);
    let others = ["QUIT", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "XCPU", "ABRT", "TRAP", "SYS", "PWR"];
    let ways = ["\x03", "TERM"].into_iter().chain(others.into_iter().filter(|_| crate::stage::is_heavy()));
    for way_out in ways.chain(["USR1", "ABRT"]) {
        for (first, pause, rest) in [
            ("\x1b[200~echo planted-a\r", 1200, &["echo planted-b\recho planted-c\r\x1b[20", "1~\r"][..]),
            ("echo planted-a\r", 500, &["echo planted-b\r", "echo planted-c\r"][..]),
            ("echo planted-a", 500, &["-b\recho planted-c\r"][..]),
        ] {
            terminal.command(&format!("{FIND} & echo $! > pid; fg"));
            terminal.until("stored: ");
            terminal.until_hidden();
            terminal.send(first.as_bytes());
            terminal.wait("the value", |terminal| terminal.written.contains("character"));
            let begun = Instant::now();
            end(&stage, &mut terminal, way_out);
            for part in rest {
                terminal.rest(Duration::from_millis(pause));
                terminal.send(part.as_bytes());
            }
            let said = terminal.until(READY);
            assert!(begun.elapsed() < Duration::from_secs(5), "{way_out}: {:?}", begun.elapsed());
            assert!(!said.contains("planted"), "{way_out}: {said}");
            terminal.command("echo code=$?.");
            let (said, _) = terminal.ended();
            let code = if way_out == "\x03" { 130 } else { 143 };
            assert!(said.contains(&format!("code={code}.")), "{way_out}: {said}");
            assert_nothing_left(&stage, &mut terminal, &said);
        }
    }
}

#[tokio::test]
async fn what_a_stop_cuts_off_is_never_not_found() {
    let stage = stage().await;
    let mut terminal = Terminal::open(&stage, 24, 80);
    terminal.command(FIND);
    terminal.until("stored: ");
    terminal.until_hidden();
    terminal.send(b"planted-one\r\x1aecho planted-two\rplanted-three\r");
    let mut said = terminal.until("Stopped");
    said.push_str(&terminal.until(READY));
    terminal.command("fg");
    said.push_str(&terminal.until("begins anew"));
    terminal.send(b"\r\x04");
    let (more, code) = terminal.ended();
    assert_eq!(code, 2);
    assert!(more.contains("may have been cut") && !more.contains("not found"), "{more}");
    assert_nothing_left(&stage, &mut terminal, &format!("{said}{more}"));
}

#[tokio::test]
async fn a_prompt_that_was_stopped_hides_again_when_it_goes_on() {
    let stage = stage().await;
    let mut terminal = Terminal::open(&stage, 24, 80);
    terminal.command(FIND);
    terminal.until("stored: ");
    terminal.until_hidden();
    terminal.send(b"planted-one\x1a");
    let mut said = terminal.until("Stopped");
    said.push_str(&terminal.until(READY));
    assert!(terminal.echoes(), "the shell has it back");
    terminal.command("fg");
    said.push_str(&terminal.until("stored: "));
    terminal.until_hidden();
    terminal.send(b"-planted-two\r");
    let (more, code) = terminal.ended();
    assert_eq!(code, 0);
    assert!(more.contains("not found"), "{more}");
    assert_nothing_left(&stage, &mut terminal, &format!("{said}{more}"));
}

#[tokio::test]
async fn what_may_have_been_cut_is_never_not_found() {
    let stage = stage().await;
    let mut terminal = Terminal::open(&stage, 24, 80);
    // Without its END line it is not the whole of it, however long nothing comes.
    for begun in ["-----BEGIN PRIVATE KEY-----\rplanted\r", "{ \"planted\": 1,\r", "\x1b[200~planted"] {
        terminal.command(FIND);
        terminal.until("stored: ");
        terminal.until_hidden();
        terminal.send(begun.as_bytes());
        terminal.rest(Duration::from_millis(1800));
        assert!(!terminal.echoes(), "it is still asked");
        terminal.send(b"\x04");
        let (said, code) = terminal.ended();
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("may have been cut") && !said.contains("not found"), "{said}");
        assert_nothing_left(&stage, &mut terminal, &said);
    }
    // What comes while it is looked for may be the rest of it.
    stage.fault(&json!({ "match": { "path": "^/secrets" }, "times": 1, "do": { "delay_ms": 2500 } })).await;
    terminal.command(FIND);
    terminal.until("stored: ");
    terminal.until_hidden();
    terminal.send(b"planted-first\r");
    terminal.until("reading");
    terminal.send(b"planted-second\r");
    let (said, code) = terminal.ended();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("may have been cut"), "{said}");
    assert_nothing_left(&stage, &mut terminal, &said);
}
