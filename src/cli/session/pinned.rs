//! What a run was pinned to when it began.

use super::stored::{opened, state};
use crate::actions;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::page::Page;
use crate::engine::event::RunOpened;
use crate::failure::Failure;
use crate::journal::RunFolder;
use crate::plan::{Plan, PlanError};
use crate::runbook::RunbookSource;
use sha2::{Digest, Sha256};
use similar::TextDiff;
use std::collections::BTreeMap;

/// The plan of the pinned runbook, if its bytes are still those that were pinned.
fn pinned_plan(folder: &RunFolder, opened: &RunOpened) -> Result<Plan, CommandError> {
    let text = folder.runbook().map_err(|error| {
        CommandError::refused(Failure::refused("the pinned runbook cannot be read").because(error.to_string()))
    })?;
    let found = hex::encode(Sha256::digest(&text));
    if found != opened.runbook_sha256 {
        return Err(other_runbook(folder, opened, &text, &found));
    }
    let name = folder.place_of("runbook.yaml");
    let fragments = pinned_fragments(folder, opened)?;
    Plan::new(
        &RunbookSource { name: &name, text: &text, library: &fragments },
        &opened.inputs.clone().into_iter().filter(|(_, value)| !value.is_null()).collect(),
        &actions::catalogue(),
    )
    .map_err(|error| {
        let mut page = Page::of("error: the pinned runbook no longer passes the checks");
        page.add(not_planned(&error));
        CommandError::page(Exit::Refused, page)
    })
}

/// The plan of a run's pinned runbook, from the journal's first record. That the journal is damaged is said before what
/// follows from it.
pub(crate) fn plan_of(folder: &RunFolder) -> Result<Plan, CommandError> {
    let plan = pinned_plan(folder, &opened(folder)?);
    plan.or_else(|error| state(folder).and(Err(error)))
}

/// The pinned fragments by their paths, if their bytes are still those that were pinned.
fn pinned_fragments(folder: &RunFolder, opened: &RunOpened) -> Result<BTreeMap<String, String>, CommandError> {
    let mut texts = BTreeMap::new();
    for (path, sha256) in &opened.fragments {
        let lies_at = folder.fragment(sha256);
        let text = folder.read_fragment(sha256).map_err(|error| {
            let summary = format!("the pinned fragment `{path}` cannot be read");
            CommandError::refused(Failure::refused(summary).because(format!("{lies_at}: {error}")))
        })?;
        let found = hex::encode(Sha256::digest(&text));
        if found != *sha256 {
            return Err(CommandError::refused(
                Failure::refused(format!("the pinned fragment `{path}` was changed since the run began"))
                    .because(format!("sha256 {found}, pinned {sha256}"))
                    .help(format!("put the pinned bytes back into `{lies_at}`")),
            ));
        }
        texts.insert(path.clone(), text);
    }
    Ok(texts)
}

/// The copy of the runbook in the run's folder is not what was pinned.
fn other_runbook(folder: &RunFolder, opened: &RunOpened, text: &str, found: &str) -> CommandError {
    let path = folder.place_of("runbook.yaml");
    let mut page = Page::of("error: the pinned runbook was changed since the run began");
    page.line(format!("  {path}: sha256 {}…, pinned {}…", start(found), start(&opened.runbook_sha256)));
    // Runs of older programs have their digest only.
    if let Some(pinned) = &opened.runbook_text {
        page.add(difference(pinned, text));
    }
    page.line(format!("  help: put the pinned bytes back into `{path}`"));
    page.line("  nothing was changed");
    CommandError::page(Exit::Refused, page)
}

/// What changed, as `diff -u` shows it.
pub(crate) fn difference(pinned: &str, now: &str) -> Page {
    let changes = TextDiff::from_lines(pinned, now);
    let changes = changes.unified_diff().context_radius(1).header("pinned", "now").to_string();
    Page::document(&changes).after("  ", "  ")
}

/// Why a runbook with its inputs makes no plan.
pub(crate) fn not_planned(error: &PlanError) -> Page {
    match error {
        PlanError::Runbook(diagnostics) => Page::document(&diagnostics.render()),
        PlanError::Inputs(problems) => {
            let mut page = Page::default();
            // What was given stands in them as one line.
            problems.iter().for_each(|problem| page.add(Page::document(&format!("error: {problem}"))));
            page
        }
    }
}

pub(crate) fn start(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
