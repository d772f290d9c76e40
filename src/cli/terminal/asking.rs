//! A question as it stands at the terminal: all that is asked, and what must be typed. A single key answers nothing.

use crate::cli::question::{self, Asked, Given, Open, Word};
use crate::cli::session;
use crate::engine::event::{Event, Field, Question};
use crate::engine::person::Person;
use crate::engine::{GateState, State};
use crate::failure::Failure;
use crate::visible;
use serde_json::{Map, Value};

/// A question that stands on the screen, and what was typed to it so far.
pub(super) struct Asking {
    /// Which question it is: a step may ask again.
    id: (String, String),
    /// What stands on the screen, and whether that is what is asked now.
    pub(super) shown: String,
    pub(super) stands: bool,
    /// What the last line was no answer to.
    wrong: Option<String>,
    given: Map<String, Value>,
    word: Option<Word>,
}

/// What a question is about, besides itself.
pub(super) struct About<'a> {
    pub(super) run: &'a str,
    pub(super) operator: &'a str,
    pub(super) state: &'a State,
}

impl Asking {
    /// Begins to ask; `refused` is why an answer that was given just now was not taken.
    pub(super) fn new(open: &Open, refused: Option<String>) -> Self {
        let refused = refused.map(|why| {
            let why: Vec<String> = why.lines().map(visible::line).collect();
            format!("not taken: {}\n\n", why.join("\n"))
        });
        Self { id: id(open), shown: String::new(), stands: false, wrong: refused, given: Map::new(), word: None }
    }

    /// Whether this is the question that is asked.
    pub(super) fn is_about(&self, open: &Open) -> bool {
        self.id == id(open)
    }

    /// What is to be shown now: at first the whole question, then only what is asked next.
    pub(super) fn text(&mut self, open: &Open, about: &About<'_>) -> String {
        let begins = self.shown.is_empty();
        let wrong = self.wrong.take();
        if !begins && let Some(wrong) = wrong {
            return format!("{wrong}\n{}", self.next(open, about));
        }
        let whole = if begins { whole(open, about) } else { String::new() };
        format!("{}{whole}{}", wrong.unwrap_or_default(), self.next(open, about))
    }

    /// What must be typed next.
    fn next(&self, open: &Open, about: &About<'_>) -> String {
        match (&open.what, self.word) {
            (Asked::Gate { question, .. }, _) => match next_field(question, &self.given) {
                Some(field) => asks_for(field),
                None => {
                    let (yes, no) = match is_by_hand(question) {
                        true => ("it is done", "it could not be done"),
                        false => ("a yes", "a no"),
                    };
                    let name = secret_name(about.state)
                        .map(|name| format!(", or `{}`", visible::line(name)))
                        .unwrap_or_default();
                    format!("type `approve`{name} in full: {yes}; `reject`: {no}")
                }
            },
            (Asked::Decision { .. }, None) => "type `done` if it happened, `not-done` if it did not".to_owned(),
            (Asked::Failure(_), None) => {
                "type `retry` to try it again, `continue` to go on without it, `stop` to stop the run".to_owned()
            }
            (_, Some(word)) => format!("{}, because? (how do you know)", question::name(word)),
        }
    }

    /// Takes one typed line in; gives the answer once it is whole.
    pub(super) fn read(&mut self, open: &Open, line: &str, about: &About<'_>) -> Result<Option<Event>, Failure> {
        let given = |word, because, answers| Given {
            word,
            by: about.operator.to_owned(),
            seen: session::seen(),
            because,
            answers,
        };
        if let Asked::Gate { question, .. } = &open.what {
            if let Some(field) = next_field(question, &self.given) {
                let value = if line.is_empty() { Value::Null } else { Value::from(line) };
                self.given.insert(field.name.clone(), value);
                return Ok(None);
            }
            let is_name = secret_name(about.state).is_some_and(|name| name.eq_ignore_ascii_case(line));
            let Some(word) = open.word(line).or(is_name.then_some(Word::Approve)) else { return self.not(line) };
            let answers = std::mem::take(&mut self.given).into_iter().filter(|(_, value)| !value.is_null()).collect();
            return open.answer(given(word, None, answers)).map(Some);
        }
        match self.word {
            None => match open.word(line) {
                Some(word) => {
                    self.word = Some(word);
                    Ok(None)
                }
                None => self.not(line),
            },
            Some(_) if line.is_empty() => {
                self.wrong = Some("a reason is needed".to_owned());
                Ok(None)
            }
            Some(word) => open.answer(given(word, Some(line.to_owned()), Map::new())).map(Some),
        }
    }

