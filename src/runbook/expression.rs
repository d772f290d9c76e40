//! `${{ … }}`: CEL expressions in the values of a runbook.
//!
//! A [`Template`] is a value with expressions in it. A text that is one expression and nothing else keeps the
//! expression's type; mixed with other text it becomes text. Nothing is ever pasted into a command.

use super::diagnostic::{Diagnostic, Span};
use super::expression_places::{Places, children};
use super::functions;
use super::syntax::{Node, NodeValue};
use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::objects::{Key, Map as CelMap};
use cel::parser::PrattParser;
use cel::{Context, Env};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

/// The names that an expression may begin with.
pub const ROOTS: [&str; 5] = ["inputs", "steps", "run", "item", "policy"];

/// The longest expression, in bytes, how many parts it may have, and how deep they may lie in each other: every walk
/// over it is bounded.
const LONGEST: usize = 4096;
const MOST_PARTS: usize = 1000;
const DEEPEST: u16 = 32;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A value that may hold expressions.
#[derive(Clone, Debug)]
pub enum Template {
    Literal(Value),
    /// A number, or true or false, that is not written as it would be shown.
    Spelled {
        value: Value,
        written: String,
        span: Span,
    },
    Expression(Expression),
    /// An expression that cannot be read; it has been complained about.
    Broken,
    Text(Vec<Part>),
    List(Vec<Template>),
    Map(Vec<(String, Template)>),
}

/// A piece of a text.
#[derive(Clone, Debug)]
pub enum Part {
    Text(String),
    Expression(Expression),
}

/// A compiled expression with its source.
#[derive(Clone, Debug)]
pub struct Expression {
    source: String,
    tree: Arc<IdedExpr>,
    reads: Arc<BTreeMap<String, Fields>>,
    places: Arc<Places>,
    pub span: Span,
    /// Where its source begins, if it stands in the text as it is.
    start: Option<usize>,
}

/// A text with its place among others: where expressions are looked for, to point at them.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    pub text: &'a str,
    pub offset: usize,
}

impl Written<'_> {
    /// Where a piece of a scalar begins, searched from a place on.
    fn find(self, piece: &str, from: usize, end: usize) -> Option<usize> {
        let within = self.text.get(from.checked_sub(self.offset)?..end.checked_sub(self.offset)?)?;
        within.find(piece).map(|at| from + at)
    }
}

/// What expressions can see: a JSON value per root name. It is asked for no more than an expression reads, so that what
/// an evaluation costs does not grow with what there is to see.
pub trait Scope {
    /// The value of a root name, with these fields of it at least; nothing if there is no such name.
    fn root(&self, name: &str, fields: &Fields) -> Option<Value>;
}

/// What an expression reads of a root name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fields {
    All,
    /// These alone: `steps.rotate.status` reads the field `rotate` of `steps`.
    Some(BTreeSet<String>),
}

impl Fields {
    /// Whether a field is read.
    pub fn contains(&self, field: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(fields) => fields.contains(field),
        }
    }

    /// As much of an object as is read.
    pub fn of(&self, entries: &Map<String, Value>) -> Map<String, Value> {
        match self {
            Self::All => entries.clone(),
            Self::Some(fields) => {
                fields.iter().filter_map(|field| Some((field.clone(), entries.get(field)?.clone()))).collect()
            }
        }
    }
}

impl Scope for Map<String, Value> {
    fn root(&self, name: &str, fields: &Fields) -> Option<Value> {
        Some(match self.get(name)? {
            Value::Object(entries) => Value::Object(fields.of(entries)),
            value => value.clone(),
        })
    }
}

