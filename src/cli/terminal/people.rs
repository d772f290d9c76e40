//! Those at the terminal, those who answer from another one, and a file that somebody filled in before.

use super::asking::{About, Asking};
use super::keyboard::{Keyboard, Typed};
use super::left::{Checking, GivenAnswer, SignInDesk};
use super::modes;
use super::ui::Ui;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::page::Page;
use crate::cli::question::{self, Given, Open, Word};
use crate::cli::session;
use crate::clock;
use crate::driver::People;
use crate::durable::{DisplayEvent, DisplayEvents};
use crate::engine::event::Event;
use crate::engine::person::{self, AnswersFile, Seen};
use crate::engine::{State, split_item};
use crate::failure::Failure;
use crate::journal::{LeftAnswer, RunFolder};
use crate::runbook::syntax;
use futures::future::LocalBoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

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
        let text = session::read_own_file(path, "the file of answers")?;
        let wrong = |why: String| {
            let summary = format!("the file of answers `{}` cannot be read", path.display());
            let help = "write `STEP: { answer: approve, by: NAME }` for each step; answers are approve, reject, done, not-done, retry, continue, stop";
            CommandError::usage(Failure::refused(summary).because(why).help(help))
        };
        // The first reading can point at what is wrong, the second keeps how a number was written.
        let strict = serde_saphyr::options! { strict_booleans: true };
        serde_saphyr::from_str_with_options::<BTreeMap<String, OneOrMany>>(&text, strict)
            .map_err(|error| wrong(session::place_of(&error)))?;
        let tree = syntax::parse(&text).map_err(|_| wrong("it is not YAML".to_owned()))?;
        let steps: BTreeMap<String, OneOrMany> =
            serde_json::from_value(tree.as_written()).map_err(|_| wrong("an answer is not of this form".to_owned()))?;
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

/// Tells whether somebody may answer what is asked now.
type Elsewhere = Box<dyn Fn(&State) -> bool>;

/// The people around a run.
pub(crate) struct Terminal {
    folder: RunFolder,
    operator: String,
    notices: DisplayEvents,
    answers: Answers,
    /// Whether somebody may answer from elsewhere, who is waited for as well.
    elsewhere: Option<Elsewhere>,
    /// Where somebody can type an answer here.
    keyboard: Option<Keyboard>,
    asking: Option<Asking>,
    /// How often the terminal was taken back.
    kept: u32,
    /// Why the last answer from here was not taken.
    refused: Option<String>,
    /// Who is told whether the last answer was taken.
    answered: Option<Source>,
    /// Where sign-ins are checked; nothing where the run goes by none.
    desk: Option<SignInDesk>,
    /// The answer whose sign-in is looked at, and who is told what came of it.
    checking: Option<(Source, Checking)>,
}

enum Source {
    Left(String),
    Written(String),
    Here,
}

impl Terminal {
    /// `interactive` says whether somebody can type an answer here.
    pub(crate) fn new(
        folder: RunFolder,
        interactive: bool,
        operator: String,
        notices: DisplayEvents,
        answers: Answers,
        desk: Option<SignInDesk>,
    ) -> Self {
        // While a run is shown nothing that is typed is echoed: the display would be shifted, and what is left over of a
        // pasted value seen.
        let keyboard = interactive.then(Keyboard::open);
        Self {
            folder,
            operator,
            notices,
            answers,
            elsewhere: None,
            keyboard,
            asking: None,
            kept: modes::keep(),
            refused: None,
            answered: None,
            desk,
            checking: None,
        }
    }

    /// Waits for those as well who may answer from elsewhere, as long as this tells that somebody may.
    pub(crate) fn wait_for(&mut self, elsewhere: impl Fn(&State) -> bool + 'static) {
        self.elsewhere = Some(Box::new(elsewhere));
    }

    /// The next answer that lies in the inbox. A file that is no answer is nobody's answer, and what one says of a sign-in
    /// counts for nothing before it was looked at here.
    fn left(&mut self) -> Option<Event> {
        while self.checking.is_none()
            && let Some(LeftAnswer { name, owner, answer }) = self.folder.take_answer()
        {
            let given: Result<GivenAnswer, _> = serde_json::from_slice(&answer);
            if let Ok(GivenAnswer { mut event, shown }) = given
                && let Some(seen) = event.seen_mut()
            {
                // Whose file it is, the kernel says.
                if let Some(owner) = owner.filter(|owner| seen.as_ref().is_none_or(|seen| seen.uid != *owner)) {
                    *seen = Some(session::seen_of(owner));
                }
                seen.get_or_insert_default().verified = None;
                let source = Source::Left(name);
                match (shown, &self.desk) {
                    (Some(shown), Some(desk)) => {
                        self.checking = Some((source, desk.look(event, shown)));
                    }
                    _ => {
                        self.answered = Some(source);
                        return Some(event);
                    }
                }
            }
        }
        None
    }

    /// The answer whose sign-in was looked at, once that is done and it counts.
    fn checked(&mut self, state: &State) -> Option<Event> {
        let (source, checking) = self.checking.as_mut()?;
        let open = question::of_step(state, checking.step());
        let listed = open.as_ref().map(Open::from).unwrap_or_default();
        let ended = checking.ended(listed, matches!(source, Source::Here))?;
        self.answered = self.checking.take().map(|(source, _)| source);
        match ended {
            Ok(event) => Some(event),
            Err(why) => {
                self.heard(Some(why));
                None
            }
        }
    }

