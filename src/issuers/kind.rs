//! Which issuers there are.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The issuers there are.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerKind {
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

impl IssuerKind {
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

    /// Whether somebody stands behind the vault: an issuer that replaces its credential once, wherever it is stored.
    pub(crate) fn is_behind_the_vault(self) -> bool {
        self != Self::Random
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
