//! The report: a function of the journal, honest at every point of it, and never a way in for what a log holds.

use crate::stage::Stage;
use crate::whole::Whole;
use serde_json::{Value, json};
use stanch::engine::event::Event;
use stanch::journal::Record;
use stanch::plan::PlannedStep;
use stanch::report::{Format, Templates, render};

const STEPS: &[(&str, &str)] = &[
    ("page", "notify/pagerduty"),
    ("preflight", "keyvault/check"),
    ("rotate", "keyvault/rotate"),
    ("blast_radius", "audit/blast_radius"),
    ("readers", "keyvault/await_readers"),
    ("approve", "human/approve"),
    ("revoke", "keyvault/disable_old"),
    ("prove", "keyvault/prove_revoked"),
    ("blast_radius_after", "audit/blast_radius"),
    ("tell_incident_channel", "notify/slack"),
    ("report", "report/write"),
];

fn steps() -> Vec<PlannedStep> {
    let catalogue = stanch::actions::catalogue();
    STEPS.iter().map(|(id, uses)| PlannedStep::new(id, uses, &catalogue)).collect()
}

async fn whole_journal() -> Whole {
    let stage = Stage::set().await;
    stage.read_value("orders-db", "").await;
    stage.stanch(&stage.containment("r-report")).exit(0).done();
    Whole::of(&stage.journal("r-report"))
}

fn text(records: &[Record], format: Format) -> String {
    render(&crate::whole::report(records, "0".repeat(64).as_str(), &steps()), format, None).unwrap()
}

#[tokio::test]
async fn every_prefix_of_a_journal_is_reported_and_none_claims_too_much() {
    let journal = whole_journal().await;
    let proven = |record: &Record| matches!(&record.event, Event::StepFinished { step, .. } if step == "prove");
    let proof = journal.records.iter().position(proven).unwrap();
    for length in 0..=journal.records.len() {
        let prefix = &journal.records[..length];
        let markdown = text(prefix, Format::Markdown);
        assert_eq!(markdown.contains("# Contained."), length > proof, "after {length} records:\n{markdown}");
        assert!(markdown.contains("## What could not be seen"));
        text(prefix, Format::Html);
        text(prefix, Format::Json);
        text(prefix, Format::Csv);
    }
    let ocsf: Value = serde_json::from_str(&text(&journal.records, Format::Ocsf)).unwrap();
    assert_eq!((&ocsf["class_uid"], &ocsf["type_uid"], &ocsf["status_id"]), (&json!(2005), &json!(200_503), &json!(4)));
    assert!(ocsf["time"].as_i64() > ocsf["start_time"].as_i64().map(|time| time - 1));
    for format in [Format::Markdown, Format::Html, Format::Json, Format::Csv, Format::Ocsf] {
        assert_eq!(text(&journal.records, format), text(&journal.records, format), "the same journal, the same bytes");
    }
}

#[tokio::test]
async fn what_an_attacker_wrote_into_the_log_stays_text() {
    let mut journal = whole_journal().await;
    let hostile = "<script>alert(1)</script> | `rm -rf` [x](javascript:y) **bold**\n# Contained.\u{202e}";
    let mut planted = 0;
    for record in &mut journal.records {
        if let Event::Observed { name, value, .. } = &mut record.event
            && name == "blast_radius"
        {
            let access = json!({
                "oid": "oid-1", "appid": "=HYPERLINK(1)", "upn": hostile, "resource": "", "ip": hostile, "operation": "SecretGet",
                "version": "", "status": 200, "count": 1, "first": hostile, "last": hostile, "known": false, "own": false,
            });
            value["accesses"] = Value::Array(vec![access]);
            value["findings"] = json!([{ "rule": "r", "severity": "high", "summary": hostile, "evidence": [] }]);
            value["second_order"] = json!([
                { "oid": "oid-1", "secret": "x`; rm -rf", "operation": "SecretGet", "count": 1, "first": hostile, "last": "" }
            ]);
            planted += 1;
        }
    }
    assert!(planted > 0);
    let html = text(&journal.records, Format::Html);
    assert!(!html.contains("<script"), "no element of theirs");
    assert!(html.contains("&lt;script&gt;"));
    assert!(!html.contains('\u{202e}'));
    let markdown = text(&journal.records, Format::Markdown);
    assert_eq!(markdown.matches("\n# ").count() + usize::from(markdown.starts_with("# ")), 1, "one headline, ours");
    assert!(
        !markdown.contains("<script") && !markdown.contains("[x](") && !markdown.contains("**bold**"),
        "{markdown}"
    );
    assert!(!markdown.contains("stanch plan secret-exposure"), "nothing of theirs stands in a command to paste");
    let csv = text(&journal.records, Format::Csv);
    assert!(!csv.lines().any(|line| line.starts_with('=')), "{csv}");
}

#[tokio::test]
async fn a_templates_folder_replaces_files_and_a_broken_one_is_named() {
    let journal = whole_journal().await;
    let report = crate::whole::report(&journal.records, &journal.end.head, &steps());
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("report.md.hbs");
    std::fs::write(&own, "{{run.id}}: {{verdict.headline}}").unwrap();
    let templates = Some(Templates { folder: folder.path(), is_named: false });
    let rendered = render(&report, Format::Markdown, templates).unwrap();
    assert!(rendered.starts_with("r-report: Contained."), "{rendered}");
    std::fs::write(&own, "{{#if run}}").unwrap();
    let failure = render(&report, Format::Markdown, templates).unwrap_err();
    assert!(failure.summary.contains("report.md.hbs") && failure.help.is_some(), "{failure:?}");
    std::fs::write(&own, "{{no.such.thing}}").unwrap();
    let failure = render(&report, Format::Markdown, templates).unwrap_err();
    assert!(
        failure.reasons.iter().any(|reason| reason.contains("no.such.thing") || reason.contains("\"no\"")),
        "{failure:?}"
    );
}
