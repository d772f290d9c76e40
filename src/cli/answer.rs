//! `stanch approve`, `reject` and `settle`: what only a person can say.

use super::Common;
use super::exit::{CommandError, Exit, Outcome};
use super::run::{cannot_append, cannot_write};
use super::session;
use super::ui::Ui;
use crate::actions::Ledger;
use crate::clock;
use crate::engine::event::{Answer, Event, SettledAs};
use crate::engine::{EffectPhase, State, StepStatus};
use crate::failure::Failure;
use crate::journal::{LockError, RunFolder};
use clap::ValueEnum;
use tokio::sync::mpsc;

#[derive(Debug, clap::Args)]
pub(crate) struct GateArgs {
    /// The run's id
    run: String,
    /// The step that waits
    step: String,
    /// Who answers
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SettleArgs {
    /// The run's id
    run: String,
    /// The step that waits
    step: String,
    /// What happened
    #[arg(long = "as", value_name = "WHAT")]
    outcome: Happened,
    /// How you know
    #[arg(long, value_name = "TEXT")]
    because: String,
}

/// What a person knows of an effect.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Happened {
    Done,
    NotDone,
}

pub(crate) async fn approve(common: &Common, ui: Ui, args: GateArgs) -> Outcome {
    gate(common, ui, args, Answer::Approved).await
}

pub(crate) async fn reject(common: &Common, ui: Ui, args: GateArgs) -> Outcome {
    gate(common, ui, args, Answer::Rejected).await
}

async fn gate(common: &Common, ui: Ui, args: GateArgs, answer: Answer) -> Outcome {
    let folder = session::existing(common, &args.run)?;
    let state = state(&folder)?;
    let at = state.step(&args.step);
    let Some(gate) = at.gate.as_ref().filter(|gate| gate.answer.is_none() && at.status == StepStatus::Waiting) else {
        return Err(nothing_to_answer(&state, &args.run, &args.step, "an answer"));
    };
    if gate.expires_at.is_some_and(|expires| expires <= clock::now()) {
        let failure = Failure::refused(format!("the gate of `{}` has expired, which counts as a no", args.step));
        return Err(CommandError::refused(failure.help(format!("`stanch resume {}` records it", args.run))));
    }
    let requester = state.opened().map(|opened| opened.operator.as_str());
    if gate.not_requester && answer == Answer::Approved && requester == Some(args.by.as_str()) {
        let failure = Failure::refused(format!("{} started this run and may not approve it", args.by));
        return Err(CommandError::refused(failure.help("somebody else must answer")));
    }
    let event = Event::GateAnswered { step: args.step, answer, by: args.by, comment: args.comment };
    give(ui, &folder, event).await
}

pub(crate) async fn settle(common: &Common, ui: Ui, args: SettleArgs) -> Outcome {
    let folder = session::existing(common, &args.run)?;
    let state = state(&folder)?;
    let at = state.step(&args.step);
    let doubtful = |phase: &EffectPhase| matches!(phase, EffectPhase::Unknown | EffectPhase::Started);
    let effect = at.effects.iter().find(|(_, effect)| doubtful(&effect.phase)).map(|(name, _)| name.clone());
    let Some(effect) = effect.filter(|_| at.status == StepStatus::Unknown) else {
        return Err(nothing_to_answer(&state, &args.run, &args.step, "a decision"));
    };
    let outcome = match args.outcome {
        Happened::Done => SettledAs::Done,
        Happened::NotDone => SettledAs::NotDone,
    };
    let event = Event::Settled { step: args.step, effect, outcome, because: args.because, by: session::operator() };
    give(ui, &folder, event).await
}

fn state(folder: &RunFolder) -> Result<State, CommandError> {
    let journal = session::journal(folder)?;
    journal.state().map_err(|damage| session::damaged(&folder.journal(), &damage))
}

fn nothing_to_answer(state: &State, run: &str, step: &str, what: &str) -> CommandError {
    let waiting: Vec<&str> = state
        .steps()
        .filter(|(_, step)| matches!(step.status, StepStatus::Waiting | StepStatus::Unknown))
        .map(|(id, _)| id)
        .collect();
    let help = match waiting.as_slice() {
        [] => format!("nothing waits; `stanch status {run}` shows where the run stands"),
        waiting => format!("these steps wait: {}", waiting.join(", ")),
    };
    CommandError::usage(Failure::refused(format!("`{step}` of `{run}` does not wait for {what}")).help(help))
}

/// Records the answer, or leaves it for the process that works on the run.
async fn give(ui: Ui, folder: &RunFolder, event: Event) -> Outcome {
    let (operator, host) = (session::operator(), session::host());
    let lock = match folder.lock(&operator, &host) {
        Ok(lock) => lock,
        Err(LockError::Held(_)) => return leave(ui, folder, &event),
        Err(LockError::Io(error)) => return Err(cannot_write(folder.path(), &error)),
    };
    let journal = session::journal(folder)?;
    let state = journal.state().map_err(|damage| session::damaged(&folder.journal(), &damage))?;
    if journal.torn > 0 {
        let failure = Failure::refused("the last write to the journal was torn");
        return Err(CommandError::refused(failure.help(format!("`stanch resume {}` cuts it off", folder.run()))));
    }
    let store = folder.open_journal().map_err(|error| cannot_write(folder.path(), &error))?;
    let (notices, _) = mpsc::unbounded_channel();
    let ledger = Ledger::start(store, journal.records, journal.head, state, notices);
    ledger.record(event).await.map_err(|error| cannot_append(folder, &error))?;
    drop(lock);
    ui.note(&format!("recorded\nnext: stanch resume {}", folder.run()));
    Ok(Exit::Done)
}

fn leave(ui: Ui, folder: &RunFolder, event: &Event) -> Outcome {
    let name = clock::now().format("%Y%m%dT%H%M%S%6f").to_string();
    let answer = serde_json::to_vec(event).map_err(|error| {
        CommandError::program(Failure::refused("the answer cannot be written").because(error.to_string()))
    })?;
    folder.leave_answer(&name, &answer).map_err(|error| cannot_write(folder.path(), &error))?;
    ui.note("left for the process that works on the run");
    Ok(Exit::Done)
}
