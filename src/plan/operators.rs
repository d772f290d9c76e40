//! What the operators of CEL can work with.

use super::types::{Form, TEXT, Type};
use super::typing::Typer;
use crate::runbook::diagnostic::nearest;
use cel::common::ast::{CallExpr, IdedExpr, operators as op};

/// Why an operator cannot work with what it got.
struct Unfit {
    message: String,
    help: Option<String>,
}

impl Typer<'_> {
    /// The type of an operator's result; nothing where the call is none of an operator.
    pub(super) fn operator(&mut self, part: &IdedExpr, call: &CallExpr, given: &[Type]) -> Option<Type> {
        let name = call.func_name.as_str();
        let found = match (name, given) {
            (op::CONDITIONAL, [_, yes, no]) => {
                self.must_be_bool(call, given, 1);
                return Some(yes.clone().or(no.clone()));
            }
            (op::LOGICAL_AND | op::LOGICAL_OR, [_, _]) => {
                self.must_be_bool(call, given, 2);
                return Some(Type::Bool);
            }
            (op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE, [_]) => {
                self.must_be_bool(call, given, 1);
                return Some(Type::Bool);
            }
            (op::EQUALS | op::NOT_EQUALS, [one, other]) => equality(one, other).map(|()| Type::Bool),
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [one, other]) => {
                order(one, other).map(|()| Type::Bool)
            }
            (op::ADD, [one, other]) => add(one, other),
            (op::SUBSTRACT, [one, other]) => subtract(one, other),
            (op::MULTIPLY | op::DIVIDE | op::MODULO, [one, other]) => numbers(name, one, other),
            (op::NEGATE, [one]) => match one {
                Type::Int | Type::Number | Type::Any | Type::Null => Ok(one.clone()),
                other => unfit(format!("`-` stands before {}", other.describe())),
            },
            (op::IN, [one, list]) => membership(one, list).map(|()| Type::Bool),
            (op::INDEX, [list, index]) => at(list, index),
            (op::OPT_INDEX | op::OPT_SELECT, _) => return Some(Type::Any),
            _ => return None,
        };
        Some(found.unwrap_or_else(|unfit| {
            let problem = self.report(part, unfit.message);
            problem.help = unfit.help;
            match name {
                op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO | op::NEGATE | op::INDEX => Type::Any,
                _ => Type::Bool,
            }
        }))
    }

    fn must_be_bool(&mut self, call: &CallExpr, given: &[Type], count: usize) {
        for (argument, of) in call.args.iter().zip(given).take(count) {
            if !matches!(of, Type::Bool | Type::Any | Type::Null | Type::Never) {
                let problem = self.report(argument, format!("true or false is needed here, not {}", of.describe()));
                problem.help = Some("compare it with something, for example `x != \"\"`".to_owned());
            }
        }
    }
}

fn unfit<T>(message: impl Into<String>) -> Result<T, Unfit> {
    Err(Unfit { message: message.into(), help: None })
}

fn helped<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Unfit> {
    Err(Unfit { message: message.into(), help: Some(help.into()) })
}

fn unknown(of: &Type) -> bool {
    matches!(of, Type::Any | Type::Null | Type::Never)
}

fn equality(one: &Type, other: &Type) -> Result<(), Unfit> {
    if one.can_equal(other) {
        return Ok(());
    }
    match (one, other) {
        (Type::Text(Form::Words(words)), Type::Text(Form::Words(more))) => {
            let (word, words) = if words.len() == 1 { (&words[0], more) } else { (&more[0], words) };
            let message = format!("this can never be the same: `{word}` is not one of {}", words.join(", "));
            match nearest(word, words.iter().map(String::as_str)) {
                Some(near) => helped(message, format!("did you mean `{near}`?")),
                None => unfit(message),
            }
        }
        _ => unfit(format!("this can never be the same: {} and {}", one.describe(), other.describe())),
    }
}

fn order(one: &Type, other: &Type) -> Result<(), Unfit> {
    use Form::{Duration, Timestamp};
    match (one, other) {
        (one, other) if unknown(one) || unknown(other) => Ok(()),
        (Type::Text(Duration), Type::Text(_)) | (Type::Text(_), Type::Text(Duration)) => {
            helped("durations are texts, and as texts `9m` comes after `10m`", "compare `seconds(…)` of both")
        }
        (Type::Text(Timestamp), Type::Text(_)) | (Type::Text(_), Type::Text(Timestamp)) => {
            helped("times are texts, which do not follow each other as times do", "compare `timestamp(…)` of both")
        }
        (Type::Int | Type::Number, Type::Int | Type::Number)
        | (Type::Text(_), Type::Text(_))
        | (Type::Bool, Type::Bool)
        | (Type::Bytes, Type::Bytes)
        | (Type::Moment, Type::Moment)
        | (Type::Length, Type::Length) => Ok(()),
        _ => unfit(format!("{} cannot be compared with {}", one.describe(), other.describe())),
    }
}

