//! Whether the leak is contained: the only judge, pure.
//!
//! Contained means that the vault was asked for every old version and refused it, and that the issuer refused the old
//! credential as well, where there is one beside the vault. What nobody looked at is never good news: it is not known,
//! and stands among what is open.

use super::consequences::{consumers, dedup, exposed, not_seen};
use super::item::{Evidence, LeftToPerson, StepEvidence};
use crate::engine::StepStatus;
use crate::plan::Aim;
use crate::vault::short;
use serde::Serialize;
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

/// What is open where nothing names an issuer.
const ISSUER_UNKNOWN: &str =
    "issuer unknown, treated as the vault itself: if another system issued the value, it may still work there";

fn also_exposed(secret: &str) -> String {
    format!("an unrecognised caller also read `{secret}`: treat it as leaked")
}

/// The answer to "is it contained?".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Contained,
    /// It may be, and nothing proves it.
    NotProven,
    NotContained,
    /// The run contains nothing.
    NotApplicable,
}

/// A verdict with its reasons. Whoever shows it shows all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub state: State,
    /// What it rests on.
    pub because: Vec<String>,
    /// What is open, not known or broken, the gravest first.
    pub open: Vec<String>,
    pub parts: Parts,
}

/// What the verdict is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parts {
    pub at_vault: AtVault,
    pub at_issuer: AtIssuer,
    /// Who lost the secret, or will lose it once the old versions are disabled.
    pub consumers_broken: Vec<String>,
    /// Secrets that unrecognised callers read as well, as `VAULT/NAME`.
    pub secrets_exposed: Vec<String>,
    /// What could not be seen.
    pub not_seen: Vec<String>,
}

/// Where the old versions stand in the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AtVault {
    /// Nothing was put in, and nothing taken away.
    Unchanged,
    /// A new version is in; old ones are still given out.
    Readable,
    /// They are disabled; not every refusal is proven.
    Disabled,
    /// Every one was asked for and refused.
    Refused,
}

/// Where the old credential stands at its issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AtIssuer {
    /// The vault is the issuer, and is named as such.
    IsVault,
    /// Tried with every old value that could be tried, and refused.
    Refused,
    /// It still takes an old value.
    Accepted,
    /// It could not be tried, and why.
    NotProven,
    /// No step has asked it, or not yet.
    NotAsked,
    /// Nothing names an issuer: the vault was taken for it.
    Unknown,
}

impl State {
    /// The word that scripts see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contained => "contained",
            Self::NotProven => "not_proven",
            Self::NotContained => "not_contained",
            Self::NotApplicable => "not_applicable",
        }
    }
}

impl Verdict {
    /// Whether nothing is left to worry about: only then anything is green.
    pub fn is_good(&self) -> bool {
        self.open.is_empty() && matches!(self.state, State::Contained | State::NotApplicable)
    }

    /// The verdict in a few words.
    pub fn headline(&self) -> &'static str {
        match self.state {
            State::Contained => "Contained",
            State::NotProven => "Not proven to be contained",
            State::NotContained => "NOT contained",
            State::NotApplicable => "Nothing to contain",
        }
    }

    /// What is open beside what tasks say that are about the issuer, about consumers or about other secrets.
    pub fn open_beside(&self, issuer: bool, consumers: bool, exposed: bool) -> impl Iterator<Item = &String> {
        self.open.iter().filter(move |open| {
            let is_exposed = || self.parts.secrets_exposed.iter().any(|secret| also_exposed(secret) == **open);
            !(issuer && *open == ISSUER_UNKNOWN
                || consumers && self.parts.consumers_broken.contains(open)
                || exposed && is_exposed())
        })
    }

    /// What it rests on, in one sentence.
    pub fn detail(&self) -> String {
        self.because.join("; ")
    }
}

impl Verdict {
    /// What it rests on and what is open, for a message.
    pub fn summary(&self) -> String {
        let open = if self.open.is_empty() { String::new() } else { format!(" Open: {}.", self.open.join("; ")) };
        format!("{}.{open}", self.detail())
    }
}

/// What the issuer said of an old version last.
enum Tried<'a> {
    Refused,
    Accepted { how: &'a str, answer: &'a str },
    NotProven(&'a str),
}