impl Template {
    /// Compiles a node; problems of its expressions are collected.
    pub fn compile(node: &Node, written: Written<'_>, problems: &mut Vec<Diagnostic>) -> Self {
        let scalar = |value: Value| match &node.written {
            Some(written) => Self::Spelled { value, written: written.clone(), span: node.span },
            None => Self::Literal(value),
        };
        match &node.value {
            NodeValue::Null => Self::Literal(Value::Null),
            NodeValue::Bool(value) => scalar(Value::Bool(*value)),
            NodeValue::Int(value) => scalar(Value::from(*value)),
            NodeValue::Float(value) => scalar(Value::from(*value)),
            NodeValue::String(text) => compile_text(text, node, written, problems),
            NodeValue::List(values) => {
                Self::List(values.iter().map(|value| Self::compile(value, written, problems)).collect())
            }
            NodeValue::Map(entries) => Self::Map(
                entries
                    .iter()
                    .map(|(key, value)| (key.name.clone(), Self::compile(value, written, problems)))
                    .collect(),
            ),
        }
    }

    /// The value, if there is no expression in it.
    pub fn literal(&self) -> Option<Value> {
        match self {
            Self::Literal(value) | Self::Spelled { value, .. } => Some(value.clone()),
            Self::Expression(_) | Self::Text(_) | Self::Broken => None,
            Self::List(values) => values.iter().map(Self::literal).collect::<Option<Vec<_>>>().map(Value::Array),
            Self::Map(entries) => {
                let entry = |(key, value): &(String, Self)| value.literal().map(|value| (key.clone(), value));
                entries.iter().map(entry).collect::<Option<Map<_, _>>>().map(Value::Object)
            }
        }
    }

    /// Whether an expression in it begins a name with this word.
    pub fn mentions(&self, root: &str) -> bool {
        let names = self.expressions().into_iter().flat_map(Expression::names);
        names.into_iter().any(|name| name.first().is_some_and(|first| first == root))
    }

    /// All expressions in it.
    pub fn expressions(&self) -> Vec<&Expression> {
        match self {
            Self::Literal(_) | Self::Spelled { .. } | Self::Broken => Vec::new(),
            Self::Expression(expression) => vec![expression],
            Self::Text(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    Part::Expression(expression) => Some(expression),
                    Part::Text(_) => None,
                })
                .collect(),
            Self::List(values) => values.iter().flat_map(Self::expressions).collect(),
            Self::Map(entries) => entries.iter().flat_map(|(_, value)| value.expressions()).collect(),
        }
    }

    /// The value in a scope.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, String> {
        match self {
            Self::Literal(value) | Self::Spelled { value, .. } => Ok(value.clone()),
            Self::Broken => Err("the expression cannot be read".to_owned()),
            Self::Expression(expression) => expression.evaluate(scope),
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(piece) => text.push_str(piece),
                        Part::Expression(expression) => match expression.evaluate(scope)? {
                            Value::String(piece) => text.push_str(&piece),
                            other => text.push_str(&other.to_string()),
                        },
                    }
                }
                Ok(Value::String(text))
            }
            Self::List(values) => {
                values.iter().map(|value| value.evaluate(scope)).collect::<Result<_, _>>().map(Value::Array)
            }
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| value.evaluate(scope).map(|value| (key.clone(), value)))
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
        }
    }
}

fn compile_text(text: &str, node: &Node, written: Written<'_>, problems: &mut Vec<Diagnostic>) -> Template {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut from = node.span.offset;
    while let Some((before, opened)) = rest.split_once("${{") {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let Some((source, after)) = split_expression(opened) else {
            let problem = Diagnostic::error("the expression has no end", node.span).rule("expression");
            problems.push(problem.help("an expression is written `${{ … }}`"));
            return Template::Literal(Value::String(text.to_owned()));
        };
        let start = written.find(&format!("${{{{{source}}}}}"), from, node.end).map(|at| at + 3);
        from = start.map_or(from, |at| at + source.len());
        let begins = source.len() - source.trim_start().len();
        match Expression::compile(source.trim(), node.span, start.map(|at| at + begins)) {
            Ok(expression) => parts.push(Part::Expression(expression)),
            Err(problem) => {
                problems.push(problem);
                return Template::Broken;
            }
        }
        rest = after;
    }
    if parts.is_empty() {
        return Template::Literal(Value::String(text.to_owned()));
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    match parts.as_slice() {
        [Part::Expression(expression)] => Template::Expression(expression.clone()),
        _ => Template::Text(parts),
    }
}

/// Splits at the `}}` that ends an expression, which is not one inside a quoted text.
fn split_expression(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '}') if text.get(index..)?.starts_with("}}") && !text.get(index..)?.starts_with("}}}") => {
                return Some((text.get(..index)?, text.get(index + 2..)?));
            }
            _ => {}
        }
    }
    None
}

