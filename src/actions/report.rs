//! `report/write`: the report of the run so far, from the journal's records and nothing else.

use super::action::Action;
use crate::actions::context::Context;
use crate::durable::Stop;
use crate::failure::Failure;
use crate::files;
use crate::plan::{Aim, Class};
use crate::report::{self, Format, History, Report, Templates};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct Outputs {
    /// The report for people.
    path: String,
    files: Vec<String>,
    /// The journal's head that the report speaks of.
    head: String,
}

const EXAMPLE: &str = r#"- id: report
  uses: report/write
"#;

pub(crate) fn action() -> Action {
    Action::new("report/write", Class::Write, "writes the report, from the journal alone", "writes it again", run)
        .aim(Aim::Report)
        .fact(|outputs| outputs.path.as_str().into())
        .idempotency("written from the journal alone: written again, it is the report of the journal as it stands then")
        .example(EXAMPLE)
}

async fn run(context: &Context, _: Parameters) -> Result<Outputs, Stop> {
    let services = &context.services;
    context.ledger().flush().await?;
    let mut history = History::new(services.steps.clone());
    let head = context.ledger().fold(|record, _| history.apply(record))?.head;
    let report = Report::new(history, &head);
    let templates = services.config.templates.as_deref().map(|folder| Templates { folder, is_named: false });
    let (folder, formats) = (&services.report_folder, [Format::Markdown, Format::Html, Format::Json]);
    files::make_folder(folder).map_err(|error| {
        let summary = format!("the report cannot be written to `{}`", folder.display());
        Failure::refused(summary).because(error.to_string())
    })?;
    let files = report::write(folder, &report, &formats, templates)?;
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let path = files.iter().find(|file| file.ends_with(".html")).cloned().unwrap_or_default();
    Ok(Outputs { path, files, head: format!("sha256:{head}") })
}
