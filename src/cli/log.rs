//! `stanch log`: what happened, from the journal.

use super::exit::{Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::session;
use super::terminal::ui::Ui;
use crate::report::Timeline;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id
    run: String,
}

pub(crate) fn run(common: &Common, ui: Ui, args: &Args) -> Outcome {
    let folder = session::existing(common, &args.run)?;
    let journal = session::journal(&folder)?;
    let timeline = Timeline::new(&journal.records);
    if ui.json {
        ui.json(&timeline);
        return Ok(Exit::Done);
    }
    let width = timeline.entries.iter().filter_map(|entry| entry.step.as_ref()).map(String::len).max().unwrap_or(1);
    let format = timeline.time_format();
    for entry in &timeline.entries {
        let at = entry.at.format(format);
        ui.data(&Page::of(format!(
            "{at}  {:<4} {:<width$} {}",
            entry.seq,
            entry.step.as_deref().unwrap_or("-"),
            entry.what
        )));
    }
    Ok(Exit::Done)
}
