//! What others need of a step's outputs, typed: by what the step is for, not by its action's name.
//!
//! The programs of today record evidence as it is found; these outputs also speak for the journals of earlier ones.

use super::adoption::{Adoption, Laggard, LogSeen};
use super::item::{Evidence, MessageOutcome, RevokedBy};
use crate::plan::Aim;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The issuer that is the vault itself.
const VAULT: &str = "random";

/// What became of a message.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct MessageOutputs {
    pub sent: bool,
    pub channel: String,
    /// How the receiver knows the message.
    pub id: String,
    /// The journal's head that it carried off this machine: `sha256:` and lower-case hex.
    pub head: String,
    /// Why it was not sent.
    pub because: Option<String>,
}

/// A setting of a site that is pinned to a version.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct PinnedSetting {
    pub site: String,
    pub setting: String,
    pub version: String,
    /// What takes the version out.
    pub remedy: String,
}

/// A secret that holds the leaked value and is left to a person.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct LeftToPerson {
    pub secret: String,
    pub because: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rotated {
    provider: String,
    issuer: Option<NamedIssuer>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamedIssuer {
    /// Journals of earlier programs do not say whether the vault was named.
    assumed: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Awaited {
    moved: Vec<String>,
    left_behind: Vec<Laggard>,
    pinned: Vec<Laggard>,
    decided_by: String,
    because: Option<String>,
    waited_ms: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refreshed {
    pinned: Vec<PinnedSetting>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Searched {
    secret: String,
    secrets: Vec<String>,
    by_hand: Vec<LeftToPerson>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Revoked {
    retired: Vec<String>,
    by: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Proven {
    proven: Vec<String>,
    not_proven: Vec<Value>,
    answer: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Looked {
    source: String,
    because: Option<String>,
}

/// The evidence in the outputs of a step that is done.
pub(super) fn evidence(aim: Aim, outputs: &Map<String, Value>) -> Vec<Evidence> {
    match aim {
        Aim::Rotate => {
            let Rotated { provider, issuer } = read(outputs);
            let is_vault = provider == VAULT;
            let assumed = is_vault && issuer.and_then(|issuer| issuer.assumed).unwrap_or(true);
            vec![Evidence::IssuerNamed { issuer: provider, is_vault, assumed }]
        }
        Aim::AwaitReaders => {
            let Awaited { moved, left_behind, pinned, decided_by, because, waited_ms } = read(outputs);
            let decided_by = Some(decided_by).filter(|by| !by.is_empty());
            let log = because.map_or(LogSeen::NotRecorded, |because| LogSeen::NoSource { because });
            vec![Evidence::Adopted(Adoption { moved, left_behind, pinned, decided_by, log, waited_ms })]
        }
        Aim::RefreshSites => read::<Refreshed>(outputs).pinned.into_iter().map(Evidence::Pinned).collect(),
        Aim::Search => {
            let Searched { secret, mut secrets, by_hand } = read(outputs);
            secrets.retain(|other| *other != secret);
            secrets.insert(0, secret);
            let found = Evidence::Found { secrets };
            std::iter::once(found).chain(by_hand.into_iter().map(Evidence::LeftToPerson)).collect()
        }
        Aim::RevokeAtIssuer => {
            let Revoked { retired, by } = read(outputs);
            let by = match by.strip_prefix("nobody: ") {
                Some(why) => RevokedBy::Nobody(why.to_owned()),
                None if by == "stanch" => RevokedBy::Stanch,
                None => RevokedBy::Person(by),
            };
            vec![Evidence::RevokedAtIssuer { credentials: retired, by }]
        }
        Aim::ProveAtIssuer => {
            let Proven { proven, not_proven, answer } = read(outputs);
            let asked = !proven.is_empty() || !not_proven.is_empty() || answer.is_empty();
            if asked { Vec::new() } else { vec![Evidence::IssuerNotAsked { because: answer }] }
        }
        Aim::BlastRadius => {
            let Looked { source, because } = read(outputs);
            let because = because.filter(|_| source.is_empty());
            because.map(|because| Evidence::AccessesNotKnown { because }).into_iter().collect()
        }
        Aim::Close => vec![Evidence::Closed],
        Aim::Tell => {
            let MessageOutputs { sent, channel, id, head, because } = read(outputs);
            let outcome = if sent { MessageOutcome::Delivered } else { MessageOutcome::NotDelivered };
            vec![Evidence::Message { channel, outcome, id, head, because: because.unwrap_or_default() }]
        }
        _ => Vec::new(),
    }
}

/// What cannot be read counts as not there: no evidence follows from it.
pub(super) fn read<T: DeserializeOwned + Default>(outputs: &Map<String, Value>) -> T {
    serde_json::from_value(Value::Object(outputs.clone())).unwrap_or_default()
}
