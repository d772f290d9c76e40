//! Whether the leak is contained: judged from recorded proofs alone.

use super::{Source, length, second};
use crate::clock::Timestamp;
use crate::engine::event::{EffectOutcome, Event, SettledBy};
use crate::engine::{StepState, StepStatus};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

/// What was done against the leak, and how we know.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Containment {
    pub rotated: Option<Done>,
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
    pub version: String,
    pub answer: String,
    pub at: String,
    pub request_id: String,
    pub seq: u64,
    #[serde(skip)]
    time: Timestamp,
}

/// A refusal of the issuer to take an old version's value.
#[derive(Clone, Debug, Serialize)]
pub struct IssuerProof {
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
    pub version: String,
    pub because: String,
    pub seq: u64,
}

/// Who moved to the new version before the old ones were taken away.
#[derive(Clone, Debug, Serialize)]
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

/// The first sentence of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub contained: bool,
    pub headline: String,
    pub detail: String,
}

impl Containment {
    pub(super) fn new(source: &Source<'_>) -> Self {
        let mut containment = Self::default();
        for record in source.records {
            match &record.event {
                Event::EffectFinished { effect, outcome: EffectOutcome::Done, by, result, .. } => {
                    let done = |version: &str| Done {
                        version: version.to_owned(),
                        at: second(record.at),
                        known: match by {
                            SettledBy::Probe => "asking the vault, as the answer was lost".to_owned(),
                            SettledBy::Answer | SettledBy::Nobody => "the vault's answer".to_owned(),
                        },
                        seq: record.seq,
                        time: record.at,
                    };
                    if effect == "publish" {
                        containment.rotated = result.get("version").and_then(Value::as_str).map(done);
                    } else if let Some(version) = effect.strip_prefix("disable ") {
                        containment.revoked.push(done(version));
                    }
                }
                Event::Observed { name, value, .. } if name.starts_with("issuer ") => {
                    containment.issuer(name, value, record.seq, record.at);
                }
                Event::Observed { name, value, .. } => {
                    if let Some(version) = name.strip_prefix("refused ") {
                        containment.proven.retain(|proof| proof.version != version);
                        containment.proven.push(proof(version, value, record.seq, record.at));
                    }
                }
                _ => {}
            }
        }
        let proven = |version: &String| containment.proven.iter().any(|proof| proof.version == *version);
        let disabled = containment.revoked.iter().map(|done| done.version.clone());
        containment.not_proven = disabled.filter(|version| !proven(version)).collect();
        containment.readers = readers(source);
        containment
    }
}

impl Containment {
    /// What was seen of an old version at its issuer; the last look counts.
    fn issuer(&mut self, name: &str, value: &Value, seq: u64, at: Timestamp) {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or("not recorded").to_owned();
        let (version, gap) = match (name.strip_prefix("issuer refused "), name.strip_prefix("issuer not proven ")) {
            (Some(version), _) => (version.to_owned(), false),
            (None, Some(version)) => (version.to_owned(), true),
            (None, None) => return,
        };
        self.issuer_proven.retain(|proof| proof.version != version);
        self.issuer_not_proven.retain(|gap| gap.version != version);
        if gap {
            let because = value.as_str().unwrap_or("not recorded").to_owned();
            self.issuer_not_proven.push(IssuerGap { version, because, seq });
            return;
        }
        let (provider, how, answer) = (text("provider"), text("how"), text("answer"));
        self.issuer_proven.push(IssuerProof { version, provider, how, answer, at: second(at), seq });
    }
}

fn proof(version: &str, value: &Value, seq: u64, time: Timestamp) -> Proof {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or("not recorded").to_owned();
    Proof {
        version: version.to_owned(),
        answer: text("answer"),
        at: second(time),
        request_id: text("request_id"),
        seq,
        time,
    }
}

