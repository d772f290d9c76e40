//! Everything that can have happened to a run: the journal's vocabulary.
//!
//! There is one event type. It is written to the journal first and read by everyone afterwards: the engine's
//! [`State`](super::State), the live display, `status`, `log` and the report are folds over the same events.
//! An event never holds a secret value.

use super::person::{Person, Seen, SignIns};
use crate::clock::Timestamp;
use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One thing that happened.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The run exists from here on; everything in it is pinned.
    RunOpened(RunOpened),
    /// A process takes an unfinished run over.
    RunResumed {
        operator: String,
        host: String,
        program_version: String,
        /// The process whose lock was left behind.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        took_over: Option<TakenOver>,
    },
    /// A person lets the run go on although something is not as it was pinned.
    PinAccepted { pin: Pin, was: String, now: String, by: String, because: String },
    /// The last append of an earlier process was torn; so many bytes were cut off before this line.
    TailCut { bytes: u64 },
    /// The clock shows an earlier time than the line before. Lines follow each other by their numbers, whatever the
    /// clock says; times before and after this line cannot be compared.
    ClockSetBack { by_ms: u64 },
    /// No step that has not begun begins any more; what must run whatever happened still does.
    RunHalted { because: Halt },
    /// The process stopped in good order before the end: it waits for a person, or was interrupted.
    RunPaused { status: RunStatus, because: String },
    /// The run is over.
    RunFinished {
        status: RunStatus,
        /// It failed before anything was changed: it keeps nobody from what it was to work on.
        #[serde(default, skip_serializing_if = "is_false")]
        changed_nothing: bool,
    },
    /// A person gave the run up before its end: nobody goes on with it, and it holds nothing any more.
    RunAbandoned { by: String, because: String },

    /// A step begins, or begins again.
    StepStarted { step: String, attempt: u32 },
    /// An attempt failed; `retry_at` says when the next one begins, if there is one.
    AttemptFailed { step: String, attempt: u32, error: Failure, retry_at: Option<Timestamp> },
    /// A step came to its end.
    StepFinished {
        step: String,
        status: StepOutcome,
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        outputs: Map<String, Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    },
    /// A step does not run.
    StepSkipped { step: String, because: String },
    /// A step with `for_each` has its list, which is pinned from here on. Each item is a step of its own, named
    /// `STEP[INDEX]`.
    LoopOpened { step: String, items: Vec<Value> },
    /// The last attempt failed, and the runbook wants a person to say how to go on.
    FailureAsked { step: String },
    /// A person said so.
    FailureAnswered {
        step: String,
        answer: AfterFailure,
        by: String,
        because: String,
        /// What the machine knows of whoever that was; nothing in journals of older programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Seen>,
    },

    /// Something was read that later decisions or the report rest on: evidence.
    Observed { step: String, name: String, value: Value },
    /// An outside effect is about to be sent. Durable before anything is.
    EffectStarted { step: String, effect: String, key: String, attempt: u32, summary: String },
    /// What became of it.
    EffectFinished {
        step: String,
        effect: String,
        key: String,
        attempt: u32,
        outcome: EffectOutcome,
        /// How the outcome is known: from the answer, or by asking the other side afterwards.
        by: SettledBy,
        #[serde(default, skip_serializing_if = "Value::is_null")]
        result: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Failure>,
    },

    /// A step waits for people.
    GateOpened {
        step: String,
        #[serde(flatten)]
        question: Question,
    },
    /// A person answered, or the gate expired.
    GateAnswered {
        step: String,
        answer: Answer,
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Seen>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
        /// What was asked for by name.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        answers: Map<String, Value>,
        /// The digest of the plan that the answer is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<String>,
    },
    /// A wait has a deadline, which outlives the process.
    TimerSet {
        step: String,
        timer: String,
        until: Timestamp,
        /// Whether the step does not wait for it: it ends, and begins once more when the run is gone on with after that
        /// time.
        #[serde(default, skip_serializing_if = "is_false")]
        follow_up: bool,
    },
    /// The deadline has come, or what was waited for happened before it.
    TimerFired { step: String, timer: String },
    /// Nobody but a person can say whether an effect happened.
    DecisionAsked { step: String, effect: String, known: String, not_known: String },
    /// A person answered for an effect whose outcome the program cannot verify.
    Settled {
        step: String,
        effect: String,
        outcome: SettledAs,
        because: String,
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Seen>,
    },
}

