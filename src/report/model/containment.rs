//! What was done against the leak, and how we know; the verdict and the exposure window, as the report shows them.

use super::source::Source;
use super::words::length;
use crate::clock::Timestamp;
use crate::clock::second;
use crate::engine::event::SettledBy;
use crate::evidence::{self, AtIssuer, AtVault, Consumer, Consumers, Evidence, Item, Known, LeakedValue, State};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// What was done against the leak, and how we know.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Containment {
    /// The last new version that was put in.
    pub rotated: Option<Done>,
    /// All of them: a run may work on many secrets.
    pub rotations: Vec<Done>,
    pub revoked: Vec<Done>,
    pub proven: Vec<Proof>,
    /// Old versions without a proof.
    pub not_proven: Vec<String>,
    /// What the issuer answered to old versions.
    pub issuer_proven: Vec<IssuerProof>,
    /// Old versions that were not tried at their issuer, and why.
    pub issuer_not_proven: Vec<IssuerGap>,
    pub readers: Option<Readers>,
}

/// Something that was done to a version.
#[derive(Clone, Debug, Serialize)]
pub struct Done {
    /// The secret's name, where the run works on a list of them; else empty.
    pub secret: String,
    pub version: String,
    pub at: String,
    /// From the answer itself, or by asking afterwards.
    pub known: String,
    pub seq: u64,
    #[serde(skip)]
    time: Timestamp,
}

/// A refusal of the vault to give an old version.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// As of [`Done`].
    pub secret: String,
    pub version: String,
    pub answer: String,
    pub at: String,
    pub request_id: String,
    pub seq: u64,
}

/// A refusal of the issuer to take an old version's value.
#[derive(Clone, Debug, Serialize)]
pub struct IssuerProof {
    /// As of [`Done`].
    pub secret: String,
    pub version: String,
    pub provider: String,
    pub how: String,
    pub answer: String,
    pub at: String,
    pub seq: u64,
}

/// Why nothing is known of an old version at its issuer.
#[derive(Clone, Debug, Serialize)]
pub struct IssuerGap {
    /// As of [`Done`].
    pub secret: String,
    pub version: String,
    pub because: String,
    pub seq: u64,
}

/// Who moved to the new version before the old ones were taken away.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Readers {
    pub moved: Vec<String>,
    pub left_behind: Vec<String>,
    pub pinned: Vec<String>,
    pub because: String,
}

/// The exposure window.
#[derive(Clone, Debug, Serialize)]
pub struct Exposure {
    pub from: String,
    pub to: String,
    pub length: String,
    /// Whether the end is proven; else it is still open.
    pub ended: bool,
    /// What happened in it, in order.
    pub marks: Vec<Mark>,
}

/// A moment of the exposure.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    pub name: String,
    pub at: String,
    /// Since the response began.
    pub after: String,
}

/// The run's verdict, and the first sentences of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub contained: bool,
    pub headline: String,
    pub detail: String,
    /// Whether nothing is left to worry about.
    pub is_good: bool,
    /// Whether the leaked value still works; empty where the run contains nothing.
    pub leaked_value: String,
    #[serde(flatten)]
    pub verdict: evidence::Verdict,
}

impl Containment {
    pub(super) fn new(known: &Known) -> Self {
        let mut containment = Self::default();
        for item in known.items() {
            containment.take(item, &name(known, &item.step));
        }
        let proven = |version: &String| containment.proven.iter().any(|proof| proof.version == *version);
        let disabled = containment.revoked.iter().map(|done| done.version.clone());
        containment.not_proven = disabled.filter(|version| !proven(version)).collect();
        containment
    }

