//! What only people can do.

pub(super) mod approve;
pub(super) mod by_hand;
mod no;

use crate::engine::person::Listed;
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

/// Those among the listed who cannot sign in, because only a name is known of them.
fn only_named(from: &[String]) -> Vec<&str> {
    from.iter().filter(|entry| matches!(Listed::of(entry), Listed::Name(_))).map(String::as_str).collect()
}

/// Refuses a list of people of whom nobody could answer.
fn must_be_able(verified: bool, from: &[String]) -> Result<(), Failure> {
    match only_named(from).as_slice() {
        [name, ..] if verified => Err(Failure::refused(format!(
            "`{name}` in `from` is only a name, and answers count from those alone who sign in"
        ))
        .help("name people as they sign in (`NAME@DOMAIN`), by their object ids, or groups as `group:ID`")),
        _ => Ok(()),
    }
}
