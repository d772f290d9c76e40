//! What issuers are reached through, and set by.

use super::resolve::Named;
use crate::azure::Azure;
use crate::failure::Failure;
use crate::vault::SecretUrl;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Whether a host is on this machine.
pub(super) fn is_near(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What issuers are reached through.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) azure: Azure,
    pub(crate) secret: SecretUrl,
}

impl Surroundings {
    /// In a drill nothing outside this machine may be touched.
    pub(super) fn may_reach(&self, host: &str) -> Result<(), Failure> {
        if is_near(host) || self.azure.transport.cloud().is_none() {
            return Ok(());
        }
        Err(Failure::refused(format!("this is a drill, and `{host}` is not on this machine"))
            .help("play it against a server on 127.0.0.1, or run it for real, without `--cloud`"))
    }
}

/// Reads an issuer's settings; unknown ones are refused.
pub(super) fn settings<T: DeserializeOwned>(named: &Named) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(named.settings.clone())).map_err(|error| {
        Failure::refused(format!("the settings of the provider `{}` cannot be read", named.provider.name()))
            .because(error.to_string())
            .help(format!(
                "{}; its settings stand with the step in the runbook, or with the secret in the inventory",
                named.because
            ))
    })
}

/// Settings of an issuer that has none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoSettings {}
