//! `stanch runs`: all runs.

use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::session;
use super::terminal::screen;
use super::terminal::ui::Ui;
use crate::journal::Runs;
use serde_json::json;

pub(crate) fn run(common: &Common, ui: Ui) -> Outcome {
    let runs = session::runs(common)?;
    let mut rows = Vec::new();
    for run in list(&runs)? {
        let row = match runs.folder(&run) {
            Ok(folder) => {
                folder.state().map(|(_, state)| screen::row(&folder, &state)).map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        rows.push(row.unwrap_or_else(|error| json!({ "run": run, "status": "damaged", "error": error })));
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
            match (row.get("abandoned"), row.get("uploaded_to")) {
                (Some(by), _) => format!("  abandoned by {}: {}", text(by, "by"), text(by, "because")),
                (None, Some(_)) => format!("  goes on at {}", text(row, "uploaded_to")),
                (None, None) => text(row, "error"),
            }
        );
        ui.data(&Page::of(line.trim_end()));
    }
    Ok(Exit::Done)
}

/// The run that began last. Of one whose journal does not tell, that is said: it may be the one that is meant.
pub(crate) fn latest(common: &Common, ui: Ui) -> Result<Option<String>, CommandError> {
    let runs = session::runs(common)?;
    let began = |run: &String| match runs.folder(run).ok()?.opened() {
        Ok((at, _)) => Some(at),
        Err(error) => {
            ui.note(&format!("when the run `{run}` began is not known: {error}"));
            None
        }
    };
    Ok(list(&runs)?.into_iter().max_by_key(began))
}

fn list(runs: &Runs) -> Result<Vec<String>, CommandError> {
    runs.list().map_err(|error| session::cannot_list(runs, &error))
}
