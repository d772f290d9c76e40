//! Whom to tell, and how.

use crate::settings::SecretReference;

/// A way to tell somebody.
#[derive(Clone, Debug)]
pub enum Channel {
    PagerDuty(PagerDuty),
    Slack(WebhookUrl),
    Teams(WebhookUrl),
    Email(Email),
    Webhook(Webhook),
}

impl Channel {
    /// Its kind, as the configuration and the actions call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::PagerDuty(_) => "pagerduty",
            Self::Slack(_) => "slack",
            Self::Teams(_) => "teams",
            Self::Email(_) => "email",
            Self::Webhook(_) => "webhook",
        }
    }
}

/// PagerDuty's Events API v2.
#[derive(Clone, Debug)]
pub struct PagerDuty {
    pub routing_key: SecretReference,
}

/// A chat's incoming webhook: who knows the address may write there, so the address is a secret.
#[derive(Clone, Debug)]
pub struct WebhookUrl {
    pub webhook: SecretReference,
}

/// Mail, through a server.
#[derive(Clone, Debug)]
pub struct Email {
    /// `HOST:PORT`.
    pub host: String,
    pub port: u16,
    pub from: String,
    pub to: Vec<String>,
    /// Whether the connection must be encrypted before anything is said.
    pub tls: bool,
    pub login: Option<(String, SecretReference)>,
}

/// Any system that takes JSON, by the Standard Webhooks convention.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub url: String,
    /// Signs the body with HMAC-SHA256.
    pub signing_key: Option<SecretReference>,
    /// Sent as a bearer token.
    pub token: Option<SecretReference>,
}
