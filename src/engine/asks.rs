//! Whom a step will ask, as far as that is known before the run, and whether anybody of them could say yes.

use super::event::RunOpened;
use super::person::{Listed, Person};
use crate::failure::Failure;

/// What a step will ask people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// How many must say yes.
    pub min: u32,
    /// Who may answer, everybody if nobody is listed; nothing where only the run tells.
    pub from: Option<Vec<String>>,
    /// Whether the one who started the run may not say yes.
    pub not_requester: bool,
    /// Whether a typed name is no answer.
    pub verified: bool,
}

/// Whether those who are listed can be told by their sign-ins alone.
pub fn must_sign_in(listed: &[String]) -> bool {
    listed.iter().any(|entry| Listed::of(entry).may_be_many())
}

/// Whether each of those who are listed can sign in: nobody signs in as a name alone.
///
/// # Errors
/// Names the first who cannot.
pub fn can_all_sign_in(listed: &[String]) -> Result<(), Failure> {
    match listed.iter().find(|entry| matches!(Listed::of(entry), Listed::Name(_))) {
        Some(name) => Err(Failure::refused(format!(
            "`{name}` may answer a gate and is only a name, and answers count from those alone who sign in"
        ))
        .help(AS_THEY_SIGN_IN)),
        None => Ok(()),
    }
}

/// How people are listed who sign in.
pub const AS_THEY_SIGN_IN: &str =
    "name people as they sign in (`NAME@DOMAIN`), by their object ids, or groups as `group:ID`";

impl Asks {
    /// Those who may answer, as far as they are known.
    pub fn listed(&self) -> &[String] {
        self.from.as_deref().unwrap_or_default()
    }

    /// Why nobody, or too few, could say yes to what `step` will ask, in a run that begins so. `signed` is the command that
    /// begins it with the sign-in of whoever starts it, where they do not sign in.
    pub fn cannot_be_answered(&self, step: &str, opened: &RunOpened, signed: Option<&str>) -> Option<Failure> {
        let requester = opened.requester();
        if let Some(signed) = signed.filter(|_| self.not_requester && self.verified && !opened.one_plays_all) {
            let summary =
                format!("nobody could say yes to `{step}`: whoever starts the run may not, and does not sign in");
            let why = "only those who sign in may answer, and nobody could show to be somebody else";
            return Some(Failure::refused(summary).because(why).help(format!("begin it signed in: `{signed}`")));
        }
        let listed = self.listed();
        if listed.is_empty() || must_sign_in(listed) {
            return None;
        }
        let is_excluded = |entry: &&String| self.not_requester && is_meant(&requester, entry, signed.is_none());
        let left: Vec<&String> = listed.iter().filter(|entry| !is_excluded(entry)).collect();
        if u32::try_from(left.len()).is_ok_and(|left| left >= self.min) {
            return None;
        }
        let but = if left.len() < listed.len() {
            format!(", not {}, who starts the run", requester.name)
        } else {
            String::new()
        };
        let (min, listed) = (self.min, listed.join(", "));
        let summary = format!("`{step}` needs {min} yes, and too few may answer: {listed}{but}");
        Some(Failure::refused(summary).help("name more people, or let somebody else start the run"))
    }
}

/// Whether an entry stands for whoever starts the run. Before they have signed in their name is not known.
fn is_meant(requester: &Person, entry: &str, will_sign_in: bool) -> bool {
    if will_sign_in && requester.verified().is_none() { false } else { requester.is_listed(entry) }
}
