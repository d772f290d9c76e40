//! Where a run stands: the object that scripts rely on.

use crate::clock::Timestamp;
use crate::engine::event::{BegunWith, Mode, RunOpened, RunStatus};
use crate::engine::{Abandoned, Agreed, GateState, State, StepState, StepStatus, TimerState};
use crate::evidence::{Known, LeakedValue, Verdict};
use crate::plan::PlannedStep;
use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Where a run stands.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub run: String,
    pub runbook: String,
    pub mode: Option<Mode>,
    pub status: RunStatus,
    /// What the run began with.
    pub config: BegunWith,
    /// Who gave the run up, if somebody did: its status is `failed` then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abandoned: Option<Abandoned>,
    pub steps: Vec<StepReport>,
    /// What people are asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<GateReport>,
    /// The one that the screen, the messages and the report show.
    pub verdict: Verdict,
    /// Whether the leaked value still works; nothing where the run contains nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaked_value: Option<LeakedValue>,
    /// What is put off until after the end of its step, in the order of time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub follow_ups: Vec<FollowUpReport>,
    /// The journal's path.
    pub journal: String,
    /// `sha256:` and the hash of the journal's last line.
    pub head: String,
}

/// Something that a step does after its end: `resume` does it once it is due.
#[derive(Clone, Debug, Serialize)]
pub struct FollowUpReport {
    pub step: String,
    /// From when on it is due: RFC 3339, in microseconds.
    pub due_at: String,
    pub done: bool,
}

/// A question that waits for people.
#[derive(Clone, Debug, Serialize)]
pub struct GateReport {
    /// The step, or the item of a step.
    pub step: String,
    pub prompt: String,
    /// How many must say yes.
    pub min: u32,
    /// Those who did.
    pub agreed: Vec<AgreedReport>,
    /// Who may answer; everybody if nobody is listed.
    pub from: Vec<String>,
    /// Whether a typed name is no answer.
    pub signed_in: bool,
    /// RFC 3339, in microseconds.
    pub expires_at: Option<String>,
}

/// Somebody who said yes, while more must.
#[derive(Clone, Debug, Serialize)]
pub struct AgreedReport {
    pub by: String,
    /// Who that is, as far as it is known.
    pub who: String,
    /// RFC 3339, in microseconds.
    pub at: String,
}

/// Where a step stands.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    pub id: String,
    /// The action.
    pub uses: String,
    pub status: &'static str,
    /// RFC 3339, in microseconds.
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
    pub outputs: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
}

impl Status {
    /// Reads what is known of a run. `alive` says whether a live process works on it.
    pub fn new(known: &Known, head: &str, journal: &str, alive: bool) -> Self {
        let state = known.state();
        let opened = state.opened();
        Self {
            run: opened.map(|opened| opened.run.clone()).unwrap_or_default(),
            runbook: opened.map(|opened| opened.runbook.clone()).unwrap_or_default(),
            mode: opened.map(|opened| opened.mode),
            status: Self::of(state, alive),
            config: opened.map(RunOpened::configuration).unwrap_or_default(),
            abandoned: state.abandoned().cloned(),
            steps: known.steps().iter().map(|step| StepReport::new(step, state.step(&step.id))).collect(),
            asked: GateReport::all(state),
            verdict: known.verdict(),
            leaked_value: known.leaked_value(),
            follow_ups: state.follow_ups().into_iter().map(FollowUpReport::new).collect(),
            journal: journal.to_owned(),
            head: format!("sha256:{head}"),
        }
    }

    /// A run whose process is dead is interrupted, never running; one that only waits for an answer waits.
    pub fn of(state: &State, alive: bool) -> RunStatus {
        if let Some(ended) = state.ended() {
            return ended;
        }
        if alive {
            return RunStatus::Running;
        }
        let of = |wanted: &[StepStatus]| state.steps().any(|(_, step)| wanted.contains(&step.status));
        let waits = of(&[StepStatus::Waiting, StepStatus::Unknown]);
        let at_work = of(&[StepStatus::Running, StepStatus::Retrying, StepStatus::Pending]);
        if waits && !at_work { RunStatus::Waiting } else { RunStatus::Interrupted }
    }

    /// The word for where the run stands.
    pub fn name(&self) -> &'static str {
        match self.status {
            _ if self.abandoned.is_some() => "abandoned",
            RunStatus::Running => "running",
            RunStatus::Completed => "completed",
            RunStatus::Failed => "failed",
            RunStatus::Waiting => "waiting",
            RunStatus::Interrupted => "interrupted",
        }
    }
}

impl FollowUpReport {
    fn new((step, timer): (&str, TimerState)) -> Self {
        Self { step: step.to_owned(), due_at: exact(timer.until), done: timer.fired }
    }
}

impl GateReport {
    fn all(state: &State) -> Vec<Self> {
        let steps = state.steps().filter(|_| state.abandoned().is_none());
        let open = steps.filter(|(_, step)| step.is_asking()).filter_map(|(id, step)| Some((id, step.open_gate()?)));
        let agreed = |yes: &Agreed| AgreedReport { by: yes.who.name.clone(), who: yes.who.told(), at: exact(yes.at) };
        let report = |(id, gate): (&str, &GateState)| Self {
            step: id.to_owned(),
            prompt: gate.question.prompt.clone(),
            min: gate.question.min,
            agreed: gate.agreed.iter().map(agreed).collect(),
            from: gate.question.from.clone(),
            signed_in: state.takes_sign_ins_alone(id),
            expires_at: gate.question.expires_at.map(exact),
        };
        open.map(report).collect()
    }
}

impl StepReport {
    fn new(planned: &PlannedStep, step: &StepState) -> Self {
        let error = step
            .error
            .as_ref()
            .map(|error| json!({ "summary": error.summary, "reasons": error.reasons, "help": error.help }));
        Self {
            id: planned.id.clone(),
            uses: planned.uses.clone(),
            status: step.status.name(),
            started_at: step.started_at.map(exact),
            ended_at: step.ended_at.map(exact),
            outputs: step.outputs.clone(),
            error,
        }
    }
}

fn exact(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}
