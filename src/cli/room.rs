//! What somebody who comes to a run must know: what leaked, where the run stands, who works on it, who is waited for,
//! what to do next. The war room and the note of a handover show it.

use super::exit::CommandError;
use super::question::{self, Asked, Open};
use super::session;
use super::suggestion::without_tags;
use crate::actions;
use crate::clock;
use crate::command_line::{self, CommandLine};
use crate::engine::{State, StepStatus};
use crate::evidence::Works;
use crate::journal::RunFolder;
use crate::report::{Report, Status};
use serde::Serialize;

/// Read of the run's journal, and of who holds it.
#[derive(Debug, Serialize)]
pub(crate) struct Room {
    /// When this was read.
    read_at: String,
    pub(crate) status: &'static str,
    /// Who works on the run, if a live process does.
    pub(crate) worker: Option<String>,
    /// Since when nobody does, although the run is not over.
    pub(crate) nobody_since: Option<String>,
    pub(crate) leaked_value: Option<Leaked>,
    /// What people are asked.
    pub(crate) asked: Vec<Question>,
    /// The commands that go on with the run, where nobody works on it; what is asked is answered first.
    pub(crate) next: Vec<String>,
    /// The command that shows where it stands.
    show: String,
    /// The channels through which people were told.
    told: String,
    /// The steps, but for those that are there for a case that did not come.
    pub(crate) steps: Vec<Step>,
    /// Those of them that began and did not end well, or wait.
    unfinished: Vec<Step>,
    pub(crate) report: Report,
}

#[derive(Debug, Serialize)]
pub(crate) struct Leaked {
    pub(crate) text: String,
    works: Works,
}

#[derive(Debug, Serialize)]
pub(crate) struct Question {
    step: String,
    pub(crate) text: String,
    /// Whose answer it takes, and until when.
    pub(crate) whose: String,
    pub(crate) commands: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    pub(crate) fact: String,
    took: String,
}

impl Room {
    /// # Errors
    /// If the run's journal, or what is pinned beside it, cannot be read.
    pub(crate) fn look(folder: &RunFolder) -> Result<Self, CommandError> {
        Self::look_closely(folder).map(|(room, _)| room)
    }

    /// The same, with the state that it was made of.
    ///
    /// # Errors
    /// If the run's journal, or what is pinned beside it, cannot be read.
    pub(crate) fn look_closely(folder: &RunFolder) -> Result<(Self, State), CommandError> {
        let steps = session::plan_of(folder)?.planned(&actions::catalogue());
        let (journal, history) = session::history(folder, steps)?;
        let worker = folder.holder();
        let known = history.known();
        let state = known.state();
        let status = Status::new(known, &journal.head, "", worker.is_some()).name();
        let is_left = worker.is_none() && !state.is_over();
        let nobody_since = state.last_at().filter(|_| is_left).map(clock::second);
        let leaked_value = known.leaked_value().map(|leaked| Leaked { text: leaked.to_string(), works: leaked.works });
        let run = folder.run();
        let asked: Vec<Question> = question::open(state).iter().map(|open| Question::new(run, state, open)).collect();
        let next = if is_left { next(run, state) } else { Vec::new() };
        let standing: Vec<(bool, &'static str)> = known
            .steps()
            .iter()
            .map(|planned| {
                let at = state.step(&planned.id).status;
                let is_cut_off = is_left && matches!(at, StepStatus::Running | StepStatus::Retrying);
                let never_came = matches!(at, StepStatus::Skipped | StepStatus::Pending);
                (!(planned.only_if_needed && never_came), if is_cut_off { "cut off" } else { at.name() })
            })
            .collect();
        let state = state.clone();
        let mut report = Report::new(history, &journal.head);
        for task in report.follow_ups.iter_mut().filter(|task| !task.command.is_empty()) {
            task.command = command_line::here(&task.command);
        }
        let steps: Vec<Step> = report
            .steps
            .iter()
            .zip(standing)
            .filter(|(_, (counts, _))| *counts)
            .map(|(line, (_, status))| Step {
                id: line.id.clone(),
                status,
                fact: line.fact.clone(),
                took: line.took.clone(),
            })
            .collect();
        let is_open = |step: &&Step| !matches!(step.status, "done" | "skipped" | "pending");
        let mut told: Vec<&str> = report
            .notifications
            .iter()
            .filter(|message| message.sent)
            .map(|message| message.channel.as_str())
            .collect();
        told.dedup();
        let room = Self {
            read_at: clock::second(clock::now()),
            status,
            worker: worker.map(|worker| worker.who()),
            nobody_since,
            leaked_value,
            asked,
            next,
            show: CommandLine::stanch("status").name(run).to_string(),
            told: told.join(", "),
            unfinished: steps.iter().filter(is_open).cloned().collect(),
            steps,
            report,
        };
        Ok((room, state))
    }
}

impl Question {
    fn new(run: &str, state: &State, open: &Open) -> Self {
        let (text, whose) = match &open.what {
            Asked::Gate { question, .. } => {
                let agreed = state.step(&open.step).gate.as_ref().map_or(0, |gate| gate.agreed.len());
                let missing = question.missing(agreed);
                let count = if missing > 1 { format!("{missing} people of ") } else { String::new() };
                let of = if question.from.is_empty() { "anybody".to_owned() } else { question.from.join(", ") };
                let until = question.expires_at.map(|at| format!(", until {}", clock::second(at))).unwrap_or_default();
                (question.prompt.clone(), format!("{count}{of}{until}"))
            }
            Asked::Decision { summary, .. } => {
                (format!("not known whether it happened: {summary}"), "whoever can find out".to_owned())
            }
            Asked::Failure(error) => {
                let why = error.as_ref().map(|error| error.summary.clone()).unwrap_or_default();
                (format!("failed: {why}"), "whoever says how to go on".to_owned())
            }
        };
        Self { step: open.step.clone(), text, whose, commands: open.commands(run) }
    }
}

fn next(run: &str, state: &State) -> Vec<String> {
    let resume = CommandLine::stanch("resume").name(run).to_string();
    without_tags(state).map(|run| run.to_string()).into_iter().chain([resume]).collect()
}