impl Expression {
    /// Compiles a CEL expression. `span` is the place of the value in which it stands, `start` its own.
    pub fn compile(source: &str, span: Span, start: Option<usize>) -> Result<Self, Diagnostic> {
        let line = source.lines().next().unwrap_or_default().len();
        let span = start.map_or(span, |offset| Span { offset, length: line });
        let wrong = |message: String| Diagnostic::error(message, span).rule("expression");
        if source.is_empty() {
            return Err(wrong("the expression is empty".to_owned()));
        }
        if source.len() > LONGEST {
            return Err(wrong(format!("the expression is longer than {LONGEST} bytes")));
        }
        let parser = PrattParser::new()
            .max_recursion_depth(DEEPEST)
            .max_expression_node_count(MOST_PARTS)
            .error_recovery_limit(4)
            .error_reporting_limit(1);
        let tree = parser.parse(source).map_err(|errors| {
            let first = errors.errors.first().map(|error| error.msg.lines().next().unwrap_or_default().to_owned());
            let why = first.unwrap_or_default().to_lowercase();
            wrong(format!("`{}` is not a CEL expression: {why}", shortened(source)))
                .help("see the CEL language definition; names begin with `inputs`, `steps`, `run`, `item` or `policy`")
        })?;
        if deeper_than(&tree, usize::from(DEEPEST)) {
            return Err(wrong("the expression is nested too deeply".to_owned()));
        }
        let places = Arc::new(Places::find(source, &tree));
        let reads = Arc::new(reads(&tree));
        Ok(Self { source: source.to_owned(), tree: Arc::new(tree), reads, places, span, start })
    }

    /// Whether it goes through lists, which may take any time.
    pub fn repeats(&self) -> bool {
        let mut open = vec![self.tree()];
        while let Some(part) = open.pop() {
            if matches!(part.expr, Expr::Comprehension(_)) {
                return true;
            }
            open.extend(children(part));
        }
        false
    }

    /// The parsed expression.
    pub fn tree(&self) -> &IdedExpr {
        &self.tree
    }

    /// The place of a part of it.
    pub fn place(&self, part: &IdedExpr) -> Span {
        match (self.start, self.places.of(part)) {
            (Some(start), Some(place)) if self.source.get(place.clone()).is_some_and(|part| !part.contains('\n')) => {
                Span { offset: start + place.start, length: place.len() }
            }
            _ => self.span,
        }
    }

    /// The text between the braces.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Every dotted name in it, as its parts: `steps.rotate.outputs.version`. Variables of macros are left out.
    pub fn names(&self) -> Vec<Vec<String>> {
        let mut names = Vec::new();
        collect_names(&self.tree, &mut Vec::new(), &mut names);
        names
    }

    /// The value in a scope.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, String> {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        functions::register(&mut context);
        for (name, fields) in self.reads.iter() {
            if let Some(value) = scope.root(name, fields) {
                context.add_variable_from_value(name.clone(), to_cel(&value));
            }
        }
        let told = |why: String| format!("`{}` cannot be evaluated: {why}", self.source);
        let value = cel::Value::resolve(&self.tree, &context).map_err(|error| told(error.to_string()))?;
        value.json().map_err(|error| told(error.to_string()))
    }
}

