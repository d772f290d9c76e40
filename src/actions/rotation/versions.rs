//! The versions of a secret, with what the run knows of them.

use super::publication::{PREDECESSOR, newest_seen};
use crate::actions::context::Context;
use crate::azure::Vault;
use crate::failure::Failure;
use crate::vault::History;

/// The versions of a secret as the vault lists them now, with what the rotation saw that put `keep` in.
pub(crate) async fn history(context: &Context, vault: &Vault, name: &str, keep: &str) -> Result<History, Failure> {
    Ok(History::new(vault.versions(name).await?).seen_before(seen_before(context, keep)))
}

/// The newest versions that the rotation saw which put `keep` in; nothing where it was put in outside this run.
fn seen_before(context: &Context, keep: &str) -> Vec<String> {
    context.ledger().look(|state| {
        let mut rotations =
            state.steps().filter(|(_, step)| step.outputs.get("version").is_some_and(|new| new == keep));
        let seen = rotations.find_map(|(_, step)| newest_seen(step.observations.get(PREDECESSOR)?));
        seen.unwrap_or_default()
    })
}
