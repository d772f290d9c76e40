//! The report's model: what a template sees. A function of the journal, of nothing else.
//!
//! Every statement names the records it rests on. What is not in the journal is said to be not recorded; nothing is
//! filled in.

mod access;
mod containment;
mod history;
mod late;
mod loose_ends;
mod messages;
mod source;
mod words;

use super::timeline::Entry;
use crate::clock::second;
use crate::engine::event::{BegunWith, Mode};
use crate::engine::{StepState, StepStatus};
use crate::evidence::Known;
use crate::plan::PlannedStep;
use access::BlastRadius;
use containment::{Containment, Exposure, Verdict};
use history::ActionLine;
pub use history::History;
use late::LateLine;
pub use loose_ends::About;
use loose_ends::FollowUp;
use messages::Notification;
use serde::Serialize;
use source::Source;
use words::{length, plain};

/// Everything a report says.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub run: RunHeader,
    /// The leaked secret's URL, where the runbook has such an input.
    pub secret: String,
    pub found_at: String,
    pub verdict: Verdict,
    pub exposure: Exposure,
    pub containment: Containment,
    /// Who read the run's own secret.
    pub blast_radius: BlastRadius,
    /// The same for every secret that was looked at, that one first; never empty.
    pub blast_radii: Vec<BlastRadius>,
    /// Whether that are more than one.
    pub several_secrets: bool,
    /// What reached the audit trail after the answer, by the look that found it. The blast radius holds it as well.
    pub late: Vec<LateLine>,
    /// When the audit trail is still to be asked again: by whoever goes on with the run then.
    pub asked_again: Vec<String>,
    pub timeline: Vec<Moment>,
    pub steps: Vec<StepLine>,
    pub actions: Vec<ActionLine>,
    pub notifications: Vec<Notification>,
    /// What could not be seen or was not proven.
    pub unseen: Vec<String>,
    /// What is left to do.
    pub follow_ups: Vec<FollowUp>,
    pub evidence: JournalProof,
}

/// Which run it was.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunHeader {
    pub id: String,
    pub runbook: String,
    pub drill: bool,
    pub operator: String,
    /// Who that was, and whether it is only a name.
    pub begun_by: String,
    pub host: String,
    pub program_version: String,
    pub runbook_sha256: String,
    pub config: BegunWith,
    pub began: String,
    pub last: String,
    pub inputs: Vec<Named>,
    /// How often another process went on with it.
    pub taken_over: usize,
}

/// A name and a value.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    pub name: String,
    pub value: String,
}

/// One line of the timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Moment {
    pub at: String,
    pub seq: u64,
    pub step: String,
    pub what: String,
}

/// How a step ended.
#[derive(Clone, Debug, Serialize)]
pub struct StepLine {
    pub id: String,
    pub uses: String,
    pub status: String,
    pub took: String,
    pub fact: String,
}

/// How to check the report.
#[derive(Clone, Debug, Serialize)]
pub struct JournalProof {
    pub records: u64,
    pub head: String,
}

/// What a run leaves to people, wherever it stands: what of the report a screen shows.
#[derive(Clone, Debug)]
pub struct Left {
    /// Who read each secret that was looked at, that of the run first; never empty.
    pub blast_radii: Vec<BlastRadius>,
    /// What could not be seen or was not proven.
    pub unseen: Vec<String>,
    /// What is left to do, the gravest first, and what each task is about.
    pub follow_ups: Vec<(About, FollowUp)>,
}

impl Left {
    /// Judges what is known of a run.
    pub fn new(known: &Known) -> Self {
        let source = Source { known, steps: known.steps() };
        Self::of(&source, &Containment::new(known))
    }

    fn of(source: &Source<'_>, containment: &Containment) -> Self {
        Self {
            blast_radii: BlastRadius::all(source),
            unseen: loose_ends::unseen(source, containment),
            follow_ups: loose_ends::follow_ups(source, containment),
        }
    }
}

/// What a run is about: the secret it was given or found, or the whole vault; empty where it is neither.
pub fn secret(known: &Known) -> String {
    Source { known, steps: known.steps() }.secret()
}

impl Report {
    /// Tells the `history` of a run whose journal ends in `head`.
    pub fn new(history: History, head: &str) -> Self {
        let History { known, entries, days, actions, taken_over, records } = history;
        let source = Source { known: &known, steps: known.steps() };
        let verdict = known.verdict();
        let containment = Containment::new(&known);
        let exposure = Exposure::new(&source, &containment, &verdict);
        let Left { blast_radii, unseen, follow_ups } = Left::of(&source, &containment);
        let format = days.time_format();
        let steps = known.steps();
        Self {
            run: RunHeader { taken_over, ..header(&source) },
            secret: source.secret(),
            found_at: source.input("found_at"),
            unseen,
            follow_ups: follow_ups.into_iter().map(|(_, task)| task).collect(),
            verdict: Verdict::new(verdict, &exposure, known.leaked_value().as_ref()),
            blast_radius: blast_radii.first().cloned().unwrap_or_default(),
            several_secrets: blast_radii.len() > 1,
            blast_radii,
            late: late::looks(&source),
            asked_again: late::to_come(&source),
            timeline: entries.into_iter().map(|entry| Moment::new(entry, format)).collect(),
            steps: steps.iter().map(|step| step_line(step, known.state().step(&step.id))).collect(),
            actions: actions.lines(),
            notifications: messages::notifications(&source),
            evidence: JournalProof { records, head: format!("sha256:{head}") },
            containment,
            exposure,
        }
    }
}

fn header(source: &Source<'_>) -> RunHeader {
    let Some(opened) = source.opened() else { return RunHeader::default() };
    let inputs = opened.inputs.iter().filter(|(_, value)| !value.is_null());
    RunHeader {
        id: opened.run.clone(),
        runbook: opened.runbook.clone(),
        drill: opened.mode == Mode::Drill,
        operator: opened.operator.clone(),
        begun_by: opened.requester().told(),
        host: opened.host.clone(),
        program_version: opened.program_version.clone(),
        runbook_sha256: opened.runbook_sha256.clone(),
        config: opened.configuration(),
        began: source.known.state().opened_at().map(second).unwrap_or_default(),
        last: source.known.state().last_at().map(second).unwrap_or_default(),
        inputs: inputs.map(|(name, value)| Named { name: name.clone(), value: plain(value) }).collect(),
        ..RunHeader::default()
    }
}

impl Moment {
    fn new(entry: Entry, format: &str) -> Self {
        Self {
            at: entry.at.format(format).to_string(),
            seq: entry.seq,
            step: entry.step.unwrap_or_default(),
            what: entry.what,
        }
    }
}

fn step_line(planned: &PlannedStep, step: &StepState) -> StepLine {
    let fact = match step.status {
        StepStatus::Done => planned.fact(&step.outputs).text,
        StepStatus::Skipped => step.because.clone().unwrap_or_default(),
        _ => step.error.as_ref().map(|error| error.summary.clone()).unwrap_or_default(),
    };
    let took = step.started_at.zip(step.ended_at).map(|(from, to)| length(to - from)).unwrap_or_default();
    StepLine { id: planned.id.clone(), uses: planned.uses.clone(), status: step.status.name().to_owned(), took, fact }
}
