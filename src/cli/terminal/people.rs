//! Those at the terminal, those who answer from another one, and a file that somebody filled in before.

use super::keyboard::{self, Keyboard, Typed};
use crate::cli::exit::CommandError;
use crate::cli::question::{self, Asked, Given, Open, Word};
use crate::cli::session;
use crate::clock;
use crate::driver::People;
use crate::durable::{DisplayEvent, DisplayEvents};
use crate::engine::event::Event;
use crate::engine::person::{self, AnswersFile, Seen};
use crate::engine::{State, split_item};
use crate::failure::Failure;
use crate::journal::RunFolder;
use crate::runbook::syntax;
use futures::future::LocalBoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::Path;
use std::time::Duration;

/// How often the answers from other terminals are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often the keyboard is looked at.
const TYPE_EVERY: Duration = Duration::from_millis(30);

/// Answers by step, each used once: `STEP: { answer: approve, by: NAME, comment: TEXT, answers: { NAME: VALUE } }`, or
/// a list of them where several people must agree.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    steps: BTreeMap<String, Vec<Written>>,
    /// The file in which they stood.
    file: Option<AnswersFile>,
    /// Items that got the answer of their step.
    used: BTreeSet<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    answer: Word,
    by: String,
    #[serde(default, alias = "because")]
    comment: Option<String>,
    #[serde(default)]
    answers: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Written),
    Many(Vec<Written>),
}

impl Answers {
    /// Reads a file of answers.
    pub(crate) fn read(path: &Path) -> Result<Self, CommandError> {
        let text = session::read_file(path, "the file of answers")?;
        let wrong = |why: String| {
            let summary = format!("the file of answers `{}` cannot be read", path.display());
            let help = "write `STEP: { answer: approve, by: NAME }` for each step; answers are approve, reject, done, not-done, retry, continue, stop";
            CommandError::usage(Failure::refused(summary).because(why).help(help))
        };
        // The first reading can point at what is wrong, the second keeps how a number was written.
        let strict = serde_saphyr::options! { strict_booleans: true };
        serde_saphyr::from_str_with_options::<BTreeMap<String, OneOrMany>>(&text, strict)
            .map_err(|error| wrong(error.to_string()))?;
        let tree = syntax::parse(&text).map_err(|problem| wrong(problem.message))?;
        let steps: BTreeMap<String, OneOrMany> =
            serde_json::from_value(tree.as_written()).map_err(|error| wrong(error.to_string()))?;
        let many = |answers| match answers {
            OneOrMany::One(answer) => vec![answer],
            OneOrMany::Many(answers) => answers,
        };
        let steps: BTreeMap<String, Vec<Written>> =
            steps.into_iter().map(|(step, answers)| (step, many(answers))).collect();
        if let Some(why) = steps.values().flatten().find_map(|written| person::name(&written.by).err()) {
            let summary = format!("the file of answers `{}` cannot be used", path.display());
            let failure = Failure::refused(summary).because(why);
            return Err(CommandError::usage(failure.help("say who answers, by a name that others know")));
        }
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
        let file = Some(AnswersFile { path, sha256: hex::encode(Sha256::digest(&text)) });
        Ok(Self { steps, file, used: BTreeSet::new() })
    }

    /// The key under which answers to a step are left: its id, or for an item that of its step.
    fn key(&self, step: &str) -> Option<String> {
        let left = |key: &&str| self.steps.get(*key).is_some_and(|answers| !answers.is_empty());
        let unused = !self.used.contains(step);
        [step, split_item(step).0].into_iter().find(|key| left(key) && unused).map(str::to_owned)
    }

    fn has_one(&self, state: &State) -> bool {
        question::open(state).iter().any(|open| self.key(&open.step).is_some())
    }

    fn take(&mut self, state: &State) -> Option<Result<Event, Failure>> {
        let open = question::open(state).into_iter().find(|open| self.key(&open.step).is_some())?;
        let key = self.key(&open.step)?;
        let answers = self.steps.get_mut(&key)?;
        let written = if key == open.step {
            answers.remove(0)
        } else {
            // An answer to a step with items is one for each of them.
            self.used.insert(open.step.clone());
            answers.first()?.clone()
        };
        let Written { answer, by, comment, answers } = written;
        let seen = Seen { file: self.file.clone(), terminal: None, ..session::seen() };
        Some(open.answer(Given { word: answer, by, seen, because: comment, answers }))
    }
}

