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
use crate::report::{Left, Status};
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

/// Shows where a run stands: the object for scripts, or the screen for people.
pub(crate) fn show(ui: Ui, folder: &RunFolder, known: &Known, head: &str) -> Ended {
    let alive = folder.holder().is_some_and(|holder| holder.process != own_process());
    let status = Status::new(known, head, &folder.journal(), alive);
    if ui.json {
        ui.json(&status);
    } else {
        ui.data(&people(ui, folder, known, &status));
    }
    let failed = |(_, step): (String, &StepState)| step.status == StepStatus::Failed;
    Ended { preflight_failed: known.steps_for(Aim::Preflight).any(failed) }
}

fn own_process() -> u32 {
    std::process::id()
}

fn people(ui: Ui, folder: &RunFolder, known: &Known, status: &Status) -> Page {
    let mut page = Page::of("");
    let state = known.state();
    let drill = if status.mode == Some(Mode::Drill) { "DRILL  " } else { "" };
    page.line(format!("{drill}{}", verdict(ui, known)));
    if let Some(leaked) = &status.leaked_value {
        page.line(colored(ui, leaked));
    }
    for (index, open) in status.verdict.open.iter().enumerate() {
        let label = format!("{:<16}", if index == 0 { "open" } else { "" });
        page.line(format!("  {}{}", ui.yellow(&label), open));
    }
    page.line(format!("  {}  {}", folder.run(), status.name()));
    if let Some(Abandoned { by, because, at }) = state.abandoned() {
        let at = crate::clock::second(*at);
        page.line(format!("  given up by {by}, {at}: {}", because));
    }
    // Where the tree stands above, what went well is there to see.
    let tree = ui.is_terminal() && !ui.quiet;
    for planned in known.steps() {
        let at = state.step(&planned.id);
        let not_needed = planned.only_if_needed && at.status == StepStatus::Skipped;
        let shown_above = tree && matches!(at.status, StepStatus::Done | StepStatus::Skipped);
        if !(not_needed || shown_above || planned.only_if_needed && at.status == StepStatus::Pending) {
            match state.abandoned() {
                Some(_) if at.is_asking() => {
                    page.line(format!("  {} {:<22} was not answered", ui.dim("·"), planned.id));
                }
                _ => page.add(line(ui, planned, at, status.status)),
            }
        }
    }
    found(&mut page, &Left::new(known), &status.verdict);
    asked_again(&mut page, folder.run(), state);
    next(&mut page, folder.run(), state);
    let written = folder.report().join("report.html");
    if written.is_file() {
        page.line(format!("report  {}", written.display()));
    }
    if let Some(BegunWith { path, sha256 }) = state.opened().map(RunOpened::configuration) {
        let sha256 = if sha256 == path { "" } else { &sha256 };
        page.line(format!("config  {path}  {sha256}").trim_end());
    }
    page.line(format!("head    {}", status.head));
    page
}

/// What a responder must know before going to bed.
fn found(page: &mut Page, left: &Left, verdict: &evidence::Verdict) {
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
    for (index, stranger) in strangers.iter().take(5).enumerate() {
        let label = if index == 0 { "unknown to you" } else { "" };
        page.line(format!("  {label:<16}{}", stranger));
    }
    if strangers.len() > 5 {
        page.line(format!("  {:<16}and {} more, see the report", "", strangers.len() - 5));
    }
    for (index, task) in left.follow_ups.iter().enumerate() {
        let label = if index == 0 { "left to you" } else { "" };
        page.line(format!("  {label:<16}{}", task.what));
        if !task.command.is_empty() {
            page.line(format!("  {:<16}  {}", "", command_line::here(&task.command)));
        }
    }
    // What stands under the verdict is not said twice.
    let unseen = left.unseen.iter().filter(|unseen| !verdict.open.contains(unseen));
    for (index, unseen) in unseen.enumerate() {
        let label = if index == 0 { "not seen" } else { "" };
        page.line(format!("  {label:<16}{}", unseen));
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
    page.line(format!("  {:<16}what reaches the log late, {before}{last}", "asked again"));
    page.line(format!("  {:<16}  {command}", ""));
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
        (true, 1) => format!("waits for a yes or a no{who}"),
        (true, _) => format!("waits for {missing} more yes{who}"),
    };
    let until = question.expires_at.map(|at| format!(" until {}", at.format("%H:%M:%SZ"))).unwrap_or_default();
    let mut page = Page::others(&question.prompt, "│ ").after(&format!("{what}{until}: "), "");
    gate.standing().iter().for_each(|standing| page.line(standing));
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