/// The evidence, sorted by what it speaks of.
#[derive(Default)]
struct Sorted<'a> {
    published: usize,
    to_disable: BTreeSet<&'a str>,
    disabled: BTreeSet<&'a str>,
    refused: BTreeSet<&'a str>,
    tried: BTreeMap<&'a str, Tried<'a>>,
    vault_named: usize,
    assumed: usize,
    /// The versions that another issuer than the vault issued.
    issued: BTreeSet<&'a str>,
    steps: Vec<&'a StepEvidence>,
    /// Something was done at the issuer, or put aside, or nobody knows.
    may_have_changed: bool,
    /// Secrets that hold what leaked, and that the run leaves as they are.
    left_alone: Vec<&'a LeftToPerson>,
}

impl<'a> Sorted<'a> {
    fn new(evidence: &[&'a Evidence]) -> Self {
        let mut sorted = Self::default();
        for evidence in evidence {
            match evidence {
                Evidence::Published { .. } => sorted.published += 1,
                Evidence::ToDisable { versions } => sorted.to_disable.extend(versions.iter().map(String::as_str)),
                Evidence::Disabled { version, .. } => drop(sorted.disabled.insert(version)),
                Evidence::RefusedByVault { version, .. } => drop(sorted.refused.insert(version)),
                Evidence::RefusedByIssuer { version, .. } => drop(sorted.tried.insert(version, Tried::Refused)),
                Evidence::AcceptedByIssuer { version, how, answer, .. } => {
                    sorted.tried.insert(version, Tried::Accepted { how, answer });
                }
                Evidence::NotProvenAtIssuer { version, because } => {
                    sorted.tried.insert(version, Tried::NotProven(because));
                }
                Evidence::IssuerNamed { assumed: true, .. } => sorted.assumed += 1,
                Evidence::IssuerNamed { is_vault: true, .. } => sorted.vault_named += 1,
                Evidence::IssuerNamed { replaced, .. } => drop(sorted.issued.insert(replaced)),
                Evidence::LeftToPerson(left) => sorted.left_alone.push(left),
                Evidence::Step(step) => sorted.steps.push(step),
                Evidence::RevokedAtIssuer { .. } | Evidence::Staged { .. } | Evidence::InDoubt { .. } => {
                    sorted.may_have_changed = true;
                }
                _ => {}
            }
        }
        sorted
    }

    fn steps(&self, aim: Aim) -> impl Iterator<Item = &'a StepEvidence> {
        self.steps.iter().copied().filter(move |step| step.aim == aim)
    }

    fn has(&self, aim: Aim) -> bool {
        self.steps(aim).next().is_some()
    }

    /// Whether there are such steps, and each is done.
    fn all_done(&self, aim: Aim) -> bool {
        self.has(aim) && self.steps(aim).all(|step| step.status == StepStatus::Done)
    }

    /// Whether the plan takes something away, or proves that it is gone.
    fn contains(&self) -> bool {
        [Aim::Rotate, Aim::RevokeAtIssuer, Aim::ProveAtIssuer, Aim::DisableOld, Aim::ProveAtVault]
            .into_iter()
            .any(|aim| self.has(aim))
    }

    /// Whether every list that something was to be done for turned out to be empty, and not because all of it is left to
    /// a person.
    fn is_over_nothing(&self) -> bool {
        let mut steps = [Aim::Rotate, Aim::DisableOld, Aim::ProveAtVault].into_iter().flat_map(|aim| self.steps(aim));
        let over_nothing = |step: &StepEvidence| step.status == StepStatus::Done && step.over_nothing;
        self.left_alone.is_empty() && self.has(Aim::Rotate) && steps.all(over_nothing)
    }

    fn at_vault(&self) -> AtVault {
        let all_refused = self.disabled.is_subset(&self.refused) && !self.refused.is_empty();
        let readable = self.to_disable.difference(&self.disabled).any(|version| !self.refused.contains(version));
        if !self.left_alone.is_empty() && (self.published > 0 || self.all_done(Aim::Rotate)) {
            AtVault::Readable
        } else if self.all_done(Aim::ProveAtVault) && all_refused {
            AtVault::Refused
        } else if !readable && self.is_rotated() && self.is_disabled() {
            AtVault::Disabled
        } else if self.published > 0 || !self.disabled.is_empty() {
            AtVault::Readable
        } else {
            AtVault::Unchanged
        }
    }

    /// No secret was left out: each rotation of the plan is done.
    fn is_rotated(&self) -> bool {
        !self.has(Aim::Rotate) || self.all_done(Aim::Rotate)
    }

    /// Whether the old versions are disabled as far as is known: each step that does it is done, or has at least decided
    /// what it takes away, and has taken it away.
    fn is_disabled(&self) -> bool {
        self.all_done(Aim::DisableOld) || (!self.disabled.is_empty() && self.all_begun(Aim::DisableOld))
    }

