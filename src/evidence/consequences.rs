//! What a leak means beyond the secret itself: who lost access, what strangers read besides, and what nobody saw.

use super::item::{Consumer, Evidence, StepEvidence};
use crate::audit::BlastRadius;
use crate::plan::Aim;
use chrono::TimeDelta;
use std::collections::BTreeSet;

/// A log that is no further behind than this keeps up: what is missing comes in the next look.
const LOG_KEEPS_UP: TimeDelta = TimeDelta::minutes(1);

/// Who lost the secret, or will, whether or not the old versions are `gone` yet.
pub(super) fn consumers(evidence: &[&Evidence], gone: bool) -> Vec<String> {
    let fails = if gone { "it can no longer read the secret" } else { "it fails once that is disabled" };
    let mut broken = Vec::new();
    for evidence in evidence {
        match evidence {
            Evidence::Adopted(adoption) => {
                let pinned = adoption
                    .pinned
                    .iter()
                    .map(|reader| format!("{} is pinned to an old version: {fails}", reader.name));
                let last = |reader: &Consumer| {
                    format!("{} was last seen on an old version, and not on the new one", reader.name)
                };
                broken.extend(pinned.chain(adoption.left_behind.iter().map(last)));
            }
            Evidence::Pinned(setting) => {
                broken.push(format!(
                    "the setting `{}` of {} is pinned to an old version: {fails}",
                    setting.setting, setting.site
                ));
            }
            _ => {}
        }
    }
    dedup(broken)
}

/// What unrecognised callers read beside the secret.
pub(super) fn exposed(evidence: &[&Evidence]) -> Vec<String> {
    let radii = evidence.iter().filter_map(|evidence| match evidence {
        Evidence::Accesses(radius) => Some(radius.as_ref()),
        Evidence::LateLook { look, .. } => Some(&look.blast_radius),
        _ => None,
    });
    let own: BTreeSet<String> = radii.clone().map(|radius| radius.secret.to_lowercase()).collect();
    let touched = radii.flat_map(|radius| &radius.second_order);
    // Journals of earlier programs do not say which reads succeeded.
    let read = touched.filter(|row| row.operation == "SecretGet" && (row.succeeded > 0 || row.vault.is_empty()));
    let names: BTreeSet<String> = read
        .filter(|row| !own.contains(&row.secret.to_lowercase()))
        .map(|row| if row.vault.is_empty() { row.secret.clone() } else { format!("{}/{}", row.vault, row.secret) })
        .collect();
    names.into_iter().collect()
}

/// What could not be seen, where that changes what the verdict is worth.
pub(super) fn not_seen(evidence: &[&Evidence]) -> Vec<String> {
    let mut unseen = Vec::new();
    let mut looked = false;
    for evidence in evidence {
        match evidence {
            Evidence::AccessesNotKnown { because, .. } => {
                unseen.push(format!("who read the secret is not known: {because}"));
            }
            Evidence::Accesses(radius) => {
                looked = true;
                unseen.extend(not_in_log(radius));
            }
            Evidence::Adopted(adoption) => {
                unseen.extend(
                    adoption
                        .not_seen
                        .iter()
                        .map(|because| format!("who still used the old version is not known: {because}")),
                );
            }
            _ => {}
        }
    }
    let to_come = |step: &StepEvidence| step.aim == Aim::BlastRadius && !step.status.is_over();
    let to_come = evidence.iter().any(|evidence| matches!(evidence, Evidence::Step(step) if to_come(step)));
    if !looked && !to_come && unseen.iter().all(|said| !said.starts_with("who read the secret")) {
        unseen.push("who read the secret is not known: no audit trail was read".to_owned());
    }
    dedup(unseen)
}

/// What an answer about the audit trail cannot know: a log ends somewhere.
fn not_in_log(radius: &BlastRadius) -> Option<String> {
    let Some(horizon) = radius.coverage.horizon else {
        return Some("who read the secret is not known: the audit trail holds nothing for this window".to_owned());
    };
    let behind = radius.window.until - horizon;
    (behind > LOG_KEEPS_UP).then(|| {
        let at = crate::clock::second(horizon);
        format!("who read the secret after {at} is not known: the audit trail ended there when it was read")
    })
}

/// Each text once, in the order it came.
pub(super) fn dedup(mut texts: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    texts
}
