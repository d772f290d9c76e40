//! Types of expressions, found by walking over them: every name is known, every operator and function gets what it can
//! work with. The place of a problem is that of the part that is wrong.

use super::signatures::{self, Arity};
use super::types::{Form, TEXT, Type};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::expression::{Expression, ROOTS};
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};
use std::collections::{BTreeMap, BTreeSet};

/// What a step is to the expressions of others.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) uses: String,
    pub(super) outputs: Type,
    /// Whether its condition can never hold.
    pub(super) never_runs: bool,
}

/// Every name of a runbook.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) inputs: Vec<(String, Type)>,
    pub(super) steps: BTreeMap<String, Named>,
    /// A fragment by itself does not know the inputs and steps of those that include it.
    pub(super) is_fragment: bool,
}

/// What the expressions of one place can see.
#[derive(Clone, Debug)]
pub(super) struct View<'a> {
    pub(super) names: &'a Names,
    /// The steps that are over when the expression is evaluated.
    pub(super) before: &'a BTreeSet<String>,
    /// The item of a loop.
    pub(super) item: Option<Type>,
}

impl View<'_> {
    /// The type of an expression, and what is wrong with it.
    pub(super) fn type_of(&self, expression: &Expression) -> (Type, Vec<Diagnostic>) {
        let mut typer = Typer { view: self, expression, bound: Vec::new(), problems: Vec::new() };
        let found = typer.walk(expression.tree());
        (found, typer.problems)
    }
}

pub(super) struct Typer<'a> {
    view: &'a View<'a>,
    expression: &'a Expression,
    /// Variables of macros, innermost last.
    bound: Vec<(String, Type)>,
    problems: Vec<Diagnostic>,
}

