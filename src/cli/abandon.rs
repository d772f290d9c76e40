//! `stanch abandon`: gives an unfinished run up. It cannot be resumed, and holds nothing any more.

use super::completing;
use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::session;
use super::session::{cannot_append, cannot_write, locked};
use super::terminal::screen;
use super::terminal::ui::Ui;
use crate::actions;
use crate::durable::Ledger;
use crate::engine::State;
use crate::engine::event::Event;
use crate::engine::person;
use crate::failure::Failure;
use crate::journal::{Claimant, LockError, RunFolder, Store};
use crate::report::{self, Format, Report};
use tokio::sync::mpsc;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id
    #[arg(add = completing::runs())]
    run: String,
    /// Why; it stands in the journal and in the report
    #[arg(long, value_name = "TEXT")]
    because: String,
    /// Who gives it up [default: you]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// The process that worked on the run is on another machine, and dead, or the machine lost that was uploading it
    #[arg(long)]
    take_over: bool,
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    let folder = session::existing(common, &args.run)?;
    if args.because.trim().is_empty() {
        return Err(CommandError::usage(Failure::refused("`--because` is empty").help("write it out")));
    }
    let by = args.by.map_or_else(|| Ok(session::operator()), |by| person::name(&by));
    let by = by.map_err(|why| CommandError::usage(Failure::refused("`--by` holds no name").because(why)))?;
    let claimant = Claimant { takes_over: args.take_over, ..session::claimant() };
    let lock = match folder.lock(&claimant) {
        // Nobody will bring the rest of it.
        Err(LockError::BrokenOff(_)) if args.take_over => folder.lock_to_upload(&claimant),
        lock => lock,
    };
    let lock = lock.map_err(|error| locked(&error))?;
    let (journal, state) = session::state(&folder)?;
    may_be_abandoned(&folder, &state)?;
    let mut store = folder.open_journal().map_err(|error| cannot_write(folder.path(), &error))?;
    let mut events = Vec::new();
    if journal.torn > 0 {
        store.truncate(journal.length).map_err(|error| cannot_write(folder.path(), &error))?;
        events.push(Event::TailCut { bytes: journal.torn });
    }
    events.push(Event::RunAbandoned { by, because: args.because });
    let (notices, _) = mpsc::unbounded_channel();
    let ledger = Ledger::start(store, &journal, state, notices);
    for event in events {
        ledger.record(event).await.map_err(|error| cannot_append(&folder, &error))?;
    }
    drop((ledger, lock));
    ui.note(&format!("{} is abandoned; what it worked on is free for another run", folder.run()));
    match session::plan_of(&folder) {
        Ok(plan) => {
            let steps = plan.planned(&actions::catalogue());
            let (journal, known) = session::known(&folder, steps.clone())?;
            // The report of before still asks for an answer.
            if folder.report().exists() {
                let (journal, history) = session::history(&folder, steps)?;
                let report = Report::new(history, &journal.head);
                let formats = [Format::Markdown, Format::Html, Format::Json];
                if let Err(failure) = report::write(&folder.report(), &report, &formats, None) {
                    ui.note(&format!("the report could not be written: {}", failure.summary));
                }
            }
            screen::show(ui, &folder, &known, &journal.head, screen::Extent::Short);
        }
        // A run may be given up because it cannot go on with what it was pinned to.
        Err(_) => ui.note("its pinned runbook is not as it was: where it stands cannot be shown"),
    }
    Ok(Exit::Done)
}

fn may_be_abandoned(folder: &RunFolder, state: &State) -> Result<(), CommandError> {
    session::refuse_abandoned(folder, state)?;
    if state.is_over() {
        let failure = Failure::refused(format!("the run `{}` is completed", folder.run()));
        return Err(CommandError::refused(failure.help("there is nothing to give up; it holds nothing")));
    }
    Ok(())
}
