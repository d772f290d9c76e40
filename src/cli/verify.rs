//! `stanch verify`: checks a journal's hash chain and prints its head.

use super::Common;
use super::exit::{Exit, Outcome};
use super::session;
use super::ui::Ui;
use crate::engine::event::Mode;
use crate::journal::read_journal;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id, or the path of a journal
    #[arg(value_name = "RUN|JOURNAL")]
    journal: String,
}

pub(crate) fn run(common: &Common, ui: Ui, args: &Args) -> Outcome {
    let named = PathBuf::from(&args.journal);
    let path = if named.is_file() { named } else { session::existing(common, &args.journal)?.journal() };
    let journal = read_journal(&path).map_err(|error| session::unreadable(&path, &error))?;
    let state = journal.state().map_err(|damage| session::damaged(&path, &damage))?;
    if ui.json {
        let head = format!("sha256:{}", journal.head);
        ui.json(
            &json!({ "journal": path, "records": journal.records.len(), "head": head, "torn_bytes": journal.torn }),
        );
        return Ok(Exit::Done);
    }
    ui.data(&format!("sha256:{}\n", journal.head));
    let drill = state.opened().is_some_and(|opened| opened.mode == Mode::Drill);
    let drill = if drill { "DRILL  " } else { "" };
    ui.note(&format!("{drill}{} records, every line follows from the one before", journal.records.len()));
    if journal.torn > 0 {
        ui.note(&format!("a torn write of {} bytes stands after them; `stanch resume` cuts it off", journal.torn));
    }
    Ok(Exit::Done)
}
