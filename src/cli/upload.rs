//! `stanch upload`: brings a run of the state directory to the store, where every machine goes on with it, and this one no
//! longer does by itself.

use super::completing;
use super::driving::{take, targets};
use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::session;
use super::session::{cannot_append, cannot_write, locked};
use super::terminal::ui::Ui;
use crate::command_line::CommandLine;
use crate::durable::Ledger;
use crate::engine::State;
use crate::engine::event::Event;
use crate::failure::Failure;
use crate::journal::{Compared, Journal, RunFolder, Runs, Store, Upload, store_failure};
use serde_json::json;
use std::io;
use tokio::sync::mpsc;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id, in the state directory
    #[arg(add = completing::runs())]
    run: String,
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    let (here, there) = session::runs_to_upload(common)?;
    let source =
        session::existing_in(&here, &args.run, &CommandLine::stanch("runs").option("--state", session::LOCAL))?;
    let target = there.folder(&args.run).map_err(|error| session::not_an_id(&error))?;
    let claimant = session::claimant();
    let lock = source.lock_to_upload(&claimant).map_err(|error| locked(&error))?;
    let earlier = source.uploaded().map_err(|error| cannot_write(here.state(), &error))?;
    let (journal, state) = whole(&source, earlier.is_none()).await?;
    let upload = earlier.unwrap_or_else(|| source.upload_to(&there, &journal, &claimant));
    if upload.to != there.place() {
        return Err(session::uploaded(&upload, &source.place_of("upload.json")));
    }
    let compared = compare(&source, &target)?;
    match compared {
        Compared { here_ends: true, .. } => follow(&here, &source, &target, &upload, compared)?,
        Compared { there_ends: true, .. } => {
            let held = target.reserve(&claimant).map_err(|error| locked(&error))?;
            bring(&there, (&source, &target), &state, &upload, compared)?;
            drop(held);
        }
        _ => return Err(other_lines(&source, &target, compared)),
    }
    drop(lock);
    tell(ui, &target, compared)
}

fn compare(source: &RunFolder, target: &RunFolder) -> Result<Compared, CommandError> {
    source.compare(target).map_err(|error| session::unreadable(&target.journal(), &error))
}

/// Where the run stands, without a torn last line. The copy of one that goes on elsewhere is left as it is.
async fn whole(source: &RunFolder, goes_on_here: bool) -> Result<(Journal, State), CommandError> {
    let (journal, state) = session::state(source)?;
    if journal.torn == 0 || !goes_on_here {
        return Ok((journal, state));
    }
    let mut store = source.open_journal().map_err(|error| cannot_write(source.path(), &error))?;
    store.truncate(journal.length).map_err(|error| cannot_write(source.path(), &error))?;
    let (notices, _) = mpsc::unbounded_channel();
    let ledger = Ledger::start(store, &journal, state, notices);
    let cut = ledger.record(Event::TailCut { bytes: journal.torn }).await;
    cut.and(ledger.flush().await).map_err(|error| cannot_append(source, &error))?;
    drop(ledger);
    session::state(source)
}

/// The store has all of it already: what was written there since comes here.
fn follow(
    here: &Runs,
    source: &RunFolder,
    target: &RunFolder,
    upload: &Upload,
    compared: Compared,
) -> Result<(), CommandError> {
    session::state(target)?;
    let unwritable = |error: io::Error| cannot_write(here.state(), &error);
    source.leave_for(upload).map_err(unwritable)?;
    if !compared.there_ends {
        source.follow(target, compared.same).map_err(unwritable)?;
    }
    Ok(())
}

/// Brings what the store does not have yet. Its targets first, so that no other run begins on them; the journal last.
fn bring(
    there: &Runs,
    (source, target): (&RunFolder, &RunFolder),
    state: &State,
    upload: &Upload,
    compared: Compared,
) -> Result<(), CommandError> {
    let opened = session::opened(source)?;
    let (kept, wanted) = (targets(there, &opened), state.targets());
    let taken = take(&kept, wanted.iter(), there);
    // One that is over holds nothing; it is known for what it worked on where nobody else works on that.
    if state.holds_targets() {
        taken?;
    }
    let before =
        |error: io::Error| not_uploaded(source, &error, "nothing was changed, and the run goes on here".to_owned());
    source.bring_beside(target).map_err(before)?;
    let upload = source.leave_for(upload).map_err(|error| cannot_write(source.path(), &error))?;
    let again = CommandLine::stanch("upload").name(source.run());
    let broken = |error: io::Error| not_uploaded(source, &error, format!("`{again}` goes on with the upload"));
    source.bring_lines(target, compared.same, &upload).map_err(broken)?;
    let arrived = compare(source, target)?;
    if arrived.here_ends { Ok(()) } else { Err(other_lines(source, target, arrived)) }
}

fn not_uploaded(source: &RunFolder, error: &io::Error, help: String) -> CommandError {
    let run = source.run();
    let failure = store_failure(error).cloned().unwrap_or_else(|| {
        let summary = format!("the run `{run}` cannot be uploaded");
        Failure { help: None, ..Failure::refused(summary).because(error.to_string()) }
    });
    let summary = format!("the upload of the run `{run}` broke off");
    let failure = Failure { summary, ..failure.clone() }.because(failure.summary);
    CommandError::program(failure.and(help))
}

fn other_lines(source: &RunFolder, target: &RunFolder, compared: Compared) -> CommandError {
    let run = source.run();
    let (journal, line) = (target.journal(), compared.line);
    CommandError::refused(
        Failure::refused(format!("the store has a run `{run}` with other lines"))
            .because(format!("`{journal}` differs from `{}` at line {line}", source.journal()))
            .help(format!("`{}` shows the one there", CommandLine::stanch("log").name(run)))
            .and(format!("`{}` shows the one here", CommandLine::stanch("log").name(run).option("--state", "local")))
            .and("nothing was changed"),
    )
}

fn tell(ui: Ui, target: &RunFolder, compared: Compared) -> Outcome {
    let (journal, state) = session::state(target)?;
    let (run, was_there) = (target.run(), compared.here_ends);
    if ui.json {
        ui.json(&json!({
            "run": run, "journal": target.journal(), "records": journal.records,
            "head": format!("sha256:{}", journal.head), "was_there": was_there,
        }));
        return Ok(Exit::Done);
    }
    ui.data(&Page::of(target.journal()));
    ui.note(&format!("{} records, head sha256:{}", journal.records, journal.head));
    ui.note(match (was_there, compared.there_ends) {
        (false, _) => "uploaded; from here on the run goes on there alone",
        (true, true) => "it is there already; the run goes on there alone",
        (true, false) => "it is there already, and went on there; the copy here has these lines now, too",
    });
    if !state.is_over() {
        ui.note(&format!("next: {}", CommandLine::stanch("resume").name(run)));
    }
    Ok(Exit::Done)
}
