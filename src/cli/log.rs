//! `stanch log`: what happened, from the journal.

use super::completing;
use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::runs;
use super::session;
use super::terminal::ui::Ui;
use crate::engine::{IllegalEvent, State};
use crate::journal::{Journal, Record, RunFolder};
use crate::report::{Days, Entry};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id [default: the latest]
    #[arg(add = completing::runs())]
    run: Option<String>,
}

pub(crate) fn run(common: &Common, ui: Ui, args: &Args) -> Outcome {
    let run = runs::meant(common, ui, args.run.as_deref())?;
    let folder = session::existing(common, &run)?;
    let (mut state, mut entries, mut days, mut width) = (State::outline(), Vec::new(), Days::default(), 1);
    // Nothing of a damaged journal is shown, so it is read to its end first.
    let journal = read(&folder, |record| {
        state.apply(record.at, &record.event)?;
        days.take(record.at);
        width = record.event.step().map_or(width, |step| width.max(step.len()));
        entries.extend(ui.json.then(|| Entry::new(record)));
        Ok(())
    })?;
    if ui.json {
        ui.json(&json!({ "entries": entries }));
        return Ok(Exit::Done);
    }
    read(&folder, |record| {
        // It may have grown meanwhile.
        if record.seq < journal.records {
            let Entry { at, seq, step, what, .. } = Entry::new(record);
            let at = at.format(days.time_format());
            ui.data(&Page::of(format!("{at}  {seq:<4} {:<width$} {what}", step.as_deref().unwrap_or("-"))));
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}

fn read(
    folder: &RunFolder,
    mut take: impl FnMut(&Record) -> Result<(), IllegalEvent>,
) -> Result<Journal, CommandError> {
    let read = folder.fold(|record, _| take(record));
    read.map_err(|error| session::unreadable(&folder.journal(), &error))
}
