//! The names that effects and observations have in a journal: written and read here alone. They are for ever.

use crate::engine::event::{LOCKED, VALUE_WANTED};
use std::fmt;

/// An effect, by its name in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectName {
    /// A new version is put in.
    Publish,
    /// A version is disabled.
    Disable(String),
    /// The kept value is put in once more, after this version arrived late.
    PutInAgain(String),
    /// The new value is put aside in a staging secret.
    Stage,
    /// The issuer issues a new credential.
    Issue,
    /// The old credentials are revoked at their issuer.
    RevokeAtIssuer,
    /// The staging secret is taken away.
    RemoveStaging,
    /// What a lost answer left at the issuer is taken away.
    CleanIssuer,
    /// A site fetches its references anew.
    Refresh(String),
    /// A message is sent.
    Send,
    /// A channel is told of a later look at the audit trail.
    Tell { channel: String, follow_up: String },
    /// Any other.
    Other(String),
}

/// An observation, by its name in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObservationName {
    /// The versions that are to be disabled.
    Targets,
    RefusedByVault(String),
    RefusedByIssuer(String),
    AcceptedByIssuer(String),
    NotProvenAtIssuer(String),
    IssuerNotAsked,
    /// The staging secret's name.
    Staging,
    Adoption,
    BlastRadius,
    BlastRadiusNotKnown,
    /// A later look at the audit trail; the follow-up's name comes behind it.
    LateLook(String),
    /// What the step keeps other runs from.
    Locked,
    /// The step waits for a value that is entered, and recorded nowhere.
    ValueWanted,
    /// Any other: what an action keeps for itself.
    Other(String),
}

impl EffectName {
    /// Reads a name.
    pub fn parse(name: &str) -> Self {
        let rest = |prefix: &str| name.strip_prefix(prefix).map(str::to_owned);
        match name {
            "publish" => Self::Publish,
            "stage" => Self::Stage,
            "issue" => Self::Issue,
            "retire" => Self::RevokeAtIssuer,
            "clean staging" => Self::RemoveStaging,
            "clean issuer" => Self::CleanIssuer,
            "send" => Self::Send,
            _ => {
                let told = name.strip_prefix("tell-").and_then(|rest| rest.rsplit_once(' '));
                if let Some((channel, follow_up)) = told {
                    return Self::Tell { channel: channel.to_owned(), follow_up: follow_up.to_owned() };
                }
                rest("disable ")
                    .map(Self::Disable)
                    .or_else(|| rest("put in again after ").map(Self::PutInAgain))
                    .or_else(|| rest("refresh ").map(Self::Refresh))
                    .unwrap_or_else(|| Self::Other(name.to_owned()))
            }
        }
    }
}

impl fmt::Display for EffectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish => formatter.write_str("publish"),
            Self::Disable(version) => write!(formatter, "disable {version}"),
            Self::PutInAgain(after) => write!(formatter, "put in again after {after}"),
            Self::Stage => formatter.write_str("stage"),
            Self::Issue => formatter.write_str("issue"),
            Self::RevokeAtIssuer => formatter.write_str("retire"),
            Self::RemoveStaging => formatter.write_str("clean staging"),
            Self::CleanIssuer => formatter.write_str("clean issuer"),
            Self::Refresh(site) => write!(formatter, "refresh {site}"),
            Self::Send => formatter.write_str("send"),
            Self::Tell { channel, follow_up } => write!(formatter, "tell-{channel} {follow_up}"),
            Self::Other(name) => formatter.write_str(name),
        }
    }
}

impl From<EffectName> for String {
    fn from(name: EffectName) -> Self {
        name.to_string()
    }
}

impl ObservationName {
    /// Reads a name.
    pub fn parse(name: &str) -> Self {
        let rest = |prefix: &str| name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(' ')).map(str::to_owned);
        match name {
            "targets" => Self::Targets,
            "issuer not asked" => Self::IssuerNotAsked,
            "staging" => Self::Staging,
            "adoption" => Self::Adoption,
            "blast_radius" => Self::BlastRadius,
            "blast_radius_not_known" => Self::BlastRadiusNotKnown,
            LOCKED => Self::Locked,
            VALUE_WANTED => Self::ValueWanted,
            _ => rest("refused")
                .map(Self::RefusedByVault)
                .or_else(|| rest("issuer refused").map(Self::RefusedByIssuer))
                .or_else(|| rest("issuer accepted").map(Self::AcceptedByIssuer))
                .or_else(|| rest("issuer not proven").map(Self::NotProvenAtIssuer))
                .or_else(|| rest("late").map(Self::LateLook))
                .unwrap_or_else(|| Self::Other(name.to_owned())),
        }
    }
}

impl fmt::Display for ObservationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Targets => formatter.write_str("targets"),
            Self::RefusedByVault(version) => write!(formatter, "refused {version}"),
            Self::RefusedByIssuer(version) => write!(formatter, "issuer refused {version}"),
            Self::AcceptedByIssuer(version) => write!(formatter, "issuer accepted {version}"),
            Self::NotProvenAtIssuer(version) => write!(formatter, "issuer not proven {version}"),
            Self::IssuerNotAsked => formatter.write_str("issuer not asked"),
            Self::Staging => formatter.write_str("staging"),
            Self::Adoption => formatter.write_str("adoption"),
            Self::BlastRadius => formatter.write_str("blast_radius"),
            Self::BlastRadiusNotKnown => formatter.write_str("blast_radius_not_known"),
            Self::LateLook(follow_up) => write!(formatter, "late {follow_up}"),
            Self::Locked => formatter.write_str(LOCKED),
            Self::ValueWanted => formatter.write_str(VALUE_WANTED),
            Self::Other(name) => formatter.write_str(name),
        }
    }
}

impl From<ObservationName> for String {
    fn from(name: ObservationName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{EffectName, ObservationName};

    /// Every name that a journal was ever written with.
    #[test]
    fn names_are_read_as_they_are_written() {
        let effects = "publish|disable 9f3a|put in again after 9f3a|stage|issue|retire|clean staging|clean issuer|refresh shop|send|tell-siem 24h|kick it";
        for name in effects.split('|') {
            assert_eq!(EffectName::parse(name).to_string(), name);
        }
        assert_eq!(EffectName::parse("kick it"), EffectName::Other("kick it".to_owned()));
        let observations = "targets|refused 9f3a|issuer refused 9f3a|issuer accepted 9f3a|issuer not proven 9f3a|issuer not asked|staging|adoption|blast_radius|blast_radius_not_known|late 24h|locked|value_wanted|versions";
        for name in observations.split('|') {
            assert_eq!(ObservationName::parse(name).to_string(), name);
        }
        assert_eq!(ObservationName::parse("issuer"), ObservationName::Other("issuer".to_owned()));
        assert_eq!(ObservationName::parse("refused"), ObservationName::Other("refused".to_owned()));
    }
}
