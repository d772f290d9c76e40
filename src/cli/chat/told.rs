//! What a run's message says: made of what its journal tells, as the war room is.

use crate::cli::exit::CommandError;
use crate::cli::question::{self, Asked, Open};
use crate::cli::room::Room;
use crate::clock::{self, Timestamp};
use crate::engine::event::{Answer, Question};
use crate::engine::{GateState, State};
use crate::journal::RunFolder;
use crate::slack;
use crate::slack::{Notice, Pressed};

/// A run as it stands.
pub(super) struct Told {
    pub(super) notice: Notice,
    /// Whether a live process works on the run.
    pub(super) is_worked_on: bool,
    /// When it will read otherwise by itself.
    pub(super) until: Option<Timestamp>,
}

impl Told {
    /// # Errors
    /// If the run's journal, or what is pinned beside it, cannot be read.
    pub(super) fn look(folder: &RunFolder) -> Result<Self, CommandError> {
        let (room, state) = Room::look_closely(folder)?;
        let now = clock::now();
        let run = folder.run();
        let open = question::open(&state);
        let until = open.iter().filter_map(Open::question).filter_map(|question| question.expires_at);
        let until = until.filter(|at| *at > now).min();
        let asked = open.iter().zip(&room.asked).map(|(open, told)| slack::Asked {
            step: open.step.clone(),
            text: open.question().map_or_else(|| told.text.clone(), text),
            whose: whose(&state, open, &told.whose, now),
            buttons: pressed(run, open, now),
            commands: told.commands.clone(),
        });
        let header = &room.report.run;
        let drill = if header.drill { "[DRILL] " } else { "" };
        let mut summary = vec![format!("{}, since {}, begun by {}", room.status, header.began, header.begun_by)];
        summary.extend(room.leaked_value.as_ref().map(|leaked| leaked.text.clone()));
        let next = room.next.first().map(|next| format!("; next: {next}")).unwrap_or_default();
        summary.extend(room.nobody_since.as_ref().map(|since| format!("nobody works on it since {since}{next}")));
        let steps = room.steps.iter().map(|step| {
            let fact = if step.fact.is_empty() { String::new() } else { format!(": {}", step.fact) };
            format!("{} {}{fact}", mark(step.status), step.id)
        });
        let notice = Notice {
            headline: format!("{drill}{} · {run}", header.runbook),
            summary,
            steps: steps.collect(),
            asked: asked.collect(),
            answered: answered(&state),
        };
        Ok(Self { notice, is_worked_on: room.worker.is_some(), until })
    }
}

/// Whether something is asked that a press can answer.
pub(super) fn can_be_pressed(state: &State) -> bool {
    // Whether it has expired, the engine says.
    question::open(state).iter().any(|open| pressed("", open, Timestamp::MIN_UTC).is_some())
}

/// What a press would answer: a yes or a no that needs nothing else, no sign-in either.
fn pressed(run: &str, open: &Open, now: Timestamp) -> Option<Pressed> {
    let Asked::Gate { question, wants_value: false } = &open.what else { return None };
    let needs_more = open.signs_in || question.fields.iter().any(|field| field.required) || has_expired(question, now);
    let pressed = Pressed { run: run.to_owned(), step: open.step.clone(), plan: question.plan.clone() };
    (!needs_more && !question.plan.is_empty()).then_some(pressed)
}

fn has_expired(question: &Question, now: Timestamp) -> bool {
    question.expires_at.is_some_and(|expires| expires <= now)
}

/// What is asked, and what is to be done before it is answered.
fn text(question: &Question) -> String {
    let todo = question.checklist.iter().map(|item| format!("\n- {item}"));
    std::iter::once(question.prompt.clone()).chain(todo).collect()
}

/// Whose answer it takes, and who has agreed.
fn whose(state: &State, open: &Open, whose: &str, now: Timestamp) -> Vec<String> {
    let gate = state.step(&open.step).gate.as_ref().filter(|_| open.question().is_some());
    let mut lines = vec![match open.question().filter(|question| has_expired(question, now)) {
        Some(_) => "expired: no answer is taken any more".to_owned(),
        None => format!("takes an answer of {whose}"),
    }];
    let agreed = gate.iter().flat_map(|gate| &gate.agreed);
    lines.extend(agreed.map(|person| format!("agreed: {}", person.told())));
    lines
}

/// Every answer that was given, in the order of the steps.
fn answered(state: &State) -> Vec<String> {
    let of_gate = |step: &str, gate: &GateState| {
        let answer = gate.answer.as_ref()?;
        let comment = answer.comment.as_ref().map(|comment| format!(": {comment}")).unwrap_or_default();
        Some(match answer.answer {
            Answer::Approved => format!("{step} was approved by {}{comment}", answer.told()),
            Answer::Rejected => format!("{step} was rejected by {}{comment}", answer.told()),
            Answer::Expired => format!("{step}: nobody answered in time, which counts as a no"),
        })
    };
    let gates = state.steps().flat_map(|(id, step)| {
        let all = step.refused.iter().chain(&step.answered).chain(&step.gate);
        all.map(move |gate| (id, gate))
    });
    gates.filter_map(|(step, gate)| of_gate(step, gate)).collect()
}

fn mark(status: &str) -> &'static str {
    match status {
        "done" => "✓",
        "failed" => "✗",
        "waiting" | "unknown" => "‼",
        "running" => "…",
        "cut off" => "!",
        _ => "·",
    }
}
