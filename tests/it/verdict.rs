//! One verdict: whoever shows it shows the same.

use crate::whole::{Whole, known, report};
use serde_json::Value;
use stanch::evidence::State;
use stanch::journal::Record;
use stanch::plan::PlannedStep;
use stanch::report::{Format, Status, render};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The surfaces that are made of a journal say one thing: the object for scripts, and the report.
pub(crate) fn agree(records: &[Record], head: &str, steps: &[PlannedStep]) {
    let known = self::known(records, steps);
    let status = serde_json::to_value(Status::new(&known, head, "", false)).unwrap();
    let report = self::report(records, head, steps);
    let json: Value = serde_json::from_str(&render(&report, Format::Json, None).unwrap()).unwrap();
    for member in ["state", "because", "open", "parts"] {
        assert_eq!(status["verdict"][member], json["verdict"][member], "{member}");
    }
    let contained = status["verdict"]["state"] == "contained";
    assert_eq!(json["verdict"]["contained"], contained);
    assert_eq!(json["exposure"]["ended"], contained, "an exposure ends when it is proven to");
}

/// The same, and the documents.
pub(crate) fn agree_in_writing(records: &[Record], head: &str, steps: &[PlannedStep]) {
    agree(records, head, steps);
    let report = self::report(records, head, steps);
    let verdict = known(records, steps).verdict();
    let contained = verdict.state == State::Contained;
    let markdown = render(&report, Format::Markdown, None).unwrap();
    let headline = markdown.lines().find(|line| line.starts_with("# ")).unwrap();
    assert!(headline.starts_with(&format!("# {}.", verdict.headline())), "{headline}");
    let html = render(&report, Format::Html, None).unwrap();
    assert!(html.contains(&format!("<h1>{}.", verdict.headline())), "{}", verdict.headline());
    let ocsf: Value = serde_json::from_str(&render(&report, Format::Ocsf, None).unwrap()).unwrap();
    assert_eq!(ocsf["status_id"] == 4, contained, "resolved is what is contained");
}

/// Journals that earlier programs wrote, each with what became of it.
const GOLDEN: &[(&str, &str)] = &[
    ("format-1/approved", "contained"),
    ("format-1/contained", "contained"),
    ("format-1/rejected", "not_contained"),
    ("format-1/settled", "not_applicable"),
    ("format-1-with-sums/approved", "contained"),
    ("format-1-with-sums/by-hand", "not_proven"),
    ("format-1-with-sums/contained", "contained"),
    ("format-1-with-sums/many", "contained"),
    ("format-1-with-sums/settled", "not_applicable"),
];

struct Kept {
    _folder: tempfile::TempDir,
    state: PathBuf,
    run: String,
    journal: Whole,
}

/// A kept journal as a run of its own.
fn kept(case: &str) -> Kept {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/journals").join(case);
    let bytes = std::fs::read(from.join("journal.jsonl")).unwrap();
    let journal = Whole::read(&bytes).unwrap();
    let run = journal.state().opened().unwrap().run.clone();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let place = state.join("runs").join(&run);
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("journal.jsonl"), bytes).unwrap();
    std::fs::copy(from.join("runbook.yaml"), place.join("runbook.yaml")).unwrap();
    Kept { _folder: folder, state, run, journal }
}

fn stanch(kept: &Kept, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanch"));
    command.args(arguments).env("STANCH_STATE_DIR", &kept.state).env_remove("STANCH_CLOUD").env("NO_COLOR", "1");
    let output = command.current_dir(kept.state.parent().unwrap()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_screen_the_object_and_the_report_of_every_kept_journal_show_one_verdict() {
    for (case, expected) in GOLDEN {
        let kept = kept(case);
        let status: Value = serde_json::from_str(&stanch(&kept, &["status", &kept.run, "--json"])).unwrap();
        assert_eq!(status["verdict"]["state"], *expected, "{case}");
        let out = kept.state.join("out").display().to_string();
        stanch(&kept, &["report", &kept.run, "--format", "md,html,json,ocsf", "--out", &out]);
        let report: Value =
            serde_json::from_slice(&std::fs::read(Path::new(&out).join("report.json")).unwrap()).unwrap();
        for member in ["state", "because", "open", "parts"] {
            assert_eq!(status["verdict"][member], report["verdict"][member], "{case}: {member}");
        }
        let screen = stanch(&kept, &["status", &kept.run, "--full"]);
        let first = screen.lines().find(|line| !line.is_empty()).unwrap();
        let word = match *expected {
            "contained" => "contained",
            "not_proven" => "not proven",
            "not_contained" => "NOT contained",
            _ => "completed",
        };
        assert!(first.trim_start_matches("DRILL").trim_start().starts_with(word), "{case}: {first}");
        for open in status["verdict"]["open"].as_array().unwrap() {
            assert!(screen.contains(open.as_str().unwrap()), "{case}: {open} is not on the screen:\n{screen}");
        }
        if let Some(leaked) = report["verdict"]["leaked_value"].as_str().filter(|leaked| !leaked.is_empty()) {
            assert!(screen.contains(leaked), "{case}: {leaked}\n{screen}");
        }
    }
}

#[test]
fn every_prefix_of_every_kept_journal_shows_one_verdict_and_none_is_better_than_its_proofs() {
    let catalogue = stanch::actions::catalogue();
    for (case, _) in GOLDEN {
        let kept = kept(case);
        let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/journals").join(case);
        let expected: Value = serde_json::from_slice(&std::fs::read(expected.join("expected.json")).unwrap()).unwrap();
        let steps = expected["steps"].as_object().unwrap().iter();
        let steps: Vec<PlannedStep> =
            steps.map(|(id, step)| PlannedStep::new(id, step["uses"].as_str().unwrap(), &catalogue)).collect();
        for length in 0..=kept.journal.records.len() {
            agree(&kept.journal.records[..length], &kept.journal.end.head, &steps);
        }
        agree_in_writing(&kept.journal.records, &kept.journal.end.head, &steps);
    }
}
