//! `stanch actions`: what a step can do.

use super::exit::{CommandError, Exit, Outcome};
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
        _ if args.markdown => ui.data(&plan::reference_page(&catalogue)),
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

fn listed(catalogue: &Catalogue) -> String {
    let width = catalogue.keys().map(|name| name.len()).max().unwrap_or_default();
    let line = |spec: &Spec| format!("{:width$}  {:12}  {}\n", spec.name, spec.class.name(), spec.summary);
    let mut text: String = catalogue.values().map(line).collect();
    text.push_str("\n`stanch actions NAME` shows one in full\n");
    text
}

fn shown(ui: Ui, spec: &Spec) -> String {
    let mut text = format!("{}  {}\n  {}\n\n", spec.name, ui.dim(spec.class.name()), spec.summary);
    text.push_str(&format!("if an answer is lost  {}\n", spec.if_lost));
    text.push_str(&format!("when it runs again    {}\n", spec.idempotency));
    for (title, fields) in [("parameters", plan::fields(&spec.parameters)), ("outputs", plan::fields(&spec.outputs))] {
        text.push_str(&format!("\n{title}\n"));
        if fields.is_empty() {
            text.push_str("  none\n");
        }
        let name = fields.iter().map(|field| field.name.len()).max().unwrap_or_default();
        let kind = fields.iter().map(|field| field.kind.chars().count()).max().unwrap_or_default().min(40);
        for field in &fields {
            let note = if title == "parameters" { note(field) } else { String::new() };
            let line = format!("  {:name$}  {:kind$}  {}{note}", field.name, field.kind, field.about);
            text.push_str(&format!("{}\n", line.trim_end()));
        }
    }
    text.push_str("\nexample\n");
    for line in spec.example.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    text
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
