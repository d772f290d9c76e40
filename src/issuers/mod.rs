//! Who really issues a credential. One file per issuer, each a state machine over the same stages:
//!
//! ```text
//! stage ─► issue ─► test ─► publish ─► adopt ─► retire ─► prove ─► close
//! ```
//!
//! A provider does one thing at a time and can be asked whether it was done; when it is done, and what is recorded
//! before and after, is the actions' (`keyvault/rotate`, `provider/retire`, `provider/prove`, `provider/close`). A
//! vault that merely holds another value revokes nothing: the leaked one dies at its issuer.
//!
//! # Where the new credential lives between the issuer's answer and its publication
//!
//! A disabled *version* of the secret cannot hold it: it would become the current one, and everybody who reads the
//! latest would get 403. So it is one of these, by [`Supply`]:
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
mod entra_app_secret;
mod envelope;
mod github_token;
mod manual;
mod postgres;
mod random;
mod redis_key;
mod resolve;
mod revoked_token;
mod service_bus_key;
mod slack_token;
mod two_keys;

use crate::azure::Azure;
use crate::failure::Failure;
use crate::secret::Secret;
use crate::vault::SecretUrl;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(crate) use random::{LETTERS_AND_DIGITS, Random};
pub(crate) use resolve::{Named, Said, TAG_ADDRESS, TAG_CREDENTIAL, TAG_VALIDITY, resolve};

/// The issuers there are.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProviderKind {
    /// The vault is the issuer: a random text.
    #[default]
    Random,
    /// A person rotates at the issuer and enters the new value.
    Manual,
    /// A program of the team's own.
    Command,
    /// A PostgreSQL server: one role, or a pair that takes turns.
    Postgres,
    AzureStorageKey,
    CosmosKey,
    ServiceBusKey,
    RedisKey,
    EntraAppSecret,
    /// Revoked through GitHub's interface; a person enters the new one.
    GithubToken,
    /// Revoked through Slack's interface; a person enters the new one.
    SlackToken,
}

impl ProviderKind {
    const ALL: [(Self, &'static str); 11] = [
        (Self::Random, "random"),
        (Self::Manual, "manual"),
        (Self::Command, "command"),
        (Self::Postgres, "postgres"),
        (Self::AzureStorageKey, "azure_storage_key"),
        (Self::CosmosKey, "cosmos_key"),
        (Self::ServiceBusKey, "service_bus_key"),
        (Self::RedisKey, "redis_key"),
        (Self::EntraAppSecret, "entra_app_secret"),
        (Self::GithubToken, "github_token"),
        (Self::SlackToken, "slack_token"),
    ];

    /// As it is written in runbooks, tags and the inventory.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("random", |(_, name)| name)
    }

    /// The built-in runbook that ends its credentials.
    pub(crate) fn runbook(self) -> &'static str {
        match self {
            Self::Random => "secret-exposure",
            Self::Postgres => "database-credential",
            Self::AzureStorageKey | Self::CosmosKey | Self::ServiceBusKey | Self::RedisKey => "storage-account-key",
            Self::EntraAppSecret => "entra-app-secret",
            Self::Manual | Self::Command | Self::GithubToken | Self::SlackToken => "third-party-api-key",
        }
    }

    /// Reads the name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// All names, for messages.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|(_, name)| *name)
    }
}

/// Where the new value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supply {
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

/// What each way of going on takes away, for the plan.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Breaks {
    /// With an overlap.
    pub(crate) overlap: String,
    /// With `revoke_first`.
    pub(crate) revoke_first: String,
}

/// What is known of the credentials before anything is changed. Public: it stands in the journal.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Survey {
    /// The credential in the version that is replaced: `key1`, a role, a key id.
    pub(crate) old: String,
    /// The one to come; empty where only the issuer can say.
    pub(crate) next: String,
    /// All that are to die; `old` is one of them.
    pub(crate) retire: Vec<String>,
    /// What tells a change from no change: keyed fingerprints, places, times.
    #[serde(default)]
    pub(crate) marks: BTreeMap<String, String>,
}

/// A secret's issuer and how its credentials stand; recorded once, and what all later stages rest on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Standing {
    pub(crate) provider: ProviderKind,
    /// Why this one, and where that is written.
    pub(crate) because: String,
    /// Nothing names an issuer, so the vault was taken for it.
    #[serde(default)]
    pub(crate) assumed: bool,
    /// The issuer's address: a resource's id, a server.
    pub(crate) address: String,
    #[serde(default)]
    pub(crate) settings: Map<String, Value>,
    #[serde(flatten)]
    pub(crate) survey: Survey,
    /// The new credential, once there is one.
    #[serde(default)]
    pub(crate) new: String,
    /// The key of the effect that issued it.
    #[serde(default)]
    pub(crate) issue_key: String,
    /// The version that is replaced.
    #[serde(default)]
    pub(crate) replaced: String,
    /// Who killed the old credential before the new one was published; empty where nobody did.
    #[serde(default)]
    pub(crate) retired_by: String,
    /// The staging secret's name, where there is one.
    #[serde(default)]
    pub(crate) staging: Option<String>,
}

impl Standing {
    /// How it stands after the survey.
    pub(crate) fn of(named: &Named, survey: Survey) -> Self {
        Self {
            provider: named.provider,
            because: named.because.clone(),
            assumed: named.assumed,
            address: named.address.clone(),
            settings: named.settings.clone(),
            survey,
            new: String::new(),
            issue_key: String::new(),
            replaced: String::new(),
            retired_by: String::new(),
            staging: None,
        }
    }
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

/// What a provider works with after the survey. Values are absent where the vault no longer gives them.
pub(crate) struct Work<'a> {
    pub(crate) survey: &'a Survey,
    /// The key of the effect that issues.
    pub(crate) key: &'a str,
    /// The value that is replaced.
    pub(crate) old: Option<&'a Secret>,
    /// The new value: staged, or published.
    pub(crate) new: Option<&'a Secret>,
    /// The values of the versions before the replaced one, for a provider that [ends them as well](Provider::retires_older).
    pub(crate) older: &'a [Secret],
}

