//! What the author of a runbook meant: a typed runbook, every part with its place.

use super::diagnostic::Span;
use super::expression::Template;
use crate::engine::{OnFailure, RetryPolicy};
use regex::Regex;
use serde_json::Value;
use std::time::Duration;

/// A value with its place in the text.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    pub value: T,
    pub span: Span,
}

/// A runbook as written.
#[derive(Clone, Debug, Default)]
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
    /// How long the run may take, `finally` not counted.
    pub timeout: Option<Duration>,
    /// How long the users of a secret get to move, for expressions that ask: `${{ policy.overlap }}`.
    pub overlap: Option<Placed<Value>>,
    pub gates: Gates,
}

/// Rules for every `human/approve` of the runbook.
#[derive(Clone, Debug, Default)]
pub struct Gates {
    /// Where this holds, no gate is asked.
    pub skip_if: Option<Placed<Template>>,
    /// Parameters for gates that do not say otherwise: `min`, `from`, `not_requester`, `approvals`, `expires`.
    pub defaults: Vec<Parameter>,
}

/// Something the runbook asks for.
#[derive(Clone, Debug)]
pub struct Input {
    pub name: String,
    pub span: Span,
    pub kind: InputKind,
    pub limits: Limits,
    pub required: bool,
    pub default: Option<Placed<Value>>,
    pub description: Option<String>,
}

/// What a value must keep to beyond its type.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// What the whole text must match.
    pub pattern: Option<Placed<Pattern>>,
    /// The least: a number, a time, a duration, a length in characters or in items.
    pub min: Option<Placed<Value>>,
    pub max: Option<Placed<Value>>,
}

/// A regular expression.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As it is written.
    pub source: String,
    /// For the whole text.
    pub regex: Regex,
}

/// What the items of a list are.
#[derive(Clone, Debug)]
pub struct Items {
    pub kind: InputKind,
    pub limits: Limits,
}

/// The type of an input.
#[derive(Clone, Debug)]
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
    /// Of anything, unless its items have a type.
    List(Option<Box<Items>>),
}

impl InputKind {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Enum(_) => "enum",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Url => "url",
            Self::KeyvaultSecret => "keyvault_secret",
            Self::List(_) => "list",
        }
    }
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
    /// The list of which the step is done for each item.
    pub for_each: Option<Placed<Template>>,
    /// How many items are worked on at a time.
    pub concurrency: Option<Placed<usize>>,
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
