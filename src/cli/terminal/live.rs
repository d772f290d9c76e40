//! What is seen while a run is at work: a tree that stays put on a terminal, plain lines elsewhere.

use super::screen;
use super::ui::Ui;
use super::wrapped::wrapped;
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
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The display at work.
pub(crate) struct Display {
    task: JoinHandle<Known>,
}

impl Display {
    /// Waits until everything that happened has been shown. Gives what is known of the run by then.
    pub(crate) async fn finish(self) -> Option<Known> {
        self.task.await.ok()
    }
}

/// Shows a run's notices until the last of their senders is gone.
///
/// `known` is what the journal tells when this process takes the run on: what is done stands there as done.
pub(crate) fn show(
    ui: Ui,
    plan: &Plan,
    services: &Services,
    known: Known,
    inbox: mpsc::UnboundedReceiver<DisplayEvent>,
) -> Display {
    let mut view = View::new(ui, plan, services, known);
    let mut inbox = inbox;
    let task = tokio::spawn(async move {
        while let Some(notice) = inbox.recv().await {
            match notice {
                DisplayEvent::Recorded(record) => view.record(&record),
                DisplayEvent::Progress { step, text } => view.progress(&step, &text),
                DisplayEvent::Asked { question, .. } if question.is_empty() => view.go_on(),
                DisplayEvent::Asked { question, entered } => view.ask(&question, &entered),
                DisplayEvent::Aside { text } => view.aside(&text),
            }
        }
        view.close();
        view.known
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
    /// What stands on the screen in place of the tree: a question is read in peace, and whole.
    asked: Option<String>,
    /// What is to be said once it is answered.
    held_back: Vec<String>,
    width: usize,
    known: Known,
    began: Timestamp,
    title: String,
}

impl View {
    fn new(ui: Ui, plan: &Plan, services: &Services, known: Known) -> Self {
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
        let mut view =
            Self { ui, lines, tree, header, leaked, asked: None, held_back: Vec::new(), width, known, began, title };
        let tree = view.tree.clone();
        for step in &services.steps {
            let shown = tree.as_ref().filter(|_| !step.only_if_needed);
            let bar = shown.map(|tree| plain_bar(ui, tree, &format!("  · {}", step.id)));
            view.lines.insert(step.id.clone(), Line { bar, begun: None, items: Tally::default() });
        }
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
            Event::AttemptFailed { step, attempt, error, retry_at: Some(retry_at) } => {
                let wait = (*retry_at - at).num_milliseconds().max(0) / 100;
                self.say(step, &format!("{}; retry {attempt} in {}.{} s", error.summary, wait / 10, wait % 10));
            }
            Event::EffectFinished { step, outcome, by: SettledBy::Probe, .. } => {
                let found = match outcome {
                    EffectOutcome::Done => "applied",
                    EffectOutcome::Refused | EffectOutcome::Unknown => "not applied",
                };
                self.say(step, &format!("? no confirmed answer; verified with the service: {found}"));
            }
            Event::GateOpened { step, question } => {
                let asked = Page::others(&question.prompt, "      │ ");
                let mut lines = asked.lines().iter();
                self.end(step, at, "‼", lines.next().map_or("", String::as_str));
                // Where there is a tree, whoever sits before it is asked in full.
                let (more, told) = match self.tree {
                    None => (lines.as_slice(), question.checklist.as_slice()),
                    Some(_) => (&[][..], &[][..]),
                };
                more.iter().for_each(|line| self.write(line));
                for (index, task) in told.iter().enumerate() {
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
        let Some(line) = self.lines.get_mut(step) else { return };
        if let (None, Some(tree)) = (&line.bar, &self.tree) {
            line.bar = Some(tree.add(ProgressBar::new_spinner()));
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
    fn write(&mut self, text: &str) {
        match &self.header {
            _ if self.asked.is_some() => self.held_back.push(text.to_owned()),
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
    fn aside(&mut self, text: &str) {
        self.write(&format!("  … {text}"));
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

    /// Shows a question in place of the tree, and below it what was entered so far.
    fn ask(&mut self, question: &str, entered: &str) {
        if !self.ui.is_terminal() {
            return;
        }
        if self.asked.as_deref() != Some(question) {
            let mark = self.ui.yellow("‼");
            if self.asked.is_some() {
                self.ui.leave_entered();
            } else if let Some(tree) = &self.tree {
                // Nobody looks at a terminal that cannot be written to.
                tree.clear().ok();
                tree.set_draw_target(ProgressDrawTarget::hidden());
                if let Some(leaked) = self.known.leaked_value() {
                    self.ui.ask(&Page::of(format!("  {}", screen::colored(self.ui, &leaked))).below_blank());
                }
            }
            let text = format!("{mark} {}", wrapped(question, self.ui.width()).trim_start());
            self.ui.ask(&Page::document(&text).below_blank());
            self.asked = Some(question.to_owned());
        }
        self.ui.entered(entered);
    }

    /// Nothing is asked any more: the tree goes on.
    fn go_on(&mut self) {
        if self.asked.take().is_some() {
            self.ui.leave_entered();
            for text in std::mem::take(&mut self.held_back) {
                self.ui.note(&text);
            }
            if let Some(tree) = &self.tree {
                tree.set_draw_target(ProgressDrawTarget::stderr());
            }
        }
        self.warn();
    }

    /// The line that says whether the leaked value still works.
    fn warn(&self) {
        let Some(line) = &self.leaked else { return };
        let leaked = self.known.leaked_value().map(|leaked| screen::colored(self.ui, &leaked)).unwrap_or_default();
        line.set_message(self.ui.shown(&format!("  {leaked}")));
    }

    fn close(&mut self) {
        self.go_on();
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
        if let Some(leaked) = &self.leaked {
            leaked.finish_and_clear();
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
