//! What stands on the screen before a run, when it is taken over, and at its end: what is contained, what is not,
//! and what to do next.

use super::ui::{Ui, describe};
use super::when::when;
use crate::cli::page::Page;
use crate::cli::question::{self, Asked, Open};
use crate::cli::suggestion::without_tags;
use crate::command_line::{self, CommandLine};
use crate::engine::event::{Answer, BegunWith, Mode, RunOpened, RunStatus};
use crate::engine::{Abandoned, EffectPhase, State, StepState, StepStatus};
use crate::evidence::{self, Known, LeakedValue, Works, wants_value};
use crate::journal::RunFolder;
use crate::plan::{Aim, PlannedStep};
use crate::report::fact::counted;
use crate::report::{About, Left, Status};
use chrono::SecondsFormat;
use serde_json::{Value, json};

/// What the end of a run looked like.
pub(crate) struct Ended {
    /// Whether it ended before anything was changed, because looking told not to.
    pub(crate) preflight_failed: bool,
}

/// What a resumed run looked like when it was left.
pub(crate) fn taken_over(opened: &RunOpened, state: &State) -> String {
    let today = crate::clock::now().date_naive();
    let format = |at: crate::clock::Timestamp| if at.date_naive() == today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    let when = |at: Option<crate::clock::Timestamp>| at.map(|at| at.format(format(at)).to_string()).unwrap_or_default();
    let running: Vec<&str> =
        state.steps().filter(|(_, step)| step.status == StepStatus::Running).map(|(id, _)| id).collect();
    let during = if running.is_empty() { String::new() } else { format!(" during `{}`", running.join("`, `")) };
    let left = match state.ended() {
        Some(RunStatus::Failed) => "failed",
        Some(RunStatus::Waiting) => "left waiting",
        Some(_) => "interrupted",
        None => "cut off",
    };
    let by = format!("{} on {}", opened.requester().told(), opened.host);
    format!("started {} by {by}, {left} {}{during}", when(state.opened_at()), when(state.last_at()))
}

/// One line of the list of runs.
pub(crate) fn row(folder: &RunFolder, state: &State) -> Value {
    let opened = state.opened();
    let alive = folder.holder().is_some();
    let mut row = json!({
        "run": folder.run(),
        "runbook": opened.map(|opened| opened.runbook.as_str()),
        "mode": opened.map(|opened| opened.mode),
        "status": Status::of(state, alive),
        "started_at": state.opened_at().map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        "follow_up_at": state.next_follow_up().map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)),
    });
    if let Ok(Some(upload)) = folder.uploaded() {
        row["uploaded_to"] = json!(upload.to);
    }
    if let Some(abandoned) = state.abandoned() {
        row["abandoned"] = json!(abandoned);
    }
    row
}

/// How much of a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What fits a screen: the verdict, what to do now, and what is not known.
    Short,
    /// Every step, task and gap.
    Full,
}

/// How many tasks a screen names: the gravest.
const MOST_TASKS: usize = 3;
/// How many callers.
const MOST_CALLERS: usize = 5;

/// Shows where a run stands: the object for scripts, or the screen for people.
pub(crate) fn show(ui: Ui, folder: &RunFolder, known: &Known, head: &str, extent: Extent) -> Ended {
    let alive = folder.holder().is_some_and(|holder| holder.process != own_process());
    let status = Status::new(known, head, &folder.journal(), alive);
    if ui.json {
        ui.json(&status);
    } else {
        ui.data(&people(ui, folder, known, &status, extent));
    }
    let failed = |(_, step): (String, &StepState)| step.status == StepStatus::Failed;
    Ended { preflight_failed: known.steps_for(Aim::Preflight).any(failed) }
}

fn own_process() -> u32 {
    std::process::id()
}

