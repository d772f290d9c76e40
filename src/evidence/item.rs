//! The evidence itself.

use super::adoption::{Adoption, AdoptionReader, LogSeen};
use crate::audit::{BlastRadius, LateLook};
use crate::clock::Timestamp;
use crate::engine::StepStatus;
use crate::engine::event::SettledBy;
use crate::plan::Aim;
use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};

/// Evidence with the record that it stands in.
#[derive(Clone, Debug)]
pub struct Item {
    /// The record's number.
    pub seq: u64,
    pub at: Timestamp,
    /// The step, or the item of a step, that it came of.
    pub step: String,
    pub evidence: Evidence,
}

/// One thing that a run knows, or knows that it does not know.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// A new version was put in.
    Published { version: String, by: SettledBy },
    /// The value that is kept was put in once more, because `after` had become current.
    PutInAgain { version: String, after: String },
    /// These versions are to be disabled; they were enabled when that was decided.
    ToDisable { versions: Vec<String> },
    /// A version was disabled.
    Disabled { version: String, by: SettledBy },
    /// The vault was asked for a version and did not give it.
    RefusedByVault { version: String, answer: String, request_id: String },
    /// Who issues the credential in the version that was `replaced`; `assumed` where nothing names an issuer and the vault
    /// was taken for it.
    IssuerNamed { issuer: String, is_vault: bool, assumed: bool, replaced: String },
    /// The old credentials were revoked at their issuer.
    RevokedAtIssuer { credentials: Vec<String>, by: RevokedBy },
    /// The issuer was tried with the value of an old version, and did not take it.
    RefusedByIssuer { version: String, issuer: String, how: String, answer: String },
    /// The issuer was tried with the value of an old version, and took it.
    AcceptedByIssuer { version: String, issuer: String, how: String, answer: String },
    /// Whether the issuer takes the value of an old version is not known.
    NotProvenAtIssuer { version: String, because: String },
    /// There was nobody to ask beside the vault.
    IssuerNotAsked { because: String },
    /// Who moved to the new version, and how much of the log could be seen.
    Adopted(Consumers),
    /// A setting of a site that is pinned to a version.
    Pinned(PinnedSetting),
    /// Who touched the secret, with what the log could show.
    Accesses(Box<BlastRadius>),
    /// The same asked again later; `follow_up` names the look.
    LateLook { follow_up: String, look: Box<LateLook> },
    /// Who touched the secret is not known; `looked` is what an answer that rests on too little would have said.
    AccessesNotKnown { because: String, looked: Option<Box<BlastRadius>> },
    /// What became of a message.
    Message { channel: String, outcome: MessageOutcome, id: String, head: String, because: String },
    /// What became of a message about a later look.
    LateMessage { channel: String, key: String, message: MessageOutputs },
    /// A staging secret holds a credential that may be alive.
    Staged { secret: String },
    /// Nothing of the rotation is left behind.
    Closed,
    /// The secrets that hold a leaked value, the clearest first.
    Found { secrets: Vec<String> },
    /// A secret that holds what may have leaked, and is left to a person or to another run.
    LeftToPerson(LeftToPerson),
    /// Whether an effect happened is not known.
    InDoubt { step: String, summary: String },
    /// Where a step of the plan stands, and what it is for.
    Step(StepEvidence),
}

/// Where a step of the plan stands; of a step that is done for each item of a list, each item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepEvidence {
    pub step: String,
    pub aim: Aim,
    pub status: StepStatus,
    /// Why it failed or was skipped.
    pub because: Option<String>,
    /// It is done for each item of a list, and the list is empty.
    pub over_nothing: bool,
}

/// Who revoked a credential at its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokedBy {
    Stanch,
    Person(String),
    /// There is no issuer beside the vault, and why.
    Nobody(String),
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageOutcome {
    Delivered,
    /// Nobody got it: there is no such channel, or it was not taken.
    NotDelivered,
    /// The step does not run.
    Skipped,
}

/// What a step that sends a message leaves.
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

/// Who reads a secret, and who of them has moved to the new version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consumers {
    pub moved: Vec<String>,
    pub left_behind: Vec<Consumer>,
    pub pinned: Vec<Consumer>,
    /// Why the lists are not the whole truth; nothing where the log showed enough.
    pub not_seen: Option<String>,
}

/// One that reads an old version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Consumer {
    pub name: String,
    /// Its object id in lower case; empty where the log has none.
    pub oid: String,
    /// The version that it read last.
    pub version: String,
    /// When, RFC 3339.
    pub last: String,
}

impl From<Adoption> for Consumers {
    fn from(adoption: Adoption) -> Self {
        let Adoption { moved, left_behind, pinned, log, because, .. } = adoption;
        let why = || because.unwrap_or_else(|| "the audit trail could not show it".to_owned());
        let not_seen = match log {
            LogSeen::Reaches { .. } => None,
            LogSeen::NoSource | LogSeen::Unreadable { .. } | LogSeen::Empty { .. } | LogSeen::EndsBefore { .. } => {
                Some(why())
            }
        };
        let consumers = |readers: Vec<AdoptionReader>| readers.into_iter().map(Consumer::from).collect();
        Self {
            moved: moved.into_iter().map(|reader| reader.name).collect(),
            left_behind: consumers(left_behind),
            pinned: consumers(pinned),
            not_seen,
        }
    }
}

impl From<AdoptionReader> for Consumer {
    fn from(reader: AdoptionReader) -> Self {
        let AdoptionReader { oid, name, version, last_read, .. } = reader;
        Self { name, oid, version, last: last_read.to_rfc3339_opts(SecondsFormat::Millis, true) }
    }
}