    /// The last look at a version counts.
    fn take(&mut self, item: &Item, secret: &str) {
        let secret = secret.to_owned();
        let Item { seq, at, .. } = *item;
        let done = |version: &String, by: SettledBy| Done {
            secret: secret.clone(),
            version: version.clone(),
            at: second(at),
            known: match by {
                SettledBy::Probe => "asking the vault, as the answer was lost".to_owned(),
                SettledBy::Answer | SettledBy::Nobody => "the vault's answer".to_owned(),
            },
            seq,
            time: at,
        };
        match &item.evidence {
            Evidence::Published { version, by } => {
                self.rotated = Some(done(version, *by));
                self.rotations.push(done(version, *by));
            }
            Evidence::Disabled { version, by } => self.revoked.push(done(version, *by)),
            Evidence::RefusedByVault { version, answer, request_id } => {
                self.proven.retain(|proof| proof.version != *version);
                let (version, answer, request_id) = (version.clone(), answer.clone(), request_id.clone());
                self.proven.push(Proof { secret, version, answer, at: second(at), request_id, seq });
            }
            Evidence::RefusedByIssuer { version, issuer, how, answer } => {
                self.forget_issuer(version);
                let (version, provider, how, answer) = (version.clone(), issuer.clone(), how.clone(), answer.clone());
                self.issuer_proven.push(IssuerProof { secret, version, provider, how, answer, at: second(at), seq });
            }
            Evidence::AcceptedByIssuer { version, how, answer, .. } => {
                self.forget_issuer(version);
                let because = format!("the issuer took it ({how}: {answer})");
                self.issuer_not_proven.push(IssuerGap { secret, version: version.clone(), because, seq });
            }
            Evidence::NotProvenAtIssuer { version, because } => {
                self.forget_issuer(version);
                let (version, because) = (version.clone(), because.clone());
                self.issuer_not_proven.push(IssuerGap { secret, version, because, seq });
            }
            Evidence::Adopted(consumers) => self.readers.get_or_insert_default().add(consumers),
            _ => {}
        }
    }

    fn forget_issuer(&mut self, version: &str) {
        self.issuer_proven.retain(|proof| proof.version != version);
        self.issuer_not_proven.retain(|gap| gap.version != version);
    }
}

/// The name of the secret that a step works on, where it is done for each of a list.
fn name(known: &Known, step: &str) -> String {
    known.secret_of(step).and_then(|url| url.rsplit('/').next()).unwrap_or_default().to_owned()
}

impl Readers {
    fn add(&mut self, consumers: &Consumers) {
        let names = |readers: &[Consumer]| readers.iter().map(|reader| reader.name.clone()).collect::<Vec<_>>();
        self.moved.extend(consumers.moved.iter().cloned());
        self.left_behind.extend(names(&consumers.left_behind));
        self.pinned.extend(names(&consumers.pinned));
        if self.because.is_empty() {
            self.because = consumers.not_seen.clone().unwrap_or_default();
        }
    }
}

impl Exposure {
    pub(super) fn new(source: &Source<'_>, containment: &Containment, verdict: &evidence::Verdict) -> Self {
        let from = DateTime::parse_from_rfc3339(&source.input("exposed_at")).ok().map(|time| time.with_timezone(&Utc));
        let began = source.known.state().opened_at();
        let by_vault = verdict.parts.at_vault == AtVault::Refused;
        let proven = source.known.proven_at().filter(|_| by_vault);
        let revoked = containment.revoked.iter().map(|done| done.time).max();
        // Whoever has the value asks its issuer, not the vault: as long as that is open, so is the exposure.
        let contained = verdict.state == State::Contained;
        let ended = proven.filter(|_| contained);
        let is_dead = contained && verdict.parts.at_issuer != AtIssuer::Unknown;
        let moments = [
            ("exposed", from),
            ("response begun", began),
            ("rotated", containment.rotated.as_ref().map(|done| done.time)),
            ("revoked", revoked),
            (if is_dead { "proven dead" } else { "refused by the vault" }, proven),
        ];
        let marks = moments.into_iter().filter_map(|(name, at)| {
            let at = at?;
            let after = match began {
                Some(began) if at > began => length(at - began),
                _ => String::new(),
            };
            Some(Mark { name: name.to_owned(), at: second(at), after })
        });
        let end = ended.or(source.known.state().last_at());
        Self {
            from: from.map_or_else(|| "not stated".to_owned(), second),
            to: ended.map_or_else(|| "still open".to_owned(), second),
            length: from.zip(end).map(|(from, to)| length(to - from)).unwrap_or_default(),
            ended: ended.is_some(),
            marks: marks.collect(),
        }
    }
}

impl Verdict {
    pub(super) fn new(verdict: evidence::Verdict, exposure: &Exposure, leaked_value: Option<&LeakedValue>) -> Self {
        let exposed = match verdict.state {
            State::Contained if !exposure.length.is_empty() => format!(" Exposed for {}.", exposure.length),
            _ => String::new(),
        };
        Self {
            contained: verdict.state == State::Contained,
            headline: format!("{}.{exposed}", verdict.headline()),
            detail: verdict.detail(),
            is_good: verdict.is_good(),
            leaked_value: leaked_value.map(ToString::to_string).unwrap_or_default(),
            verdict,
        }
    }
}
