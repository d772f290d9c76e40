//! `stanch runs`: all runs.

use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::session;
use super::terminal::screen;
use super::terminal::ui::Ui;
use crate::command_line::CommandLine;
use crate::engine::event::RunStatus;
use crate::failure::Failure;
use crate::journal::Runs;
use crate::report::Status;
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

/// The run that is meant: the one that is named, else the one that began last.
pub(crate) fn meant(common: &Common, ui: Ui, named: Option<&str>) -> Result<String, CommandError> {
    match named {
        Some(run) => Ok(run.to_owned()),
        None => latest(common, ui)?.ok_or_else(no_run),
    }
}

/// The run that is gone on with where none is named: the only one that is at a stop, else the one that began last. Which
/// of several is not guessed.
pub(crate) fn at_a_stop(common: &Common, ui: Ui) -> Result<String, CommandError> {
    let runs = session::runs(common)?;
    let mut at_a_stop = Vec::new();
    for run in list(&runs)? {
        let Ok(folder) = runs.folder(&run) else { continue };
        let Ok((_, state)) = folder.state() else { continue };
        let stands = Status::of(&state, folder.holder().is_some());
        let ended = matches!(stands, RunStatus::Completed | RunStatus::Running);
        if !ended && state.abandoned().is_none() && !matches!(folder.uploaded(), Ok(Some(_))) {
            at_a_stop.push(run);
        }
    }
    match at_a_stop.as_slice() {
        [] => latest(common, ui)?.ok_or_else(no_run),
        [only] => Ok(only.clone()),
        several => {
            let which = |run: &String| format!("`{}`", CommandLine::stanch("resume").name(run));
            let which: Vec<String> = several.iter().map(which).collect();
            let failure = Failure::refused(format!("{} runs can be gone on with, and none is named", several.len()));
            Err(CommandError::usage(failure.help(format!("name one: {}", which.join(", "))).and("nothing was changed")))
        }
    }
}

fn no_run() -> CommandError {
    let failure = Failure::refused("there are no runs yet");
    CommandError::usage(failure.help("runs are kept where `--state-dir` or `--state` says; `stanch runs` lists them"))
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