fn people(ui: Ui, folder: &RunFolder, known: &Known, status: &Status, extent: Extent) -> Page {
    let mut page = Page::of("");
    let state = known.state();
    let drill = if status.mode == Some(Mode::Drill) { "DRILL  " } else { "" };
    page.line(format!("{drill}{}", verdict(ui, known)));
    if let Some(leaked) = &status.leaked_value {
        page.line(colored(ui, leaked));
    }
    page.line(format!("  {}  {}", folder.run(), status.name()));
    if let Some(Abandoned { by, because, at }) = state.abandoned() {
        let at = crate::clock::second(*at);
        page.line(format!("  given up by {by}, {at}: {}", because));
    }
    steps(&mut page, ui, known, status, extent);
    let left = Left::new(known);
    tasks(&mut page, ui, &left, &status.verdict, folder.run(), extent);
    callers(&mut page, &left);
    gaps(&mut page, &left, &status.verdict, folder.run(), extent);
    asked_again(&mut page, folder.run(), state);
    next(&mut page, folder.run(), state);
    let written = folder.report().join("report.html");
    if written.is_file() {
        page.line(format!("report  {}", written.display()));
    }
    if let Some(BegunWith { path, sha256 }) = state.opened().map(RunOpened::configuration)
        && extent == Extent::Full
    {
        let sha256 = if sha256 == path { "" } else { &sha256 };
        page.line(format!("config  {path}  {sha256}").trim_end());
    }
    page.line(format!("head    {}", status.head));
    page
}

/// The steps: all of them, or those that are not as they should be.
fn steps(page: &mut Page, ui: Ui, known: &Known, status: &Status, extent: Extent) {
    let state = known.state();
    let (mut done, mut skipped, mut to_come) = (0, 0, Vec::new());
    for planned in known.steps() {
        let at = state.step(&planned.id);
        let not_needed = planned.only_if_needed && matches!(at.status, StepStatus::Skipped | StepStatus::Pending);
        if not_needed {
            continue;
        }
        let refused = at.gate.as_ref().and_then(|gate| gate.answer.as_ref());
        let refused = refused.is_some_and(|answer| answer.answer != Answer::Approved);
        match at.status {
            StepStatus::Done if extent == Extent::Short && !planned.fact(&at.outputs).in_vain => done += 1,
            StepStatus::Skipped if extent == Extent::Short => skipped += 1,
            StepStatus::Pending if extent == Extent::Short && !refused => to_come.push(planned.id.as_str()),
            _ if state.abandoned().is_some() && at.is_asking() => {
                page.line(format!("  {} {:<22} was not answered", ui.dim("·"), planned.id));
            }
            _ => page.add(line(ui, planned, at, status.status)),
        }
    }
    let count = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
    let counts: Vec<String> = [count(done, "done"), count(skipped, "skipped")].into_iter().flatten().collect();
    if !counts.is_empty() {
        page.line(labelled("steps", &counts.join(", ")));
    }
    if !to_come.is_empty() {
        page.line(labelled("to come", &to_come.join(", ")));
    }
}

/// A line with a label at its left, or below one.
fn labelled(label: &str, text: &str) -> String {
    format!("  {label:<22}{text}")
}

/// What is to be done, the gravest first, each with its command.
fn tasks(page: &mut Page, ui: Ui, left: &Left, verdict: &evidence::Verdict, run: &str, extent: Extent) {
    // What a task says is not said twice on a short screen.
    let is_about = |about: About| extent == Extent::Short && left.follow_ups.iter().any(|(task, _)| *task == about);
    let open = verdict.open_beside(is_about(About::Issuer), is_about(About::Consumer), is_about(About::Exposed));
    for (index, open) in open.enumerate() {
        let label = format!("{:<22}", if index == 0 { "open" } else { "" });
        page.line(format!("  {}{open}", ui.yellow(&label)));
    }
    // The step itself stands above, and the commands that go on with it below.
    let own = |about: About| extent == Extent::Short && about == About::Step;
    let tasks: Vec<_> = left.follow_ups.iter().filter(|(about, _)| !own(*about)).map(|(_, task)| task).collect();
    let shown = if extent == Extent::Short { MOST_TASKS } else { tasks.len() };
    for (index, task) in tasks.iter().take(shown).enumerate() {
        let label = if index == 0 { "action required" } else { "" };
        page.line(labelled(label, &format!("{}. {}", index + 1, task.what)));
        if !task.command.is_empty() {
            page.line(labelled("", &format!("   {}", command_line::here(&task.command))));
        }
    }
    if tasks.len() > shown {
        page.line(labelled("", &format!("and {} more: {}", tasks.len() - shown, full(run))));
    }
}

/// The command that shows everything.
fn full(run: &str) -> CommandLine {
    CommandLine::stanch("status").name(run).words("--full")
}

