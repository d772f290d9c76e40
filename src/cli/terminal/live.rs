//! What is seen while a run is at work: a tree that stays put on a terminal, plain lines elsewhere.

use super::screen;
use super::ui::Ui;
use crate::actions::Services;
use crate::cli::page::Page;
use crate::clock::{self, Timestamp};
use crate::durable::DisplayEvent;
use crate::engine::event::{EffectOutcome, Event, Mode, SettledBy, StepOutcome};
use crate::engine::person::Person;
use crate::engine::{StepStatus, item_id, split_item};
use crate::evidence::Known;
use crate::journal::Record;
use crate::plan::{Fact, Plan, PlannedStep};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// The display at work.
pub(crate) struct Display {
    task: JoinHandle<()>,
}

impl Display {
    /// Waits until everything that happened has been shown.
    pub(crate) async fn finish(self) {
        drop(self.task.await);
    }
}

/// Shows a run's notices until the last of their senders is gone.
///
/// `records` are what the journal holds when this process takes the run on: what is done stands there as done.
pub(crate) fn show(
    ui: Ui,
    plan: &Plan,
    services: &Services,
    records: &[Record],
    inbox: mpsc::UnboundedReceiver<DisplayEvent>,
) -> Display {
    let mut view = View::new(ui, plan, services, records);
    let mut inbox = inbox;
    let task = tokio::spawn(async move {
        while let Some(notice) = inbox.recv().await {
            match notice {
                DisplayEvent::Recorded(record) => view.record(&record),
                DisplayEvent::Progress { step, text } => view.progress(&step, &text),
                DisplayEvent::Asked { text } if text.is_empty() => view.warn(),
                DisplayEvent::Asked { text } => view.ask(&text),
                DisplayEvent::Aside { text } => view.aside(&text),
            }
        }
        view.close();
    });
    Display { task }
}

/// A step as it is shown.
struct Line {
    bar: Option<ProgressBar>,
    begun: Option<Timestamp>,
    /// What became of its items, if it is done for each item of a list.
    items: Tally,
}

#[derive(Default)]
struct Tally {
    all: usize,
    over: usize,
    failed: usize,
}

impl Tally {
    fn describe(&self) -> String {
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        format!("{} of {} done{failed}", self.over, self.all)
    }

    /// How far it is, as a bar of a fixed width.
    fn bar(&self) -> String {
        const WIDTH: usize = 20;
        let full = (self.over * WIDTH).checked_div(self.all).unwrap_or_default().min(WIDTH);
        "━".repeat(full) + &"─".repeat(WIDTH - full)
    }
}

struct View {
    ui: Ui,
    lines: BTreeMap<String, Line>,
    /// Where there is a tree: all its lines.
    tree: Option<MultiProgress>,
    header: Option<ProgressBar>,
    /// Whether the leaked value still works: below the header, so that no terminal is too low for it.
    leaked: Option<ProgressBar>,
    footer: Option<ProgressBar>,
    width: usize,
    known: Known,
    began: Timestamp,
    title: String,
}

impl View {
    fn new(ui: Ui, plan: &Plan, services: &Services, records: &[Record]) -> Self {
        let known = Known::of(records, &services.steps);
        let width = plan.steps().map(|step| step.id.value.len()).max().unwrap_or_default();
        let drill = if services.mode == Mode::Drill { "  DRILL" } else { "" };
        let title = format!("{}  {}{drill}", services.runbook, services.run);
        let (lines, began) = (BTreeMap::new(), known.state().opened_at().unwrap_or_else(clock::now));
        let tree = (ui.is_terminal() && !ui.quiet && !ui.json).then(MultiProgress::new);
        let header = tree.as_ref().map(|tree| {
            let header = plain_bar(ui, tree, &title);
            header.set_style(timed_style("{msg}  {clock}"));
            header.enable_steady_tick(Duration::from_secs(1));
            header
        });
        let leaked = tree.as_ref().map(|tree| plain_bar(ui, tree, ""));
        let mut view = Self { ui, lines, tree, header, leaked, footer: None, width, known, began, title };
        let tree = view.tree.clone();
        for step in &services.steps {
            let shown = tree.as_ref().filter(|_| !step.only_if_needed);
            let bar = shown.map(|tree| plain_bar(ui, tree, &format!("  · {}", step.id)));
            view.lines.insert(step.id.clone(), Line { bar, begun: None, items: Tally::default() });
        }
        view.footer = tree.as_ref().map(|tree| {
            let footer = plain_bar(ui, tree, "");
            // A question is read to its end, however narrow the terminal is.
            footer.set_style(style("{msg}"));
            footer
        });
        if view.header.is_none() {
            ui.note(&view.title);
        }
        view.seed();
        view.warn();
        view
    }