    fn written(&mut self, state: &State) -> Option<Event> {
        match self.answers.take(state)? {
            Ok(event) => {
                self.answered = event.step().map(|step| Source::Written(step.to_owned()));
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
        self.keyboard.as_ref()?;
        if modes::is_hidden() || matches!(self.checking, Some((Source::Here, _))) {
            // Another question stands on the screen; this one is asked anew afterwards.
            self.asking = None;
            return None;
        }
        if std::mem::replace(&mut self.kept, modes::keep()) != self.kept && self.asking.take().is_some() {
            // Somebody else had the terminal: what is asked is shown anew.
            self.show("", "");
        }
        let Some(open) = question::open(state).into_iter().next() else {
            if self.asking.take().is_some() {
                self.show("", "");
            }
            return None;
        };
        if self.asking.as_ref().is_none_or(|asking| !asking.is_about(&open)) {
            // What was typed before the question stood there is no answer to it.
            self.keyboard.as_mut()?.forget();
            self.asking = Some(Asking::new(&open, self.refused.take()));
        }
        let asking = self.asking.as_mut()?;
        let about = About { run: self.folder.run(), operator: &self.operator, state };
        if !asking.stands {
            asking.shown = asking.text(&open, &about);
            asking.stands = true;
            let shown = asking.shown.clone();
            self.show(&shown, "");
            return None;
        }
        let line = match self.keyboard.as_mut()?.next()? {
            Typed::SoFar(typed) => {
                let shown = asking.shown.clone();
                self.show(&shown, &typed);
                return None;
            }
            Typed::Line(line) => line,
        };
        asking.stands = false;
        match asking.read(&open, line.trim(), &about) {
            Ok(event) => {
                let event = event?;
                self.asking = None;
                self.show("", "");
                match &self.desk {
                    Some(desk) if open.signs_in => {
                        self.checking = Some((Source::Here, desk.sign_in(event, &self.operator)));
                        None
                    }
                    _ => {
                        self.answered = Some(Source::Here);
                        Some(event)
                    }
                }
            }
            Err(failure) => {
                self.asking = None;
                self.refused = Some(super::ui::describe(&failure).lines().join("\n"));
                None
            }
        }
    }

    fn show(&self, question: &str, entered: &str) {
        let (question, entered) = (question.to_owned(), entered.to_owned());
        drop(self.notices.send(DisplayEvent::Asked { question, entered }));
    }

    fn say(&self, step: &str, text: &str) {
        drop(self.notices.send(DisplayEvent::Progress { step: step.to_owned(), text: text.to_owned() }));
    }
}

impl People for Terminal {
    fn are_there(&self, state: &State) -> bool {
        let elsewhere = self.elsewhere.as_ref().is_some_and(|may_answer| may_answer(state));
        self.keyboard.is_some() || self.answers.has_one(state) || elsewhere
    }

    fn answer<'a>(&'a mut self, state: &'a State) -> LocalBoxFuture<'a, Option<Event>> {
        Box::pin(async move {
            let were_there = self.are_there(state);
            loop {
                if let Some(event) = self.checked(state).or_else(|| self.left()).or_else(|| self.written(state)) {
                    return Some(event);
                }
                if let Some(event) = self.ask(state) {
                    return Some(event);
                }
                if were_there && self.checking.is_none() && !self.are_there(state) {
                    return None;
                }
                clock::sleep(if self.asking.is_some() { TYPE_EVERY } else { LOOK_EVERY }).await;
            }
        })
    }

    fn heard(&mut self, refused: Option<String>) {
        match (self.answered.take(), refused) {
            // Whoever left it may be gone by now.
            (Some(Source::Left(name)), refused) => drop(self.folder.reply(&name, refused.as_deref())),
            (Some(Source::Written(step)), Some(why)) => self.say(&step, &format!("not taken: {why}")),
            (Some(Source::Here), why) => self.refused = why,
            _ => {}
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some((Source::Left(name), _)) = self.checking.take() {
            let why = "the process that works on the run ended while it looked at the sign-in; answer again";
            drop(self.folder.reply(&name, Some(why)));
        }
    }
}

/// Asks at the start whether to go; tells what ended the program instead.
pub(crate) async fn confirm(ui: Ui, question: &Page) -> Result<bool, Exit> {
    let ended = |_| Exit::Program;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ended)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ended)?;
    // What was typed before the plan could be seen is no answer to it.
    modes::drop_pending();
    ui.ask(question);
    let line = tokio::task::spawn_blocking(|| {
        let mut line = [0; 64];
        // Past the standard library's buffer, which would keep what follows the line.
        let count = rustix::io::read(std::io::stdin(), &mut line).unwrap_or_default();
        String::from_utf8_lossy(line.get(..count).unwrap_or_default()).trim().to_lowercase()
    });
    let line = tokio::select! {
        line = line => line.unwrap_or_default(),
        _ = interrupt.recv() => return Err(Exit::Interrupted),
        _ = terminate.recv() => return Err(Exit::Terminated),
    };
    modes::drop_pending();
    Ok(["y", "yes", "go"].contains(&line.as_str()))
}
