//! The issuers of this cloud at work: a credential that works, and later whether it still does.
//!
//! What was issued is watched: the first moment at which the leaked credential is refused is kept, whoever looks and
//! whenever.

use super::applications::{ApplicationSeed, PasswordCheck};
use super::issued_tokens::{TokenSeed, TokenState};
use super::issuer::{Credential, IssuedCredential, Issuer};
use super::state::Cloud;
use crate::clock::Timestamp;
use crate::cloud::lock::lock;
use crate::cloud::times::shown;
use crate::secret::Secret;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Tags that Azure's own rotation functions write: who issued a value, and which of its credentials it is.
const TAG_ADDRESS: &str = "ProviderAddress";
const TAG_CREDENTIAL: &str = "CredentialId";

impl Cloud {
    /// Makes an issuer known with a credential that works.
    pub(crate) fn issue(&self, issuer: &Issuer, now: Timestamp) -> Result<Credential, String> {
        let tags = |address: String, credential: String| {
            Map::from_iter([(TAG_ADDRESS.to_owned(), address.into()), (TAG_CREDENTIAL.to_owned(), credential.into())])
        };
        match issuer {
            Issuer::Account { id, slot } => {
                let (name, value) = lock(&self.accounts).issue(id, *slot)?;
                Ok(Credential { value, tags: tags(id.clone(), name) })
            }
            Issuer::Application { id, app_id } => {
                let seed = ApplicationSeed { id: id.clone(), app_id: app_id.clone() };
                let password = lock(&self.applications).seed(seed, now);
                let tags = tags(format!("/applications/{id}"), password.key_id);
                Ok(Credential { value: password.text, tags })
            }
            Issuer::Token(_) => {
                let value = issuer.former_credential();
                lock(&self.issued_tokens).seed(&TokenSeed { token: value.clone() });
                Ok(Credential { value, tags: Map::new() })
            }
        }
    }

    fn accepts(&self, issuer: &Issuer, value: &str, now: Timestamp) -> bool {
        match issuer {
            Issuer::Account { id, .. } => lock(&self.accounts).accepts(id, value),
            Issuer::Application { app_id, .. } => {
                matches!(lock(&self.applications).check(app_id, value, now), PasswordCheck::Good)
            }
            Issuer::Token(_) => lock(&self.issued_tokens).state(value) == TokenState::Active,
        }
    }

    /// How many credentials work; nothing where there is always the same number.
    fn count_active(&self, issuer: &Issuer) -> Option<usize> {
        match issuer {
            Issuer::Account { .. } => None,
            Issuer::Application { id, .. } => Some(lock(&self.applications).count_passwords(id)),
            Issuer::Token(_) => Some(lock(&self.issued_tokens).count_active()),
        }
    }

    fn describe_credential(&self, issued: &IssuedCredential, now: Timestamp) -> Value {
        let vaults = lock(&self.vaults);
        let entry = vaults.get(&issued.vault).and_then(|vault| vault.entry(&issued.secret));
        let current = entry.and_then(|entry| entry.latest()).map(|version| Arc::clone(&version.value));
        drop(vaults);
        let accepted = current.is_some_and(|value| self.accepts(&issued.issuer, value.expose(), now));
        json!({
            "vault": issued.vault,
            "secret": issued.secret,
            "issuer": issued.issuer.describe(),
            "leaked_sha256": hex::encode(Sha256::digest(issued.leaked.expose())),
            "leaked_accepted": self.accepts(&issued.issuer, issued.leaked.expose(), now),
            "leaked_refused_at": issued.refused_at.map(shown),
            "current_accepted": accepted,
            "living": self.count_active(&issued.issuer),
        })
    }

    /// Notes which of the leaked credentials are refused by now.
    pub(crate) fn watch_issued(&self, now: Timestamp) {
        for issued in lock(&self.issued).iter_mut().filter(|issued| issued.refused_at.is_none()) {
            if !self.accepts(&issued.issuer, issued.leaked.expose(), now) {
                issued.refused_at = Some(now);
            }
        }
    }

    /// What was issued, and whether it works.
    pub(crate) fn describe_issued(&self, now: Timestamp) -> Value {
        lock(&self.issued).iter().map(|issued| self.describe_credential(issued, now)).collect()
    }

    /// A new credential for a secret, made at its issuer by hand; nothing where that is not done by hand.
    pub(crate) fn issue_by_hand(&self, vault: &str, secret: &str, now: Timestamp) -> Option<Secret> {
        let issued = lock(&self.issued);
        let issuer = &issued.iter().find(|issued| issued.is_of(vault, secret))?.issuer;
        let Issuer::Token(_) = issuer else { return None };
        self.issue(issuer, now).ok().map(|made| Secret::new(made.value))
    }

    /// Whether a secret's issuer takes a value; nothing where nobody knows.
    pub(crate) fn try_credential(&self, vault: &str, secret: &str, value: &str, now: Timestamp) -> Option<bool> {
        let issued = lock(&self.issued);
        let issued = issued.iter().find(|issued| issued.is_of(vault, secret))?;
        Some(self.accepts(&issued.issuer, value, now))
    }
}