    /// Says that a line is no answer.
    fn not(&mut self, line: &str) -> Result<Option<Event>, Failure> {
        let typed = if line.is_empty() { "Enter alone".to_owned() } else { format!("`{}`", visible::line(line)) };
        self.wrong = Some(format!("{typed} answers nothing"));
        Ok(None)
    }
}

fn id(open: &Open) -> (String, String) {
    let asked = match &open.what {
        Asked::Gate { question, .. } => question.plan.clone(),
        Asked::Decision { effect, .. } => effect.clone(),
        Asked::Failure(_) => String::new(),
    };
    (open.step.clone(), asked)
}

/// Everything that is asked.
fn whole(open: &Open, about: &About<'_>) -> String {
    let step = &open.step;
    match &open.what {
        Asked::Gate { question, .. } => gate(open, question, about),
        Asked::Decision { summary, .. } => format!(
            "`{step}` needs a decision\n  known      sent: {}\n  not known  whether it happened: no answer came, and nobody can be asked\n\n",
            visible::line(summary)
        ),
        Asked::Failure(failure) => {
            let why = failure.as_ref().map(super::ui::describe).unwrap_or_default();
            let why: Vec<String> = why.lines().iter().map(|line| visible::line(line)).collect();
            format!("`{step}` failed: {}\n\n", why.join("\n"))
        }
    }
}

/// On a small screen the first lines go first: the question and what answers it stand at its end.
fn gate(open: &Open, question: &Question, about: &About<'_>) -> String {
    let until =
        question.expires_at.map(|until| until.format(", until %Y-%m-%d %H:%M:%SZ, then it is a no").to_string());
    let mut text = format!("`{}` asks{}\n", open.step, until.unwrap_or_default());
    if let Some(command) = open.commands(about.run).first() {
        text.push_str(&format!("from elsewhere: {command}\n\n"));
    }
    // The runbook said that, and what it took from elsewhere.
    question.prompt.lines().for_each(|line| text.push_str(&format!("│ {}\n", visible::line(line))));
    for (index, task) in question.checklist.iter().enumerate() {
        text.push_str(&format!("  {}. {}\n", index + 1, visible::line(task)));
    }
    if !question.plan.is_empty() {
        text.push_str(&format!("plan: sha256:{}\n", question.plan));
    }
    let gate = about.state.step(&open.step).gate.as_ref();
    text.push_str(&format!("who: {}\n", who(question, gate, about)));
    let standing = gate.filter(|gate| !gate.agreed.is_empty()).and_then(GateState::standing);
    standing.iter().for_each(|standing| text.push_str(&format!("{}\n", visible::line(standing))));
    text
}

/// Who must say yes, and whether whoever sits here may.
fn who(question: &Question, gate: Option<&GateState>, about: &About<'_>) -> String {
    let missing = question.missing(gate.map_or(0, |gate| gate.agreed.len()));
    let mut text = match (question.min, missing) {
        (1, _) => "1 yes".to_owned(),
        (_, missing) => format!("{missing} more yes"),
    };
    if !question.from.is_empty() {
        text.push_str(&format!(" of {}", visible::line(&question.from.join(", "))));
    }
    let requester = about.state.opened().map(|opened| opened.operator.as_str()).filter(|_| question.not_requester);
    if let Some(requester) = requester {
        text.push_str(&format!(", not of {}, who started the run", visible::line(requester)));
    }
    let you = Person::new(about.operator, Some(&session::seen()));
    text.push_str(&format!("; you are {}", visible::line(&you.told())));
    text
}

fn is_by_hand(question: &Question) -> bool {
    !question.checklist.is_empty() || !question.fields.is_empty()
}

/// The name of the one secret that the run works on.
fn secret_name(state: &State) -> Option<&str> {
    let (_, name) = state.opened()?.lock.as_deref()?.split_once("/secrets/")?;
    Some(name).filter(|name| !name.is_empty() && !name.contains('/'))
}

fn asks_for(field: &Field) -> String {
    let about = field.description.as_ref().map(|text| format!(", {text}")).unwrap_or_default();
    let words = if field.values.is_empty() { String::new() } else { format!(": {}", field.values.join(", ")) };
    let optional = if field.required { "" } else { ", Enter alone leaves it out" };
    visible::line(&format!("{} ({}{words}{about}{optional})", field.name, field.kind))
}

fn next_field<'a>(question: &'a Question, given: &Map<String, Value>) -> Option<&'a Field> {
    question.fields.iter().find(|field| !given.contains_key(&field.name))
}
