//! What a check knows while it goes through a runbook, and what all its parts ask.

use super::super::spec::Catalogue;
use super::super::types::{TEXT, Type};
use super::super::typing::{Names, View};
use crate::runbook::expression::Template;
use crate::runbook::model::{Runbook, Step};
use crate::runbook::{Diagnostic, Span};
use serde_json::Value;

pub(super) struct Checker<'a> {
    pub(super) runbook: &'a Runbook,
    pub(super) catalogue: &'a Catalogue,
    pub(super) names: &'a Names,
    pub(super) problems: Vec<Diagnostic>,
    pub(super) hidden: Vec<(Span, String)>,
}

impl Checker<'_> {
    pub(super) fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }
}

pub(super) fn steps(runbook: &Runbook) -> impl Iterator<Item = &Step> {
    runbook.steps.iter().chain(&runbook.finally)
}

/// The type of a list's items.
pub(super) fn item(view: &View<'_>, list: &Template) -> Type {
    match view_type(view, list) {
        Type::List(item) => *item,
        _ => Type::Any,
    }
}

/// The type of a value in which expressions may stand.
pub(super) fn view_type(view: &View<'_>, template: &Template) -> Type {
    match template {
        Template::Literal(value) | Template::Spelled { value, .. } => Type::of_value(value),
        Template::Expression(expression) => view.type_of(expression).0,
        Template::Broken => Type::Any,
        Template::Text(_) => TEXT,
        Template::List(items) => {
            let items = items.iter().map(|item| view_type(view, item));
            Type::list(items.fold(Type::Never, Type::or))
        }
        Template::Map(fields) => {
            Type::object(fields.iter().map(|(name, value)| (name.clone(), view_type(view, value))).collect())
        }
    }
}

/// The rule that a value of the wrong type breaks: a schema sees what is written, not what an expression will give.
pub(super) fn rule(of: &Template) -> &'static str {
    if of.expressions().is_empty() { "type" } else { "expression" }
}

/// A literal as text, where it is one.
pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str()
}
