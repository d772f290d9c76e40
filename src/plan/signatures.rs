//! The functions that expressions can call: those of CEL, and ours.

use super::types::{Form, TEXT, Type};
use crate::runbook::duration;
use crate::runbook::functions::{FUNCTIONS, Function, ValueKind};
use crate::vault::SecretUrl;
use chrono::DateTime;
use std::sync::LazyLock;

/// Names that stand for types in expressions.
pub(super) const TYPE_NAMES: [&str; 12] =
    ["bool", "bytes", "double", "duration", "dyn", "int", "list", "map", "null_type", "string", "timestamp", "uint"];

/// How a function is called.
#[derive(Clone, Debug)]
pub(super) struct Arity {
    name: &'static str,
    /// `f(x)`.
    pub(super) global: bool,
    /// `x.f()`.
    pub(super) method: bool,
    takes: Takes,
    gives: Gives,
}

#[derive(Clone, Copy, Debug)]
enum Takes {
    Ours(&'static Function),
    /// One of a few classes each; the last `usize` may be left out.
    Classes(&'static [Accepts], usize),
}

#[derive(Clone, Copy, Debug)]
enum Gives {
    Ours(ValueKind),
    Type(fn() -> Type),
}

/// A class of types that a function of CEL takes.
#[derive(Clone, Copy, Debug)]
enum Accepts {
    Any,
    Text,
    /// What has a size.
    Sized,
    /// What `string(…)` can write.
    Written,
    /// What becomes a number.
    Numeric,
    Truth,
    MomentOrText,
    Moment,
    MomentOrLength,
    LengthOrText,
}

/// Why a function does not take a value.
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

static ALL: LazyLock<Vec<Arity>> = LazyLock::new(|| {
    let cel = |name, global, method, takes, optional, gives| Arity {
        name,
        global,
        method,
        takes: Takes::Classes(takes, optional),
        gives: Gives::Type(gives),
    };
    let mut all = vec![
        cel("size", true, true, &[Accepts::Sized], 0, || Type::Int),
        cel("contains", false, true, &[Accepts::Text, Accepts::Text], 0, || Type::Bool),
        cel("startsWith", false, true, &[Accepts::Text, Accepts::Text], 0, || Type::Bool),
        cel("endsWith", false, true, &[Accepts::Text, Accepts::Text], 0, || Type::Bool),
        cel("matches", true, true, &[Accepts::Text, Accepts::Text], 0, || Type::Bool),
        cel("string", true, false, &[Accepts::Written], 0, || TEXT),
        cel("int", true, false, &[Accepts::Numeric], 0, || Type::Int),
        cel("uint", true, false, &[Accepts::Numeric], 0, || Type::Int),
        cel("double", true, false, &[Accepts::Numeric], 0, || Type::Number),
        cel("bool", true, false, &[Accepts::Truth], 0, || Type::Bool),
        cel("bytes", true, false, &[Accepts::Text], 0, || Type::Bytes),
        cel("timestamp", true, false, &[Accepts::MomentOrText], 0, || Type::Moment),
        cel("duration", true, false, &[Accepts::LengthOrText], 0, || Type::Length),
        cel("type", true, false, &[Accepts::Any], 0, || Type::Kind),
        cel("dyn", true, false, &[Accepts::Any], 0, || Type::Any),
    ];
    for name in ["getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"] {
        all.push(cel(name, false, true, &[Accepts::Moment, Accepts::Text], 1, || Type::Int));
    }
    for name in ["getHours", "getMinutes", "getSeconds", "getMilliseconds"] {
        all.push(cel(name, false, true, &[Accepts::MomentOrLength, Accepts::Text], 1, || Type::Int));
    }
    all.extend(FUNCTIONS.iter().map(|function| Arity {
        name: function.name,
        global: true,
        method: false,
        takes: Takes::Ours(function),
        gives: Gives::Ours(function.gives),
    }));
    all
});

/// How a function is called, if there is one of the name.
pub(super) fn find(name: &str) -> Option<&'static Arity> {
    ALL.iter().find(|arity| arity.name == name)
}

/// The names of all functions and macros.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let macros = ["has", "all", "exists", "exists_one", "map", "filter"];
    ALL.iter().map(|arity| arity.name).chain(macros)
}

impl Arity {
    /// Whether it takes so many values, what it is called on included.
    pub(super) fn takes(&self, count: usize) -> bool {
        match self.takes {
            Takes::Ours(function) => function.takes.len() == count,
            Takes::Classes(classes, optional) => count <= classes.len() && count + optional >= classes.len(),
        }
    }

    /// How it is written.
    pub(super) fn shape(&self, name: &str) -> String {
        let words: Vec<&str> = match self.takes {
            Takes::Ours(function) => function.takes.iter().map(|kind| kind.name()).collect(),
            Takes::Classes(classes, optional) => {
                classes.iter().take(classes.len() - optional).map(|class| class.name()).collect()
            }
        };
        match (self.global, words.split_first()) {
            (false, Some((first, rest))) => format!("{first}.{name}({})", rest.join(", ")),
            _ => format!("{name}({})", words.join(", ")),
        }
    }

    /// Whether it takes a value of a type at a place.
    pub(super) fn accepts(&self, index: usize, of: &Type) -> Result<(), Refusal> {
        if matches!(of, Type::Any | Type::Null | Type::Never) {
            return Ok(());
        }
        match self.takes {
            Takes::Ours(function) => function.takes.get(index).map_or(Ok(()), |kind| takes(*kind, of)),
            Takes::Classes(classes, _) => classes.get(index).map_or(Ok(()), |class| class.takes(of)),
        }
    }