/// The callers that nobody knows, with what they read.
fn callers(page: &mut Page, left: &Left) {
    let radii = &left.blast_radii;
    let unknown = radii.iter().flat_map(|radius| {
        radius.accesses.iter().filter(|access| access.unknown).map(move |access| (radius.secret.as_str(), access))
    });
    let strangers: Vec<String> = unknown
        .map(|(secret, access)| {
            let (from, to) = (access.first.as_str(), access.last.as_str());
            let of = match secret.rsplit('/').next().filter(|_| radii.len() > 1) {
                Some(name) => format!(" of {name}"),
                None => String::new(),
            };
            format!("{} from {}, {} {}{of}, {from} to {to}", access.who, access.ip, access.count, access.operation)
        })
        .collect();
    for (index, stranger) in strangers.iter().take(MOST_CALLERS).enumerate() {
        page.line(labelled(if index == 0 { "unrecognised callers" } else { "" }, stranger));
    }
    if strangers.len() > MOST_CALLERS {
        page.line(labelled("", &format!("and {} more, see the report", strangers.len() - MOST_CALLERS)));
    }
}

/// What could not be seen: what changes a decision stands under the verdict, the rest is counted.
fn gaps(page: &mut Page, left: &Left, verdict: &evidence::Verdict, run: &str, extent: Extent) {
    // What stands under the verdict is not said twice.
    let gaps: Vec<&String> = left.unseen.iter().filter(|unseen| !verdict.open.contains(unseen)).collect();
    match (gaps.as_slice(), extent) {
        ([], _) => {}
        ([only], _) => page.line(labelled("visibility gaps", only)),
        ([first, more @ ..], Extent::Short) => {
            page.line(labelled("visibility gaps", first));
            let more = counted(more.len() as u64, "more gap");
            page.line(labelled("", &format!("and {more}: {}", full(run))));
        }
        (several, Extent::Full) => {
            for (index, gap) in several.iter().enumerate() {
                page.line(labelled(if index == 0 { "visibility gaps" } else { "" }, gap));
            }
        }
    }
}

/// What reaches the log late is asked for after the end of the run.
fn asked_again(page: &mut Page, run: &str, state: &State) {
    let now = crate::clock::now();
    let mut times: Vec<_> =
        state.follow_ups().iter().filter(|(_, timer)| !timer.fired).map(|(_, timer)| timer.until).collect();
    times.dedup_by_key(|at| at.timestamp() / 60);
    let Some((last, before)) = times.split_last() else { return };
    let before: Vec<String> = before.iter().map(|at| when(*at, now)).collect();
    let before = if before.is_empty() { String::new() } else { format!("{} and ", before.join(", ")) };
    let last = when(*last, now);
    let command = CommandLine::stanch("resume").name(run).words("--wait");
    page.line(labelled("log re-check", &format!("scheduled {before}{last}: entries reach the audit trail late")));
    page.line(labelled("", &format!("   {command}")));
}

/// The verdict in one line: green only where nothing is left to worry about.
fn verdict(ui: Ui, known: &Known) -> String {
    let verdict = known.verdict();
    let state = known.state();
    if verdict.state == evidence::State::NotApplicable {
        return match state.ended() {
            Some(RunStatus::Completed) => ui.green("completed"),
            _ => ui.yellow("not completed"),
        };
    }
    let took =
        state.opened_at().zip(known.proven_at()).map(|(from, to)| format!(" after {}s", (to - from).num_seconds()));
    let word = match verdict.state {
        evidence::State::Contained => "contained",
        evidence::State::NotProven => "not proven",
        evidence::State::NotContained | evidence::State::NotApplicable => "NOT contained",
    };
    let took = took.filter(|_| verdict.state == evidence::State::Contained).unwrap_or_default();
    let text = format!("{word}{took}: {}", verdict.detail());
    match verdict.state {
        evidence::State::NotContained => ui.red(&text),
        _ if verdict.is_good() => ui.green(&text),
        _ => ui.yellow(&text),
    }
}

/// The line that says whether the leaked value still works.
pub(crate) fn colored(ui: Ui, leaked: &LeakedValue) -> String {
    match leaked.works {
        Works::Yes => ui.red(&leaked.to_string()),
        Works::NotKnown => ui.yellow(&leaked.to_string()),
        Works::No => ui.green(&leaked.to_string()),
    }
}

