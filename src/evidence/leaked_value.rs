//! Does the leaked value still work, where, and until which step: one line, for every surface.

use super::item::{Evidence, StepEvidence};
use super::verdict::{AtIssuer, AtVault, State, verdict};
use crate::engine::StepStatus;
use crate::plan::Aim;
use serde::Serialize;
use std::borrow::Borrow;
use std::fmt;

/// What is known of the leaked value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeakedValue {
    pub works: Works,
    /// Where it does, or may.
    pub place: String,
    /// The step that ends that, if one is to come.
    pub until: Option<String>,
    /// The step that waits for a person before it can.
    pub waits_for: Option<String>,
    /// Whether the run has stopped before that step.
    pub stopped: bool,
}

/// Whether the leaked value works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Works {
    Yes,
    /// Nothing proves that it does not.
    NotKnown,
    No,
}

impl LeakedValue {
    /// Reads it off the evidence. `over` says that no step of the run will do anything more, `stopped` that none does
    /// until somebody goes on with it.
    pub(super) fn of(evidence: &[impl Borrow<Evidence>], over: bool, stopped: bool) -> Option<Self> {
        let verdict = verdict(evidence);
        let steps: Vec<&StepEvidence> = evidence
            .iter()
            .filter_map(|evidence| match evidence.borrow() {
                Evidence::Step(step) => Some(step),
                _ => None,
            })
            .collect();
        let has_work =
            |step: &&&StepEvidence| matches!(step.aim, Aim::RevokeAtIssuer | Aim::DisableOld | Aim::ProveAtVault);
        if verdict.state == State::NotApplicable || !steps.iter().any(|step| has_work(&step)) {
            return None;
        }
        let (vault, issuer) = (verdict.parts.at_vault, verdict.parts.at_issuer);
        let to_come = |aims: &[Aim]| {
            let open = |step: &&&StepEvidence| aims.contains(&step.aim) && is_open(step.status) && !over;
            steps.iter().find(open).map(|step| id(&step.step).to_owned())
        };
        let nobody_at_issuer = evidence.iter().any(|evidence| {
            matches!(evidence.borrow(), Evidence::IssuerNamed { is_vault: true, .. } | Evidence::IssuerNotAsked { .. })
        });
        let blind = steps.iter().any(|step| step.aim == Aim::Preflight && step.status == StepStatus::Failed);
        let (works, place, until) = match (vault, issuer) {
            (AtVault::Unchanged, _) if blind => (Works::NotKnown, "nothing could be looked at", None),
            (_, AtIssuer::Accepted) => (Works::Yes, "its issuer still takes it", None),
            (AtVault::Unchanged | AtVault::Readable, AtIssuer::Refused) => {
                (Works::No, "refused by its issuer, given out by the vault", to_come(&[Aim::DisableOld]))
            }
            // Where the vault is the issuer, revoking there takes nothing away.
            (AtVault::Unchanged | AtVault::Readable, _) if nobody_at_issuer => {
                (Works::Yes, "the vault still gives it out", to_come(&[Aim::DisableOld]))
            }
            (AtVault::Unchanged | AtVault::Readable, _) => {
                (Works::Yes, "", to_come(&[Aim::RevokeAtIssuer, Aim::DisableOld]))
            }
            (AtVault::Disabled, _) => {
                (Works::NotKnown, "disabled in the vault, not proven", to_come(&[Aim::ProveAtVault]))
            }
            (AtVault::Refused, AtIssuer::Refused) => (Works::No, "refused by the vault and by its issuer", None),
            (AtVault::Refused, AtIssuer::IsVault) => (Works::No, "refused by the vault, which issued it", None),
            (AtVault::Refused, AtIssuer::Unknown) => {
                (Works::NotKnown, "refused by the vault, issuer unknown: it may work elsewhere", None)
            }
            (AtVault::Refused, AtIssuer::NotProven | AtIssuer::NotAsked) => {
                let until = to_come(&[Aim::ProveAtIssuer]);
                (Works::NotKnown, "refused by the vault, not proven at its issuer", until)
            }
        };
        let waits = |step: &&&StepEvidence| matches!(step.status, StepStatus::Waiting | StepStatus::Unknown);
        let waits_for = until.as_ref().and_then(|_| steps.iter().find(waits)).map(|step| step.step.clone());
        Some(Self { works, place: place.to_owned(), stopped: stopped && until.is_some(), until, waits_for })
    }
}

fn is_open(status: StepStatus) -> bool {
    !matches!(status, StepStatus::Done | StepStatus::Skipped)
}

/// The step of an item.
fn id(step: &str) -> &str {
    crate::engine::split_item(step).0
}

impl LeakedValue {
    /// What is known of it, without its label.
    pub fn describe(&self) -> String {
        let word = match self.works {
            Works::Yes => "ACTIVE",
            Works::NotKnown => "NOT KNOWN",
            Works::No => "DEAD",
        };
        let place = if self.place.is_empty() { String::new() } else { format!("; {}", self.place) };
        let until = match (&self.until, self.stopped) {
            (Some(step), false) => format!(" until `{step}`"),
            (Some(step), true) => format!("; the run has stopped before `{step}`"),
            (None, _) => String::new(),
        };
        let waits = self.waits_for.as_ref().map(|step| format!(" (waits for `{step}`)")).unwrap_or_default();
        format!("{word}{place}{until}{waits}")
    }
}

impl fmt::Display for LeakedValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "leaked value: {}", self.describe())
    }
}
