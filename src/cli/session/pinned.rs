//! What a run was pinned to when it began.

use super::stored::{opened, state};
use crate::actions;
use crate::cli::exit::{CommandError, Exit};
use crate::engine::event::RunOpened;
use crate::failure::Failure;
use crate::journal::RunFolder;
use crate::plan::Plan;
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
    let name = folder.path().join("runbook.yaml").display().to_string();
    let fragments = pinned_fragments(folder, opened)?;
    Plan::new(
        &RunbookSource { name: &name, text: &text, library: &fragments },
        &opened.inputs.clone().into_iter().filter(|(_, value)| !value.is_null()).collect(),
        &actions::catalogue(),
    )
    .map_err(|error| {
        CommandError::text(Exit::Refused, format!("error: the pinned runbook no longer passes the checks\n{error}"))
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
        let lies_at = folder.fragment(sha256).display().to_string();
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
    let path = folder.path().join("runbook.yaml").display().to_string();
    let mut shown = format!(
        "error: the pinned runbook was changed since the run began\n  {path}: sha256 {}…, pinned {}…\n",
        start(found),
        start(&opened.runbook_sha256)
    );
    // Runs of older programs have their digest only.
    if let Some(pinned) = &opened.runbook_text {
        shown.push_str(&difference(pinned, text));
    }
    shown.push_str(&format!("  help: put the pinned bytes back into `{path}`\n  nothing was changed"));
    CommandError::text(Exit::Refused, shown)
}

/// What changed, as `diff -u` shows it.
pub(crate) fn difference(pinned: &str, now: &str) -> String {
    let changes = TextDiff::from_lines(pinned, now);
    let changes = changes.unified_diff().context_radius(1).header("pinned", "now").to_string();
    changes.lines().map(|line| format!("  {line}\n")).collect()
}

pub(crate) fn start(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
