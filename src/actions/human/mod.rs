//! What only people can do.

pub(super) mod approve;
pub(super) mod by_hand;
mod no;

use crate::engine::{asks, person};
use crate::failure::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

/// Whose word counts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Approvals {
    /// Whoever types a name.
    Named,
    /// Those alone who sign in.
    Verified,
}

/// Whether a typed name is no answer: as the step says, as the configuration does, and where those who may answer are
/// listed by what nobody can show but by signing in.
fn must_sign_in(approvals: Option<Approvals>, configured: bool, from: &[String]) -> bool {
    configured || approvals == Some(Approvals::Verified) || asks::must_sign_in(from)
}

/// Those who may answer, each once, and whether they must sign in. Refuses a list of whom some could not answer.
fn people(from: &[String], approvals: Option<Approvals>, configured: bool) -> Result<(Vec<String>, bool), Failure> {
    let from = person::names(from).map_err(|why| {
        Failure::refused("`from` holds what is no name of a person").because(why).help("write each name as it is given")
    })?;
    let verified = must_sign_in(approvals, configured, &from);
    if verified {
        asks::can_all_sign_in(&from)?;
    }
    Ok((from, verified))
}