/// What is pinned when a run begins.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct RunOpened {
    pub run: String,
    /// The runbook's name.
    pub runbook: String,
    /// SHA-256 of the pinned copy's bytes, lower-case hex.
    pub runbook_sha256: String,
    /// The pinned copy itself, so that the journal alone tells what was to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook_text: Option<String>,
    /// All inputs with their defaults applied.
    pub inputs: Map<String, Value>,
    pub mode: Mode,
    pub operator: String,
    pub host: String,
    /// What the machine knows of the operator; nothing in journals of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Box<Seen>>,
    /// Whose sign-ins count; nothing where the run was begun without knowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_ins: Option<SignIns>,
    /// A game day that one person plays in all its parts: people are told apart by their names, and by nothing else.
    #[serde(default, skip_serializing_if = "is_false")]
    pub one_plays_all: bool,
    pub program_version: String,
    /// What the run keeps from other runs until it is over.
    pub lock: Option<String>,
    /// SHA-256 of every file that the runbook includes, by the path that it names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fragments: BTreeMap<String, String>,
    /// What every request id of this run begins with, so that its own calls can be told apart in an audit trail.
    pub request_prefix: String,
    /// Drawn when the run began: the keys of its effects cannot be told before they are sent. Earlier programs had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Path of the cloud file of a drill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud: Option<String>,
    /// Path of the configuration in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// SHA-256 of its bytes, lower-case hex; `none` where the run began without one. Earlier programs left it out then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_sha256: Option<String>,
    /// What could not be done when the run began, as far as it was seen: those who are told of the leak are told of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obstacles: Vec<String>,
}

/// The configuration that a run began with, for people.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
pub struct BegunWith {
    /// `none` where there was none.
    pub path: String,
    /// `none` likewise.
    pub sha256: String,
}

impl RunOpened {
    /// Who began it.
    pub fn requester(&self) -> Person {
        Person::new(&self.operator, self.seen.as_deref())
    }

    /// The configuration that the run began with.
    pub fn configuration(&self) -> BegunWith {
        let without = if self.config.is_some() { "not recorded" } else { "none" };
        BegunWith {
            path: self.config.clone().unwrap_or_else(|| "none".to_owned()),
            sha256: self.config_sha256.clone().unwrap_or_else(|| without.to_owned()),
        }
    }

    /// What stands before the names of its targets: nothing for the real world, the cloud's file for a drill.
    pub fn world(&self) -> String {
        match self.mode {
            Mode::Real => String::new(),
            Mode::Drill => format!("drill {} ", self.cloud.as_deref().unwrap_or_default()),
        }
    }
}

/// A process that died, or was declared dead, while it worked on the run.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct TakenOver {
    pub operator: String,
    pub host: String,
    pub process: u32,
    pub since: Timestamp,
    /// Why a person declared it dead; nothing where this machine knows that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// What a run is pinned to, and a person can let go of.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Pin {
    ProgramVersion,
    Configuration,
}

/// The observation that says which value a waiting step wants: one that is entered, and recorded nowhere.
pub const VALUE_WANTED: &str = "value_wanted";

/// The observation that says what a step keeps other runs from, besides what the runbook locks.
pub const LOCKED: &str = "locked";

/// What people are asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct Question {
    pub prompt: String,
    /// From here on, no answer is a no.
    pub expires_at: Option<Timestamp>,
    /// Whether the one who started the run may not say yes.
    pub not_requester: bool,
    /// How many different people must say yes.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub min: u32,
    /// Who may answer; everybody if nobody is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// Whether a typed name is no answer: whoever answers must have signed in.
    #[serde(default, skip_serializing_if = "is_false")]
    pub verified: bool,
    /// Digest of what is agreed to: the runbook, its inputs, and the step's own parameters. Lower-case hex.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan: String,
    /// What a person is asked to do by hand, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checklist: Vec<String>,
    /// What a person is asked to tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

