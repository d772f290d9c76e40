//! What only people can do.

pub(super) mod approve;
pub(super) mod by_hand;
mod no;

use crate::engine::person::{self, Listed};
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
    let by_id = from.iter().any(|entry| Listed::of(entry).may_be_many());
    configured || by_id || approvals == Some(Approvals::Verified)
}

/// Refuses a list of people of whom some could not answer.
fn must_be_able(verified: bool, from: &[String]) -> Result<(), Failure> {
    if verified { person::can_all_sign_in(from) } else { Ok(()) }
}
