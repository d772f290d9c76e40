//! `stanch resume`: goes on from the journal, with the pinned runbook.

use super::Common;
use super::exit::{CommandError, Exit, Outcome};
use super::people::Answers;
use super::run::{Answering, Beginning, at_work, cannot_write, locked, take_target};
use super::screen;
use super::session::{self, Session};
use super::ui::Ui;
use crate::actions;
use crate::engine::State;
use crate::engine::event::{Event, Mode, RunOpened, RunStatus};
use crate::failure::Failure;
use crate::journal::{Journal, RunFolder, Store};
use crate::plan::Plan;
use sha2::{Digest, Sha256};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id
    run: String,
    #[command(flatten)]
    answering: Answering,
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    let folder = session::existing(common, &args.run)?;
    let (operator, host) = (session::operator(), session::host());
    let lock = folder.lock(&operator, &host).map_err(|error| locked(&error, folder.run()))?;
    let journal = session::journal(&folder)?;
    let state = journal.state().map_err(|damage| session::damaged(&folder.journal(), &damage))?;
    let opened = opened(&folder, &state)?;
    let plan = pinned_plan(&folder, &opened)?;
    if state.ended() == Some(RunStatus::Completed) {
        ui.note(&format!("{} is completed; there is nothing to go on with", folder.run()));
        screen::show(ui, &plan, &folder, &journal.records, &journal.head)?;
        return Ok(Exit::Done);
    }
    let session = Session::open(common, Some(&opened))?;
    check_pins(&opened, session.mode())?;
    let runs = session::runs(common)?;
    let target = take_target(&runs, &opened, &operator, &host)?;
    let services = session.services(&plan, &opened, &operator, &runs)?;
    let mut store = folder.open_journal().map_err(|error| cannot_write(runs.state(), &error))?;
    let answers = args.answering.read()?;
    let beginning = beginning(&mut store, journal, state, &operator, &host, answers)
        .map_err(|error| cannot_write(runs.state(), &error))?;
    ui.note(&screen::taken_over(&opened, &beginning.state));
    let exit = at_work(common, ui, plan, services, &folder, store, beginning).await;
    drop((lock, target));
    exit
}

/// Cuts a torn line off and says so, then takes the run over.
fn beginning(
    store: &mut impl Store,
    journal: Journal,
    state: State,
    operator: &str,
    host: &str,
    answers: Answers,
) -> std::io::Result<Beginning> {
    let mut first = Vec::new();
    if journal.torn > 0 {
        store.truncate(journal.length)?;
        first.push(Event::TailCut { bytes: journal.torn });
    }
    first.push(Event::RunResumed {
        operator: operator.to_owned(),
        host: host.to_owned(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    Ok(Beginning { records: journal.records, head: journal.head, state, first, staged: None, answers })
}

/// What was pinned when the run began.
pub(crate) fn opened(folder: &RunFolder, state: &State) -> Result<RunOpened, CommandError> {
    state.opened().cloned().ok_or_else(|| {
        let summary = format!("the run `{}` ended before its first record was durable", folder.run());
        CommandError::refused(Failure::refused(summary).help("nothing was done; start it again under another id"))
    })
}

/// The plan of the pinned runbook, if its bytes are still those that were pinned.
pub(crate) fn pinned_plan(folder: &RunFolder, opened: &RunOpened) -> Result<Plan, CommandError> {
    let text = folder.runbook().map_err(|error| {
        CommandError::refused(Failure::refused("the pinned runbook cannot be read").because(error.to_string()))
    })?;
    let found = hex::encode(Sha256::digest(&text));
    if found != opened.runbook_sha256 {
        return Err(CommandError::refused(
            Failure::refused("the pinned runbook was changed since the run began")
                .because(format!("sha256 {found}, pinned {}", opened.runbook_sha256))
                .help(format!("put the pinned bytes back into `{}`", folder.path().join("runbook.yaml").display())),
        ));
    }
    let name = folder.path().join("runbook.yaml").display().to_string();
    Plan::new(
        &name,
        &text,
        &opened.inputs.clone().into_iter().filter(|(_, value)| !value.is_null()).collect(),
        &actions::catalogue(),
    )
    .map_err(|error| {
        CommandError::text(Exit::Refused, format!("error: the pinned runbook no longer passes the checks\n{error}"))
    })
}

/// Mode and program version are those that the run began with.
fn check_pins(opened: &RunOpened, mode: Mode) -> Result<(), CommandError> {
    if opened.mode != mode {
        let name = |mode| match mode {
            Mode::Real => "REAL",
            Mode::Drill => "DRILL",
        };
        let summary = format!("the run is a {} run; it cannot go on as {}", name(opened.mode), name(mode));
        let help = match opened.mode {
            Mode::Real => "leave `--cloud` and STANCH_CLOUD out",
            Mode::Drill => "name its cloud file with `--cloud`",
        };
        return Err(CommandError::refused(Failure::refused(summary).help(help)));
    }
    let version = env!("CARGO_PKG_VERSION");
    if opened.program_version != version {
        let summary = format!("the run was begun by stanch {}, this is stanch {version}", opened.program_version);
        let help = format!("go on with stanch {}", opened.program_version);
        return Err(CommandError::refused(Failure::refused(summary).help(help)));
    }
    Ok(())
}