    /// Whether each such step has at least decided what it takes away.
    fn all_begun(&self, aim: Aim) -> bool {
        self.steps(aim).all(|step| !matches!(step.status, StepStatus::Pending | StepStatus::Skipped))
    }

    fn at_issuer(&self) -> AtIssuer {
        let tried = |wanted: fn(&Tried<'_>) -> bool| self.tried.values().any(wanted);
        if tried(|tried| matches!(tried, Tried::Accepted { .. })) {
            return AtIssuer::Accepted;
        }
        if tried(|tried| matches!(tried, Tried::NotProven(_))) {
            return AtIssuer::NotProven;
        }
        let refused = tried(|tried| matches!(tried, Tried::Refused));
        let not_done = self.has(Aim::ProveAtIssuer) && !self.all_done(Aim::ProveAtIssuer);
        let untried = self.issued.iter().any(|version| !self.tried.contains_key(version));
        if not_done || untried {
            return AtIssuer::NotAsked;
        }
        if self.assumed > 0 || (self.vault_named == 0 && !refused) {
            return AtIssuer::Unknown;
        }
        if refused { AtIssuer::Refused } else { AtIssuer::IsVault }
    }
}

/// Judges. The order of the evidence counts where the issuer was tried more than once: the last answer holds.
pub fn verdict(evidence: &[impl Borrow<Evidence>]) -> Verdict {
    let evidence: Vec<&Evidence> = evidence.iter().map(Borrow::borrow).collect();
    let evidence = evidence.as_slice();
    let sorted = Sorted::new(evidence);
    let (at_vault, at_issuer) = (sorted.at_vault(), sorted.at_issuer());
    let state = state(&sorted, at_vault, at_issuer);
    let gone = matches!(at_vault, AtVault::Disabled | AtVault::Refused);
    let mut parts = Parts {
        at_vault,
        at_issuer,
        consumers_broken: consumers(evidence, gone),
        secrets_exposed: exposed(evidence),
        not_seen: not_seen(evidence),
    };
    if state == State::NotApplicable {
        parts.not_seen.clear();
    }
    let because = because(&sorted, state, at_vault, at_issuer);
    let open = open(evidence, &sorted, state, &parts);
    Verdict { state, because, open, parts }
}

fn state(sorted: &Sorted<'_>, at_vault: AtVault, at_issuer: AtIssuer) -> State {
    if !sorted.contains() || sorted.is_over_nothing() {
        return State::NotApplicable;
    }
    match (at_vault, at_issuer) {
        (_, AtIssuer::Accepted) | (AtVault::Unchanged, _) => State::NotContained,
        (AtVault::Refused, AtIssuer::IsVault | AtIssuer::Refused | AtIssuer::Unknown) => State::Contained,
        (AtVault::Refused | AtVault::Disabled, _) => State::NotProven,
        // Nobody who has the value gets in, although the vault still gives it out.
        (AtVault::Readable, AtIssuer::Refused) => State::NotProven,
        (AtVault::Readable, _) => State::NotContained,
    }
}

fn because(sorted: &Sorted<'_>, state: State, at_vault: AtVault, at_issuer: AtIssuer) -> Vec<String> {
    let tried = sorted.tried.values();
    let accepted = tried.clone().find_map(|tried| match tried {
        Tried::Accepted { how, answer } => Some(format!("the issuer still takes the leaked value ({how}: {answer})")),
        _ => None,
    });
    let gap = tried.clone().find_map(|tried| match tried {
        Tried::NotProven(because) => Some(*because),
        _ => None,
    });
    match (state, at_vault) {
        (State::NotApplicable, _) if sorted.contains() => vec!["no secret was there to work on".to_owned()],
        (State::NotApplicable, _) => vec!["the runbook takes nothing away".to_owned()],
        (State::Contained, _) => {
            let mut because =
                vec![format!("every old version ({}) was asked for, and the vault refused it", sorted.refused.len())];
            let refused = tried.filter(|tried| matches!(tried, Tried::Refused)).count();
            if refused > 0 {
                because.push(format!("{refused} of them tried at the issuer, and refused there"));
            }
            if sorted.assumed > 0 {
                because.push("nothing names its issuer, so nobody but the vault was asked".to_owned());
            }
            because
        }
        _ if accepted.is_some() => accepted.into_iter().collect(),
        (_, AtVault::Refused) => {
            let why = gap.map_or_else(|| not_asked(sorted), str::to_owned);
            vec![format!("the vault refuses every old version; whether the issuer does is not proven: {why}")]
        }
        (_, AtVault::Disabled) => vec!["old versions were disabled, but not every refusal is proven".to_owned()],
        (_, AtVault::Readable) if at_issuer == AtIssuer::Refused => {
            vec!["the issuer refuses the leaked value; the vault still gives it out".to_owned()]
        }
        (_, AtVault::Readable) if !sorted.left_alone.is_empty() => {
            let names: Vec<&str> =
                sorted.left_alone.iter().take(5).filter_map(|left| left.secret.rsplit('/').next()).collect();
            let more = sorted.left_alone.len().saturating_sub(names.len());
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            vec![format!("left as they are, with what may have leaked: {}{more}", names.join(", "))]
        }
        (_, AtVault::Readable) if !sorted.disabled.is_empty() => {
            vec!["some old versions are disabled, others can still be read".to_owned()]
        }
        (_, AtVault::Readable) => vec!["a new version is in place; the leaked one still works".to_owned()],
        (_, AtVault::Unchanged) if sorted.may_have_changed => vec!["no new version was put in by this run".to_owned()],
        (_, AtVault::Unchanged) => vec!["nothing has been changed by this run".to_owned()],
    }
}

/// Why the issuer was not asked.
fn not_asked(sorted: &Sorted<'_>) -> String {
    let open = sorted.steps(Aim::ProveAtIssuer).find(|step| step.status != StepStatus::Done);
    match open {
        Some(step) => not_done(step),
        None if sorted.has(Aim::ProveAtIssuer) => "no old version was left to try there".to_owned(),
        None => "no step of the runbook asks it".to_owned(),
    }
}

fn not_done(step: &StepEvidence) -> String {
    let why = step.because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
    let what = match step.status {
        StepStatus::Failed => "failed",
        StepStatus::Skipped => "was skipped",
        StepStatus::Waiting => "waits for a person",
        StepStatus::Unknown => "needs a decision",
        StepStatus::Running | StepStatus::Retrying => "is not finished",
        StepStatus::Pending | StepStatus::Done => "has not begun",
    };
    format!("`{}` {what}{why}", step.step)
}

fn open(evidence: &[&Evidence], sorted: &Sorted<'_>, state: State, parts: &Parts) -> Vec<String> {
    let mut open = Vec::new();
    if state == State::NotApplicable {
        return open;
    }
    if state != State::Contained {
        let unfinished = |aim: Aim| sorted.steps(aim).filter(|step| step.status != StepStatus::Done);
        let steps = [Aim::Rotate, Aim::RevokeAtIssuer, Aim::ProveAtIssuer, Aim::DisableOld, Aim::ProveAtVault];
        let before = [Aim::Search, Aim::List, Aim::Preflight, Aim::Identify, Aim::Gate].into_iter();
        let stopped = |step: &&StepEvidence| {
            matches!(step.status, StepStatus::Failed | StepStatus::Waiting | StepStatus::Unknown)
        };
        let held_up = before.flat_map(|aim| sorted.steps(aim)).filter(stopped);
        let unfinished: Vec<&StepEvidence> = held_up.chain(steps.into_iter().flat_map(unfinished)).collect();
        // What cannot have begun is no news beside the step that holds it up.
        let begun: Vec<&StepEvidence> =
            unfinished.iter().copied().filter(|step| step.status != StepStatus::Pending).collect();
        let shown = if begun.is_empty() { unfinished.get(..1).unwrap_or_default() } else { begun.as_slice() };
        open.extend(shown.iter().map(|step| not_done(step)));
        for (version, tried) in &sorted.tried {
            if let Tried::NotProven(because) = tried {
                open.push(format!("version {} is not proven to be refused by its issuer: {because}", short(version)));
            }
        }
    }
    for LeftToPerson { secret, because } in &sorted.left_alone {
        open.push(format!("{secret} was left as it is: {because}"));
    }
    for evidence in evidence {
        if let Evidence::InDoubt { step, summary } = evidence {
            open.push(format!("whether this happened is not known: {summary} (step `{step}`)"));
        }
    }
    if parts.at_issuer == AtIssuer::Unknown && state == State::Contained {
        open.push(ISSUER_UNKNOWN.to_owned());
    }
    open.extend(parts.secrets_exposed.iter().map(|secret| also_exposed(secret)));
    open.extend(parts.consumers_broken.iter().cloned());
    open.extend(parts.not_seen.iter().cloned());
    dedup(open)
}