fn line(ui: Ui, planned: &PlannedStep, step: &StepState, run: RunStatus) -> Page {
    let (mark, what) = match step.status {
        StepStatus::Done => {
            let fact = planned.fact(&step.outputs);
            (if fact.in_vain { ui.yellow("!") } else { ui.green("✓") }, Page::of(fact.text))
        }
        StepStatus::Failed => (ui.red("✗"), step.error.as_ref().map(describe).unwrap_or_default()),
        StepStatus::Skipped => {
            (ui.dim("-"), Page::of(format!("skipped: {}", step.because.as_deref().unwrap_or_default())))
        }
        StepStatus::Waiting => (ui.yellow("‼"), waits_for(step)),
        StepStatus::Unknown => (ui.yellow("‼"), Page::of("needs a decision")),
        StepStatus::Running | StepStatus::Retrying if run == RunStatus::Running => {
            (ui.yellow("…"), Page::of("at work"))
        }
        StepStatus::Running | StepStatus::Retrying => (ui.yellow("?"), Page::of("interrupted; outcome not verified")),
        StepStatus::Pending => match step.gate.as_ref().and_then(|gate| gate.answer.as_ref()) {
            Some(answer) if answer.answer != Answer::Approved => (
                ui.yellow("‼"),
                Page::of(format!("a no of {}; it ends the run once it is gone on with", answer.told())),
            ),
            _ => (ui.dim("·"), Page::default()),
        },
    };
    if what.is_empty() {
        Page::of(format!("  {mark} {}", planned.id))
    } else {
        what.after(&format!("  {mark} {:<22} ", planned.id), "      ")
    }
}

/// What a step waits for.
fn waits_for(step: &StepState) -> Page {
    if step.asks_after_failure {
        let why = step.error.as_ref().map(|error| error.summary.as_str()).unwrap_or_default();
        return Page::of(format!("failed: {why}; a person says how to go on"));
    }
    let Some(gate) = &step.gate else { return Page::default() };
    let question = &gate.question;
    let who = if question.from.is_empty() { String::new() } else { format!(" of {}", question.from.join(", ")) };
    let missing = question.missing(gate.agreed.len());
    let wants_value = wants_value(step);
    let what = match (question.checklist.is_empty() && question.fields.is_empty(), question.min) {
        (false, _) => "is to be done by hand".to_owned(),
        (true, _) if wants_value => "waits for a value".to_owned(),
        (true, 1) => format!("awaiting approval{who}"),
        (true, _) => format!("awaiting {}{who}", counted(u64::from(missing), "more approval")),
    };
    let until = question.expires_at.map(|at| format!(" until {}", at.format("%H:%M:%SZ"))).unwrap_or_default();
    let mut page = Page::others(&question.prompt, "│ ").after(&format!("{what}{until}: "), "");
    for (index, task) in question.checklist.iter().enumerate() {
        page.line(format!("  {}. {task}", index + 1));
    }
    if !question.plan.is_empty() {
        page.line(format!("about the plan sha256:{}", question.plan));
    }
    page
}

/// The commands that go on from here.
fn next(page: &mut Page, run: &str, state: &State) {
    let resume = CommandLine::stanch("resume").name(run);
    let mut asks = false;
    for open in question::open(state) {
        asks = true;
        match &open.what {
            Asked::Decision { .. } => decision(page, run, &open, state.step(&open.step)),
            Asked::Gate { .. } | Asked::Failure(_) => {
                for (index, command) in open.commands(run).into_iter().enumerate() {
                    page.line(format!("{}{command}", if index == 0 { "next    " } else { "   or   " }));
                }
                page.line(format!("  then  {resume}"));
            }
        }
    }
    if asks || state.is_over() {
        return;
    }
    match without_tags(state) {
        Some(run) => {
            page.line(format!("next    {run}"));
            page.line(format!("   or   {resume}   (where the secret's tags were mended)"));
        }
        None => page.line(format!("next    {resume}")),
    }
}

/// What is known, what is not, and the two ways on.
fn decision(page: &mut Page, run: &str, open: &Open, step: &StepState) {
    let id = &open.step;
    let doubtful = |phase: &EffectPhase| matches!(phase, EffectPhase::Unknown | EffectPhase::Started);
    let what: Vec<&str> =
        step.effects.values().filter(|effect| doubtful(&effect.phase)).map(|effect| effect.summary.as_str()).collect();
    let settle = || CommandLine::stanch("settle").name(run).name(id);
    page.blank();
    page.line(format!("  `{id}` needs a decision"));
    page.line(format!("    known       sent: {}", what.join(", ")));
    page.line("    not known   whether it happened: no answer came, and nobody can be asked");
    page.line(format!("    if it did   {}", settle().words("--as done --because \"…\"")));
    page.line(format!("    if not      {}   (it is sent again)", settle().words("--as not-done --because \"…\"")));
    page.line(format!("    then        {}", CommandLine::stanch("resume").name(run)));
}
