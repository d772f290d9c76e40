//! `stanch status`: where a run stands.

use super::exit::{Exit, Outcome};
use super::options::Common;
use super::session;
use super::terminal::screen;
use super::terminal::ui::Ui;
use crate::actions;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id [default: the latest]
    run: Option<String>,
}

pub(crate) fn run(common: &Common, ui: Ui, args: &Args) -> Outcome {
    let run = match &args.run {
        Some(run) => run.clone(),
        None => match super::runs::latest(common, ui)? {
            Some(run) => run,
            None => {
                ui.note("there are no runs yet");
                return Ok(Exit::Done);
            }
        },
    };
    let folder = session::existing(common, &run)?;
    let steps = session::plan_of(&folder)?.planned(&actions::catalogue());
    let (journal, known) = session::known(&folder, steps)?;
    screen::show(ui, &folder, &known, &journal.head);
    Ok(Exit::Done)
}
