//! `random`: the vault is the only place that knows the value, so any text that cannot be guessed will do.
//!
//! Where the value is more than that text, `within` names the place in it: a setting of a connection string, a member of
//! JSON, a line `NAME=value`, a URL's password. The rest stays byte for byte.

use super::envelope;
use super::issuer::{Held, Impact, Issuance, Issuer, Proof};
use super::record::IssuerState;
use super::trial::Trial;
use crate::failure::Failure;
use crate::secret::Secret;
use async_trait::async_trait;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Where in the value the random text stands: `Password`, `/db/password`; the whole value unless given.
    #[serde(default)]
    within: Option<String>,
}

/// The vault as an issuer: there is nothing behind it that could refuse a value.
pub(super) struct Random {
    settings: Settings,
}

impl Random {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

#[async_trait(?Send)]
impl Issuer for Random {
    fn issuance(&self) -> Issuance {
        Issuance::Drawn
    }

    fn impact(&self) -> Impact {
        Impact {
            overlap: "none expected before the old versions are disabled".to_owned(),
            revoke_first: "whoever has not read the new version when the old ones are disabled".to_owned(),
        }
    }

    fn proof(&self) -> Proof {
        Proof::VaultsRefusal
    }

    fn needs_value(&self) -> bool {
        self.settings.within.is_some()
    }

    fn retires_first(&self) -> bool {
        false
    }

    async fn survey(&self, held: &Held<'_>) -> Result<IssuerState, Failure> {
        let any = Secret::new("x".to_owned());
        self.compose(&IssuerState::default(), held.value, &any).map(|_| IssuerState::default())
    }

    fn compose(&self, _: &IssuerState, old: &Secret, fresh: &Secret) -> Result<Secret, Failure> {
        let Some(place) = &self.settings.within else { return Ok(Secret::new(fresh.expose().to_owned())) };
        envelope::with_within(old, place, fresh).map_err(|why| {
            Failure::refused(why).help(
                "`within` names a setting of a connection string (`Password`), or a member of JSON (`password`, or `/db/password` where it lies deeper)",
            )
        })
    }

    async fn try_credential(&self, _: &IssuerState, _: &Secret) -> Result<Trial, Failure> {
        Ok(Trial::untried("the vault is the issuer: its own refusal is the proof"))
    }
}
