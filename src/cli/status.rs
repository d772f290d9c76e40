//! `stanch status`: where a run stands.

use super::completing;
use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::room::Room;
use super::session;
use super::terminal::screen::{self, Extent};
use super::terminal::ui::Ui;
use crate::actions;
use crate::command_line::CommandLine;
use crate::redaction::without_credentials;
use crate::report;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id [default: the latest]
    #[arg(add = completing::runs())]
    run: Option<String>,
    /// Print a note for whoever takes over, in Markdown: what is done with proof, what is open, who waits, what is next
    #[arg(long, conflicts_with = "json")]
    handover: bool,
    /// Show every step, task and visibility gap, and the configuration
    #[arg(long)]
    full: bool,
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
    if args.handover {
        let note = report::handover(&Room::look(&folder)?, None).map_err(CommandError::program)?;
        ui.data(&Page::document(&without_credentials(&note)));
        return Ok(Exit::Done);
    }
    if let Ok(Some(upload)) = folder.uploaded() {
        let there = CommandLine::stanch("status").name(&run).option("--state", &upload.to);
        ui.note(&format!("this is a copy: the run goes on at {}; `{there}` shows it", upload.to));
    }
    let steps = session::plan_of(&folder)?.planned(&actions::catalogue());
    let (journal, known) = session::known(&folder, steps)?;
    let extent = if args.full { Extent::Full } else { Extent::Short };
    screen::show(ui, &folder, &known, &journal.head, extent);
    Ok(Exit::Done)
}
