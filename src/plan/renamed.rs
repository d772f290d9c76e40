//! The names that actions had in earlier versions: runbooks may still use them, and pinned ones do for ever.
//!
//! Everybody who compares names compares the new ones: `lint` puts them in place of the old.

use crate::runbook::model::Runbook;
use crate::runbook::{Diagnostic, Span};

/// What an action was called, and what it is called now.
const RENAMED: &[(&str, &str)] = &[
    ("keyvault/find", "keyvault/search"),
    ("keyvault/revoke", "keyvault/disable_old"),
    ("provider/close", "issuer/close"),
    ("provider/find", "issuer/identify"),
    ("provider/prove", "issuer/prove"),
    ("provider/retire", "issuer/revoke"),
];

/// The name of an action as it is now.
pub fn canonical(name: &str) -> &str {
    RENAMED.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new)
}

/// What the action was called before, where it had another name.
pub(super) fn former(name: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(_, new)| *new == name).map(|(old, _)| *old)
}

/// All old names.
pub(super) fn formers() -> impl Iterator<Item = &'static str> {
    RENAMED.iter().map(|(old, _)| *old)
}

/// Puts the new names in place of the old, and says where an old one is written.
pub(super) fn put_new_names(runbook: &mut Runbook) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for step in runbook.steps.iter_mut().chain(&mut runbook.finally) {
        let new = canonical(&step.uses.value);
        if new != step.uses.value {
            problems.push(renamed(&step.uses.value, new, step.uses.span));
            step.uses.value = new.to_owned();
        }
    }
    problems
}

fn renamed(old: &str, new: &str, place: Span) -> Diagnostic {
    Diagnostic::warning(format!("`{old}` is now called `{new}`"), place)
        .rule("renamed-action")
        .label("the old name")
        .help(format!("write `uses: {new}`; the old name stays valid"))
}
