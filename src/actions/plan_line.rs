//! What an action says of a step before it runs: parameters, as far as they are known, become a [`PlanLine`].

use crate::clock::Timestamp;
use crate::issuers::IssuerClaim;
use crate::vault::SecretUrl;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;
use std::time::Duration;

/// What the plan, and whoever looks before anything is changed, must know of a step.
#[derive(Debug, Default)]
pub(crate) struct PlanLine {
    /// What it would do; the action's summary where nothing is said.
    pub(crate) does: Option<String>,
    /// The secret that it works on.
    pub(crate) secret: Option<SecretUrl>,
    /// Since when it looks into the audit trail.
    pub(crate) since: Option<Timestamp>,
    /// How long it waits at most.
    pub(crate) waits: Duration,
    /// Whom it tells: the kind of channel, and the channel's name where one is named.
    pub(crate) tells: Option<(&'static str, Option<String>)>,
    /// What it says of the issuer of what it replaces.
    pub(crate) replaces: Option<Replaces>,
    /// The subscription whose sites it refreshes.
    pub(crate) refreshes: Option<String>,
}

/// A credential that is replaced.
#[derive(Clone, Debug)]
pub(crate) struct Replaces {
    pub(crate) said: IssuerClaim,
    /// Whether the old one is ended before the new one is published.
    pub(crate) revoke_first: bool,
}

/// What was seen around a step before anything is changed; nothing where nobody has looked yet.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    /// The versions of its secret that are enabled.
    pub(crate) enabled: Option<usize>,
    /// Who read its secret of late.
    pub(crate) readers: Option<usize>,
    pub(crate) issuer: Option<IssuerSeen>,
    /// The configured channel that it would tell.
    pub(crate) channel: Option<String>,
    /// The subscription that the configuration names.
    pub(crate) subscription: Option<String>,
    /// Those who may answer gates that name nobody.
    pub(crate) approvers: Vec<String>,
    /// Whether answers count from those alone who sign in.
    pub(crate) verified_only: bool,
}

/// Who issues a secret, as far as it was asked.
#[derive(Clone, Debug)]
pub(crate) struct IssuerSeen {
    pub(crate) name: &'static str,
    /// The vault is the issuer, or is taken for it.
    pub(crate) is_vault: bool,
    /// The credential in the current version, and the one to come where it is known beforehand.
    pub(crate) old: String,
    pub(crate) next: String,
    /// The old one is ended before the new one is published.
    pub(crate) revoke_first: bool,
    /// Only a person can do it there.
    pub(crate) by_hand: bool,
}

impl PlanLine {
    /// A step that works on a secret.
    pub(super) fn on(secret: &Option<SecretUrl>) -> Self {
        Self { secret: secret.clone(), ..Self::default() }
    }

    pub(super) fn does(self, what: impl Into<String>) -> Self {
        Self { does: Some(what.into()), ..self }
    }
}

/// The secret's name, as far as it is known.
pub(super) fn name(secret: &Option<SecretUrl>) -> &str {
    secret.as_ref().map_or("the secret", |secret| secret.name.as_str())
}

/// Parameters as far as they are known before the run.
pub(super) trait Early: DeserializeOwned {
    type Parameters;
}

/// What is not known yet, or is not what it should be, is nothing: the run says so when it comes to it.
pub(super) fn known<'de, Known: DeserializeOwned, D: Deserializer<'de>>(value: D) -> Result<Option<Known>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(value)?).ok())
}

/// Declares what an action's plan line reads of its parameters: some of their fields, each an `Option`. A field that
/// the parameters do not have, or have with another type, does not compile.
macro_rules! early {
    ($seen:vis $early:ident of $parameters:ident { $($(#[$attribute:meta])* $field:ident: $kind:ty),* $(,)? }) => {
        #[derive(serde::Deserialize)]
        $seen struct $early {
            $(
                $(#[$attribute])*
                #[serde(default, deserialize_with = "crate::actions::plan_line::known")]
                $seen $field: Option<$kind>,
            )*
        }

        impl crate::actions::plan_line::Early for $early {
            type Parameters = $parameters;
        }

        const _: fn(&$parameters) = |parameters| {
            $( let _: &$kind = &parameters.$field; )*
        };
    };
}

pub(super) use early;
