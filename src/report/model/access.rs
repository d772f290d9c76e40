//! The blast radius as the report shows it.

use super::source::Source;
use crate::audit;
use crate::clock::second;
use crate::evidence::Evidence;
use crate::vault::short;
use serde::Serialize;

/// Who read the secret, and what else the unknown ones touched.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BlastRadius {
    /// The secret's URL, or its name where the journal has no more.
    pub secret: String,
    /// Whether there is an answer at all.
    pub known: bool,
    /// Why there is none.
    pub because: String,
    pub since: String,
    pub until: String,
    pub accesses: Vec<AccessLine>,
    /// How many of the run's own requests were left out of the table.
    pub own: u64,
    pub unknown_callers: usize,
    pub second_order: Vec<SecondOrderLine>,
    pub findings: Vec<FindingLine>,
    pub coverage: CoverageLine,
    /// The record it stands in.
    pub seq: u64,
}

/// One group of accesses.
#[derive(Clone, Debug, Serialize)]
pub struct AccessLine {
    pub who: String,
    pub oid: String,
    /// `known`, `unknown`, or `no token`.
    pub kind: &'static str,
    pub unknown: bool,
    pub ip: String,
    pub operation: String,
    pub version: String,
    pub status: String,
    pub count: u64,
    pub first: String,
    pub last: String,
}

/// What an unrecognised caller did to another secret.
#[derive(Clone, Debug, Serialize)]
pub struct SecondOrderLine {
    pub who: String,
    pub oid: String,
    /// Its vault; empty in journals of earlier versions.
    pub vault: String,
    pub secret: String,
    pub operation: String,
    pub count: u64,
    pub first: String,
    pub last: String,
}

/// Something that deserves attention.
#[derive(Clone, Debug, Serialize)]
pub struct FindingLine {
    pub rule: String,
    pub severity: String,
    pub summary: String,
    /// MITRE ATT&CK, comma-separated.
    pub techniques: String,
    /// The entries it rests on, the first few.
    pub evidence: Vec<String>,
    /// How many more there are.
    pub more: usize,
}

/// How many entries are shown with a finding.
const SHOWN_EVIDENCE: usize = 5;

/// What was looked through.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CoverageLine {
    pub sources: Vec<String>,
    pub files: u64,
    pub events: u64,
    pub horizon: String,
    /// Since when the source holds entries of the vault; empty where it cannot tell.
    pub log_begins: String,
    /// Records that could not be read, the first few, with the reason.
    pub unreadable: Vec<String>,
}

/// A blast radius as it was recorded.
pub(super) struct Recorded {
    /// The secret's URL, or its name where the journal has no more.
    pub(super) secret: String,
    pub(super) found: audit::BlastRadius,
    /// The number of its record.
    pub(super) seq: u64,
}

/// The last blast radius of every secret that was looked at; that of the run's own secret first.
pub(super) fn recorded(source: &Source<'_>) -> Vec<Recorded> {
    let own = source.secret();
    let mut last: Vec<Recorded> = Vec::new();
    for item in source.known.items() {
        let found = match &item.evidence {
            Evidence::Accesses(found) => found.as_ref(),
            Evidence::LateLook { look, .. } => &look.blast_radius,
            _ => continue,
        };
        let secret = source.known.secret_of(&item.step).map(str::to_owned).unwrap_or_else(|| {
            let is_own = own.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(&found.secret));
            if is_own { own.clone() } else { found.secret.clone() }
        });
        last.retain(|before| !before.secret.eq_ignore_ascii_case(&secret));
        last.push(Recorded { secret, found: found.clone(), seq: item.seq });
    }
    last.sort_by_key(|recorded| !recorded.secret.eq_ignore_ascii_case(&own));
    last
}

impl BlastRadius {
    /// One for every secret that was looked at; never empty.
    pub(super) fn all(source: &Source<'_>) -> Vec<Self> {
        let all: Vec<Self> = recorded(source).into_iter().map(Self::new).collect();
        if all.is_empty() {
            return vec![Self { secret: source.secret(), because: unknown_because(source), ..Self::default() }];
        }
        all
    }