fn readers(source: &Source<'_>) -> Option<Readers> {
    let (_, step) = source.of("keyvault/await_readers").find(|(_, step)| step.status == StepStatus::Done)?;
    let list = |name: &str| step.outputs.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let names = |name: &str| -> Vec<String> {
        let name_of = |reader: &Value| {
            let named = reader.as_str().or_else(|| reader.get("name").and_then(Value::as_str));
            named.unwrap_or_default().to_owned()
        };
        list(name).iter().map(name_of).collect()
    };
    let because = step.outputs.get("because").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Readers { moved: names("moved"), left_behind: names("left_behind"), pinned: names("pinned"), because })
}

impl Exposure {
    pub(super) fn new(source: &Source<'_>, containment: &Containment) -> Self {
        let from = DateTime::parse_from_rfc3339(&source.input("exposed_at")).ok().map(|time| time.with_timezone(&Utc));
        let began = source.state.opened_at();
        let proven = is_proven(source).then(|| containment.proven.iter().map(|proof| proof.time).max()).flatten();
        let revoked = containment.revoked.iter().map(|done| done.time).max();
        // Whoever has the value asks its issuer, not the vault: as long as that is open, so is the exposure.
        let at_issuer = containment.issuer_not_proven.is_empty();
        let ended = proven.filter(|_| at_issuer);
        let moments = [
            ("exposed", from),
            ("response begun", began),
            ("rotated", containment.rotated.as_ref().map(|done| done.time)),
            ("revoked", revoked),
            (if at_issuer { "proven dead" } else { "refused by the vault" }, proven),
        ];
        let marks = moments.into_iter().filter_map(|(name, at)| {
            let at = at?;
            let after = match began {
                Some(began) if at > began => length(at - began),
                _ => String::new(),
            };
            Some(Mark { name: name.to_owned(), at: second(at), after })
        });
        let end = ended.or(source.state.last_at());
        Self {
            from: from.map_or_else(|| "not stated".to_owned(), second),
            to: ended.map_or_else(|| "still open".to_owned(), second),
            length: from.zip(end).map(|(from, to)| length(to - from)).unwrap_or_default(),
            ended: ended.is_some(),
            marks: marks.collect(),
        }
    }
}

/// Every proving step is done, and there is one.
fn is_proven(source: &Source<'_>) -> bool {
    let mut proofs = source.of("keyvault/prove_revoked").peekable();
    let is_done = |(_, step): (_, &StepState)| step.status == StepStatus::Done;
    proofs.peek().is_some() && proofs.all(is_done) && source.of("issuer/prove").all(is_done)
}

impl Verdict {
    pub(super) fn new(source: &Source<'_>, containment: &Containment, exposure: &Exposure) -> Self {
        let by_vault = is_proven(source) && containment.not_proven.is_empty();
        let contained = by_vault && containment.issuer_not_proven.is_empty();
        let (headline, detail) = if contained {
            let versions = containment.proven.len();
            let at_issuer = match containment.issuer_proven.len() {
                0 => String::new(),
                tried => format!("; {tried} of them tried at the issuer, and refused there"),
            };
            let assumed = match source.took_the_vault_for_the_issuer() {
                true => "; nothing names its issuer, so nobody but the vault was asked",
                false => "",
            };
            let detail =
                format!("every old version ({versions}) was asked for, and the vault refused it{at_issuer}{assumed}");
            (format!("Contained. Exposed for {}.", exposure.length), detail)
        } else if let Some(gap) = containment.issuer_not_proven.first().filter(|_| by_vault) {
            let detail =
                format!("the vault refuses every old version; whether the issuer does is not proven: {}", gap.because);
            ("Not proven to be contained.".to_owned(), detail)
        } else if !containment.revoked.is_empty() {
            let detail = "old versions were disabled, but not every refusal is proven".to_owned();
            ("Not proven to be contained.".to_owned(), detail)
        } else if containment.rotated.is_some() {
            let detail = "a new version is in place; the leaked one still works".to_owned();
            ("NOT contained.".to_owned(), detail)
        } else {
            ("NOT contained.".to_owned(), "no new version was put in by this run".to_owned())
        };
        Self { contained, headline, detail }
    }
}
