//! `entra_app_secret`: a password of an application's registration at Entra.
//!
//! ```text
//! survey   which password stands in the secret? by `CredentialId`, else by its first characters
//! issue    add a password whose display name holds the effect's key; stage its text, which is told this once
//!          answer lost: whatever bears that name is removed, and another one is added
//! test     sign in with it, until Entra knows it everywhere
//! publish, adopt
//! retire   remove the old password                       asked: does the registration still list it?
//! prove    sign in with every old version: AADSTS7000215
//! close    nothing but the published password bears our name
//! ```
//!
//! Tokens that were issued before the removal live until they expire, for about an hour.

use super::envelope;
use super::issuer::{Held, Impact, Issuance, Issued, Issuer, Work};
use super::record::{IssuerRecord, IssuerState};
use super::resolve::{Named, TAG_CREDENTIAL, TAG_VALIDITY};
use super::surroundings::{Surroundings, settings};
use super::trial::Trial;
use crate::azure::{Application, Graph, PasswordCredential, SignIn};
use crate::clock;
use crate::failure::{Failure, Retry};
use crate::secret::Secret;
use crate::told::{named, told};
use async_trait::async_trait;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How long a password lasts where nothing says so.
const DEFAULT_DAYS: i64 = 180;
const LONGEST_DAYS: i64 = 730;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The tenant to sign in to; the identity's own unless given.
    tenant: Option<String>,
}

#[derive(Debug)]
pub(super) struct EntraAppSecret {
    graph: Graph,
    /// Object id of the registration.
    application: String,
    tenant: Option<String>,
    address_from_tag: bool,
}

impl EntraAppSecret {
    pub(super) fn new(named: &Named, surroundings: &Surroundings) -> Result<Self, Failure> {
        let Settings { tenant } = settings(named)?;
        let address = named.address.as_deref().unwrap_or_default();
        let application = address.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        if uuid::Uuid::parse_str(&application).is_err() {
            return Err(Failure::refused(format!("`{address}` is not the address of an application")).help(
                "put `/applications/OBJECT-ID` into the tag `ProviderAddress`, or into `settings: { address: … }`; it is the object id, not the client id",
            ));
        }
        let graph = Graph::new(&surroundings.azure, &surroundings.secret.vault);
        Ok(Self { graph, application, tenant, address_from_tag: named.address_from_tag })
    }

    async fn sign_in(&self, app_id: &str, value: &Secret) -> Result<SignIn, Failure> {
        let tenant = match &self.tenant {
            Some(tenant) => tenant.clone(),
            None => self.graph.tenant().await?,
        };
        self.graph.sign_in(&tenant, app_id, &envelope::open(value).password).await
    }

    /// The password that a value is, among those of the registration.
    fn find<'a>(application: &'a Application, held: &Held<'_>) -> Result<&'a PasswordCredential, Failure> {
        let passwords = &application.password_credentials;
        if let Some(tagged) = held.tags.get(TAG_CREDENTIAL)
            && let Some(found) = passwords.iter().find(|password| password.key_id.eq_ignore_ascii_case(tagged))
        {
            return Ok(found);
        }
        let text = envelope::open(held.value).password;
        let begins = |password: &&PasswordCredential| {
            password.hint.as_deref().is_some_and(|hint| hint.len() >= 3 && text.expose().starts_with(hint))
        };
        let found: Vec<&PasswordCredential> = passwords.iter().filter(begins).collect();
        match found.as_slice() {
            [found] => Ok(found),
            [] => Err(Failure::refused("no password of the application is the one in the current version")
                .because("none of those that are registered begins like it")
                .help("it was removed at Entra already, or `ProviderAddress` names another application")),
            _ => Err(Failure::refused("several passwords of the application begin like the current version")
                .help(format!("tag the current version with `{TAG_CREDENTIAL}`: the key id of the one that leaked"))),
        }
    }

    /// The passwords that an issuance whose answer was lost left behind.
    async fn orphans(&self, record: &IssuerRecord) -> Result<Vec<PasswordCredential>, Failure> {
        let Some(name) = record.issue_key.as_deref().map(Self::display_name) else { return Ok(Vec::new()) };
        let application = self.graph.application(&self.application).await?;
        let is_orphan = |one: &PasswordCredential| {
            one.display_name.as_ref() == Some(&name) && record.new.as_ref() != Some(&one.key_id)
        };
        Ok(application.password_credentials.into_iter().filter(is_orphan).collect())
    }

    fn display_name(key: &str) -> String {
        format!("stanch {key}")
    }
}

