//! The tree of a text becomes a [`Runbook`]; every problem is collected, none ends the reading.

use super::diagnostic::{Diagnostic, Included, Span};
use super::duration;
use super::entries::{Decoder, Entries};
use super::language::{self, FRAGMENT_SCHEMA, MOST_AT_A_TIME, MOST_RETRIES, SCHEMA};
use super::model::{Gates, OnUnknown, Parameter, Placed, Policy, Runbook, Step};
use super::secrets;
use super::source::LARGEST_RUNBOOK;
use super::source::{Fragment, RunbookSource, resolve};
use super::syntax::{self, Node, NodeValue};
use crate::engine::{OnFailure, RetryPolicy};

/// More steps than these are no runbook; every check stays quick.
const MOST_STEPS: usize = 500;
/// How many fragments may be included, and how deep in each other.
const MOST_FRAGMENTS: usize = 64;
const DEEPEST_INCLUSION: usize = 8;

/// What a text was read as.
#[derive(Debug)]
pub struct ReadRunbook {
    /// The runbook as far as it could be read; nothing where the text is not even YAML.
    pub runbook: Option<Runbook>,
    /// Whether the text is a fragment: steps for other runbooks, and no runbook by itself.
    pub is_fragment: bool,
    /// Every fragment, with the path by which it was found.
    pub included: Vec<(String, Included)>,
    pub problems: Vec<Diagnostic>,
}

/// Reads a runbook, or a fragment by itself, as far as it can be read, with everything that is wrong with its form.
pub fn read(source: &RunbookSource<'_>) -> ReadRunbook {
    let mut decoder = Decoder {
        problems: Vec::new(),
        library: source.library,
        root: source.text,
        included: Vec::new(),
        open: vec![String::new()],
        steps: 0,
    };
    if source.text.len() <= LARGEST_RUNBOOK {
        secrets::complain(&secrets::find(source.text), 0, &mut decoder.problems);
    }
    let mut is_fragment = false;
    let runbook = match syntax::parse_at(source.text, 0) {
        Ok(root) => {
            is_fragment = schema_of(&root) == Some(FRAGMENT_SCHEMA);
            Some(match is_fragment {
                true => Runbook { steps: decoder.fragment(&root), ..Runbook::default() },
                false => decoder.runbook(&root),
            })
        }
        Err(problem) => {
            decoder.report(problem);
            None
        }
    };
    ReadRunbook { runbook, is_fragment, included: decoder.included, problems: decoder.problems }
}

fn schema_of(root: &Node) -> Option<&str> {
    let NodeValue::Map(entries) = &root.value else { return None };
    entries.iter().find_map(|(key, value)| match &value.value {
        NodeValue::String(text) if key.name == "schema" => Some(text.as_str()),
        _ => None,
    })
}

