//! What senders of notifications must know.

use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;

/// What the senders must know. A field that is `None` lets in every sender whose credential has the right form.
#[derive(Clone, Debug)]
pub struct SinkCredentials {
    /// The path of the Slack webhook's address: `/services/T…/B…/…`.
    pub slack_path: Option<String>,
    /// The token with which Slack's bot writes, `xoxb-…`, and that with which its app listens, `xapp-…`.
    pub slack_bot_token: Option<String>,
    pub slack_app_token: Option<String>,
    /// Path and query of the Teams workflow's address. The query is compared only where the request's is given.
    pub teams_path: Option<String>,
    /// PagerDuty's integration key, 32 characters.
    pub routing_key: Option<String>,
    /// The key of the generic webhook. Without it, signatures are neither asked for nor checked.
    pub signing_key: Option<SigningKey>,
}

impl SinkCredentials {
    /// Every well-formed credential will do: for a drill with the team's own configuration.
    pub fn any() -> Self {
        Self {
            slack_path: None,
            slack_bot_token: None,
            slack_app_token: None,
            teams_path: None,
            routing_key: None,
            signing_key: None,
        }
    }
}

impl Default for SinkCredentials {
    fn default() -> Self {
        Self {
            slack_path: Some("/services/T0DRILL/B0DRILL/EmbeddedCloud".to_owned()),
            slack_bot_token: Some("xoxb-embedded-cloud-bot".to_owned()),
            slack_app_token: Some("xapp-embedded-cloud-app".to_owned()),
            teams_path: Some(
                "/workflows/drill/triggers/manual/paths/invoke?api-version=2016-06-01&sig=drill".to_owned(),
            ),
            routing_key: Some("drilldrilldrilldrilldrilldrill00".to_owned()),
            signing_key: None,
        }
    }
}

/// The key that a sender shares with the generic webhook.
#[derive(Clone, Debug)]
pub struct SigningKey(Arc<Secret>);

impl SigningKey {
    /// Takes the key as it is handed out: `whsec_` and the key's bytes in base64. A text without that prefix is
    /// itself the key, byte for byte.
    ///
    /// # Errors
    /// When what follows the prefix is empty or no base64.
    pub fn new(text: Secret) -> Result<Self, String> {
        match text.expose().strip_prefix("whsec_").map(|encoded| STANDARD.decode(encoded)) {
            Some(Err(_)) => Err("what follows `whsec_` is not base64".to_owned()),
            Some(Ok(key)) if key.is_empty() => Err("nothing follows `whsec_`".to_owned()),
            Some(Ok(_)) | None => Ok(Self(Arc::new(text))),
        }
    }

    /// A new random key in the form senders are given it.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> Result<Self, String> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|error| format!("no random bytes from the system: {error}"))?;
        Ok(Self(Arc::new(Secret::new(format!("whsec_{}", STANDARD.encode(bytes))))))
    }

    /// The key as it is handed out: for the sender's credential file.
    pub fn secret(&self) -> &Secret {
        &self.0
    }

    /// The key itself.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let text = self.0.expose();
        let decoded = text.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
        decoded.unwrap_or_else(|| text.as_bytes().to_vec())
    }
}
