//! What every issuer can do, and what it is given.

use super::record::{IssuerRecord, IssuerState};
use super::trial::Trial;
use crate::failure::Failure;
use crate::secret::Secret;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An issuer. Whatever writes is called between a durable intent and its outcome, and has a question beside it that
/// tells whether it happened.
#[async_trait(?Send)]
pub(crate) trait Issuer {
    fn issuance(&self) -> Issuance;

    fn impact(&self) -> Impact;

    /// What proves that an old credential is dead.
    fn proof(&self) -> Proof {
        Proof::IssuersRefusal
    }

    /// Whether the value in the vault tells which credential is replaced; where it does not, it is not read.
    fn needs_value(&self) -> bool {
        true
    }

    /// Whether the old credential can be killed before there is a new one.
    fn retires_first(&self) -> bool {
        true
    }

    /// Whether the credentials of older versions, as far as those can be read, die with the leaked one.
    fn retires_older(&self) -> bool {
        false
    }

    /// What a person must do at retirement, where only a person can.
    fn by_hand(&self) -> Option<String> {
        None
    }

    /// Looks, and changes nothing: which credential is the leaked one, and is everything there that will be needed?
    async fn survey(&self, held: &Held<'_>) -> Result<IssuerState, Failure>;

    /// Issues the new credential, where the issuer itself is told to.
    async fn issue(&self, _: &Work<'_>) -> Result<Issued, Failure> {
        Err(Failure::refused("this issuer is not asked for a credential"))
    }

    /// Whether it was issued. For a value that is told once the staging secret is asked instead.
    async fn issued(&self, _: &Work<'_>) -> Result<bool, Failure> {
        Ok(false)
    }

    /// The new credential's value, where the issuer tells it again.
    async fn relisted(&self, _: &IssuerState) -> Result<Secret, Failure> {
        Err(Failure::refused("this issuer does not tell a value again"))
    }

    /// The whole text of the new version: the old one's form with the fresh credential in it.
    fn compose(&self, _: &IssuerState, _old: &Secret, fresh: &Secret) -> Result<Secret, Failure> {
        Ok(Secret::new(fresh.expose().to_owned()))
    }

    /// Tries the text of a version at the issuer.
    async fn try_credential(&self, state: &IssuerState, value: &Secret) -> Result<Trial, Failure>;

    /// Kills the old credentials, where the issuer itself is told to. Safe to repeat.
    async fn retire(&self, _: &Work<'_>) -> Result<(), Failure> {
        Err(Failure::refused("this issuer is not told to revoke a credential"))
    }

    /// Whether they are dead, as the issuer says; nothing where it cannot tell.
    async fn retired(&self, _: &Work<'_>) -> Result<Option<bool>, Failure> {
        Ok(None)
    }

    /// What a lost answer left at the issuer. Names, for people.
    async fn left_behind(&self, _: &IssuerRecord) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }

    /// Takes away what a lost answer left at the issuer. Safe to repeat.
    async fn remove_left_behind(&self, _: &IssuerRecord) -> Result<(), Failure> {
        Ok(())
    }
}

/// Where the new value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issuance {
    /// The vault is the issuer: drawn and put in at once.
    Drawn,
    /// Drawn, staged, then told to the issuer.
    Chosen,
    /// The issuer tells it once.
    ToldOnce,
    /// The issuer tells it whenever it is asked.
    Relisted,
    /// A person enters it.
    Entered,
}

/// What proves that an old credential is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The issuer refuses it.
    IssuersRefusal,
    /// The vault refuses the version: nobody stands behind the vault who could be asked.
    VaultsRefusal,
}

/// What each way of going on takes away, for the plan.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Impact {
    /// With an overlap.
    pub(crate) overlap: String,
    /// With `revoke_first`.
    pub(crate) revoke_first: String,
}

/// What a survey starts from.
pub(crate) struct Held<'a> {
    /// The value that is replaced.
    pub(crate) value: &'a Secret,
    pub(crate) tags: &'a BTreeMap<String, String>,
    /// `CredentialId` of older versions that are still enabled.
    pub(crate) older: &'a [String],
    /// Keys the fingerprints.
    pub(crate) salt: &'a str,
}

/// What an issuer works with after the survey. Values are absent where the vault no longer gives them.
pub(crate) struct Work<'a> {
    pub(crate) state: &'a IssuerState,
    /// The key of the effect that issues.
    pub(crate) key: Option<&'a str>,
    /// The value that is replaced.
    pub(crate) old: Option<&'a Secret>,
    /// The new value: staged, or published.
    pub(crate) new: Option<&'a Secret>,
    /// The values of the versions before the replaced one, for an issuer that [ends them as well](Issuer::retires_older).
    pub(crate) older: &'a [Secret],
}

impl<'a> Work<'a> {
    /// What a record and the values that the vault still gives make.
    pub(crate) fn of(record: &'a IssuerRecord, old: Option<&'a Secret>, new: Option<&'a Secret>) -> Self {
        Self { state: &record.state, key: record.issue_key.as_deref(), old, new, older: &[] }
    }

    /// With the values of older versions.
    pub(crate) fn with_older(self, older: &'a [Secret]) -> Self {
        Self { older, ..self }
    }
}

/// What the issuer issued.
#[derive(Debug, Default)]
pub struct Issued {
    /// The new credential's id, where it has one.
    pub credential: Option<String>,
    /// Its value, where the issuer told it.
    pub value: Option<Secret>,
}
