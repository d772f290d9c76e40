//! `stanch actions`: what a step can do.

use super::exit::{CommandError, Exit, Outcome};
use super::page::Page;
use super::terminal::ui::Ui;
use crate::actions;
use crate::failure::Failure;
use crate::plan::{self, Catalogue, Field, Spec};
use crate::runbook::diagnostic::nearest;
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The action to show in full
    #[arg(conflicts_with = "markdown")]
    name: Option<String>,
    /// Print the reference page of the whole language, as Markdown
    #[arg(long)]
    markdown: bool,
}

pub(crate) fn run(ui: Ui, args: &Args) -> Outcome {
    let catalogue = actions::catalogue();
    match &args.name {
        _ if args.markdown => ui.data(&Page::document(&plan::reference_page(&catalogue))),
        Some(name) => {
            let spec = find(&catalogue, name)?;
            if ui.json { ui.json(&described(spec)) } else { ui.data(&shown(ui, spec)) }
        }
        None if ui.json => ui.json(&json!({ "actions": catalogue.values().map(described).collect::<Vec<_>>() })),
        None => ui.data(&listed(&catalogue)),
    }
    Ok(Exit::Done)
}

fn find<'a>(catalogue: &'a Catalogue, name: &str) -> Result<&'a Spec, CommandError> {
    catalogue.get(plan::canonical(name)).ok_or_else(|| {
        let help = match nearest(name, catalogue.keys().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`stanch actions` lists them all".to_owned(),
        };
        CommandError::usage(Failure::refused(format!("there is no action `{name}`")).help(help))
    })
}

fn listed(catalogue: &Catalogue) -> Page {
    let width = catalogue.keys().map(|name| name.len()).max().unwrap_or_default();
    let mut page = Page::default();
    for spec in catalogue.values() {
        page.line(format!("{:width$}  {:12}  {}", spec.name, spec.class.name(), spec.summary));
    }
    page.blank();
    page.line("`stanch actions NAME` shows one in full");
    page
}

fn shown(ui: Ui, spec: &Spec) -> Page {
    let mut page = Page::of(format!("{}  {}", spec.name, ui.dim(spec.class.name())));
    page.line(format!("  {}", spec.summary));
    page.blank();
    page.line(format!("if an answer is lost  {}", spec.if_lost));
    page.line(format!("when it runs again    {}", spec.idempotency));
    for (title, fields) in [("parameters", plan::fields(&spec.parameters)), ("outputs", plan::fields(&spec.outputs))] {
        page.blank();
        page.line(title);
        if fields.is_empty() {
            page.line("  none");
        }
        let name = fields.iter().map(|field| field.name.len()).max().unwrap_or_default();
        let kind = fields.iter().map(|field| field.kind.chars().count()).max().unwrap_or_default().min(40);
        for field in &fields {
            let note = if title == "parameters" { note(field) } else { String::new() };
            let line = format!("  {:name$}  {:kind$}  {}{note}", field.name, field.kind, field.about);
            page.line(line.trim_end());
        }
    }
    page.blank();
    page.line("example");
    for line in spec.example.lines() {
        page.line(format!("  {line}"));
    }
    page
}

fn note(field: &Field) -> String {
    match (&field.default, field.required) {
        (Some(default), _) => {
            format!(" [default: {}]", default.as_str().map_or_else(|| default.to_string(), str::to_owned))
        }
        (None, true) => " [required]".to_owned(),
        (None, false) => String::new(),
    }
}

fn described(spec: &Spec) -> Value {
    let fields = |schema: &Value| {
        let one = |field: Field| {
            json!({
                "name": field.name, "type": field.kind, "required": field.required, "default": field.default,
                "description": field.about,
            })
        };
        plan::fields(schema).into_iter().map(one).collect::<Vec<_>>()
    };
    json!({
        "name": spec.name,
        "class": spec.class.name(),
        "summary": spec.summary,
        "idempotency": spec.idempotency,
        "if_lost": spec.if_lost,
        "parameters": fields(&spec.parameters),
        "outputs": fields(&spec.outputs),
        "parameters_schema": spec.parameters,
        "outputs_schema": spec.outputs,
        "example": spec.example,
    })
}
