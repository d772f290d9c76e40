//! `stanch status`: where a run stands.

use super::exit::{Exit, Outcome};
use super::options::Common;
use super::session;
use super::session::{opened, pinned_plan};
use super::terminal::screen;
use super::terminal::ui::Ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id [default: the latest]
    run: Option<String>,
}

pub(crate) fn run(common: &Common, ui: Ui, args: &Args) -> Outcome {
    let run = match &args.run {
        Some(run) => run.clone(),
        None => match super::runs::latest(common)? {
            Some(run) => run,
            None => {
                ui.note("there are no runs yet");
                return Ok(Exit::Done);
            }
        },
    };
    let folder = session::existing(common, &run)?;
    let journal = session::journal(&folder)?;
    let state = journal.state().map_err(|damage| session::damaged(&folder.journal(), &damage))?;
    let plan = pinned_plan(&folder, &opened(&folder, &state)?)?;
    screen::show(ui, &plan, &folder, &journal.records, &journal.head)?;
    Ok(Exit::Done)
}
