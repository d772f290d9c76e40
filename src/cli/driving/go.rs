//! Who says that a run may begin: a person at the terminal, or `--yes`. Where neither is there, what changes anything does
//! not begin. A run that was begun is gone on with unasked: what it may do was agreed to then, and its gates still wait.

use super::prepare::Prepared;
use crate::actions;
use crate::cli::exit::CommandError;
use crate::cli::options::Common;
use crate::cli::terminal::ui::Ui;
use crate::failure::Failure;
use crate::plan::Class;

/// Refuses a run that changes something where nobody is asked.
pub(crate) fn nobody_says_go(common: &Common, ui: Ui, prepared: &Prepared) -> Result<(), CommandError> {
    if common.yes || ui.asks() {
        return Ok(());
    }
    let catalogue = actions::catalogue();
    let changes = prepared.plan.steps().find_map(|step| {
        let class = catalogue.get(step.uses.value.as_str())?.class;
        let changes = matches!(class, Class::Write | Class::Irreversible | Class::Notify);
        changes.then(|| format!("`{}` is of the kind {}", step.id.value, class.name()))
    });
    changes.map_or(Ok(()), |changes| Err(refused(ui, &prepared.opened.runbook, changes)))
}

/// The same of a run that is not known yet: all that follow a leak change something.
pub(crate) fn nobody_is_there(common: &Common, ui: Ui, runbook: &str) -> Result<(), CommandError> {
    if common.yes || ui.asks() {
        return Ok(());
    }
    Err(refused(ui, runbook, "it puts a new version in".to_owned()))
}

fn refused(ui: Ui, runbook: &str, changes: String) -> CommandError {
    let why = match ui.is_terminal() {
        true => "`--json` and `--quiet` ask nobody",
        false => "there is no terminal to ask at",
    };
    let help = "look at it with `stanch plan` and the same inputs, then add `--yes`";
    let summary = format!("`{runbook}` changes something, and nobody said go");
    CommandError::usage(Failure::refused(summary).because(changes).because(why).help(help).and("nothing was changed"))
}
