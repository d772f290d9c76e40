//! `stanch runbooks`: the runbooks that can be run by their names, and what each asks for and does.

use super::completing;
use super::exit::{CommandError, Exit, Outcome};
use super::page::Page;
use super::session::{BUILT_IN, read_runbook};
use super::terminal::ui::Ui;
use crate::actions;
use crate::command_line::CommandLine;
use crate::failure::Failure;
use crate::plan::{self, Catalogue};
use crate::runbook::diagnostic::nearest;
use crate::runbook::model::{Input, InputKind, Step};
use crate::runbook::{self, Runbook};
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The runbook to describe: the name of a built-in, or a path
    #[arg(add = completing::runbooks())]
    name: Option<String>,
    /// Print its text, to begin one of your own with
    #[arg(long, requires = "name")]
    show: bool,
}

pub(crate) fn run(ui: Ui, args: &Args) -> Outcome {
    let Some(name) = &args.name else {
        let built_in = BUILT_IN.iter().map(|(name, _)| Ok((*name, read(name)?)));
        let built_in = built_in.collect::<Result<Vec<_>, CommandError>>()?;
        match ui.json {
            true => {
                ui.json(&json!({ "runbooks": built_in.iter().map(|(_, read)| described(read)).collect::<Vec<_>>() }))
            }
            false => ui.data(&listed(&built_in)),
        }
        return Ok(Exit::Done);
    };
    if args.show {
        let (_, text) = BUILT_IN.iter().find(|(built_in, _)| built_in == name).ok_or_else(|| no_built_in(name))?;
        ui.own(&Page::document(text));
        return Ok(Exit::Done);
    }
    let runbook = read(name)?;
    match ui.json {
        true => ui.json(&described(&runbook)),
        false => ui.data(&shown(ui, name, &runbook, &actions::catalogue())),
    }
    Ok(Exit::Done)
}

/// What is read is not checked: `lint` does that.
fn read(name: &str) -> Result<Runbook, CommandError> {
    let read = runbook::read(&read_runbook(name)?.source());
    let whole = read.runbook.filter(|runbook| !read.is_fragment && !runbook.name.is_empty());
    whole.ok_or_else(|| {
        let lint = CommandLine::stanch("lint").name(name);
        let help = format!("`{lint}` says what is wrong with it");
        CommandError::usage(Failure::refused(format!("`{name}` cannot be read as a runbook")).help(help))
    })
}

fn no_built_in(name: &str) -> CommandError {
    let help = match nearest(name, BUILT_IN.iter().map(|(name, _)| *name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`stanch runbooks` lists them; a file of your own is there to be read as it is".to_owned(),
    };
    CommandError::usage(Failure::refused(format!("there is no built-in runbook `{name}`")).help(help))
}

fn listed(built_in: &[(&str, Runbook)]) -> Page {
    let width = built_in.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut page = Page::default();
    for (name, runbook) in built_in {
        page.line(format!("{name:width$}  {}", runbook.summary.as_deref().unwrap_or_default()).trim_end());
    }
    page.blank();
    page.line(
        "`stanch runbooks NAME` shows what one asks for and does; with `--show`, its text to begin your own with",
    );
    page
}

fn shown(ui: Ui, name: &str, runbook: &Runbook, catalogue: &Catalogue) -> Page {
    let mut page = Page::of(name);
    page.line(format!("  {}", runbook.summary.as_deref().unwrap_or("no summary")));
    page.blank();
    page.line("inputs");
    if runbook.inputs.is_empty() {
        page.line("  none");
    }
    let name_width = runbook.inputs.iter().map(|input| input.name.chars().count()).max().unwrap_or_default();
    let kind_width = runbook.inputs.iter().map(|input| kind(input).chars().count()).max().unwrap_or_default();
    for input in &runbook.inputs {
        let about = input.description.as_deref().unwrap_or_default();
        let line = format!("  {:name_width$}  {:kind_width$}  {about}{}", input.name, kind(input), if_left_out(input));
        page.line(line.trim_end());
    }
    for (title, steps) in [("steps", &runbook.steps), ("at the end, whatever happened before", &runbook.finally)] {
        if !steps.is_empty() {
            page.blank();
            page.line(title);
        }
        let ids = steps.iter().map(|step| step.id.value.chars().count()).max().unwrap_or_default();
        for step in steps {
            let action = catalogue.get(plan::canonical(&step.uses.value));
            let about = step.name.as_deref().or(action.map(|spec| spec.summary)).unwrap_or_default();
            let class = action.map_or("unknown", |spec| spec.class.name());
            page.line(format!("  {:ids$}  {class:12}  {about}", step.id.value).trim_end());
        }
    }
    page.blank();
    let mut run = CommandLine::stanch("plan").name(name);
    for input in runbook.inputs.iter().filter(|input| input.required) {
        run = run.open("-i", &input.name);
    }
    page.line(format!("{} {run}", ui.dim("next:")));
    page
}

/// The words of an enum tell more than its type.
fn kind(input: &Input) -> String {
    match &input.kind {
        InputKind::Enum(words) => words.join("|"),
        kind => kind.name().to_owned(),
    }
}

fn if_left_out(input: &Input) -> String {
    match &input.default {
        _ if input.required => " [required]".to_owned(),
        Some(default) => {
            let value = &default.value;
            format!(" [default: {}]", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        }
        None => String::new(),
    }
}

fn described(runbook: &Runbook) -> Value {
    let input = |input: &Input| {
        json!({
            "name": input.name, "type": input.kind.name(), "required": input.required,
            "values": match &input.kind { InputKind::Enum(words) => Some(words), _ => None },
            "default": input.default.as_ref().map(|default| &default.value), "description": input.description,
        })
    };
    let step = |step: &Step| json!({ "id": step.id.value, "uses": step.uses.value, "name": step.name });
    json!({
        "name": runbook.name,
        "summary": runbook.summary,
        "inputs": runbook.inputs.iter().map(input).collect::<Vec<_>>(),
        "steps": runbook.steps.iter().map(step).collect::<Vec<_>>(),
        "final_steps": runbook.finally.iter().map(step).collect::<Vec<_>>(),
    })
}
