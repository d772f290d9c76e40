//! The people of the tenant, who sign in with a password: those who answer in a drill.
//!
//! Main type: [`People`]. Passwords are drawn when the cloud comes up, and lie in its folder for whoever plays.

use super::identity::{Principal, identifier};
use crate::secret::Secret;
use std::fmt;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// What they are called, and the groups they are in.
const PEOPLE: [(&str, &[&str]); 3] =
    [("alice", &["responders"]), ("bob", &["responders", "leads"]), ("carol", &["leads"])];
const DOMAIN: &str = "drill.example";
/// The Azure CLI, as which people sign in.
const CLIENT: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// Everybody, with what they know.
pub(crate) struct People {
    passwords: Vec<(&'static str, Secret)>,
}

impl fmt::Debug for People {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.passwords.iter().map(|(name, _)| name)).finish()
    }
}

impl Default for People {
    fn default() -> Self {
        let drawn = |(name, _): (&'static str, _)| (name, Secret::new(Uuid::new_v4().simple().to_string()));
        Self { passwords: PEOPLE.into_iter().map(drawn).collect() }
    }
}

impl People {
    /// Everybody's name and password.
    pub(crate) fn passwords(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.passwords.iter().map(|(name, password)| (*name, password))
    }

    /// Whoever signs in by a name, which need not hold the domain, if the password is theirs; with the object ids of their
    /// groups.
    pub(crate) fn sign_in(&self, username: &str, password: &str) -> Option<(Principal, Vec<String>)> {
        let name = username.strip_suffix(&format!("@{DOMAIN}")).unwrap_or(username);
        let (name, known) = self.passwords().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        let is_theirs = bool::from(known.expose().as_bytes().ct_eq(password.as_bytes()));
        let groups = PEOPLE.iter().find(|(known, _)| *known == name).map(|(_, groups)| *groups).unwrap_or_default();
        let groups = groups.iter().map(|group| identifier(&format!("group {group}"))).collect();
        let principal = Principal {
            name: name.to_owned(),
            oid: identifier(&format!("person {name}")),
            appid: CLIENT.to_owned(),
            upn: Some(format!("{name}@{DOMAIN}")),
        };
        is_theirs.then_some((principal, groups))
    }
}
