//! A scenario file as it is written: YAML → the fields somebody gave, each of the right form.
//!
//! What the fields mean together is checked in `scenario_checks`.

use crate::cloud::faults::Fault;
use crate::cloud::world::issuer::TokenIssuer;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenScenario {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) summary: String,
    /// The cloud knows nothing of runbooks; whoever plays the response does.
    pub(crate) runbook: Option<String>,
    /// Additional inputs of the runbook.
    #[serde(default)]
    pub(crate) inputs: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) enters: EnteredValue,
    pub(crate) vault: String,
    pub(crate) secret: String,
    pub(crate) secrets: Vec<WrittenSecret>,
    #[serde(default)]
    pub(crate) consumers: Vec<WrittenConsumer>,
    #[serde(default)]
    pub(crate) attackers: Vec<WrittenAttacker>,
    #[serde(default)]
    pub(crate) faults: Vec<Fault>,
    pub(crate) exposure: WrittenDuration,
    #[serde(default)]
    pub(crate) targets: WrittenTargets,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenSecret {
    pub(crate) name: String,
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) issuer: Option<WrittenIssuer>,
    /// Where the last version's value is: `env:NAME`. Made up, if absent.
    pub(crate) value: Option<String>,
    pub(crate) versions: Vec<WrittenVersion>,
}

/// Who issued the value of a secret's last version: one of `account`, `application` and `token`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenIssuer {
    /// Address of an account with two keys, `/subscriptions/…`.
    pub(crate) account: Option<String>,
    /// Which of its keys; the first, if absent.
    pub(crate) key: Option<String>,
    /// Object id of an application's registration.
    pub(crate) application: Option<String>,
    /// Its client id; follows from the object id, if absent.
    pub(crate) app_id: Option<String>,
    pub(crate) token: Option<TokenIssuer>,
}

/// What somebody enters who is asked for a value in the middle of the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnteredValue {
    /// The value that leaked, as it was found.
    #[default]
    LeakedValue,
    /// One that its issuer just made, at the request of whoever is asked.
    NewValue,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenVersion {
    pub(crate) age: WrittenDuration,
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenConsumer {
    pub(crate) name: String,
    pub(crate) secret: Option<String>,
    pub(crate) reads: ReadMode,
    pub(crate) refresh: WrittenDuration,
    pub(crate) oid: Option<String>,
    pub(crate) appid: Option<String>,
    pub(crate) upn: Option<String>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
}

/// Which version a consumer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadMode {
    /// Whatever is current: the address without a version.
    Latest,
    /// For ever the version that was current at the start.
    Pinned,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenAttacker {
    pub(crate) name: String,
    pub(crate) reads: u32,
    #[serde(default)]
    pub(crate) also: Vec<String>,
    pub(crate) every: WrittenDuration,
    #[serde(default)]
    pub(crate) after: WrittenDuration,
    pub(crate) oid: Option<String>,
    pub(crate) appid: Option<String>,
    pub(crate) upn: Option<String>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) user_agent: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenTargets {
    pub(crate) rotated_within: Option<WrittenDuration>,
    pub(crate) contained_within: Option<WrittenDuration>,
    pub(crate) killed_within: Option<WrittenDuration>,
    pub(crate) consumers_down: Option<u32>,
}

/// A span of time as it is written: `300ms`, `2s`, `15m`, `6h`, `90d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WrittenDuration(pub(crate) Duration);

impl WrittenDuration {
    fn parse(text: &str) -> Option<Self> {
        let end = text.find(|character: char| !character.is_ascii_digit())?;
        let (digits, unit) = text.split_at_checked(end)?;
        let count: u64 = digits.parse().ok()?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        count.checked_mul(milliseconds).map(|milliseconds| Self(Duration::from_millis(milliseconds)))
    }
}

impl<'de> Deserialize<'de> for WrittenDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is no duration: write a number and its unit, as in 300ms, 2s, 15m, 6h, 90d"
            ))
        })
    }
}
