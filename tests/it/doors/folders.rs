//! What lies in the folder of a run: journals, claims on what it works on, locks, answers of people.

use super::planted::{HELD, assert_fit, assert_seen};
use super::{Door, Hostile};
use crate::language::folder;
use stanch::engine::State;
use stanch::engine::event::Event;
use stanch::failure::Failure;
use stanch::journal::{Claimant, GENESIS, Journal, LeftAnswer, ReadError, Record, Runs, Targets, line_hash};
use stanch::report::{Format, History, Report, render};
use stanch::visible;
use std::fs;
use std::path::PathBuf;

/// A line of a good journal: what it says of itself, and its event as it is written.
struct Line {
    at: String,
    event: String,
}

fn journals() -> Vec<Vec<Line>> {
    let mut journals = Vec::new();
    for format in ["format-1", "format-1-with-sums"] {
        for kept in fs::read_dir(folder("tests/cases/journals").join(format)).unwrap() {
            let text = fs::read_to_string(kept.unwrap().path().join("journal.jsonl")).unwrap();
            let records = text.lines().map_while(|line| serde_json::from_str::<Record>(line).ok());
            let line = |mut record: Record| {
                // Nobody reads the pinned runbook here, and it is longer than all else.
                if let Event::RunOpened(opened) = &mut record.event {
                    opened.runbook_text = Some("schema: stanch/v1\n".to_owned());
                }
                Line { at: record.at.to_rfc3339(), event: serde_json::to_string(&record.event).unwrap() }
            };
            journals.push(records.map(line).collect());
        }
    }
    journals
}

/// A journal, cut off and damaged, but chained as a good one is: what is wrong with it is what its records say.
fn journal(hostile: &mut Hostile, journals: &[Vec<Line>]) -> Vec<u8> {
    let whole = hostile.one_of(journals);
    let first = if hostile.below(500) == 0 { whole.len() } else { 1 + hostile.below(6) };
    let lines = &whole[..first.min(whole.len())];
    let (wrong, chained) = (hostile.below(lines.len()), hostile.below(10) > 0);
    let events: Vec<&str> = lines.iter().map(|line| line.event.as_str()).collect();
    let mut head = GENESIS.to_owned();
    let mut bytes = Vec::new();
    for (number, Line { at, event }) in lines.iter().enumerate() {
        let event = match number == wrong {
            true if hostile.below(2) == 0 => hostile.damaged(&[event.as_bytes()]),
            true => hostile.damaged(&events),
            false => event.as_bytes().to_vec(),
        };
        // A line end would make two lines of it.
        let event: Vec<u8> = event.into_iter().filter(|byte| *byte != b'\n' || !chained).collect();
        let mut line =
            format!("{{\"v\":1,\"seq\":{number},\"at\":\"{at}\",\"prev\":\"{head}\",\"event\":").into_bytes();
        line.extend(event);
        line.push(b'}');
        head = line_hash(&line);
        bytes.extend(line);
        bytes.push(b'\n');
    }
    if chained { bytes } else { hostile.damaged(&[bytes]) }
}

#[test]
fn no_journal_does_more_than_tell() {
    HELD.first().unwrap();
    let journals = journals();
    let mut number = 0_u64;
    Door::new(module_path!(), "no_journal_does_more_than_tell").try_all(|hostile| {
        let bytes = journal(hostile, &journals);
        let mut history = History::new(Vec::new());
        match Journal::fold(bytes.as_slice(), None, |record, _| history.apply(record)) {
            Ok(journal) => assert!(journal.length + journal.torn == bytes.len() as u64),
            Err(ReadError::Damaged(damage)) => {
                let place = format!("journal.jsonl:{}", damage.line);
                assert_fit(&Failure::refused(damage.to_string()).because(place));
            }
            Err(ReadError::Io(error)) => panic!("{error}"),
        }
        // Filling templates takes longer than all else.
        number += 1;
        if !number.is_multiple_of(100) || history.opened().is_none() {
            return;
        }
        let report = Report::new(history, GENESIS);
        let format = *hostile.one_of(&[Format::Markdown, Format::Html, Format::Json, Format::Csv, Format::Ocsf]);
        match render(&report, format, None) {
            Ok(shown) => assert_seen(&format!("a report ({format:?})"), &shown),
            Err(failure) => assert_fit(&failure),
        }
    });
}

const TARGET: &str = "https://kv-drill.vault.azure.net/secrets/orders-db";

