//! `stanch report`: builds the report again, from the journal alone.

use super::completing;
use super::exit::{CommandError, Exit, Outcome};
use super::options::Common;
use super::page::Page;
use super::runs;
use super::session;
use super::terminal::ui::Ui;
use crate::actions;
use crate::files;
use crate::report::{self, Format, Report, Templates};
use clap::ValueEnum;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's id [default: the latest]
    #[arg(add = completing::runs())]
    run: Option<String>,
    /// What to write
    #[arg(long, value_enum, value_delimiter = ',', default_value = "md,html")]
    format: Vec<FormatChoice>,
    /// Where to [default: the run's own `report` folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A folder with templates of your own
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
}

/// A kind of report.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatChoice {
    Md,
    Html,
    Json,
    Csv,
    Ocsf,
}

pub(crate) fn run(common: &Common, ui: Ui, args: &Args) -> Outcome {
    let run = runs::meant(common, ui, args.run.as_deref())?;
    let folder = session::existing(common, &run)?;
    let steps = session::plan_of(&folder)?.planned(&actions::catalogue());
    let (journal, history) = session::history(&folder, steps)?;
    let opened = history.opened().cloned();
    let report = Report::new(history, &journal.head);
    let formats: Vec<Format> = args
        .format
        .iter()
        .map(|format| match format {
            FormatChoice::Md => Format::Markdown,
            FormatChoice::Html => Format::Html,
            FormatChoice::Json => Format::Json,
            FormatChoice::Csv => Format::Csv,
            FormatChoice::Ocsf => Format::Ocsf,
        })
        .collect();
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            let own = folder.report();
            files::make_folder(&own).map_err(|error| session::cannot_write(&own, &error))?;
            own
        }
    };
    let templates = match &args.templates {
        Some(templates) => Some(templates.clone()),
        None => {
            session::Session::open(common, opened.as_ref()).ok().and_then(|session| session.config().templates.clone())
        }
    };
    let is_named = args.templates.is_some();
    let templates = templates.as_deref().map(|folder| Templates { folder, is_named });
    let files = report::write(&out, &report, &formats, templates).map_err(CommandError::program)?;
    if ui.json {
        ui.json(&json!({ "run": folder.run(), "files": files, "head": format!("sha256:{}", journal.head) }));
    } else {
        for file in &files {
            ui.data(&Page::of(file.display().to_string()));
        }
    }
    Ok(Exit::Done)
}
