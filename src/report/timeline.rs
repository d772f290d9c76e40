//! What happened, in one plain sentence for each record.

use super::fact::counted;
use crate::audit::LateLook;
use crate::clock::Timestamp;
use crate::engine::event::{
    AfterFailure, Answer, EffectOutcome, Event, Halt, Mode, Pin, Question, RunStatus, SettledAs, SettledBy, StepOutcome,
};
use crate::engine::person::{Person, Seen};
use crate::evidence::ObservationName;
use crate::journal::Record;
use crate::vault::short;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;

/// The days on which something happened.
#[derive(Clone, Debug, Default)]
pub struct Days {
    first: Option<NaiveDate>,
    are_several: bool,
}

impl Days {
    /// Takes in when something happened.
    pub fn take(&mut self, at: Timestamp) {
        let day = at.date_naive();
        self.are_several |= *self.first.get_or_insert(day) != day;
    }

    /// How times are written: a run that waits for a person may end on another day.
    pub fn time_format(&self) -> &'static str {
        if self.are_several { "%Y-%m-%d %H:%M:%S%.3f" } else { "%H:%M:%S%.3f" }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    pub at: Timestamp,
    /// The record's number in the journal.
    pub seq: u64,
    pub step: Option<String>,
    /// One sentence.
    pub what: String,
    /// Whether it belongs into a short account: beginnings, effects and endings, not every look.
    pub notable: bool,
}

impl Entry {
    /// What a record says.
    pub fn new(record: &Record) -> Self {
        let event = &record.event;
        let notable = match event {
            Event::Observed { name, .. } => matches!(ObservationName::parse(name), ObservationName::LateLook(_)),
            Event::StepStarted { .. } | Event::EffectStarted { .. } | Event::TimerFired { .. } => false,
            _ => true,
        };
        Self { at: record.at, seq: record.seq, step: event.step().map(str::to_owned), what: sentence(event), notable }
    }
}

fn sentence(event: &Event) -> String {
    match event {
        Event::RunOpened(opened) => {
            let drill = if opened.mode == Mode::Drill { "DRILL: " } else { "" };
            let (who, host) = (opened.requester().told(), &opened.host);
            format!("{drill}run `{}` of `{}` begun by {who} on {host}", opened.run, opened.runbook)
        }
        Event::RunResumed { operator, host, took_over: None, .. } => format!("taken over by {operator} on {host}"),
        Event::RunResumed { operator, host, took_over: Some(dead), .. } => {
            let because = dead.because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
            let (process, of, on) = (dead.process, &dead.operator, &dead.host);
            // Of one on another machine its number is not known, nor always whether it is dead.
            match process {
                0 => format!("taken over by {operator} on {host} from {of} on {on}{because}"),
                _ => format!("taken over by {operator} on {host}; process {process} of {of} on {on} is dead{because}"),
            }
        }
        Event::PinAccepted { pin, was, now, by, because } => {
            let pin = match pin {
                Pin::ProgramVersion => "program version",
                Pin::Configuration => "configuration",
            };
            format!("{by} lets the run go on with another {pin}, {was} before and {now} now: {because}")
        }
        Event::ClockSetBack { by_ms } => {
            format!(
                "the clock was set back by {}.{:03}s: times before and after this cannot be compared",
                by_ms / 1000,
                by_ms % 1000
            )
        }
        Event::TailCut { bytes } => format!("a torn write of {} was cut off the journal", counted(*bytes, "byte")),
        Event::RunHalted { because: Halt::Interrupted } => {
            "told to stop: nothing but the last steps begins any more".to_owned()
        }
        Event::RunHalted { because: Halt::TimedOut } => {
            "the run's time is over: nothing but the last steps begins any more".to_owned()
        }
        Event::RunPaused { status: RunStatus::Waiting, because } => format!("left waiting: {because}"),
        Event::RunPaused { because, .. } => format!("interrupted: {because}"),
        Event::RunFinished { status, .. } => format!("the run {}", run_ended(*status)),
        Event::RunAbandoned { by, because } => format!("abandoned by {by}: {because}"),
        Event::StepStarted { attempt: 1, .. } => "begun".to_owned(),
        Event::StepStarted { attempt, .. } => format!("begun again, attempt {attempt}"),
        Event::AttemptFailed { error, retry_at: Some(at), .. } => {
            format!("{}; tried again at {}", error.summary, at.format("%H:%M:%S"))
        }
        Event::AttemptFailed { error, retry_at: None, .. } => error.summary.clone(),
        Event::StepFinished { status: StepOutcome::Done, .. } => "done".to_owned(),
        Event::StepFinished { error: Some(error), .. } => format!("failed: {}", error.summary),
        Event::StepFinished { error: None, .. } => "failed".to_owned(),
        Event::StepSkipped { because, .. } => format!("skipped: {because}"),
        Event::LoopOpened { items, .. } => format!("to be done for {}", counted(items.len() as u64, "item")),
        Event::FailureAsked { .. } => "a person is asked how to go on".to_owned(),
        Event::FailureAnswered { answer, by, because, seen, .. } => {
            let what = match answer {
                AfterFailure::Retry => "it is tried again",
                AfterFailure::Continue => "the run goes on without it",
                AfterFailure::Stop => "the run stops",
            };
            format!("{} says: {what}, because {because}", told(by, seen.as_ref()))
        }
        Event::Observed { name, value, .. } => observed(name, value),
        Event::EffectStarted { summary, attempt: 1, .. } => format!("sending: {summary}"),
        Event::EffectStarted { summary, attempt, .. } => format!("sending, attempt {attempt}: {summary}"),
        Event::EffectFinished { effect, outcome, by, error, .. } => effect_ended(effect, *outcome, *by, error.as_ref()),
        Event::GateOpened { question, .. } => asked(question),
        Event::GateAnswered { answer, by, seen, comment, .. } => {
            answered(*answer, &told(by, seen.as_ref()), comment.as_deref())
        }
        Event::TimerSet { until, follow_up: true, .. } => {
            format!("to be asked again at {}", crate::clock::second(*until))
        }
        Event::TimerSet { until, .. } => format!("waits until {} at most", until.format("%H:%M:%S")),
        Event::TimerFired { .. } => "the wait is over".to_owned(),
        Event::DecisionAsked { known, not_known, .. } => {
            format!("a person must decide: {known}; not known: {not_known}")
        }
        Event::Settled { effect, outcome, because, by, seen, .. } => {
            let what = if *outcome == SettledAs::Done { "it happened" } else { "it did not happen" };
            format!("{} says of `{effect}`: {what}, because {because}", told(by, seen.as_ref()))
        }
    }
}