const CLAIMS: &[&str] = &[
    "{\"run\":\"r-1\",\"operator\":\"ann\",\"host\":\"laptop-17\",\"process\":1,\"process_started\":7,\"boot\":\"b\",\"since\":\"2026-09-14T08:00:00Z\"}\n",
    "{\"run\":\"r-1\",\"operator\":\"ann\",\"host\":\"bastion\",\"process\":4294967295,\"since\":\"2026-09-14T08:00:00Z\"}\n{\"run\":\"r-2\",\"operator\":\"bob\",\"host\":\"laptop-17\",\"process\":2,\"since\":\"2026-09-14T09:00:00Z\"}\n",
    "{\"run\":\"r-3\",\"operator\":\"ann\",\"host\":\"bastion\",\"process\":1,\"since\":\"2026-09-14T08:00:00Z\"}\n{\"run\":\"r-2\",\"ope",
    "",
];

#[test]
fn no_claim_on_a_target_does_more_than_tell() {
    HELD.first().unwrap();
    let state = tempfile::tempdir().unwrap();
    let runs = Runs::new(state.path().to_owned());
    let claimant = Claimant { operator: "ann".to_owned(), host: "laptop-17".to_owned(), takes_over: false };
    let targets = Targets::new(runs.clone(), "r-own", "", claimant);
    // Where the file of a target lies is the program's affair: it is the only one after the target was taken once.
    targets.take(TARGET).unwrap();
    let file: PathBuf = fs::read_dir(state.path().join("locks")).unwrap().next().unwrap().unwrap().path();
    let run = runs.folder("r-1").unwrap();
    fs::create_dir_all(run.path()).unwrap();
    let kept = journals();
    Door::new(module_path!(), "no_claim_on_a_target_does_more_than_tell").try_all(|hostile| {
        fs::write(&file, hostile.damaged(CLAIMS)).unwrap();
        if hostile.below(16) == 0 {
            fs::write(run.journal(), journal(hostile, &kept)).unwrap();
        }
        if hostile.below(16) == 0 {
            fs::write(run.path().join("lock"), hostile.damaged(CLAIMS)).unwrap();
        }
        if let Some(held) = targets.held(TARGET).unwrap() {
            assert_fit(&held.refusal());
            assert_seen("who holds it", &visible::line(&held.in_short()));
        }
        if hostile.below(4) > 0 {
            return;
        }
        let earlier = targets.earlier(TARGET).unwrap();
        assert!(earlier.len() <= 8 && earlier.iter().all(|run| runs.folder(run).is_ok()), "{earlier:?}");
    });
}

const ANSWERS: &[&str] = &[
    r#"{"type":"gate_answered","step":"revoke","answer":"approved","by":"ann","seen":{"uid":1000,"login":"ann","host":"bastion","boot":"b"}}"#,
    r#"{"type":"gate_answered","step":"approve","answer":"rejected","by":"bob","comment":"no"}"#,
    r#"{"type":"gate_answered","step":"confirm","answer":"expired","by":"ann","seen":{"uid":0,"host":"h","file":{"path":"/a","sha256":"b"}}}"#,
    r#"{"type":"settled","step":"tell","effect":"send","as":"done","by":"ann","because":"seen in the channel"}"#,
    r#"{"type":"failure_answered","step":"rotate","answer":"retry","by":"ann"}"#,
    r#"{"type":"run_abandoned","by":"ann","because":"over"}"#,
    r#"{"type":"run_finished","status":"completed"}"#,
];

#[test]
fn no_answer_in_the_inbox_does_more_than_tell() {
    HELD.first().unwrap();
    let state = tempfile::tempdir().unwrap();
    let run = Runs::new(state.path().to_owned()).folder("r-1").unwrap();
    fs::create_dir_all(run.path()).unwrap();
    // Everywhere where a run can stand.
    let mut stands = Vec::new();
    for lines in journals() {
        let mut state = State::outline();
        for Line { at, event } in lines {
            state.apply(at.parse().unwrap(), &serde_json::from_str(&event).unwrap()).unwrap();
            stands.push(state.clone());
        }
    }
    Door::new(module_path!(), "no_answer_in_the_inbox_does_more_than_tell").try_all(|hostile| {
        let mut answer = hostile.damaged(ANSWERS);
        if hostile.below(64) == 0 {
            run.leave_answer("1", &answer).unwrap();
            let LeftAnswer { name, answer: taken, .. } = run.take_answer().unwrap();
            assert_eq!((name.as_str(), &taken), ("1", &answer));
            assert!(run.take_answer().is_none());
            answer = taken;
        }
        let Ok(event) = serde_json::from_slice::<Event>(&answer) else { return };
        let mut state = hostile.one_of(&stands).clone();
        let at = state.last_at().unwrap();
        if let Err(illegal) = state.apply(at, &event) {
            assert_fit(&Failure::refused("the answer is not taken").because(illegal.to_string()));
        }
        let told = state.steps().map(|(_, step)| format!("{step:?}")).collect::<String>();
        assert_seen("where it stands", &visible::line(&told));
    });
}
