//! What the author of a runbook meant: a typed runbook, every part with its place.

use super::diagnostic::Span;
use super::expression::Template;
use crate::engine::RetryPolicy;
use serde_json::Value;
use std::time::Duration;

/// A value with its place in the text.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    pub value: T,
    pub span: Span,
}

/// A runbook as written.
#[derive(Clone, Debug)]
pub struct Runbook {
    pub name: String,
    pub summary: Option<String>,
    pub inputs: Vec<Input>,
    pub policy: Policy,
    pub steps: Vec<Step>,
    /// Steps that run whatever happened to the others.
    pub finally: Vec<Step>,
}

/// Rules for the run as a whole.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// One live run per value.
    pub lock: Option<Placed<Template>>,
}

/// Something the runbook asks for.
#[derive(Clone, Debug)]
pub struct Input {
    pub name: String,
    pub span: Span,
    pub kind: InputKind,
    pub required: bool,
    pub default: Option<Placed<Value>>,
    pub description: Option<String>,
}

/// The type of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputKind {
    String,
    Int,
    Number,
    Bool,
    /// One of these words.
    Enum(Vec<String>),
    /// RFC 3339.
    Timestamp,
    Duration,
    Url,
    /// `https://VAULT.vault.azure.net/secrets/NAME[/VERSION]`.
    KeyvaultSecret,
    List,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    pub id: Placed<String>,
    pub name: Option<String>,
    pub uses: Placed<String>,
    pub with: Vec<Parameter>,
    /// The steps it waits for; without it, the step written above.
    pub needs: Option<Vec<Placed<String>>>,
    pub condition: Option<Placed<Template>>,
    pub retry: Option<RetryPolicy>,
    pub timeout: Option<Duration>,
    pub on_failure: Option<OnFailure>,
    pub on_unknown: OnUnknown,
}

/// A parameter of a step.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: String,
    pub span: Span,
    pub value: Placed<Template>,
}

/// What a failed step means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// No step that has not begun begins any more; `finally` runs.
    Stop,
    /// The failure is recorded and shown, and the run goes on.
    Continue,
}

/// What is done about an effect whose outcome is unknown and that cannot be probed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// What the action itself holds for right.
    #[default]
    Probe,
    /// It is sent again under the same key.
    Rerun,
    /// A person decides.
    Ask,
}