fn asked(question: &Question) -> String {
    let who = match question.from.as_slice() {
        [] => "a person is asked".to_owned(),
        from => format!("{} are asked", from.join(", ")),
    };
    let until = question.expires_at.map(|at| format!(" (until {})", at.format("%H:%M:%S"))).unwrap_or_default();
    format!("{who}{until}: {}", question.prompt)
}

fn run_ended(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Completed => "is completed",
        RunStatus::Failed => "stopped on a failed step",
        RunStatus::Interrupted => "was interrupted",
        RunStatus::Running | RunStatus::Waiting => "was left",
    }
}

fn observed(name: &str, value: &Value) -> String {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    match ObservationName::parse(name) {
        ObservationName::LateLook(_) => late(value),
        ObservationName::RefusedByVault(version) => {
            format!("version {} answered {}", short(&version), text("answer"))
        }
        name => format!("looked at {}", name.to_string().replace('_', " ")),
    }
}

/// What a later look at the audit trail told.
fn late(look: &Value) -> String {
    let count = |LateLook { late, .. }: LateLook| {
        [late.accesses.len(), late.unknown_callers.len(), late.findings.len(), late.second_order.len()]
    };
    let counts = serde_json::from_value(look.clone()).map_or([0; 4], count);
    let [accesses, callers, findings, others] = counts.map(|count| count as u64);
    match (accesses, callers + findings + others) {
        (0, 0) => "asked the audit trail again: nothing new".to_owned(),
        _ => format!(
            "asked the audit trail again: {} and {} are new",
            counted(callers, "unrecognised caller"),
            counted(findings, "finding")
        ),
    }
}

fn effect_ended(
    effect: &str,
    outcome: EffectOutcome,
    by: SettledBy,
    error: Option<&crate::failure::Failure>,
) -> String {
    let why = error.map(|error| format!(": {}", error.summary)).unwrap_or_default();
    let name = match effect.split_once(' ') {
        Some((verb, version)) => format!("{verb} {}", short(version)),
        None => effect.to_owned(),
    };
    match (outcome, by) {
        (EffectOutcome::Done, SettledBy::Probe) => {
            format!("{name}: done (the answer was lost; the other side says so)")
        }
        (EffectOutcome::Done, _) => format!("{name}: done"),
        (EffectOutcome::Refused, SettledBy::Probe) => {
            format!("{name}: did not happen (the answer was lost; the other side says so)")
        }
        (EffectOutcome::Refused, _) => format!("{name}: refused{why}"),
        (EffectOutcome::Unknown, _) => format!("{name}: not known whether it happened{why}"),
    }
}

fn told(by: &str, seen: Option<&Seen>) -> String {
    Person::new(by, seen).told()
}

fn answered(answer: Answer, by: &str, comment: Option<&str>) -> String {
    let comment = comment.map(|comment| format!(": {comment}")).unwrap_or_default();
    match answer {
        Answer::Approved => format!("approved by {by}{comment}"),
        Answer::Rejected => format!("rejected by {by}{comment}"),
        Answer::Expired => "nobody answered in time, which counts as a no".to_owned(),
    }
}
