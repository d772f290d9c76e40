//! `stanch plan`: what would happen, and whether it could; reads only.

use super::driving::{self, Args, Prepared};
use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::session;
use super::terminal::ui::Ui;
use crate::actions;
use crate::clock;
use crate::engine::event::Mode;
use crate::plan::Class;
use crate::preflight::{self, Check, CheckResult, Effect, Preflight};
use serde_json::{Value, json};

pub(crate) async fn run(common: &Common, ui: Ui, args: Args) -> Outcome {
    let prepared = driving::prepare(common, &args)?;
    prepared.warn(ui);
    if let Some(held) = prepared.held()? {
        ui.note(&format!("it would be refused now: {}: {}", held.summary, held.reasons.join(": ")));
    }
    // Later looks into the audit trail know these requests for our own, as far as that can be without keeping anything.
    let known = prepared.runs.known_fingerprint_key().map(|key| key.request_prefix());
    let prefix = known.unwrap_or_else(|| prepared.opened.request_prefix.clone());
    let preflight = look(&prepared, &prefix).await?;
    if ui.json {
        ui.json(&object(&prepared, &preflight));
    } else {
        ui.data(&render(ui, &prepared, &preflight));
    }
    Ok(if preflight.failed() { Exit::Refused } else { Exit::Done })
}

/// Looks at everything that a prepared run would touch.
pub(crate) async fn look(prepared: &Prepared, request_prefix: &str) -> Result<Preflight, CommandError> {
    let azure = prepared.session.azure(request_prefix)?;
    let (plan, config) = (&prepared.plan, prepared.session.config());
    let mut own = session::own_prefixes(&prepared.runs);
    own.push(request_prefix.into());
    let mut preflight = preflight::look(plan, &actions::by_name(), &azure, config, prepared.opened.mode, &own).await;
    preflight.warn(&prepared.closed_gates());
    Ok(preflight)
}

fn object(prepared: &Prepared, preflight: &Preflight) -> Value {
    let mut object = json!({
        "runbook": prepared.opened.runbook,
        "runbook_sha256": prepared.plan.sha256,
        "plan": prepared.plan.digest(),
        "mode": prepared.opened.mode,
        "config": prepared.session.configuration.object(),
        "inputs": prepared.plan.inputs,
        "failed": preflight.failed(),
    });
    if let Some(rotated) = prepared.rotated_lately() {
        object["rotated_lately"] = json!(rotated);
    }
    if let (Some(object), Ok(Value::Object(seen))) = (object.as_object_mut(), serde_json::to_value(preflight)) {
        object.extend(seen);
    }
    object
}

/// The screen: who, what is there, what would happen, how long it takes.
pub(crate) fn render(ui: Ui, prepared: &Prepared, preflight: &Preflight) -> Page {
    let opened = &prepared.opened;
    let mode = match opened.mode {
        Mode::Real => ui.red("REAL"),
        Mode::Drill => ui.yellow("DRILL"),
    };
    let hash = prepared.plan.sha256.get(..4).unwrap_or_default();
    let who = match (&preflight.principal, &preflight.identity) {
        (Some(principal), Some(identity)) => format!("  as {principal} ({identity})"),
        _ => String::new(),
    };
    let mut page = Page::of(format!("{}  sha256:{hash}…  {mode}{who}", opened.runbook));
    for (name, value) in prepared.plan.inputs.iter().filter(|(_, value)| !value.is_null()) {
        page.line(format!("  {name} = {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    page.add(prepared.session.configuration.lines().after("  ", "  "));
    page.blank();
    page.line("before anything is changed");
    if let Some(rotated) = prepared.rotated_lately() {
        page.line(format!("  {} {}", ui.yellow("!"), rotated.sentence(clock::now())));
    }
    for check in &preflight.checks {
        page.add(line(ui, check));
    }
    for broken in &preflight.breaks {
        let version = crate::vault::short(&broken.version);
        let mark = ui.yellow("!");
        page.line(format!(
            "  {mark} {} is pinned to version {version}: it will fail once that is disabled",
            broken.consumer
        ));
        page.line(format!("      {}; {}", broken.because, broken.help));
    }
    page.add(table(ui, &preflight.steps));
    page.line(format!("{}. Nothing has been changed.", duration(preflight)));
    page
}

fn line(ui: Ui, check: &Check) -> Page {
    let mark = match check.verdict {
        CheckResult::Fine => ui.green("✓"),
        CheckResult::Warning => ui.yellow("!"),
        CheckResult::Failed => ui.red("✗"),
        CheckResult::Unseen => ui.dim("?"),
    };
    let mut page = Page::of(format!("  {mark} {}", check.what));
    check.help.iter().flat_map(|help| help.lines()).for_each(|line| page.line(format!("      {line}")));
    page
}

fn table(ui: Ui, steps: &[Effect]) -> Page {
    let width = |texts: Vec<usize>, least: usize| texts.into_iter().max().unwrap_or_default().clamp(least, 56);
    let ids = width(steps.iter().map(|step| step.id.chars().count()).collect(), 4);
    let does = width(steps.iter().map(|step| what(step).chars().count()).collect(), 12);
    let mut page = Page::of("");
    page.line(format!("  {:<ids$}  {:<does$}  {:<12}  {}", "step", "what it does", "kind", "if the answer is lost"));
    for step in steps {
        let row = format!("  {:<ids$}  {:<does$}  {:<12}  {}", step.id, what(step), step.class.name(), lost(step));
        let row = row.trim_end();
        page.line(if step.skipped.is_some() { ui.dim(row) } else { row.to_owned() });
    }
    page.blank();
    page
}

fn what(step: &Effect) -> String {
    if step.skipped.is_some() {
        return "skipped".to_owned();
    }
    let gate = step.gate.as_ref().filter(|_| step.class == Class::Irreversible);
    let gate = gate.map(|gate| format!(", after `{gate}`")).unwrap_or_default();
    format!("{}{gate}", step.does)
}

fn lost(step: &Effect) -> &str {
    match &step.skipped {
        Some(why) => why,
        None if step.class == Class::Human => "",
        None => step.if_lost,
    }
}

fn duration(preflight: &Preflight) -> String {
    let spoken = |seconds: u64| match seconds {
        0..=90 => format!("{seconds} seconds"),
        91..=5400 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3600)),
    };
    let waiting = match preflight.waiting_seconds {
        0 => String::new(),
        seconds => format!(", {} of them waiting", spoken(seconds)),
    };
    let people = preflight.steps.iter().any(|step| step.class == Class::Human && step.skipped.is_none());
    let people = if people { ", and the time that people take" } else { "" };
    format!("at most about {}{waiting}{people}", spoken(preflight.expected_seconds))
}
