//! Applications and their passwords.
//!
//! Main type: [`Applications`]. Only digests of passwords are kept: as at Entra, a text is told once.

use crate::clock::Timestamp;
use chrono::{SecondsFormat, TimeDelta};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// An application to make known, with a password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplicationSeed {
    /// Object id.
    pub(crate) id: String,
    pub(crate) app_id: String,
}

/// A password that was just made.
#[derive(Serialize)]
pub(crate) struct NewPassword {
    pub(crate) key_id: String,
    pub(crate) text: String,
}

struct Password {
    key_id: String,
    display_name: Option<String>,
    hint: String,
    digest: [u8; 32],
    start: Timestamp,
    end: Timestamp,
}

/// An application's registration.
pub(crate) struct Application {
    pub(crate) id: String,
    pub(crate) app_id: String,
    passwords: Vec<Password>,
    /// How many passwords were ever added.
    added: u64,
}

/// All applications.
#[derive(Default)]
pub(crate) struct Applications {
    applications: Vec<Application>,
}

/// Whether a client's password is good.
pub(crate) enum PasswordCheck {
    /// No application of this cloud has that client id.
    UnknownClient,
    Good,
    Bad,
}

impl Password {
    /// As the Graph shows it.
    fn to_json(&self) -> Value {
        let moment = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        json!({
            "customKeyIdentifier": null,
            "displayName": self.display_name,
            "endDateTime": moment(self.end),
            "hint": self.hint,
            "keyId": self.key_id,
            "secretText": null,
            "startDateTime": moment(self.start),
        })
    }
}

impl Applications {
    /// Makes an application known; gives its password.
    pub(crate) fn seed(&mut self, seed: ApplicationSeed, now: Timestamp) -> NewPassword {
        let mut application = Application { id: seed.id, app_id: seed.app_id, passwords: Vec::new(), added: 0 };
        let (_, password) = application.add(Some("put in by hand".to_owned()), now, now + TimeDelta::days(180));
        self.applications.push(application);
        password
    }

    pub(crate) fn describe(&self) -> Value {
        let describe = |application: &Application| {
            let shown = json!({ "passwords": application.passwords(), "added": application.added });
            (application.id.clone(), shown)
        };
        Value::Object(self.applications.iter().map(describe).collect())
    }

    /// How many passwords an application has.
    pub(crate) fn count_passwords(&self, id: &str) -> usize {
        self.applications.iter().find(|one| one.id.eq_ignore_ascii_case(id)).map_or(0, |one| one.passwords.len())
    }

    /// Whether a client's password is good.
    pub(crate) fn check(&self, app_id: &str, password: &str, now: Timestamp) -> PasswordCheck {
        let Some(application) = self.applications.iter().find(|one| one.app_id.eq_ignore_ascii_case(app_id)) else {
            return PasswordCheck::UnknownClient;
        };
        let digest: [u8; 32] = Sha256::digest(password).into();
        let good = application.passwords.iter().any(|one| one.digest == digest && one.end > now);
        if good { PasswordCheck::Good } else { PasswordCheck::Bad }
    }

    /// An application by its object id.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Application> {
        self.applications.iter_mut().find(|one| one.id.eq_ignore_ascii_case(id))
    }
}

impl Application {
    /// All passwords as the Graph shows them.
    pub(crate) fn passwords(&self) -> Vec<Value> {
        self.passwords.iter().map(Password::to_json).collect()
    }

    /// Adds a password; gives it as the Graph shows it, and what it is.
    pub(crate) fn add(
        &mut self,
        display_name: Option<String>,
        start: Timestamp,
        end: Timestamp,
    ) -> (Value, NewPassword) {
        let text = format!("{}~{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let password = Password {
            key_id: Uuid::new_v4().to_string(),
            display_name,
            hint: text.chars().take(3).collect(),
            digest: Sha256::digest(&text).into(),
            start,
            end,
        };
        let added = (password.to_json(), NewPassword { key_id: password.key_id.clone(), text });
        self.passwords.push(password);
        self.added += 1;
        added
    }

    /// Takes a password away, if there is one of that id.
    pub(crate) fn remove(&mut self, key_id: &str) -> bool {
        let before = self.passwords.len();
        self.passwords.retain(|password| password.key_id != key_id);
        self.passwords.len() < before
    }
}