/// JSON as CEL sees it: whole numbers are ints, so that they compare with the numbers that authors write.
fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => cel::Value::Int(whole),
            (None, Some(float)) => cel::Value::Float(float),
            (None, None) => cel::Value::Null,
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(values) => cel::Value::List(Arc::new(values.iter().map(to_cel).collect())),
        Value::Object(entries) => {
            let entries: HashMap<Key, cel::Value> =
                entries.iter().map(|(key, value)| (Key::String(Arc::new(key.clone())), to_cel(value))).collect();
            cel::Value::Map(CelMap { map: Arc::new(entries) })
        }
    }
}

/// Enough of an expression to know it by.
fn shortened(source: &str) -> String {
    const ENOUGH: usize = 60;
    let line = source.lines().next().unwrap_or_default();
    match line.char_indices().nth(ENOUGH) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}

fn deeper_than(expression: &IdedExpr, most: usize) -> bool {
    let mut open = vec![(expression, 1)];
    while let Some((part, depth)) = open.pop() {
        if depth > most {
            return true;
        }
        open.extend(children(part).into_iter().map(|child| (child, depth + 1)));
    }
    false
}

/// The root names that an expression reads, and what it reads of each.
fn reads(expression: &IdedExpr) -> BTreeMap<String, Fields> {
    let mut names = Vec::new();
    collect_names(expression, &mut Vec::new(), &mut names);
    let mut reads = BTreeMap::new();
    for name in names {
        let mut parts = name.into_iter();
        let Some(root) = parts.next() else { continue };
        let read = reads.entry(root).or_insert_with(|| Fields::Some(BTreeSet::new()));
        match (parts.next(), &mut *read) {
            (Some(field), Fields::Some(fields)) => drop(fields.insert(field)),
            (None, _) => *read = Fields::All,
            (Some(_), Fields::All) => {}
        }
    }
    reads
}

fn collect_names(expression: &IdedExpr, bound: &mut Vec<String>, names: &mut Vec<Vec<String>>) {
    match &expression.expr {
        Expr::Ident(_) | Expr::Select(_) => match dotted(expression) {
            Some(name) => {
                if name.first().is_some_and(|root| !bound.contains(root) && !root.starts_with('@')) {
                    names.push(name);
                }
            }
            None => {
                if let Expr::Select(select) = &expression.expr {
                    collect_names(&select.operand, bound, names);
                }
            }
        },
        Expr::Call(call) => {
            for part in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
                collect_names(part, bound, names);
            }
        }
        Expr::List(list) => list.elements.iter().for_each(|element| collect_names(element, bound, names)),
        Expr::Map(map) => map.entries.iter().for_each(|entry| collect_entry(&entry.expr, bound, names)),
        Expr::Struct(fields) => fields.entries.iter().for_each(|entry| collect_entry(&entry.expr, bound, names)),
        Expr::Comprehension(comprehension) => {
            collect_names(&comprehension.iter_range, bound, names);
            let own = [Some(&comprehension.iter_var), comprehension.iter_var2.as_ref(), Some(&comprehension.accu_var)];
            let before = bound.len();
            bound.extend(own.into_iter().flatten().cloned());
            let parts =
                [&comprehension.accu_init, &comprehension.loop_cond, &comprehension.loop_step, &comprehension.result];
            for part in parts {
                collect_names(part, bound, names);
            }
            bound.truncate(before);
        }
        Expr::Literal(_) | Expr::Unspecified => {}
    }
}

fn collect_entry(entry: &EntryExpr, bound: &mut Vec<String>, names: &mut Vec<Vec<String>>) {
    match entry {
        EntryExpr::StructField(field) => collect_names(&field.value, bound, names),
        EntryExpr::MapEntry(entry) => {
            collect_names(&entry.key, bound, names);
            collect_names(&entry.value, bound, names);
        }
    }
}

fn dotted(expression: &IdedExpr) -> Option<Vec<String>> {
    match &expression.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) => {
            let mut name = dotted(&select.operand)?;
            name.push(select.field.clone());
            Some(name)
        }
        _ => None,
    }
}