impl Question {
    /// How many more people must say yes, where so many have.
    pub fn missing(&self, agreed: usize) -> u32 {
        self.min.saturating_sub(u32::try_from(agreed).unwrap_or(u32::MAX))
    }

    /// A question that one yes, of anybody, answers.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self { prompt: prompt.into(), min: 1, ..Self::default() }
    }

    /// What people are told, whenever and how often they are asked.
    pub fn told(&self) -> Self {
        Self { expires_at: None, plan: String::new(), ..self.clone() }
    }

    /// Whether the same is asked, perhaps at another time.
    pub fn asks_the_same(&self, other: &Self) -> bool {
        self.told() == other.told()
    }
}

/// One thing that a person is asked to tell. Never a secret: an answer is public.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    /// The type's name, as an input of a runbook has it.
    #[serde(rename = "type")]
    pub kind: String,
    /// The words of an enum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default)]
    pub required: bool,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_one(number: &u32) -> bool {
    *number == 1
}

/// Why a run begins nothing more.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Halt {
    /// The process was told to stop.
    Interrupted,
    /// The run took longer than its policy allows.
    TimedOut,
}

/// How to go on after a failure.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum AfterFailure {
    /// The step begins again.
    Retry,
    /// The run goes on without it.
    Continue,
    /// The run stops.
    Stop,
}

/// Against what the run works.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Real,
    /// Every request goes to a cloud on this machine.
    Drill,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Running,
    Completed,
    Failed,
    Waiting,
    Interrupted,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    Done,
    Failed,
}

/// What became of an effect.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum EffectOutcome {
    /// It happened.
    Done,
    /// It did not happen.
    Refused,
    /// It may or may not have happened.
    Unknown,
}

/// How an effect's outcome is known.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SettledBy {
    /// The other side answered the request itself.
    Answer,
    /// No answer came; the other side was asked afterwards.
    Probe,
    /// Nobody could say.
    Nobody,
}

/// A person's answer to a gate.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Approved,
    Rejected,
    /// Nobody answered in time. Counts as a no.
    Expired,
}

/// What a person knows of an effect.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum SettledAs {
    Done,
    NotDone,
}

impl Event {
    /// Whether nothing may go on before it is durable: what is sent to the outside rests on it, or a person's word, or
    /// the beginning and the end of a process' work. Of any other one a crash may take the last few; the step they
    /// belong to is then begun again, and finds its effects in the journal.
    pub fn is_awaited(&self) -> bool {
        !matches!(
            self,
            Self::StepStarted { .. }
                | Self::AttemptFailed { .. }
                | Self::StepFinished { .. }
                | Self::StepSkipped { .. }
                | Self::Observed { .. }
                | Self::TimerFired { .. }
        )
    }

    /// The step it belongs to, if it belongs to one.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::RunOpened(_)
            | Self::RunResumed { .. }
            | Self::TailCut { .. }
            | Self::PinAccepted { .. }
            | Self::ClockSetBack { .. }
            | Self::RunHalted { .. }
            | Self::RunPaused { .. }
            | Self::RunFinished { .. }
            | Self::RunAbandoned { .. } => None,
            Self::StepStarted { step, .. }
            | Self::AttemptFailed { step, .. }
            | Self::StepFinished { step, .. }
            | Self::StepSkipped { step, .. }
            | Self::LoopOpened { step, .. }
            | Self::FailureAsked { step }
            | Self::FailureAnswered { step, .. }
            | Self::Observed { step, .. }
            | Self::EffectStarted { step, .. }
            | Self::EffectFinished { step, .. }
            | Self::GateOpened { step, .. }
            | Self::GateAnswered { step, .. }
            | Self::TimerSet { step, .. }
            | Self::TimerFired { step, .. }
            | Self::DecisionAsked { step, .. }
            | Self::Settled { step, .. } => Some(step),
        }
    }
}