/// The people around a run.
pub(crate) struct Terminal {
    folder: RunFolder,
    interactive: bool,
    operator: String,
    notices: DisplayEvents,
    answers: Answers,
    keyboard: Option<Keyboard>,
    /// The question that stands on the screen, and what was typed to it so far.
    asking: Option<Asking>,
    /// Who is told whether the last answer was taken.
    answered: Option<Source>,
}

struct Asking {
    step: String,
    prompt: String,
    given: Map<String, Value>,
    word: Option<Word>,
}

enum Source {
    Left(String),
    Here(String),
}

impl Terminal {
    /// `interactive` says whether somebody can type an answer here.
    pub(crate) fn new(
        folder: RunFolder,
        interactive: bool,
        operator: String,
        notices: DisplayEvents,
        answers: Answers,
    ) -> Self {
        Self { folder, interactive, operator, notices, answers, keyboard: None, asking: None, answered: None }
    }

    /// The next answer that lies in the inbox. A file that is no answer is nobody's answer.
    fn left(&mut self) -> Option<Event> {
        while let Some((name, owner, answer)) = self.folder.take_answer() {
            let event: Result<Event, _> = serde_json::from_slice(&answer);
            if let Ok(mut event) = event
                && let Some(seen) = event.seen_mut()
            {
                // Whose file it is, the kernel says.
                if seen.as_ref().is_none_or(|seen| seen.uid != owner) {
                    *seen = Some(session::seen_of(owner));
                }
                self.answered = Some(Source::Left(name));
                return Some(event);
            }
        }
        None
    }

    fn written(&mut self, state: &State) -> Option<Event> {
        match self.answers.take(state)? {
            Ok(event) => {
                self.answered = event.step().map(|step| Source::Here(step.to_owned()));
                Some(event)
            }
            Err(failure) => {
                self.say("", &failure.summary);
                None
            }
        }
    }

    /// Puts the first open question on the screen, and takes in what was typed to it.
    fn ask(&mut self, state: &State) -> Option<Event> {
        if keyboard::is_hidden() {
            return None;
        }
        let Some(open) = question::open(state).into_iter().next() else {
            if self.asking.take().is_some() {
                drop(self.notices.send(DisplayEvent::Asked { text: String::new() }));
            }
            return None;
        };
        if self.asking.as_ref().is_none_or(|asking| asking.step != open.step) {
            let prompt = String::new();
            self.asking = Some(Asking { step: open.step.clone(), prompt, given: Map::new(), word: None });
            // What was typed before the question stood there is no answer to it.
            while self.keyboard.get_or_insert_with(Keyboard::open).next().is_some() {}
        }
        let asking = self.asking.as_mut()?;
        let prompt = prompt(&open, asking);
        if prompt != asking.prompt {
            asking.prompt.clone_from(&prompt);
            drop(self.notices.send(DisplayEvent::Asked { text: prompt }));
        }
        let line = match self.keyboard.get_or_insert_with(Keyboard::open).next()? {
            Typed::SoFar(typed) => {
                let text = format!("{} {typed}", asking.prompt);
                drop(self.notices.send(DisplayEvent::Asked { text }));
                return None;
            }
            Typed::Line(line) => line,
        };
        asking.prompt.clear();
        match read(&open, asking, line.trim(), &self.operator) {
            Ok(event) => {
                let event = event?;
                self.asking = None;
                self.answered = Some(Source::Here(open.step));
                drop(self.notices.send(DisplayEvent::Asked { text: String::new() }));
                Some(event)
            }
            Err(failure) => {
                self.asking = None;
                let why: Vec<String> = std::iter::once(failure.summary).chain(failure.reasons).collect();
                self.say(&open.step, &why.join(": "));
                None
            }
        }
    }

    fn say(&self, step: &str, text: &str) {
        drop(self.notices.send(DisplayEvent::Progress { step: step.to_owned(), text: text.to_owned() }));
    }
}