fn add(one: &Type, other: &Type) -> Result<Type, Unfit> {
    use Form::{Duration, Timestamp};
    match (one, other) {
        (Type::List(one), Type::List(other)) => Ok(Type::list(one.as_ref().clone().or(other.as_ref().clone()))),
        (Type::List(_), other) if unknown(other) => Ok(one.clone()),
        (one, Type::List(_)) if unknown(one) => Ok(other.clone()),
        (one, other) if unknown(one) || unknown(other) => Ok(Type::Any),
        (Type::Text(Timestamp | Duration), Type::Text(Duration)) | (Type::Text(Duration), Type::Text(Timestamp)) => {
            helped(
                "times and durations are texts: this writes one behind the other",
                "write `after(time, duration)`, or `seconds(…)` of both durations",
            )
        }
        (Type::Text(_), Type::Text(_)) => Ok(TEXT),
        (Type::Text(Timestamp), Type::Int | Type::Number) => {
            helped("a number cannot be added to a time", "write `after(time, \"1h\")`")
        }
        (Type::Text(_), Type::Int | Type::Number | Type::Bool)
        | (Type::Int | Type::Number | Type::Bool, Type::Text(_)) => helped(
            format!("{} cannot be added to {}", other.describe(), one.describe()),
            "write `string(…)` around what is no text",
        ),
        (Type::Text(_), Type::Length) => helped(
            "a time is a text here, and a CEL duration cannot be added to text",
            "write `after(time, \"1h\")`, or `timestamp(…)` around the time",
        ),
        (Type::Moment, Type::Length) | (Type::Length, Type::Moment) => Ok(Type::Moment),
        (Type::Length, Type::Length) => Ok(Type::Length),
        (Type::Bytes, Type::Bytes) => Ok(Type::Bytes),
        _ => numbers(op::ADD, one, other),
    }
}

fn subtract(one: &Type, other: &Type) -> Result<Type, Unfit> {
    use Form::{Duration, Timestamp};
    match (one, other) {
        (Type::Moment, Type::Moment) | (Type::Length, Type::Length) => Ok(Type::Length),
        (Type::Moment, Type::Length) => Ok(Type::Moment),
        (Type::Text(Timestamp), Type::Text(_)) => helped(
            "a time is a text: nothing can be taken from it",
            "write `before(time, duration)` or `between(from, to)`",
        ),
        (Type::Text(Duration), Type::Text(_)) => {
            helped("a duration is a text: nothing can be taken from it", "write `seconds(…)` of both")
        }
        _ => numbers(op::SUBSTRACT, one, other),
    }
}

fn numbers(name: &str, one: &Type, other: &Type) -> Result<Type, Unfit> {
    let sign = name.trim_matches('_');
    match (one, other) {
        (Type::Int, Type::Int) => Ok(Type::Int),
        (Type::Number, Type::Number) if name != op::MODULO => Ok(Type::Number),
        (one, other) if unknown(one) && unknown(other) => Ok(Type::Any),
        (one, known @ (Type::Int | Type::Number)) | (known @ (Type::Int | Type::Number), one) if unknown(one) => {
            Ok(known.clone())
        }
        (Type::Int, Type::Number) | (Type::Number, Type::Int) if name != op::MODULO => helped(
            format!("`{sign}` stands between a whole number and a number"),
            "write `double(…)` around the whole number, or `1.0` for `1`",
        ),
        _ => unfit(format!("`{sign}` stands between {} and {}", one.describe(), other.describe())),
    }
}

fn membership(one: &Type, list: &Type) -> Result<(), Unfit> {
    match list {
        Type::List(item) if one.can_equal(item) => Ok(()),
        Type::List(item) => match equality(one, item) {
            Err(Unfit { help, .. }) => Err(Unfit {
                message: format!("this can never be in the list: {} among {}", one.describe(), item.describe()),
                help,
            }),
            Ok(()) => Ok(()),
        },
        Type::Map(_) | Type::Object(_) => Ok(()),
        other if unknown(other) => Ok(()),
        other => unfit(format!("`in` needs a list, not {}", other.describe())),
    }
}

fn at(list: &Type, index: &Type) -> Result<Type, Unfit> {
    match (list, index) {
        (Type::List(item), index) if matches!(index, Type::Int) || unknown(index) => Ok(item.as_ref().clone()),
        (Type::List(_), index) => {
            unfit(format!("a list is counted through with whole numbers, not {}", index.describe()))
        }
        (Type::Map(of), _) => Ok(of.as_ref().clone()),
        (Type::Object(_), _) => Ok(Type::Any),
        (other, _) if unknown(other) => Ok(Type::Any),
        (other, _) => unfit(format!("{} has no items", other.describe())),
    }
}