impl Typer<'_> {
    pub(super) fn report(&mut self, part: &IdedExpr, message: String) -> &mut Diagnostic {
        let span = self.expression.place(part);
        self.problems.push(Diagnostic::error(message, span).rule("expression"));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    fn bound(&self, name: &str) -> Option<&Type> {
        self.bound.iter().rev().find(|(bound, _)| bound == name).map(|(_, of)| of)
    }

    pub(super) fn walk(&mut self, part: &IdedExpr) -> Type {
        self.known(part).light()
    }

    fn known(&mut self, part: &IdedExpr) -> Type {
        match &part.expr {
            Expr::Literal(literal) => literal_type(literal),
            Expr::Ident(name) => self.name(part, name),
            Expr::Select(select) => self.select(part, select),
            Expr::Call(call) => self.call(part, call),
            Expr::List(list) => {
                let items = list.elements.iter().map(|item| self.walk(item)).collect::<Vec<_>>();
                Type::list(items.into_iter().fold(Type::Never, Type::or))
            }
            Expr::Map(map) => {
                let entries: Vec<&EntryExpr> = map.entries.iter().map(|entry| &entry.expr).collect();
                self.mapping(&entries)
            }
            Expr::Struct(made) => {
                self.report(part, format!("there is no type `{}` to make", made.type_name));
                Type::Any
            }
            Expr::Comprehension(parts) => self.comprehension(parts),
            Expr::Unspecified => Type::Any,
        }
    }

    fn name(&mut self, part: &IdedExpr, name: &str) -> Type {
        if let Some(bound) = self.bound(name) {
            return bound.clone();
        }
        let is_fragment = self.view.names.is_fragment;
        match name {
            "inputs" if is_fragment => Type::Any,
            "inputs" => Type::object(self.view.names.inputs.clone()),
            "steps" => Type::Any,
            "run" => Type::object(
                ["id", "runbook", "mode", "operator", "started_at", "failed", "timed_out", "verdict"]
                    .map(|name| (name.to_owned(), run_field(name)))
                    .into(),
            ),
            "policy" => {
                Type::object(vec![("lock".to_owned(), TEXT), ("overlap".to_owned(), Type::Text(Form::Duration))])
            }
            "item" => match &self.view.item {
                Some(item) => item.clone(),
                None => {
                    let problem = self.report(part, "there is no `item` here".to_owned());
                    problem.help = Some("`item` is what a step with `for_each` works on".to_owned());
                    Type::Any
                }
            },
            name if signatures::TYPE_NAMES.contains(&name) => Type::Kind,
            name => {
                let problem = self.report(part, format!("nothing is called `{name}`"));
                let with_help =
                    problem.clone().help(format!("names begin with {}", ROOTS.join(", "))).suggest(name, ROOTS);
                *problem = with_help;
                Type::Any
            }
        }
    }

    fn select(&mut self, part: &IdedExpr, select: &SelectExpr) -> Type {
        let found = match &select.operand.expr {
            Expr::Ident(root) if self.bound(root).is_none() && root == "steps" => self.step(part, &select.field),
            _ => {
                let of = self.walk(&select.operand);
                self.member(part, &select.operand, &of, &select.field)
            }
        };
        if select.test { Type::Bool } else { found }
    }

    /// What a step has, if it is sure to be over by then.
    fn step(&mut self, part: &IdedExpr, id: &str) -> Type {
        let view = self.view;
        let Some(step) = view.names.steps.get(id) else {
            if view.names.is_fragment {
                return Type::Any;
            }
            let ids: Vec<&str> = view.names.steps.keys().map(String::as_str).collect();
            let problem = self.report(part, format!("no step is called `{id}`"));
            *problem = problem.clone().rule("reference").suggest(id, ids);
            return Type::Any;
        };
        if !view.before.contains(id) {
            let problem = self.report(part, format!("`{id}` is not sure to have run before this step"));
            let help =
                format!("write `{id}` above this step, or add it to `needs` where it does not wait for this one");
            *problem = problem.clone().rule("reference").help(help);
            return Type::Any;
        }
        if step.never_runs {
            let problem = self.report(part, format!("`{id}` never runs, so there is nothing to be had from it"));
            *problem = Diagnostic { warning: true, ..problem.clone().rule("unreachable") };
        }
        let states = ["pending", "running", "done", "failed", "skipped", "waiting", "unknown"];
        Type::object(vec![("outputs".to_owned(), step.outputs.clone()), ("status".to_owned(), Type::words(&states))])
    }

    fn member(&mut self, part: &IdedExpr, owner: &IdedExpr, of: &Type, field: &str) -> Type {
        match of {
            Type::Object(fields) => match fields.iter().find(|(name, _)| name == field) {
                Some((_, found)) => found.clone(),
                None => {
                    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                    self.no_member(part, owner, field, &names);
                    Type::Any
                }
            },
            Type::Map(of) => of.as_ref().clone(),
            Type::Any | Type::Never | Type::Null => Type::Any,
            other => {
                self.report(part, format!("{} has no `{field}`", other.describe()));
                Type::Any
            }
        }
    }

    fn no_member(&mut self, part: &IdedExpr, owner: &IdedExpr, field: &str, names: &[&str]) {
        let path = dotted(owner);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let (message, plural) = match path.as_slice() {
            ["inputs"] => (format!("no input is called `{field}`"), "inputs"),
            ["steps", id, "outputs"] => {
                let uses = self.view.names.steps.get(*id).map(|step| step.uses.clone()).unwrap_or_default();
                (format!("`{uses}` has no output `{field}`"), "outputs")
            }
            ["steps", _] => (format!("a step has no `{field}`"), "parts"),
            _ => (format!("there is no `{field}` in it"), "names"),
        };
        let help = match names {
            [] => format!("there are no {plural}"),
            names => format!("its {plural} are {}", names.join(", ")),
        };
        let problem = self.report(part, message);
        *problem = problem.clone().rule("reference").help(help).suggest(field, names.iter().copied());
    }

    fn mapping(&mut self, entries: &[&EntryExpr]) -> Type {
        let mut fields = Some(Vec::new());
        let mut values = Type::Never;
        for entry in entries {
            let EntryExpr::MapEntry(entry) = entry else { continue };
            self.walk(&entry.key);
            let value = self.walk(&entry.value);
            match (&entry.key.expr, &mut fields) {
                (Expr::Literal(LiteralValue::String(name)), Some(fields)) => {
                    fields.push((name.inner().to_owned(), value.clone()));
                }
                _ => fields = None,
            }
            values = values.or(value);
        }
        fields.map_or_else(|| Type::map(values), Type::object)
    }

    fn comprehension(&mut self, parts: &ComprehensionExpr) -> Type {
        let item = match self.walk(&parts.iter_range) {
            Type::List(item) => *item,
            Type::Map(_) | Type::Object(_) => TEXT,
            Type::Any | Type::Null | Type::Never => Type::Any,
            other => {
                self.report(&parts.iter_range, format!("a list is needed here, not {}", other.describe()));
                Type::Any
            }
        };
        let start = self.walk(&parts.accu_init);
        let before = self.bound.len();
        let item = if parts.iter_var2.is_some() { Type::Any } else { item };
        self.bound.push((parts.iter_var.clone(), item));
        self.bound.extend(parts.iter_var2.iter().map(|name| (name.clone(), Type::Any)));
        self.bound.push((parts.accu_var.clone(), start.clone()));
        self.walk(&parts.loop_cond);
        let step = self.walk(&parts.loop_step);
        self.bound.truncate(before);
        self.bound.push((parts.accu_var.clone(), start.or(step)));
        let result = self.walk(&parts.result);
        self.bound.truncate(before);
        result
    }

    fn call(&mut self, part: &IdedExpr, call: &CallExpr) -> Type {
        let name = call.func_name.as_str();
        if name == operators::INDEX
            && let [owner, index] = call.args.as_slice()
            && let Expr::Literal(LiteralValue::String(field)) = &index.expr
        {
            let select = SelectExpr { operand: Box::new(owner.clone()), field: field.inner().to_owned(), test: false };
            return self.select(part, &select);
        }
        let target = call.target.as_ref().map(|target| self.walk(target));
        let arguments: Vec<Type> = call.args.iter().map(|argument| self.walk(argument)).collect();
        if let Some(result) = self.operator(part, call, &arguments) {
            return result;
        }
        match signatures::find(name) {
            Some(arity) => self.function(part, call, arity, target.as_ref(), &arguments),
            None => {
                let problem = self.report(part, format!("there is no function `{name}`"));
                *problem =
                    problem.clone().help("`runbooks/README.md` lists the functions").suggest(name, signatures::names());
                Type::Any
            }
        }
    }

    fn function(
        &mut self,
        part: &IdedExpr,
        call: &CallExpr,
        arity: &Arity,
        target: Option<&Type>,
        arguments: &[Type],
    ) -> Type {
        let name = &call.func_name;
        let given: Vec<(&IdedExpr, &Type)> = match (target, &call.target) {
            (Some(of), Some(target)) => {
                std::iter::once((target.as_ref(), of)).chain(call.args.iter().zip(arguments)).collect()
            }
            _ => call.args.iter().zip(arguments).collect(),
        };
        if target.is_some() && !arity.method {
            self.report(part, format!("`{name}` is not called on something: write `{}`", arity.shape(name)));
            return arity.result(&given.iter().map(|(_, of)| (*of).clone()).collect::<Vec<_>>());
        }
        if target.is_none() && !arity.global {
            self.report(part, format!("`{name}` is called on something: write `{}`", arity.shape(name)));
            return Type::Any;
        }
        if !arity.takes(given.len()) {
            self.report(part, format!("`{name}` is called with {} values: write `{}`", given.len(), arity.shape(name)));
            return Type::Any;
        }
        for (index, (argument, of)) in given.iter().enumerate() {
            if let Err(why) = arity.accepts(index, of) {
                let problem = self.report(argument, format!("`{name}` {}", why.message));
                problem.help = why.help;
            }
        }
        arity.result(&given.into_iter().map(|(_, of)| of.clone()).collect::<Vec<_>>())
    }
}

fn run_field(name: &str) -> Type {
    match name {
        "mode" => Type::words(&["real", "drill"]),
        "started_at" => Type::Text(Form::Timestamp),
        "failed" => Type::list(TEXT),
        "timed_out" => Type::Bool,
        "verdict" => Type::object(vec![
            ("state".to_owned(), Type::words(&["contained", "not_proven", "not_contained", "not_applicable"])),
            ("headline".to_owned(), TEXT),
            ("because".to_owned(), Type::list(TEXT)),
            ("open".to_owned(), Type::list(TEXT)),
            ("summary".to_owned(), TEXT),
            ("leaked_value".to_owned(), TEXT),
        ]),
        _ => TEXT,
    }
}

fn literal_type(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(_) => Type::Bytes,
        LiteralValue::Double(_) => Type::Number,
        LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(text) => Type::Text(Form::Words(vec![text.inner().to_owned()])),
    }
}

/// The parts of a dotted name; nothing where it is none.
fn dotted(part: &IdedExpr) -> Vec<String> {
    match &part.expr {
        Expr::Ident(name) => vec![name.clone()],
        Expr::Select(select) => {
            let mut path = dotted(&select.operand);
            path.push(select.field.clone());
            path
        }
        _ => Vec::new(),
    }
}
