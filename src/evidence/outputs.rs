//! What others need of a step's outputs, typed: by what the step is for, not by its action's name.
//!
//! The programs of today record evidence as it is found; these outputs also speak for the journals of earlier ones.

use super::item::{
    Consumer, Consumers, Evidence, LeftToPerson, MessageOutcome, MessageOutputs, PinnedSetting, RevokedBy,
};
use crate::plan::Aim;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The issuer that is the vault itself.
const VAULT: &str = "random";

impl MessageOutputs {
    /// Reads the outputs of a step that sends a message.
    pub fn read(outputs: &Map<String, Value>) -> Self {
        read(outputs)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rotated {
    predecessor: String,
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
struct Identified {
    provider: String,
    assumed: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Awaited {
    moved: Vec<String>,
    left_behind: Vec<Consumer>,
    pinned: Vec<Consumer>,
    because: Option<String>,
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
            let Rotated { predecessor: replaced, provider, issuer } = read(outputs);
            let is_vault = provider == VAULT;
            let assumed = is_vault && issuer.and_then(|issuer| issuer.assumed).unwrap_or(true);
            vec![Evidence::IssuerNamed { issuer: provider, is_vault, assumed, replaced }]
        }
        Aim::Identify => {
            let Identified { provider: issuer, assumed } = read(outputs);
            // What another issuer issued is known once it is replaced.
            let is_vault = issuer == VAULT;
            let named = Evidence::IssuerNamed { issuer, is_vault, assumed, replaced: String::new() };
            Some(named).filter(|_| is_vault).into_iter().collect()
        }
        Aim::AwaitReaders => {
            let Awaited { moved, left_behind, pinned, because } = read(outputs);
            vec![Evidence::Adopted(Consumers { moved, left_behind, pinned, not_seen: because })]
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
            because.map(|because| Evidence::AccessesNotKnown { because, looked: None }).into_iter().collect()
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
