//! Questions at the terminal: whole, in peace, and answered by words only.

use super::Terminal;
use crate::stage::Stage;
use std::time::Duration;

const RUN: &str = "stanch run secret-exposure --run-id r -i secret=https://kv-drill.vault.azure.net/secrets/orders-db -i exposed_at=2026-01-01T00:00:00Z -i overlap=1s -i severity=sev2";

fn journal(stage: &Stage) -> String {
    std::fs::read_to_string(stage.journal("r")).unwrap_or_default()
}

#[tokio::test]
async fn a_gate_stands_whole_on_a_small_screen_and_takes_no_single_key() {
    let stage = Stage::set().await;
    let mut terminal = Terminal::open(&stage, 18, 40);
    // Typed ahead of the plan, and of the gate.
    terminal.command(&format!("{RUN}\ny"));
    terminal.until("[y/N]");
    terminal.rest(Duration::from_millis(500));
    assert!(!stage.journal("r").exists(), "a `y` that was typed before the plan stood there begins nothing");
    terminal.send(b"y\napprove\ny\n");
    terminal.wait("the gate", |terminal| terminal.screen().contains("`reject`: a no >"));
    let screen = terminal.screen();
    let plan = journal(&stage);
    let plan = plan.split(r#""plan":""#).nth(1).unwrap().split('"').next().unwrap();
    for shown in [
        "https://kv-drill.vault.azure.net/secrets/orders-db",
        "and disable every older version?",
        "it may still work there.",
        "who: 1 yes; you are alice",
        "type `approve`, or `orders-db` in full",
    ] {
        let (shown, screen): (String, String) = (shown.split(' ').collect(), screen.split(' ').collect());
        assert!(screen.contains(&shown), "{shown}: {screen}");
    }
    assert!(screen.replace(' ', "").contains(plan), "{plan}: {screen}");
    for typed in ["y\r", "\r", "yes\r", "approv\r"] {
        terminal.written.clear();
        terminal.send(typed.as_bytes());
        terminal.until("answers nothing");
    }
    assert!(!journal(&stage).contains("gate_answered"));
    terminal.send(b"orders-db\r");
    let (said, code) = terminal.ended();
    assert_eq!(code, 0, "{said}");
    assert!(journal(&stage).contains(r#""answer":"approved","by":"alice""#), "{said}");
    assert!(said.contains("revoke"), "the tree went on: {said}");
}

#[tokio::test]
async fn a_stopped_run_asks_anew_when_it_goes_on_and_a_no_is_a_word_too() {
    let stage = Stage::set().await;
    let mut terminal = Terminal::open(&stage, 40, 100);
    terminal.command(&format!("{RUN} --yes"));
    terminal.until("in full");
    terminal.send(b"appro\x1a");
    terminal.until("Stopped");
    terminal.until(super::READY);
    assert!(terminal.echoes());
    terminal.command("fg");
    terminal.until("in full");
    assert!(!terminal.echoes());
    terminal.send(b"reject\r");
    let (said, code) = terminal.ended();
    assert_eq!(code, 3, "{said}");
    assert!(journal(&stage).contains(r#""answer":"rejected""#));
}

#[tokio::test]
async fn without_a_terminal_nothing_that_changes_anything_begins_unless_told_so() {
    let stage = Stage::set().await;
    let unasked: Vec<&str> = stage.containment("r").into_iter().filter(|argument| *argument != "--yes").collect();
    let said = stage.stanch(&unasked).exit(2);
    assert!(said.stderr.contains("`--yes`") && said.stderr.contains("nothing was changed"), "{}", said.stderr);
    assert!(!stage.state_dir().join("runs/r").exists());
    let vault = ["find", "--run", "--vault", "https://kv-drill.vault.azure.net"];
    let said = stage.stanch_given(&vault, stage.values()[0].as_bytes()).exit(2);
    assert!(said.stderr.contains("`--yes`"), "{}", said.stderr);
    assert!(stage.state().await["calls"].as_array().unwrap().is_empty(), "nobody was asked anything");
    // At a terminal, who wants results only is not asked either.
    let mut terminal = Terminal::open(&stage, 24, 80);
    terminal.command(&format!("{RUN} --quiet"));
    let (said, code) = terminal.ended();
    assert_eq!(code, 2, "{said}");
    // What only looks may.
    std::fs::write(
        stage.path("reads.yaml"),
        "schema: stanch/v1\nname: reads\nsteps:\n  - { id: pause, uses: wait, with: { for: 1ms } }\n",
    )
    .unwrap();
    stage.stanch(&["run", "reads.yaml", "--json"]).exit(0).done();
}