#[async_trait(?Send)]
impl Issuer for EntraAppSecret {
    fn issuance(&self) -> Issuance {
        Issuance::ToldOnce
    }

    fn impact(&self) -> Impact {
        Impact {
            overlap: "whoever has not moved, when the overlap ends and its token expires".to_owned(),
            revoke_first: "every sign-in of the application, at once, until it has read the new version".to_owned(),
        }
    }

    async fn survey(&self, held: &Held<'_>) -> Result<IssuerState, Failure> {
        let application = self.graph.application(&self.application).await?;
        let old = Self::find(&application, held)?;
        // A tag may have been written by anybody who may set the secret: it must be this application's password.
        if self.address_from_tag && self.sign_in(&application.app_id, held.value).await? != SignIn::Accepted {
            return Err(Failure::refused("the current version is no password of the application in its tag").help(
                "if it is the right application, name it in the runbook or the inventory: a tag alone is not believed",
            ));
        }
        if named(&old.key_id, &[held.value]).is_none() {
            return Err(Failure::refused("the application names one of its passwords by a value that is secret"));
        }
        let mut retire = vec![old.key_id.clone()];
        for older in held.older {
            let is_there = application.password_credentials.iter().any(|password| password.key_id == *older);
            if is_there && !retire.contains(older) {
                retire.push(older.clone());
            }
        }
        let days = held.tags.get(TAG_VALIDITY).and_then(|days| days.parse::<i64>().ok());
        let same = old.start_date_time.zip(old.end_date_time).map(|(start, end)| (end - start).num_days());
        let days = days.or(same).unwrap_or(DEFAULT_DAYS).clamp(1, LONGEST_DAYS);
        let marks =
            BTreeMap::from([("app_id".to_owned(), application.app_id.clone()), ("days".to_owned(), days.to_string())]);
        Ok(IssuerState { old: Some(old.key_id.clone()), next: None, retire, marks })
    }

    async fn issue(&self, work: &Work<'_>) -> Result<Issued, Failure> {
        let key = work.key.ok_or_else(|| Failure::refused("the key under which a password is added is not known"))?;
        let name = Self::display_name(key);
        let application = self.graph.application(&self.application).await?;
        // Left by a call whose answer was lost: nobody has their text.
        for orphan in application.password_credentials.iter().filter(|one| one.display_name.as_ref() == Some(&name)) {
            self.graph.remove_password(&self.application, &orphan.key_id).await?;
        }
        let days = work.state.marks.get("days").and_then(|days| days.parse().ok()).unwrap_or(DEFAULT_DAYS);
        let end = clock::now() + chrono::Duration::days(days);
        let added = self.graph.add_password(&self.application, &name, end).await?;
        let credential = named(&added.key_id, &[&added.text]);
        Ok(Issued { credential, value: Some(added.text) })
    }

    fn compose(&self, _: &IssuerState, old: &Secret, fresh: &Secret) -> Result<Secret, Failure> {
        envelope::with(old, None, fresh)
            .ok_or_else(|| Failure::refused("the current version has no place for a password"))
    }

    async fn try_credential(&self, state: &IssuerState, value: &Secret) -> Result<Trial, Failure> {
        let app_id = state.marks.get("app_id").map(String::as_str).unwrap_or_default();
        Ok(match self.sign_in(app_id, value).await? {
            SignIn::Accepted => Trial::accepted("signed in as the application", "200"),
            SignIn::Refused(answer) => Trial::refused("tried to sign in as the application", answer),
        })
    }

    async fn retire(&self, work: &Work<'_>) -> Result<(), Failure> {
        let application = self.graph.application(&self.application).await?;
        for password in &application.password_credentials {
            if work.state.retire.contains(&password.key_id) {
                self.graph.remove_password(&self.application, &password.key_id).await?;
            }
        }
        Ok(())
    }

    async fn retired(&self, work: &Work<'_>) -> Result<Option<bool>, Failure> {
        let application = self.graph.application(&self.application).await?;
        Ok(Some(!application.password_credentials.iter().any(|one| work.state.retire.contains(&one.key_id))))
    }

    async fn left_behind(&self, record: &IssuerRecord) -> Result<Vec<String>, Failure> {
        let orphans = self.orphans(record).await?;
        Ok(orphans.iter().map(|orphan| format!("password {} of the application", told(&orphan.key_id))).collect())
    }

    async fn remove_left_behind(&self, record: &IssuerRecord) -> Result<(), Failure> {
        for orphan in self.orphans(record).await? {
            let removed = self.graph.remove_password(&self.application, &orphan.key_id).await;
            removed.map_err(|failure| failure.retry(Retry::Later))?;
        }
        Ok(())
    }
}
