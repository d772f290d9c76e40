//! `stanch verify`: checks a journal's hash chain and prints its head.

use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::session;
use super::terminal::ui::Ui;
use crate::engine::event::Mode;
use crate::failure::Failure;
use crate::journal::read_journal;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id, or the path of a journal
    #[arg(value_name = "RUN|JOURNAL")]
    journal: String,
    /// A head that was sent off the machine; the journal must hold it, or its end was cut off
    #[arg(long, value_name = "SHA256")]
    head: Vec<String>,
}

pub(crate) fn run(common: &Common, ui: Ui, args: &Args) -> Outcome {
    let named = PathBuf::from(&args.journal);
    let path = if named.is_file() { named } else { session::existing(common, &args.journal)?.journal() };
    let journal = read_journal(&path).map_err(|error| session::unreadable(&path, &error))?;
    let state = journal.state().map_err(|damage| session::damaged(&path, &damage))?;
    for head in &args.head {
        let Some(line) = journal.line_of(head.strip_prefix("sha256:").unwrap_or(head)) else {
            return Err(CommandError::refused(
                Failure::refused(format!("the journal does not hold the head `{head}`"))
                    .because(format!(
                        "{} has {} whole lines, none of which ends in it",
                        path.display(),
                        journal.records.len()
                    ))
                    .help("its end was cut off, it was written anew, or the head is another run's"),
            ));
        };
        ui.note(&format!("the head {head} stands at line {line} of {}", journal.records.len()));
    }
    if ui.json {
        let head = format!("sha256:{}", journal.head);
        ui.json(
            &json!({ "journal": path, "records": journal.records.len(), "head": head, "torn_bytes": journal.torn }),
        );
        return Ok(Exit::Done);
    }
    ui.data(&Page::of(format!("sha256:{}", journal.head)));
    let drill = state.opened().is_some_and(|opened| opened.mode == Mode::Drill);
    let drill = if drill { "DRILL  " } else { "" };
    ui.note(&format!("{drill}{} records, every line follows from the one before", journal.records.len()));
    if journal.torn > 0 {
        ui.note(&format!("a torn write of {} bytes stands after them; `stanch resume` cuts it off", journal.torn));
    }
    Ok(Exit::Done)
}