    /// Shows where the run stands when this process takes it on.
    fn seed(&mut self) {
        let state = self.known.state().clone();
        for planned in self.known.steps().to_vec() {
            let at = state.step(&planned.id);
            let all = at.items.as_ref().map_or(0, Vec::len);
            let over = (0..all).filter(|index| state.step(&item_id(&planned.id, *index)).status.is_over()).count();
            if let Some(line) = self.lines.get_mut(&planned.id) {
                line.begun = at.started_at;
                line.items = Tally { all, over, failed: 0 };
            }
            // Where there are only lines, each was written when it was news.
            if self.tree.is_none() {
                continue;
            }
            let ended = at.ended_at.or(state.last_at()).unwrap_or_else(clock::now);
            match at.status {
                StepStatus::Done => self.done(&planned.id, ended, &planned.fact(&at.outputs)),
                StepStatus::Failed => {
                    let why = at.error.as_ref().map_or("failed", |error| error.summary.as_str()).to_owned();
                    self.end(&planned.id, ended, "✗", &why);
                }
                StepStatus::Skipped => self.skipped(&planned.id, ended, at.because.as_deref().unwrap_or_default()),
                StepStatus::Waiting | StepStatus::Unknown => {
                    let asked = at.gate.as_ref().map_or("waits for a person", |gate| gate.question.prompt.as_str());
                    let asked = asked.to_owned();
                    self.end(&planned.id, ended, "‼", &asked);
                }
                StepStatus::Pending | StepStatus::Running | StepStatus::Retrying => {}
            }
        }
    }

    fn record(&mut self, record: &Record) {
        let at = record.at;
        // What cannot follow was refused by the journal before.
        self.known.apply(record).ok();
        match &record.event {
            Event::StepStarted { step, .. } => self.begin(step, at),
            Event::LoopOpened { step, items } => {
                if let Some(line) = self.lines.get_mut(step) {
                    line.items.all = items.len();
                }
            }
            Event::StepFinished { step, status, .. } if split_item(step).1.is_some() => {
                self.count(step, *status == StepOutcome::Failed);
            }
            Event::StepSkipped { step, .. } if split_item(step).1.is_some() => self.count(step, false),
            Event::StepFinished { step, status, outputs, error, .. } => {
                match (status, error) {
                    (StepOutcome::Done, _) => {
                        let planned = self.known.steps().iter().find(|planned| planned.id == *step);
                        let fact = planned.map(|planned| planned.fact(outputs)).unwrap_or_default();
                        self.done(step, at, &fact);
                    }
                    (StepOutcome::Failed, Some(error)) => self.end(step, at, "✗", &error.summary),
                    (StepOutcome::Failed, None) => self.end(step, at, "✗", "failed"),
                }
                self.warn();
            }
            Event::StepSkipped { step, because } => self.skipped(step, at, because),
            Event::AttemptFailed { step, error, retry_at: Some(retry_at), .. } => {
                let wait = (*retry_at - at).num_milliseconds().max(0) / 100;
                self.say(step, &format!("{}; again in {}.{}s", error.summary, wait / 10, wait % 10));
            }
            Event::EffectFinished { step, outcome, by: SettledBy::Probe, .. } => {
                let found = match outcome {
                    EffectOutcome::Done => "it happened. Counted as done",
                    EffectOutcome::Refused | EffectOutcome::Unknown => "it did not happen",
                };
                self.say(step, &format!("? was sent, the answer never came; asked the other side: {found}"));
            }
            Event::GateOpened { step, question } => {
                let asked = Page::others(&question.prompt, "      │ ");
                let mut lines = asked.lines().iter();
                self.end(step, at, "‼", lines.next().map_or("", String::as_str));
                lines.for_each(|line| self.write(line));
                for (index, task) in question.checklist.iter().enumerate() {
                    self.write(&format!("      {}. {task}", index + 1));
                }
            }
            Event::FailureAsked { step } => self.end(step, at, "‼", "failed; a person says how to go on"),
            Event::DecisionAsked { step, .. } => {
                self.end(step, at, "‼", "needs a decision that only a person can make")
            }
            Event::GateAnswered { by, seen, answer, step, .. } => {
                let by = Person::new(by, seen.as_ref()).told();
                self.say(step, &format!("{} by {by}", format!("{answer:?}").to_lowercase()));
                self.warn();
            }
            _ => {}
        }
    }