impl Decoder<'_> {
    fn schema(&mut self, entries: &Entries<'_>, what: &str, expected: &str) {
        let schema = self.required_text(entries, "schema", what);
        if schema.value != expected && !schema.value.is_empty() {
            let message = format!("this program does not know the language `{}`", schema.value);
            let problem = Diagnostic::error(message, schema.span).rule("schema");
            self.report(problem.help(format!("write `schema: {expected}`")));
        }
    }

    fn runbook(&mut self, root: &Node) -> Runbook {
        let entries = self.entries(root, "the runbook", language::RUNBOOK);
        if !matches!(root.value, NodeValue::Map(_)) {
            return Runbook::default();
        }
        self.schema(&entries, "the runbook", SCHEMA);
        let name = self.required_text(&entries, "name", "the runbook").value;
        let summary = self.optional_text(&entries, "summary");
        let inputs = entries.get("inputs").map(|node| self.inputs(node)).unwrap_or_default();
        let policy = entries.get("policy").map(|node| self.policy(node)).unwrap_or_default();
        let steps = self.required_steps(&entries, "the runbook");
        let finally = entries.get("finally").map(|node| self.steps(node, "`finally`")).unwrap_or_default();
        Runbook { name, summary, inputs, policy, steps, finally }
    }

    fn fragment(&mut self, root: &Node) -> Vec<Step> {
        let entries = self.entries(root, "the fragment", language::FRAGMENT);
        self.schema(&entries, "the fragment", FRAGMENT_SCHEMA);
        self.required_steps(&entries, "the fragment")
    }

    fn required_steps(&mut self, entries: &Entries<'_>, what: &str) -> Vec<Step> {
        match entries.get("steps") {
            Some(node) => {
                if matches!(&node.value, NodeValue::List(steps) if steps.is_empty()) {
                    self.report(Diagnostic::error(format!("{what} has no step"), node.span).rule("missing-key"));
                }
                self.steps(node, "`steps`")
            }
            None => {
                self.report(Diagnostic::error(format!("{what} has no `steps`"), entries.span).rule("missing-key"));
                Vec::new()
            }
        }
    }

    fn policy(&mut self, node: &Node) -> Policy {
        let entries = self.entries(node, "`policy`", language::POLICY);
        let overlap = entries.get("overlap").filter(|node| self.duration(node, "`overlap`").is_some());
        Policy {
            lock: entries.get("lock").and_then(|node| {
                self.text(node, "`lock`")?;
                Some(self.template(node))
            }),
            timeout: entries.get("timeout").and_then(|node| self.duration(node, "`timeout`")),
            overlap: overlap.and_then(|node| self.literal(node, "`overlap`")),
            gates: entries.get("gates").map(|node| self.gates(node)).unwrap_or_default(),
        }
    }

    fn gates(&mut self, node: &Node) -> Gates {
        let entries = self.entries(node, "`gates`", language::GATES);
        let skip_if = entries.get("skip_if").map(|node| self.condition(node, "`skip_if`"));
        let mut defaults = Vec::new();
        let known = language::names(language::GATES);
        let is_default = |name: &str| name != "skip_if" && known.contains(&name);
        for (key, node) in entries.entries.iter().filter(|(key, _)| is_default(&key.name)) {
            defaults.push(Parameter { name: key.name.clone(), span: key.span, value: self.template(node) });
        }
        Gates { skip_if, defaults }
    }

    fn steps(&mut self, node: &Node, what: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        for node in self.list(node, what) {
            match included_path(node) {
                Some(path) => steps.extend(self.include(node, path)),
                None => {
                    self.steps += 1;
                    match self.steps.cmp(&(MOST_STEPS + 1)) {
                        std::cmp::Ordering::Less => steps.push(self.step(node)),
                        std::cmp::Ordering::Equal => {
                            let message = format!("the runbook has more than {MOST_STEPS} steps");
                            let problem = Diagnostic::error(message, node.span).rule("too-large");
                            self.report(problem.help("use `for_each` for what is done to many things"));
                        }
                        std::cmp::Ordering::Greater => {}
                    }
                }
            }
        }
        steps
    }

    /// The steps of another file, in the place of the entry that names it.
    fn include(&mut self, node: &Node, path: &Node) -> Vec<Step> {
        self.entries(node, "the entry", language::INCLUDE);
        let Some(written) = self.text(path, "`include`") else { return Vec::new() };
        let cannot = |why: String, span: Span| {
            Diagnostic::error(format!("`{written}` cannot be included: {why}"), span).rule("include")
        };
        let from = self.open.last().cloned().unwrap_or_default();
        let fragment = match resolve(&from, &written) {
            Err(why) => Err(cannot(why.to_owned(), path.span).help("write a path relative to this file")),
            Ok(found) if self.open.contains(&found) => {
                let way: Vec<&str> = self.open.iter().skip_while(|open| **open != found).map(String::as_str).collect();
                Err(cannot(format!("it includes itself: {} → {found}", way.join(" → ")), path.span)
                    .help("take one of these out"))
            }
            Ok(_) if self.open.len() > DEEPEST_INCLUSION || self.included.len() >= MOST_FRAGMENTS => Err(cannot(
                format!(
                    "a runbook includes at most {MOST_FRAGMENTS} fragments, {DEEPEST_INCLUSION} deep in each other"
                ),
                path.span,
            )),
            Ok(found) => match self.library.fragment(&found) {
                Ok(fragment) if !fragment.is_ours() => {
                    let why = "its text is no fragment, so none of it is shown".to_owned();
                    Err(cannot(why, path.span).help("a fragment begins with `schema: stanch-fragment/v1`"))
                }
                Ok(fragment) => Ok((found, fragment)),
                Err(why) => Err(cannot(why, path.span)),
            },
        };
        match fragment {
            Ok((found, fragment)) => self.included(found, fragment),
            Err(problem) => {
                self.report(problem);
                Vec::new()
            }
        }
    }

    fn included(&mut self, path: String, fragment: Fragment) -> Vec<Step> {
        let end = self.included.last().map_or(self.root.len(), |(_, last)| last.offset + last.text.len());
        let offset = end + 1;
        let Fragment { name, text } = fragment;
        if text.len() <= LARGEST_RUNBOOK {
            secrets::complain(&secrets::find(&text), offset, &mut self.problems);
        }
        let root = syntax::parse_at(&text, offset);
        self.included.push((path.clone(), Included { name, text, offset }));
        self.open.push(path);
        let steps = match root {
            Ok(root) => self.fragment(&root),
            Err(problem) => {
                self.report(problem);
                Vec::new()
            }
        };
        self.open.pop();
        steps
    }

    fn step(&mut self, node: &Node) -> Step {
        let entries = self.entries(node, "the step", language::STEP);
        let id = self.required_text(&entries, "id", "the step");
        if !id.value.is_empty() {
            self.identifier(&id.value, id.span, "id of a step");
        }
        let what = format!("the step `{}`", id.value);
        let uses = self.required_text(&entries, "uses", &what);
        let with = entries.get("with").map(|node| self.parameters(node, &what)).unwrap_or_default();
        Step {
            name: self.optional_text(&entries, "name"),
            needs: entries.get("needs").map(|node| self.words(node, "`needs`")),
            condition: entries.get("if").map(|node| self.condition(node, "`if`")),
            for_each: entries.get("for_each").map(|node| self.template(node)),
            concurrency: entries.get("concurrency").and_then(|node| {
                let value = self.whole(node, "`concurrency`", 1, MOST_AT_A_TIME as u64)?;
                Some(Placed { value: usize::try_from(value).ok()?, span: node.span })
            }),
            retry: entries.get("retry").map(|node| self.retry(node)),
            timeout: entries.get("timeout").and_then(|node| self.duration(node, "`timeout`")),
            on_failure: entries.get("on_failure").and_then(|node| {
                let words = [("stop", OnFailure::Stop), ("continue", OnFailure::Continue), ("ask", OnFailure::Ask)];
                self.word(node, "`on_failure`", &words)
            }),
            on_unknown: entries
                .get("on_unknown")
                .and_then(|node| {
                    let words = [("probe", OnUnknown::Probe), ("rerun", OnUnknown::Rerun), ("ask", OnUnknown::Ask)];
                    self.word(node, "`on_unknown`", &words)
                })
                .unwrap_or_default(),
            id,
            uses,
            with,
        }
    }

    fn parameters(&mut self, node: &Node, what: &str) -> Vec<Parameter> {
        let entries = self.open_entries(node, &format!("`with` of {what}"));
        let mut parameters = Vec::new();
        for (key, node) in entries.entries {
            self.nested_repetitions(node, &key.name);
            parameters.push(Parameter { name: key.name.clone(), span: key.span, value: self.template(node) });
        }
        parameters
    }

    /// Keys that stand twice, deeper in a parameter.
    fn nested_repetitions(&mut self, node: &Node, what: &str) {
        match &node.value {
            NodeValue::Map(entries) => {
                self.open_entries(node, &format!("`{what}`"));
                entries.iter().for_each(|(key, value)| self.nested_repetitions(value, &key.name));
            }
            NodeValue::List(values) => values.iter().for_each(|value| self.nested_repetitions(value, what)),
            _ => {}
        }
    }

    fn retry(&mut self, node: &Node) -> RetryPolicy {
        let mut policy = RetryPolicy::default();
        let entries = self.entries(node, "`retry`", language::RETRY);
        if let Some(node) = entries.get("max")
            && let Some(max) = self.whole(node, "`max`", 0, u64::from(MOST_RETRIES))
        {
            policy.max = u32::try_from(max).unwrap_or(MOST_RETRIES);
        }
        if let Some(node) = entries.get("backoff") {
            self.backoff(node, &mut policy);
        }
        policy
    }

    fn backoff(&mut self, node: &Node, policy: &mut RetryPolicy) {
        let Some(text) = self.text(node, "`backoff`") else { return };
        let (first, longest) = text.split_once("..").unwrap_or((&text, &text));
        match (duration::parse(first), duration::parse(longest)) {
            (Ok(first), Ok(longest)) if first <= longest => {
                policy.first = first;
                policy.longest = longest;
            }
            (Ok(_), Ok(_)) => {
                let problem = Diagnostic::error("the first wait is longer than the longest", node.span);
                self.report(problem.rule("limits").help("the longest stands after `..`: `backoff: 2s..1m`"));
            }
            (Err(problem), _) | (_, Err(problem)) => {
                let problem = Diagnostic::error(problem, node.span).rule("duration");
                self.report(problem.help("for example `backoff: 2s..1m`"));
            }
        }
    }
}

/// The path of an entry that includes a fragment.
fn included_path(node: &Node) -> Option<&Node> {
    let NodeValue::Map(entries) = &node.value else { return None };
    entries.iter().find(|(key, _)| key.name == "include").map(|(_, value)| value)
}