impl People for Terminal {
    fn are_there(&self, state: &State) -> bool {
        self.interactive || self.answers.has_one(state)
    }

    fn answer<'a>(&'a mut self, state: &'a State) -> LocalBoxFuture<'a, Event> {
        Box::pin(async move {
            loop {
                if let Some(event) = self.left().or_else(|| self.written(state)) {
                    return event;
                }
                if self.interactive
                    && let Some(event) = self.ask(state)
                {
                    return event;
                }
                clock::sleep(if self.asking.is_some() { TYPE_EVERY } else { LOOK_EVERY }).await;
            }
        })
    }

    fn heard(&mut self, refused: Option<String>) {
        match (self.answered.take(), refused) {
            // Whoever left it may be gone by now.
            (Some(Source::Left(name)), refused) => drop(self.folder.reply(&name, refused.as_deref())),
            (Some(Source::Here(step)), Some(why)) => self.say(&step, &format!("not taken: {why}")),
            _ => {}
        }
    }
}

/// What is asked next.
fn prompt(open: &Open, asking: &Asking) -> String {
    match (&open.what, asking.word) {
        (Asked::Gate { question, .. }, _) => match next_field(question, &asking.given) {
            Some(field) => {
                let about = field.description.as_ref().map(|text| format!(", {text}")).unwrap_or_default();
                let words =
                    if field.values.is_empty() { String::new() } else { format!(": {}", field.values.join(", ")) };
                format!("`{}`  {} ({}{words}{about}): ", open.step, field.name, field.kind)
            }
            None if question.checklist.is_empty() && question.fields.is_empty() => {
                format!("`{}`  [y/n]  {}", open.step, question.prompt)
            }
            None => format!("`{}`  is it done? [y/n]  {}", open.step, question.prompt),
        },
        (Asked::Decision { summary, .. }, None) => {
            format!("`{}`  did it happen? [done/not-done]  {summary}", open.step)
        }
        (Asked::Failure(failure), None) => {
            let why = failure.as_ref().map(|failure| failure.summary.as_str()).unwrap_or_default();
            format!("`{}` failed: {why}  [retry/continue/stop]", open.step)
        }
        (_, Some(word)) => format!("`{}`  {}, because: ", open.step, question::name(word)),
    }
}

fn next_field<'a>(
    question: &'a crate::engine::event::Question,
    given: &Map<String, Value>,
) -> Option<&'a crate::engine::event::Field> {
    question.fields.iter().find(|field| !given.contains_key(&field.name))
}

/// Takes one typed line in; gives the answer once it is whole.
fn read(open: &Open, asking: &mut Asking, line: &str, operator: &str) -> Result<Option<Event>, Failure> {
    let given =
        |word, because, answers| Given { word, by: operator.to_owned(), seen: session::seen(), because, answers };
    if let Asked::Gate { question, .. } = &open.what {
        if let Some(field) = next_field(question, &asking.given) {
            let value = if line.is_empty() { Value::Null } else { Value::from(line) };
            asking.given.insert(field.name.clone(), value);
            return Ok(None);
        }
        let word = match line.to_lowercase().as_str() {
            "y" | "yes" => Word::Approve,
            "n" | "no" => Word::Reject,
            _ => return Ok(None),
        };
        let answers = std::mem::take(&mut asking.given).into_iter().filter(|(_, value)| !value.is_null()).collect();
        return open.answer(given(word, None, answers)).map(Some);
    }
    match asking.word {
        None => {
            asking.word = open.words().iter().copied().find(|word| {
                let name = question::name(*word);
                name == line || (line.len() == 1 && name.starts_with(line))
            });
            Ok(None)
        }
        Some(_) if line.is_empty() => Ok(None),
        Some(word) => open.answer(given(word, Some(line.to_owned()), Map::new())).map(Some),
    }
}

/// Asks at the start whether to go.
pub(crate) async fn confirm() -> bool {
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    matches!(line.await, Ok(Ok(line)) if ["y", "yes", "go"].contains(&line.trim().to_lowercase().as_str()))
}
