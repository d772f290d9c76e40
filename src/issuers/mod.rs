//! Who really issues a credential. One file per issuer, each a state machine over the same stages:
//!
//! ```text
//! stage ─► issue ─► test ─► publish ─► adopt ─► retire ─► prove ─► close
//! ```
//!
//! An issuer does one thing at a time and can be asked whether it was done; when it is done, and what is recorded
//! before and after, is the actions' (`keyvault/rotate`, `issuer/revoke`, `issuer/prove`, `issuer/close`). A
//! vault that merely holds another value revokes nothing: the leaked one dies at its issuer.
//!
//! # Where the new credential lives between the issuer's answer and its publication
//!
//! A disabled *version* of the secret cannot hold it: it would become the current one, and everybody who reads the
//! latest would get 403. So it is one of these, by [`Issuance`]:
//!
//! - the issuer tells it again whenever it is asked (account keys: `listKeys`): it lives there, and nowhere else;
//! - stanch chooses it, or the issuer or a person tells it once: it lives in a *staging secret* of the same vault
//!   (`NAME-stanch`), tagged with the effect's key. A value of our choosing is staged before the issuer hears of it,
//!   so telling the issuer twice changes nothing. A value that is told once is staged in the same effect that asks
//!   for it; if the answer is lost, what was issued under the effect's key is removed and issued anew.
//!
//! The staging secret is disabled and deleted when the run closes. The old credential stays in the vault, readable,
//! until it is retired and proven dead, so that no crash loses it either.

mod azure_storage_key;
mod command;
mod cosmos_key;
mod draw;
mod empty_text;
mod entra_app_secret;
mod envelope;
mod form;
mod github_token;
mod issuer;
mod json_place;
mod kind;
mod likeness;
mod manual;
mod postgres;
mod random;
mod record;
mod redis_key;
mod resolve;
mod revoked_token;
mod service_bus_key;
mod slack_token;
mod surroundings;
mod trial;
mod two_keys;

use crate::failure::Failure;
use surroundings::{NoSettings, settings};

pub use command::Answer;
pub(crate) use draw::{Draw, LETTERS_AND_DIGITS};
pub(crate) use empty_text::none_if_empty;
pub use form::Form;
pub use issuer::Issued;
pub(crate) use issuer::{Held, Impact, Issuance, Issuer, Proof, Work};
pub use kind::IssuerKind;
pub(crate) use likeness::{is_same, too_large, unlike};
pub(crate) use record::{IssuerRecord, IssuerState};
pub use resolve::{IssuerClaim, Named, resolve};
pub(crate) use resolve::{TAG_ADDRESS, TAG_CREDENTIAL, TAG_VALIDITY, TAGS_ARE_WRONG};
pub(crate) use surroundings::Surroundings;
pub use trial::Trial;

/// Opens the issuer that was found; nothing is sent yet.
pub(crate) fn open(named: &Named, surroundings: Surroundings) -> Result<Box<dyn Issuer>, Failure> {
    Ok(match named.provider {
        IssuerKind::Random => Box::new(random::Random::new(settings(named)?)),
        IssuerKind::Manual => Box::new(manual::Manual::new(settings(named)?, surroundings)?),
        IssuerKind::Command => Box::new(command::Command::new(settings(named)?, &surroundings)?),
        IssuerKind::Postgres => Box::new(postgres::Postgres::new(settings(named)?, surroundings)?),
        IssuerKind::AzureStorageKey => {
            Box::new(two_keys::TwoKeys::new(&azure_storage_key::KIND, named, &surroundings)?)
        }
        IssuerKind::CosmosKey => Box::new(two_keys::TwoKeys::new(&cosmos_key::KIND, named, &surroundings)?),
        IssuerKind::ServiceBusKey => Box::new(two_keys::TwoKeys::new(&service_bus_key::KIND, named, &surroundings)?),
        IssuerKind::RedisKey => Box::new(two_keys::TwoKeys::new(&redis_key::KIND, named, &surroundings)?),
        IssuerKind::EntraAppSecret => Box::new(entra_app_secret::EntraAppSecret::new(named, &surroundings)?),
        IssuerKind::GithubToken | IssuerKind::SlackToken => {
            let NoSettings {} = settings(named)?;
            let is_github = named.provider == IssuerKind::GithubToken;
            let kind = if is_github { &github_token::KIND } else { &slack_token::KIND };
            Box::new(revoked_token::RevokedToken::new(kind, surroundings))
        }
    })
}
