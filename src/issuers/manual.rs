//! `manual`: an issuer without an interface, such as a payment provider's dashboard. A person does what only a person
//! can.
//!
//! ```text
//! issue    a person makes a new credential at the issuer and enters it: hidden prompt, or standard input
//! stage    what was entered is staged before anything else is done with it
//! publish, adopt
//! retire   a person revokes the old one at the issuer, and says so
//! prove    the old value is tried where the settings say (`check`), else the report says "not proven"
//! ```

use super::envelope;
use super::issuer::{Held, Impact, Issuance, Issuer};
use super::record::IssuerState;
use super::surroundings::Surroundings;
use super::trial::Trial;
use crate::failure::{Failure, Retry};
use crate::secret::Secret;
use async_trait::async_trait;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The issuer's name, for the questions.
    #[serde(default = "the_issuer")]
    issuer: String,
    check: Option<Check>,
}

fn the_issuer() -> String {
    "the issuer".to_owned()
}

/// Where a value is tried.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    /// Asked with GET.
    url: String,
    /// The header that carries the value.
    #[serde(default = "authorization")]
    header: String,
    /// What stands before the value in the header.
    #[serde(default = "bearer")]
    prefix: String,
    /// The statuses that mean a refusal.
    #[serde(default = "refusals")]
    refused: Vec<u16>,
}

fn authorization() -> String {
    "authorization".to_owned()
}

fn bearer() -> String {
    "Bearer ".to_owned()
}

fn refusals() -> Vec<u16> {
    vec![401, 403]
}

pub(super) struct Manual {
    settings: Settings,
    surroundings: Surroundings,
}

impl Manual {
    pub(super) fn new(settings: Settings, surroundings: Surroundings) -> Result<Self, Failure> {
        if let Some(check) = &settings.check {
            surroundings.azure.transport.must_be_hidden(&check.url)?;
        }
        Ok(Self { settings, surroundings })
    }
}

/// What a credential that a person enters breaks.
pub(super) fn impact(issuer: &str) -> Impact {
    Impact {
        overlap: format!("whoever has not moved when the old one is revoked at {issuer}"),
        revoke_first: "every user of the old one, at once, until it has read the new version".to_owned(),
    }
}

/// The survey of an issuer that names no credentials.
pub(super) fn one_old() -> IssuerState {
    IssuerState {
        old: Some("the old value".to_owned()),
        retire: vec!["the old value".to_owned()],
        ..IssuerState::default()
    }
}

/// The text that was entered, in the form of the old one. Whoever enters a text of that form enters the whole.
pub(super) fn compose(old: &Secret, fresh: &Secret) -> Secret {
    if envelope::is_alike(old, fresh) {
        return Secret::new(fresh.expose().to_owned());
    }
    envelope::with(old, None, fresh).unwrap_or_else(|| Secret::new(fresh.expose().to_owned()))
}

#[async_trait(?Send)]
impl Issuer for Manual {
    fn issuance(&self) -> Issuance {
        Issuance::Entered
    }

    fn impact(&self) -> Impact {
        impact(&self.settings.issuer)
    }

    fn by_hand(&self) -> Option<String> {
        Some(format!("Revoke the old credential at {} now, then approve. Was it revoked?", self.settings.issuer))
    }

    async fn survey(&self, _: &Held<'_>) -> Result<IssuerState, Failure> {
        Ok(one_old())
    }

    fn compose(&self, _: &IssuerState, old: &Secret, fresh: &Secret) -> Result<Secret, Failure> {
        Ok(compose(old, fresh))
    }

    async fn try_credential(&self, _: &IssuerState, value: &Secret) -> Result<Trial, Failure> {
        let Some(check) = &self.settings.check else {
            return Ok(Trial::untried(format!(
                "{} has no interface that stanch knows; `check` in the provider's settings would name a URL to try",
                self.settings.issuer
            )));
        };
        let header = zeroize::Zeroizing::new(format!("{}{}", check.prefix, envelope::open(value).password.expose()));
        let transport = &self.surroundings.azure.transport;
        let answer = transport.send("GET", &check.url, &[(check.header.as_str(), header.as_str())], Vec::new()).await?;
        let host =
            url::Url::parse(&check.url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let how = format!("asked `{host}` with it");
        match answer.status {
            status if check.refused.contains(&status) => Ok(Trial::refused(&how, status.to_string())),
            status if (200..400).contains(&status) => Ok(Trial::accepted(&how, status.to_string())),
            status => Err(Failure::refused(format!("`{host}` gives no answer that tells"))
                .because(format!("it answered {status}"))
                .retry(Retry::Later)),
        }
    }
}
