//! Which run holds a target, where it stands, and the commands that go on with it or give it up.

use super::lock::Holder;
use crate::clock::Timestamp;
use crate::clock::second;
use crate::command_line::CommandLine;
use crate::engine::event::RunStatus;
use crate::engine::{State, StepStatus};
use crate::failure::Failure;

/// A target that another run holds.
#[derive(Debug)]
pub struct HeldBy {
    pub target: String,
    /// Who took it, for which run.
    pub claim: Holder,
    pub stands: Stands,
}

/// Where the run that holds a target stands.
#[derive(Debug)]
pub enum Stands {
    /// It is not over.
    Unfinished {
        state: Box<State>,
        /// The live process that works on it, if there is one.
        worker: Option<Holder>,
    },
    /// It was uploaded to this store, and goes on there; what is here says no more than it did then.
    Uploaded(String),
    /// Its journal is just being begun.
    Beginning,
    /// It has no journal; whether the process that begins it lives cannot be seen from here. This is the target's file.
    NotKnown(String),
    /// Its journal, which lies in this folder, cannot be read.
    Unreadable { folder: String, why: String },
}

impl HeldBy {
    /// Who holds it, in a few words.
    pub fn in_short(&self) -> String {
        let run = &self.claim.run;
        match &self.stands {
            Stands::Unfinished { state, worker } => {
                format!("the run `{run}` holds it: {}", whereabouts(state, worker.is_some()))
            }
            Stands::Uploaded(to) => format!("the run `{run}` held it when it was uploaded to `{to}`"),
            Stands::Beginning | Stands::NotKnown(_) => format!("the run `{run}` is beginning on it"),
            Stands::Unreadable { .. } => format!("the run `{run}` holds it, and its journal cannot be read"),
        }
    }

    /// The refusal of whoever wants the target as well: who holds it, since when, where it stands, and the ways on.
    pub fn refusal(&self) -> Failure {
        let run = &self.claim.run;
        let command = |command| CommandLine::stanch(command).name(run);
        let is_at_work = matches!(&self.stands, Stands::Unfinished { worker: Some(_), .. } | Stands::Beginning);
        let failure = Failure::refused(match is_at_work {
            true => format!("{} is being worked on by another process", self.target),
            false => format!("another run holds {}", self.target),
        });
        match &self.stands {
            Stands::Unfinished { state, worker: Some(worker) } => {
                let failure =
                    failure.because(format!("{}{}", of_runbook(state), worker.who())).because(whereabouts(state, true));
                answers(failure, run, state).and(format!("`{}` shows where it stands", command("status")))
            }
            Stands::Unfinished { state, worker: None } => {
                let failure = failure
                    .because(format!("{}{}", of_runbook(state), begun(run, state)))
                    .because(whereabouts(state, false));
                answers(failure, run, state)
                    .and(format!("`{}` goes on with it", command("resume")))
                    .and(format!("`{}` gives it up", command("abandon").words("--because TEXT")))
            }
            Stands::Uploaded(to) => {
                let there = |command: &'static str| command_at(command, run, to);
                failure
                    .because(format!("the run `{run}` was uploaded to `{to}`, and goes on there"))
                    .help(format!("`{}` shows where it stands", there("status")))
                    .and(format!("once it is over, `{}` says so here, and the target is free", there("upload")))
            }
            Stands::Beginning => failure
                .because(self.claim.who())
                .because("it is just beginning")
                .help(format!("`{}` shows where it stands", command("status"))),
            Stands::NotKnown(path) => failure
                .because(self.claim.who())
                .because("it was just beginning; whether that process still lives cannot be seen from here")
                .help(format!("look at {}; if that process is dead, remove `{path}`", self.claim.host)),
            Stands::Unreadable { folder, why } => failure
                .because(self.claim.who())
                .because(format!("whether it is over is not known: {why}"))
                .help(format!(
                    "`{}` shows what is wrong; move `{folder}` away if nobody can go on with it",
                    command("verify")
                )),
        }
    }
}

/// A command about the run at another store.
fn command_at(command: &'static str, run: &str, store: &str) -> CommandLine {
    CommandLine::stanch(command).name(run).option("--state", store)
}

fn begun(run: &str, state: &State) -> String {
    let Some(opened) = state.opened() else { return format!("run `{run}`") };
    let since = state.opened_at().map(second).unwrap_or_default();
    format!("run `{run}` by {} on {}, since {since}", opened.operator, opened.host)
}

fn of_runbook(state: &State) -> String {
    state.opened().map(|opened| format!("`{}`: ", opened.runbook)).unwrap_or_default()
}

/// Adds the commands that answer what the run asks.
fn answers(failure: Failure, run: &str, state: &State) -> Failure {
    let open = state.steps().filter(|(_, step)| step.is_asking()).map(|(id, step)| match step.status {
        StepStatus::Waiting if !step.asks_after_failure => {
            let approve = CommandLine::stanch("approve").name(run).name(id);
            format!("`{}` says yes", approve.words(state.says_who(id)))
        }
        _ => format!("`{}` shows what `{id}` asks", CommandLine::stanch("status").name(run)),
    });
    open.take(3).fold(failure, Failure::and)
}

/// Where it stands, and since when.
fn whereabouts(state: &State, is_at_work: bool) -> String {
    let of = |wanted: &[StepStatus]| {
        let steps: Vec<String> =
            state.steps().filter(|(_, step)| wanted.contains(&step.status)).map(|(id, _)| format!("`{id}`")).collect();
        match steps.as_slice() {
            [] => None,
            [one, two, three, more @ ..] if !more.is_empty() => {
                Some(format!("{one}, {two}, {three} and {} more", more.len()))
            }
            steps => Some(steps.join(", ")),
        }
    };
    let asked = of(&[StepStatus::Waiting, StepStatus::Unknown]);
    let at_work = of(&[StepStatus::Running, StepStatus::Retrying]);
    let last = state.last_at().map(second).unwrap_or_default();
    match (state.ended(), asked, at_work) {
        (Some(RunStatus::Failed), ..) => {
            let at = of(&[StepStatus::Failed]).map(|steps| format!(" at {steps}")).unwrap_or_default();
            format!("it failed{at}, {last}, and can be resumed")
        }
        (Some(RunStatus::Interrupted), ..) => format!("it was interrupted, {last}"),
        (_, at, Some(steps)) if is_at_work => {
            let asked = at.map(|asked| format!("; it waits for a person at {asked}")).unwrap_or_default();
            format!("it is at {steps}{asked}")
        }
        (None, _, at_work) if !is_at_work && at_work.is_some() => {
            format!("it was cut off at {}, {last}", at_work.unwrap_or_default())
        }
        (_, Some(asked), _) => format!("it waits at {asked}, since {}", asked_since(state).map(second).unwrap_or(last)),
        (..) if is_at_work => format!("its last record is of {last}"),
        _ => format!("it was cut off, {last}"),
    }
}

/// Since when people are asked.
fn asked_since(state: &State) -> Option<Timestamp> {
    let open = state.steps().filter(|(_, step)| step.status == StepStatus::Waiting);
    open.filter_map(|(_, step)| Some(step.gate.as_ref()?.opened_at)).min()
}
