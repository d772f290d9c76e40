//! `stanch resume`: goes on from the journal, with the pinned runbook.

use super::Common;
use super::abandon::refuse_abandoned;
use super::exit::{CommandError, Exit, Outcome};
use super::follow_up;
use super::pins::{self, Accepting};
use super::run::{Answering, Beginning, at_work, cannot_write, locked, take, targets};
use super::session::{self, Session};
use super::terminal::people::Answers;
use super::terminal::screen;
use super::terminal::ui::Ui;
use crate::actions;
use crate::clock;
use crate::engine::event::{Answer, Event, RunOpened, RunStatus, TakenOver, VALUE_WANTED};
use crate::engine::{State, StepState, StepStatus};
use crate::failure::Failure;
use crate::journal::{Claimant, Journal, Lock, RunFolder, Store};
use crate::plan::Plan;
use crate::runbook::Source;
use serde_json::Map;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id
    pub(super) run: String,
    /// Stay until everything is done that a completed run put off, such as asking the audit trail again; in between
    /// nothing is held, and the run can be gone on with from elsewhere
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    answering: Answering,
    #[command(flatten)]
    accepting: Accepting,
}

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    if args.wait { follow_up::wait(common, ui, &args).await } else { go_on(common, ui, &args).await }
}

/// Goes on as far as it goes now.
pub(super) async fn go_on(common: &Common, ui: Ui, args: &Args) -> Outcome {
    let folder = session::existing(common, &args.run)?;
    let claimant = Claimant { takes_over: args.accepting.take_over, ..session::claimant() };
    let lock = folder.lock(&claimant).map_err(|error| locked(&error))?;
    let journal = session::journal(&folder)?;
    let state = journal.state().map_err(|damage| session::damaged(&folder.journal(), &damage))?;
    let opened = opened(&folder, &state)?;
    refuse_abandoned(&folder, &state)?;
    let plan = pinned_plan(&folder, &opened)?;
    let due = state.next_follow_up();
    if state.ended() == Some(RunStatus::Completed) && due.is_none_or(|due| due > clock::now()) {
        ui.note(&follow_up::nothing_now(folder.run(), due));
        screen::show(ui, &plan, &folder, &journal.records, &journal.head)?;
        return Ok(Exit::Done);
    }
    let mut session = Session::open(common, Some(&opened))?;
    session.secret_prompt = args.answering.secret_prompt(ui);
    let can_ask = session.secret_prompt.is_there();
    let accepted = pins::check(&folder, &opened, &session, &args.accepting, &claimant.operator)?;
    let runs = session::runs(common)?;
    let targets = targets(&runs, &opened);
    if !state.is_over() {
        take(&targets, state.targets().iter(), &runs)?;
    }
    let services = session.services(&plan, &opened, &claimant.operator, &runs, targets)?;
    let mut store = folder.open_journal().map_err(|error| cannot_write(runs.state(), &error))?;
    let answers = args.answering.read()?;
    let resumed = resumed(&claimant, &lock, args.accepting.because.clone().filter(|_| args.accepting.take_over));
    let to_come = if can_ask { values_to_come(&state, &claimant.operator) } else { Vec::new() };
    let first = std::iter::once(resumed).chain(accepted).chain(to_come).collect();
    let beginning =
        beginning(&mut store, journal, state, first, answers).map_err(|error| cannot_write(runs.state(), &error))?;
    ui.note(&screen::taken_over(&opened, &beginning.state));
    let exit = at_work(common, ui, plan, services, &folder, store, beginning).await;
    drop(lock);
    exit
}

/// Lets the steps go on that wait for a value which can be entered now.
fn values_to_come(state: &State, operator: &str) -> Vec<Event> {
    let waits = |step: &StepState| {
        let is_open = step.gate.as_ref().is_some_and(|gate| gate.answer.is_none());
        step.status == StepStatus::Waiting && is_open && step.observations.contains_key(VALUE_WANTED)
    };
    let answered = |id: &str| Event::GateAnswered {
        step: id.to_owned(),
        answer: Answer::Approved,
        by: operator.to_owned(),
        comment: Some("enters the value".to_owned()),
        answers: Map::new(),
        plan: None,
    };
    state.steps().filter(|(_, step)| waits(step)).map(|(id, _)| answered(id)).collect()
}

/// Cuts a torn line off and says so, then goes on with `first`.
fn beginning(
    store: &mut impl Store,
    journal: Journal,
    state: State,
    mut first: Vec<Event>,
    answers: Answers,
) -> std::io::Result<Beginning> {
    if journal.torn > 0 {
        store.truncate(journal.length)?;
        first.insert(0, Event::TailCut { bytes: journal.torn });
    }
    Ok(Beginning { records: journal.records, head: journal.head, state, first, staged: None, answers })
}

/// Who takes the run over, and from whom. A process of another machine is dead because a person said so.
fn resumed(claimant: &Claimant, lock: &Lock, because: Option<String>) -> Event {
    let took_over = lock.predecessor().map(|dead| TakenOver {
        operator: dead.operator.clone(),
        host: dead.host.clone(),
        process: dead.process,
        since: dead.since,
        because: because.filter(|_| dead.host != claimant.host),
    });
    Event::RunResumed {
        operator: claimant.operator.clone(),
        host: claimant.host.clone(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        took_over,
    }
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
        return Err(pins::other_runbook(folder, opened, &text, &found));
    }
    let name = folder.path().join("runbook.yaml").display().to_string();
    let fragments = pinned_fragments(folder, opened)?;
    Plan::new(
        &Source { name: &name, text: &text, library: &fragments },
        &opened.inputs.clone().into_iter().filter(|(_, value)| !value.is_null()).collect(),
        &actions::catalogue(),
    )
    .map_err(|error| {
        CommandError::text(Exit::Refused, format!("error: the pinned runbook no longer passes the checks\n{error}"))
    })
}

/// The pinned fragments by their paths, if their bytes are still those that were pinned.
fn pinned_fragments(folder: &RunFolder, opened: &RunOpened) -> Result<BTreeMap<String, String>, CommandError> {
    let mut texts = BTreeMap::new();
    for (path, sha256) in &opened.fragments {
        let lies_at = folder.fragment(sha256).display().to_string();
        let text = folder.read_fragment(sha256).map_err(|error| {
            let summary = format!("the pinned fragment `{path}` cannot be read");
            CommandError::refused(Failure::refused(summary).because(format!("{lies_at}: {error}")))
        })?;
        let found = hex::encode(Sha256::digest(&text));
        if found != *sha256 {
            return Err(CommandError::refused(
                Failure::refused(format!("the pinned fragment `{path}` was changed since the run began"))
                    .because(format!("sha256 {found}, pinned {sha256}"))
                    .help(format!("put the pinned bytes back into `{lies_at}`")),
            ));
        }
        texts.insert(path.clone(), text);
    }
    Ok(texts)
}
