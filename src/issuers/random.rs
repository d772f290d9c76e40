//! `random`: the vault is the only place that knows the value, so any text that cannot be guessed will do.

use super::issuer::{Held, Impact, Issuance, Issuer, Proof};
use super::record::IssuerState;
use super::surroundings::NoSettings;
use super::trial::Trial;
use crate::failure::Failure;
use crate::secret::Secret;
use async_trait::async_trait;

/// The vault as an issuer: there is nothing behind it that could refuse a value.
pub(super) struct Random;

impl Random {
    pub(super) fn new(_: NoSettings) -> Self {
        Self
    }
}

#[async_trait(?Send)]
impl Issuer for Random {
    fn issuance(&self) -> Issuance {
        Issuance::Drawn
    }

    fn impact(&self) -> Impact {
        Impact {
            overlap: "nobody, until the old versions are disabled".to_owned(),
            revoke_first: "whoever has not read the new version when the old ones are disabled".to_owned(),
        }
    }

    fn proof(&self) -> Proof {
        Proof::VaultsRefusal
    }

    fn needs_value(&self) -> bool {
        false
    }

    fn retires_first(&self) -> bool {
        false
    }

    async fn survey(&self, _: &Held<'_>) -> Result<IssuerState, Failure> {
        Ok(IssuerState::default())
    }

    async fn try_credential(&self, _: &IssuerState, _: &Secret) -> Result<Trial, Failure> {
        Ok(Trial::untried("the vault is the issuer: its own refusal is the proof"))
    }
}
