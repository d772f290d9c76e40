//! `stanch lint`: everything that is wrong with some runbooks.

use super::completing;
use super::exit::{Exit, Outcome};
use super::page::Page;
use super::sarif;
use super::session::read_runbook;
use super::terminal::ui::Ui;
use crate::actions;
use crate::plan;
use crate::redaction::without_credentials;
use crate::runbook::{Diagnostic, Diagnostics};
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Paths of runbooks, `-` for standard input, or names of built-ins
    #[arg(required = true, value_name = "RUNBOOK", add = completing::runbooks())]
    runbooks: Vec<String>,
    /// Let warnings count as errors
    #[arg(long)]
    deny_warnings: bool,
    /// Print the problems as SARIF 2.1.0, for editors and code review
    #[arg(long, conflicts_with = "json")]
    sarif: bool,
}

pub(crate) fn run(ui: Ui, args: &Args) -> Outcome {
    let catalogue = actions::catalogue();
    let (mut errors, mut warnings) = (0, 0);
    let mut all = Vec::new();
    for name in &args.runbooks {
        let file = read_runbook(name)?;
        let found = plan::lint(&file.source(), &catalogue).diagnostics;
        let (own_errors, own_warnings) = found.count();
        errors += own_errors;
        warnings += own_warnings;
        if found.found.is_empty() && !args.sarif {
            ui.note(&format!("{name}: no problems"));
        }
        if !ui.json && !args.sarif {
            // What stands around an address may lie on another line than its credential.
            ui.own(&Page::document(&without_credentials(&found.render())));
        }
        all.push(found);
    }
    if args.sarif {
        ui.json(&sarif::log(&all));
    } else if ui.json {
        let problems: Vec<Value> = all.iter().flat_map(listed).collect();
        ui.json(&json!({ "errors": errors, "warnings": warnings, "problems": problems }));
    }
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    if errors + warnings > 0 {
        ui.note(&format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")));
    }
    let passes = errors == 0 && !(args.deny_warnings && warnings > 0);
    Ok(if passes { Exit::Done } else { Exit::Usage })
}

/// The problems of a runbook, one object each.
fn listed(found: &Diagnostics) -> Vec<Value> {
    let one = |diagnostic: &Diagnostic| {
        let position = found.position(diagnostic);
        json!({
            "file": found.file(diagnostic), "line": position.line, "column": position.column,
            "end_column": position.end_column,
            "severity": if diagnostic.warning { "warning" } else { "error" },
            "rule": diagnostic.rule, "message": diagnostic.message, "help": diagnostic.help,
        })
    };
    found.found.iter().map(one).collect()
}