    fn begin(&mut self, step: &str, at: Timestamp) {
        let label = format!("{:<width$}", step, width = self.width);
        let place = self.tree.as_ref().zip(self.footer.as_ref());
        let Some(line) = self.lines.get_mut(step) else { return };
        if let (None, Some((tree, footer))) = (&line.bar, place) {
            line.bar = Some(tree.insert_before(footer, ProgressBar::new_spinner()));
        }
        let again = line.begun.replace(line.begun.unwrap_or(at)).is_some();
        if let Some(bar) = &line.bar {
            if !again {
                bar.reset_elapsed();
            }
            bar.set_style(timed_style("  {spinner} {prefix}  {clock}  {wide_msg}"));
            bar.set_prefix(self.ui.shown(&label));
            bar.set_message("");
            bar.enable_steady_tick(Duration::from_millis(100));
        }
    }

    /// A step does not run. What was not needed is not shown at all.
    fn skipped(&mut self, step: &str, at: Timestamp, because: &str) {
        let needed = |planned: &PlannedStep| planned.id == step && !planned.only_if_needed;
        if self.known.steps().iter().any(needed) {
            self.end(step, at, "-", &format!("skipped: {because}"));
        }
    }

    /// A step is done.
    fn done(&mut self, step: &str, at: Timestamp, fact: &Fact) {
        self.end(step, at, if fact.in_vain { "!" } else { "✓" }, &fact.text);
    }

    /// An item of a step is over.
    fn count(&mut self, item: &str, failed: bool) {
        let (step, _) = split_item(item);
        let Some(line) = self.lines.get_mut(step) else { return };
        line.items.over += 1;
        line.items.failed += usize::from(failed);
        let (bar, told) = (line.items.bar(), line.items.describe());
        let told = if self.header.is_some() { format!("{bar}  {told}") } else { told };
        self.say(step, &told);
    }

    /// A line of its own, above the tree.
    fn write(&self, text: &str) {
        match &self.header {
            Some(header) => header.suspend(|| self.ui.note(text)),
            None => self.ui.note(text),
        }
    }

    fn progress(&mut self, step: &str, text: &str) {
        let (step, item) = split_item(step);
        let text = match (item, self.lines.get(step)) {
            (Some(_), Some(line)) => format!("{}  {}; {text}", line.items.bar(), line.items.describe()),
            _ => text.to_owned(),
        };
        if let Some(bar) = self.lines.get(step).and_then(|line| line.bar.as_ref()) {
            bar.set_message(self.ui.shown(&text));
        }
    }

    /// Something to know that belongs to no step.
    fn aside(&self, text: &str) {
        match &self.header {
            Some(header) => header.println(self.ui.shown(&format!("  … {text}"))),
            None => self.ui.note(&format!("  … {text}")),
        }
    }

    /// Something to know about a step that goes on.
    fn say(&mut self, step: &str, text: &str) {
        if self.header.is_some() {
            self.progress(step, text);
        } else {
            self.ui.note(&format!("  … {:<width$}  {text}", step, width = self.width));
        }
    }