    fn new(recorded: Recorded) -> Self {
        let Recorded { secret, found, seq } = recorded;
        let own = found.accesses.iter().filter(|access| access.own).map(|access| access.count).sum();
        Self {
            secret,
            known: true,
            because: String::new(),
            since: second(found.window.since),
            until: second(found.window.until),
            accesses: found.accesses.iter().filter(|access| !access.own).map(line).collect(),
            own,
            unknown_callers: found.unknown_callers.len(),
            second_order: found.second_order.iter().map(|touched| second_order(touched, &found.accesses)).collect(),
            findings: found.findings.iter().map(finding).collect(),
            coverage: CoverageLine {
                sources: found.coverage.sources.clone(),
                files: found.coverage.files,
                events: found.coverage.events,
                horizon: found.coverage.horizon.map(second).unwrap_or_default(),
                log_begins: found.coverage.log_begins.map(second).unwrap_or_default(),
                unreadable: found.coverage.unreadable.iter().map(unreadable).collect(),
            },
            seq,
        }
    }
}

fn unknown_because(source: &Source<'_>) -> String {
    let told = source.evidence().find_map(|evidence| match evidence {
        Evidence::AccessesNotKnown { because, .. } => Some(because.clone()),
        _ => None,
    });
    told.unwrap_or_else(|| "the audit trail was not read in this run".to_owned())
}

pub(super) fn line(access: &audit::Access) -> AccessLine {
    let kind = match (access.id().is_empty(), access.known) {
        (true, _) => "no token",
        (false, true) => "known",
        (false, false) => "unknown",
    };
    AccessLine {
        who: if kind == "no token" { "nobody (no token)".to_owned() } else { access.caller().to_owned() },
        oid: access.oid.clone(),
        kind,
        unknown: kind == "unknown",
        ip: access.ip.clone(),
        operation: access.operation.clone(),
        version: short(&access.version),
        status: access.all_statuses(),
        count: access.count,
        first: to_the_second(&access.first),
        last: to_the_second(&access.last),
    }
}

fn unreadable(sample: &audit::UnreadableSample) -> String {
    format!("{}, record {}: {}", sample.source, sample.record, sample.why)
}

pub(super) fn finding(found: &audit::Finding) -> FindingLine {
    FindingLine {
        rule: found.rule.clone(),
        severity: format!("{:?}", found.severity).to_lowercase(),
        summary: found.summary.clone(),
        techniques: found.techniques.join(", "),
        evidence: found.evidence.iter().take(SHOWN_EVIDENCE).map(evidence).collect(),
        more: found.evidence.len().saturating_sub(SHOWN_EVIDENCE),
    }
}

fn evidence(entry: &audit::Evidence) -> String {
    if entry.operation.is_empty() {
        return entry.note.clone();
    }
    let status = if entry.status == 0 { "?".to_owned() } else { entry.status.to_string() };
    let deed = format!("{} {status} ×{}", entry.operation, entry.count);
    let span = match to_the_second(&entry.first) {
        first if entry.first == entry.last => first,
        first => format!("{first} to {}", to_the_second(&entry.last)),
    };
    let parts = [entry.caller.clone(), deed, span, entry.ip.clone(), entry.note.clone(), entry.user_agent.clone()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

pub(super) fn second_order(touched: &audit::SecondOrder, accesses: &[audit::Access]) -> SecondOrderLine {
    let named = accesses.iter().find(|access| access.id() == touched.oid).map(audit::Access::caller);
    SecondOrderLine {
        who: named.unwrap_or(&touched.oid).to_owned(),
        oid: touched.oid.clone(),
        vault: touched.vault.clone(),
        secret: touched.secret.clone(),
        operation: touched.operation.clone(),
        count: touched.count,
        first: to_the_second(&touched.first),
        last: to_the_second(&touched.last),
    }
}

/// A time as it stands in the log, without its fraction.
fn to_the_second(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, _)) => format!("{}Z", whole.replace('T', " ")),
        None => time.to_owned(),
    }
}
