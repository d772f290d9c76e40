//! What a run keeps from others, for as long as it is not over.

use crate::cli::exit::CommandError;
use crate::cli::session::{self, cannot_write};
use crate::engine::event::RunOpened;
use crate::journal::{HeldBy, Runs, TargetError, Targets};

/// What a run keeps from others.
pub(crate) fn targets(runs: &Runs, opened: &RunOpened) -> Targets {
    Targets::new(runs.clone(), &opened.run, &opened.world(), session::claimant())
}

/// Takes what the run works on.
pub(crate) fn take<'a>(
    targets: &Targets,
    wanted: impl Iterator<Item = &'a String>,
    runs: &Runs,
) -> Result<(), CommandError> {
    for target in wanted {
        targets.take(target).map_err(|error| match error {
            TargetError::Io(error) => cannot_write(runs.state(), &error),
            TargetError::Held(held) => is_held(&held),
        })?;
    }
    Ok(())
}

/// Another run holds what this one wants.
fn is_held(held: &HeldBy) -> CommandError {
    CommandError::refused(held.refusal().and("nothing was changed"))
}