    fn end(&mut self, step: &str, at: Timestamp, mark: &str, text: &str) {
        let Some(line) = self.lines.get(step) else { return };
        let took = line.begun.map(|begun| elapsed(begun, at)).unwrap_or_else(|| "     ".to_owned());
        let mark = match mark {
            "✓" => self.ui.green(mark),
            "✗" => self.ui.red(mark),
            "‼" | "!" => self.ui.yellow(mark),
            _ => self.ui.dim(mark),
        };
        let shown = format!("  {mark} {:<width$}  {took}  {text}", step, width = self.width);
        match &line.bar {
            Some(bar) => {
                bar.disable_steady_tick();
                bar.set_style(message_style());
                bar.set_message(self.ui.shown(&shown));
                bar.tick();
            }
            None => self.ui.note(&shown),
        }
    }

    fn ask(&self, prompt: &str) {
        self.foot(&format!("  {} {prompt}", self.ui.yellow("‼")));
    }

    /// The line that says whether the leaked value still works.
    fn warn(&self) {
        self.foot("");
    }

    /// That line, and below it what a person is asked.
    fn foot(&self, question: &str) {
        let (Some(line), Some(footer)) = (&self.leaked, &self.footer) else { return };
        let leaked = self.known.leaked_value().map(|leaked| screen::colored(self.ui, &leaked)).unwrap_or_default();
        line.set_message(self.ui.shown(&format!("  {leaked}")));
        footer.set_message(if question.is_empty() { String::new() } else { format!("\n{}", self.ui.shown(question)) });
    }

    fn close(&self) {
        if let Some(header) = &self.header {
            header.disable_steady_tick();
            header.set_style(message_style());
            let title = format!("{}  {}", self.title, elapsed(self.began, clock::now()));
            header.finish_with_message(self.ui.shown(&title));
        }
        for line in self.lines.values() {
            if let Some(bar) = &line.bar {
                bar.abandon();
            }
        }
        for below in [&self.leaked, &self.footer].into_iter().flatten() {
            below.finish_and_clear();
        }
    }
}

fn plain_bar(ui: Ui, tree: &MultiProgress, message: &str) -> ProgressBar {
    let bar = tree.add(ProgressBar::new_spinner());
    bar.set_style(message_style());
    bar.set_message(ui.shown(message));
    bar.tick();
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn message_style() -> ProgressStyle {
    style("{wide_msg}")
}

/// A template in which `{clock}` is the time since the line began, as it stands beside done lines.
fn timed_style(template: &str) -> ProgressStyle {
    style(template).with_key("clock", |state: &ProgressState, out: &mut dyn Write| {
        let seconds = state.elapsed().as_secs();
        // A display that cannot be written to has nobody who looks at it.
        write!(out, "{:02}:{:02}", seconds / 60, seconds % 60).ok();
    })
}

fn elapsed(from: Timestamp, to: Timestamp) -> String {
    let seconds = (to - from).num_seconds().max(0);
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

/// What told the program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
}

/// The first signal that came.
pub(crate) struct Signals(Arc<AtomicU8>);

impl Signals {
    /// Which one came, if any did.
    pub(crate) fn received(&self) -> Option<Signal> {
        match self.0.load(Ordering::SeqCst) {
            1 => Some(Signal::Interrupt),
            2 => Some(Signal::Terminate),
            _ => None,
        }
    }
}

/// Tells the run to stop at the first signal; a second one ends the program at once, which a journal survives.
pub(crate) fn watch_signals(stop: watch::Sender<bool>, tell: impl Fn(String) + Send + 'static) -> Signals {
    let received = Arc::new(AtomicU8::new(0));
    let seen = Arc::clone(&received);
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            std::future::pending::<()>().await;
            return;
        };
        loop {
            let code = tokio::select! {
                _ = interrupt.recv() => 1,
                _ = terminate.recv() => 2,
            };
            if seen.swap(code, Ordering::SeqCst) != 0 {
                end_now(code);
            }
            tell(
                "told to stop: what is on its way gets its answer first; once more ends the program at once".to_owned(),
            );
            stop.send(true).ok();
        }
    });
    Signals(received)
}

#[expect(clippy::disallowed_methods, reason = "somebody insists on the end of the program")]
fn end_now(code: u8) {
    super::keyboard::give_back();
    std::process::exit(if code == 1 { 130 } else { 143 });
}