/// What the issuer issued.
#[derive(Debug, Default)]
pub(crate) struct Issued {
    /// The new credential's id.
    pub(crate) credential: String,
    /// Its value, where the issuer told it.
    pub(crate) value: Option<Secret>,
}

/// What came of trying a value at its issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Trial {
    /// It works, with what the issuer answered.
    Accepted {
        how: String,
        answer: String,
    },
    Refused {
        how: String,
        answer: String,
    },
    /// Nothing can tell, and why.
    Untried {
        because: String,
    },
}

impl Trial {
    fn accepted(how: &str, answer: impl Into<String>) -> Self {
        Self::Accepted { how: how.to_owned(), answer: answer.into() }
    }

    fn refused(how: &str, answer: impl Into<String>) -> Self {
        Self::Refused { how: how.to_owned(), answer: answer.into() }
    }

    fn untried(because: impl Into<String>) -> Self {
        Self::Untried { because: because.into() }
    }
}

/// An issuer. Whatever writes is called between a durable intent and its outcome, and has a question beside it that
/// tells whether it happened.
#[async_trait(?Send)]
pub(crate) trait Provider {
    fn supply(&self) -> Supply;

    fn breaks(&self) -> Breaks;

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
    async fn survey(&self, held: &Held<'_>) -> Result<Survey, Failure>;

    /// Issues the new credential.
    async fn issue(&self, work: &Work<'_>) -> Result<Issued, Failure>;

    /// Whether it was issued. For a value that is told once the staging secret is asked instead.
    async fn issued(&self, work: &Work<'_>) -> Result<bool, Failure>;

    /// The new credential's value, where the issuer tells it again.
    async fn relisted(&self, _: &Survey) -> Result<Secret, Failure> {
        Err(Failure::refused("this issuer does not tell a value again"))
    }

    /// The whole text of the new version: the old one's form with the fresh credential in it.
    fn compose(&self, survey: &Survey, old: &Secret, fresh: &Secret) -> Result<Secret, Failure>;

    /// Tries the text of a version at the issuer.
    async fn attempt(&self, survey: &Survey, value: &Secret) -> Result<Trial, Failure>;

    /// Kills the old credentials. Safe to repeat.
    async fn retire(&self, work: &Work<'_>) -> Result<(), Failure>;

    /// Whether they are dead, as the issuer says; nothing where it cannot tell.
    async fn retired(&self, work: &Work<'_>) -> Result<Option<bool>, Failure>;

    /// What a lost answer left at the issuer; taken away if asked to. Names, for people.
    async fn leftovers(&self, _: &Standing, _remove: bool) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }
}

/// Whether a host is on this machine.
fn is_near(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What providers are reached through.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) azure: Azure,
    pub(crate) secret: SecretUrl,
}

impl Surroundings {
    /// In a drill nothing outside this machine may be touched.
    fn may_reach(&self, host: &str) -> Result<(), Failure> {
        if is_near(host) || self.azure.transport.cloud().is_none() {
            return Ok(());
        }
        Err(Failure::refused(format!("this is a drill, and `{host}` is not on this machine"))
            .help("play it against a server on 127.0.0.1, or run it for real, without `--cloud`"))
    }
}

/// Opens the issuer that was found; nothing is sent yet.
pub(crate) fn open(named: &Named, surroundings: Surroundings) -> Result<Box<dyn Provider>, Failure> {
    Ok(match named.provider {
        ProviderKind::Random => Box::new(random::Vault::new(settings(named)?)),
        ProviderKind::Manual => Box::new(manual::Manual::new(settings(named)?, surroundings)),
        ProviderKind::Command => Box::new(command::Command::new(settings(named)?, &surroundings)?),
        ProviderKind::Postgres => Box::new(postgres::Postgres::new(settings(named)?, surroundings)?),
        ProviderKind::AzureStorageKey => {
            Box::new(two_keys::TwoKeys::new(&azure_storage_key::KIND, named, &surroundings)?)
        }
        ProviderKind::CosmosKey => Box::new(two_keys::TwoKeys::new(&cosmos_key::KIND, named, &surroundings)?),
        ProviderKind::ServiceBusKey => Box::new(two_keys::TwoKeys::new(&service_bus_key::KIND, named, &surroundings)?),
        ProviderKind::RedisKey => Box::new(two_keys::TwoKeys::new(&redis_key::KIND, named, &surroundings)?),
        ProviderKind::EntraAppSecret => Box::new(entra_app_secret::EntraAppSecret::new(named, &surroundings)?),
        ProviderKind::GithubToken | ProviderKind::SlackToken => {
            let NoSettings {} = settings(named)?;
            let is_github = named.provider == ProviderKind::GithubToken;
            let kind = if is_github { &github_token::KIND } else { &slack_token::KIND };
            Box::new(revoked_token::RevokedToken::new(kind, surroundings))
        }
    })
}

/// Reads a provider's settings; unknown ones are refused.
fn settings<T: DeserializeOwned>(named: &Named) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(named.settings.clone())).map_err(|error| {
        Failure::refused(format!("the settings of the provider `{}` cannot be read", named.provider.name()))
            .because(error.to_string())
            .help(format!("they stand in {}", named.because))
    })
}

/// Settings of a provider that has none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoSettings {}
