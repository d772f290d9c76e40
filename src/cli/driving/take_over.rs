//! A later life of a run: taken over from its journal, with what it was pinned to.

use super::arguments::Answering;
use super::at_work::{Beginning, at_work};
use super::pins::{self, Accepting};
use super::targets::{take, targets};
use crate::actions;
use crate::azure::REQUEST_TIMEOUT;
use crate::cli::exit::{CommandError, Exit, Outcome};
use crate::cli::options::Common;
use crate::cli::session::{self, Session, cannot_write, held, refuse_abandoned};
use crate::cli::terminal::people::Answers;
use crate::cli::terminal::screen;
use crate::cli::terminal::ui::Ui;
use crate::cli::terminal::when::when;
use crate::clock::{self, Timestamp};
use crate::engine::event::{Answer, Event, RunStatus, TakenOver};
use crate::engine::{EffectPhase, State, StepState, StepStatus};
use crate::evidence::{Known, wants_value};
use crate::journal::{Claimant, Journal, LEASE, Lock, RunFolder, Store};
use serde_json::Map;
use std::time::Duration;

/// How a run is taken over, and who answers for it.
#[derive(Debug, clap::Args)]
pub(crate) struct TakingOver {
    #[command(flatten)]
    answering: Answering,
    #[command(flatten)]
    accepting: Accepting,
}

/// Goes on as far as it goes now.
pub(crate) async fn go_on(common: &Common, ui: Ui, run: &str, args: &TakingOver) -> Outcome {
    let folder = session::existing(common, run)?;
    let claimant = Claimant { takes_over: args.accepting.take_over, ..session::claimant() };
    let lock = folder.lock(&claimant).map_err(|error| held(&folder, &error))?;
    let plan = session::plan_of(&folder)?;
    let (mut known, mut state) = (Known::new(plan.planned(&actions::catalogue())), State::default());
    let journal = folder.fold(|record, _| known.apply(record).and_then(|()| state.apply(record.at, &record.event)));
    let journal = journal.map_err(|error| session::unreadable(&folder.journal(), &error))?;
    refuse_abandoned(&folder, &state)?;
    let opened = state.opened().cloned().unwrap_or(session::opened(&folder)?);
    let due = state.next_follow_up();
    if state.ended() == Some(RunStatus::Completed) && due.is_none_or(|due| due > clock::now()) {
        ui.note(&nothing_now(folder.run(), due));
        screen::show(ui, &folder, &known, &journal.head, screen::Extent::Short);
        return Ok(Exit::Done);
    }
    let mut session = Session::of_run(common, &opened, &folder)?;
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
    answers.count(folder.run(), |step| state.takes_sign_ins_alone(step)).map_err(CommandError::usage)?;
    let resumed = resumed(&claimant, &lock, args.accepting.because.clone().filter(|_| args.accepting.take_over));
    let to_come = if can_ask { values_to_come(&state, &claimant.operator) } else { Vec::new() };
    let first = std::iter::once(resumed).chain(accepted).chain(to_come).collect();
    ui.note(&screen::taken_over(&opened, &state));
    let under_way = under_way(&folder, &lock, &state);
    let beginning = beginning(&mut store, journal, state, known, first, answers)
        .map_err(|error| cannot_write(runs.state(), &error))?;
    let beginning = Beginning { under_way, ..beginning };
    let exit = at_work(ui, plan, services, &folder, store, beginning).await;
    drop(lock);
    exit
}

/// How long a request may still be under way that another machine sent, where the journal tells of one without an outcome.
/// Of a process of this machine the system says that it is dead, and its requests with it.
fn under_way(folder: &RunFolder, lock: &Lock, state: &State) -> Option<Duration> {
    let is_open = |step: &StepState| step.effects.values().any(|effect| effect.phase == EffectPhase::Started);
    let may_be = folder.is_shared() && lock.predecessor().is_some() && state.steps().any(|(_, step)| is_open(step));
    let since = if lock.is_from_the_living() { LEASE } else { Duration::ZERO };
    may_be.then_some(since + REQUEST_TIMEOUT)
}

/// Lets the steps go on that wait for a value which can be entered now.
fn values_to_come(state: &State, operator: &str) -> Vec<Event> {
    let waits = |step: &StepState| {
        let is_open = step.open_gate().is_some();
        step.status == StepStatus::Waiting && is_open && wants_value(step)
    };
    let answered = |id: &str| Event::GateAnswered {
        step: id.to_owned(),
        answer: Answer::Approved,
        by: operator.to_owned(),
        seen: Some(session::seen()),
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
    known: Known,
    mut first: Vec<Event>,
    answers: Answers,
) -> std::io::Result<Beginning> {
    if journal.torn > 0 {
        store.truncate(journal.length)?;
        first.insert(0, Event::TailCut { bytes: journal.torn });
    }
    Ok(Beginning { journal, state, known, first, under_way: None, is_new: false, answers })
}

/// Who takes the run over, and from whom. A process of another machine is dead because a person said so.
fn resumed(claimant: &Claimant, lock: &Lock, because: Option<String>) -> Event {
    let took_over = lock.predecessor().map(|dead| TakenOver {
        operator: dead.operator.clone(),
        host: dead.host.clone(),
        process: dead.process,
        since: dead.since,
        because: because.filter(|_| dead.host != claimant.host || lock.is_from_the_living()),
    });
    Event::RunResumed {
        operator: claimant.operator.clone(),
        host: claimant.host.clone(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        took_over,
    }
}

/// What is said of a completed run with which nobody can go on now.
fn nothing_now(run: &str, due: Option<Timestamp>) -> String {
    match due {
        None => format!("{run} is completed; there is nothing to go on with"),
        Some(due) => format!(
            "{run} is completed; the audit trail is to be asked again {}: resume it then, or stay with `--wait`",
            when(due, clock::now())
        ),
    }
}