    /// What it gives for values of these types.
    pub(super) fn result(&self, given: &[Type]) -> Type {
        match self.gives {
            Gives::Type(made) => made(),
            Gives::Ours(kind) => match kind {
                ValueKind::Anything => Type::Any,
                ValueKind::Whole => Type::Int,
                ValueKind::Text => TEXT,
                ValueKind::Timestamp => Type::Text(Form::Timestamp),
                ValueKind::Duration => Type::Text(Form::Duration),
                ValueKind::SecretUrl => Type::Text(Form::Secret),
                ValueKind::List => Type::list(Type::Any),
                ValueKind::SameList => given.first().cloned().unwrap_or(Type::Any),
            },
        }
    }
}

impl Accepts {
    fn name(self) -> &'static str {
        match self {
            Self::Any | Self::Written => "value",
            Self::Text => "text",
            Self::Sized => "list",
            Self::Numeric => "number",
            Self::Truth => "\"true\"",
            Self::MomentOrText | Self::LengthOrText => "text",
            Self::Moment | Self::MomentOrLength => "timestamp(text)",
        }
    }

    fn takes(self, of: &Type) -> Result<(), Refusal> {
        let fits = match self {
            Self::Any => true,
            Self::Text => matches!(of, Type::Text(_)),
            Self::Sized => matches!(of, Type::Text(_) | Type::Bytes | Type::List(_) | Type::Map(_) | Type::Object(_)),
            Self::Written => !matches!(of, Type::List(_) | Type::Map(_) | Type::Object(_) | Type::Kind),
            Self::Numeric => matches!(of, Type::Int | Type::Number | Type::Text(_) | Type::Moment),
            Self::Truth => matches!(of, Type::Bool | Type::Text(_)),
            Self::MomentOrText => {
                matches!(of, Type::Moment | Type::Int | Type::Text(Form::Timestamp | Form::Plain | Form::Words(_)))
            }
            Self::LengthOrText => {
                matches!(of, Type::Length | Type::Text(Form::Duration | Form::Plain | Form::Words(_)))
            }
            Self::Moment => matches!(of, Type::Moment),
            Self::MomentOrLength => matches!(of, Type::Moment | Type::Length),
        };
        if fits {
            return Ok(());
        }
        let help = match (self, of) {
            (Self::Moment | Self::MomentOrLength, Type::Text(_)) => Some("write `timestamp(…)` around it".to_owned()),
            (Self::Written, Type::List(_)) => Some("write `join(list, \", \")`".to_owned()),
            _ => None,
        };
        Err(Refusal { message: format!("does not take {}", of.describe()), help })
    }
}

fn takes(kind: ValueKind, of: &Type) -> Result<(), Refusal> {
    let refused = |expected: &str, help: Option<&str>| {
        let message = format!("takes {expected} here, not {}", of.describe());
        Err(Refusal { message, help: help.map(str::to_owned) })
    };
    let literal = match of {
        Type::Text(Form::Words(words)) if words.len() == 1 => words.first(),
        _ => None,
    };
    let told = |message: String| Err(Refusal { message: format!("cannot read this: {message}"), help: None });
    match (kind, of) {
        (ValueKind::Anything, _)
        | (ValueKind::List | ValueKind::SameList, Type::List(_))
        | (ValueKind::Whole, Type::Int) => Ok(()),
        (ValueKind::Text, Type::Text(_)) => Ok(()),
        (ValueKind::Timestamp, Type::Text(Form::Timestamp | Form::Plain)) => Ok(()),
        (ValueKind::Timestamp, Type::Text(Form::Words(_))) => match literal {
            Some(text) if DateTime::parse_from_rfc3339(text).is_err() => {
                told(format!("`{text}` is not a time such as `2026-11-22T21:40:00Z`"))
            }
            _ => Ok(()),
        },
        (ValueKind::Duration, Type::Text(Form::Duration | Form::Plain)) => Ok(()),
        (ValueKind::Duration, Type::Text(Form::Words(_))) => match literal.map(|text| duration::parse(text)) {
            Some(Err(problem)) => told(problem),
            _ => Ok(()),
        },
        (ValueKind::SecretUrl, Type::Text(Form::Secret | Form::Plain | Form::Url)) => Ok(()),
        (ValueKind::SecretUrl, Type::Text(Form::Words(_))) => match literal.map(|text| SecretUrl::parse(text)) {
            Some(Err(failure)) => told(failure.summary),
            _ => Ok(()),
        },
        (ValueKind::Timestamp, Type::Moment) => {
            refused("a time as text", Some("leave `timestamp(…)` out, or write `string(…)` around it"))
        }
        (ValueKind::Timestamp, _) => refused("a time", None),
        (ValueKind::Duration, Type::Length) => refused("a duration as text", Some("leave `duration(…)` out")),
        (ValueKind::Duration, _) => refused("a duration", None),
        (ValueKind::SecretUrl, _) => refused("the URL of a secret", None),
        (ValueKind::List | ValueKind::SameList, _) => refused("a list", None),
        (ValueKind::Text, _) => refused("text", None),
        (ValueKind::Whole, _) => refused("a whole number", None),
    }
}
