//! `stanch runs`: all runs.

use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::session;
use super::terminal::screen;
use super::terminal::ui::Ui;
use crate::failure::Failure;
use serde_json::json;

pub(crate) fn run(common: &Common, ui: Ui) -> Outcome {
    let mut rows = Vec::new();
    for run in list(common)? {
        let folder = session::runs(common)?.folder(&run);
        let row = match folder.read() {
            Ok(journal) => match journal.state() {
                Ok(state) => screen::row(&folder, &state),
                Err(damage) => json!({ "run": run, "status": "damaged", "error": damage.to_string() }),
            },
            Err(error) => json!({ "run": run, "status": "damaged", "error": error.to_string() }),
        };
        rows.push(row);
    }
    if ui.json {
        ui.json(&json!({ "runs": rows }));
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        ui.note("there are no runs yet");
    }
    let text = |row: &serde_json::Value, key: &str| {
        row.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    };
    for row in &rows {
        let line = format!(
            "{:<32} {:<12} {:<6} {:<20} {}{}{}",
            text(row, "run"),
            text(row, "status"),
            text(row, "mode").to_uppercase(),
            text(row, "started_at"),
            text(row, "runbook"),
            match text(row, "follow_up_at") {
                at if at.is_empty() => at,
                at => format!("  asked again {at}"),
            },
            match row.get("abandoned") {
                Some(abandoned) => format!("  abandoned by {}: {}", text(abandoned, "by"), text(abandoned, "because")),
                None => text(row, "error"),
            }
        );
        ui.data(&Page::of(line.trim_end()));
    }
    Ok(Exit::Done)
}

/// The run that began last.
pub(crate) fn latest(common: &Common) -> Result<Option<String>, CommandError> {
    let runs = session::runs(common)?;
    let began = |run: &String| {
        let journal = runs.folder(run).read().ok()?;
        journal.records.first().map(|record| record.at)
    };
    Ok(list(common)?.into_iter().max_by_key(began))
}

fn list(common: &Common) -> Result<Vec<String>, CommandError> {
    let runs = session::runs(common)?;
    runs.list().map_err(|error| {
        let summary = format!("the state directory `{}` cannot be read", runs.state().display());
        CommandError::program(Failure::refused(summary).because(error.to_string()))
    })
}
