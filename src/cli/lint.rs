//! `stanch lint`: everything that is wrong with some runbooks.

use super::exit::{Exit, Outcome};
use super::session::read_runbook;
use super::ui::Ui;
use crate::actions;
use crate::plan;
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Paths of runbooks, or names of built-ins
    #[arg(required = true, value_name = "RUNBOOK")]
    runbooks: Vec<String>,
}

pub(crate) fn run(ui: Ui, args: &Args) -> Outcome {
    let catalogue = actions::catalogue();
    let mut wrong = 0;
    let mut listed = Vec::new();
    for name in &args.runbooks {
        let text = read_runbook(name)?;
        let Err(diagnostics) = plan::lint(name, &text, &catalogue) else {
            ui.note(&format!("{name}: no problems"));
            continue;
        };
        wrong += diagnostics.found.iter().filter(|diagnostic| !diagnostic.warning).count();
        for diagnostic in &diagnostics.found {
            let position = diagnostics.position(diagnostic);
            listed.push(json!({
                "file": name, "line": position.line, "column": position.column,
                "severity": if diagnostic.warning { "warning" } else { "error" },
                "message": diagnostic.message, "help": diagnostic.help,
            }));
        }
        if !ui.json {
            ui.data(&diagnostics.render());
        }
    }
    if ui.json {
        ui.json(&json!({ "problems": listed }));
    }
    if wrong == 0 {
        return Ok(Exit::Done);
    }
    ui.note(&format!("{wrong} {}", if wrong == 1 { "problem" } else { "problems" }));
    Ok(Exit::Usage)
}
