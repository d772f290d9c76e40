//! What was done to a target a short while ago, by a run that is over: nobody rotates it again without knowing.
//!
//! The target's file names the runs that took it; their journals tell what they did. However many other runs there are,
//! nothing is read of them.

use crate::actions;
use crate::cli::session::{known, plan_of};
use crate::clock::Timestamp;
use crate::evidence::{Evidence, Item, Known};
use crate::journal::{RunFolder, Runs, Targets};
use crate::vault;
use chrono::TimeDelta;
use serde::Serialize;

/// How long a rotation is told of.
const LATELY: TimeDelta = TimeDelta::hours(24);

/// A run that put a new version in.
#[derive(Debug, Serialize)]
pub(crate) struct Rotated {
    pub(crate) run: String,
    /// When it did.
    pub(crate) at: Timestamp,
    /// How many secrets of the target; one if it is a secret.
    pub(crate) secrets: usize,
    /// What came of the run, in a few words.
    pub(crate) ended: String,
}

impl Rotated {
    /// The latest run that is over and rotated the target in the last 24 hours.
    pub(crate) fn lately(runs: &Runs, targets: &Targets, target: &str, now: Timestamp) -> Option<Self> {
        let earlier = targets.earlier(target).unwrap_or_default();
        earlier.iter().filter_map(|run| Self::by(&runs.folder(run).ok()?, target, now)).max_by_key(|rotated| rotated.at)
    }

    fn by(folder: &RunFolder, target: &str, now: Timestamp) -> Option<Self> {
        let plan = plan_of(folder).ok()?;
        let (_, known) = known(folder, plan.planned(&actions::catalogue())).ok()?;
        let state = Some(known.state()).filter(|state| state.is_over())?;
        let of_target: Vec<Timestamp> =
            known.items().iter().filter_map(|item| published(item, &known, target)).collect();
        let at = of_target.iter().max().copied().filter(|at| now - *at < LATELY)?;
        let ended = match state.abandoned() {
            Some(abandoned) => format!("abandoned by {}", abandoned.by),
            None => known.verdict().state.name().replace('_', " "),
        };
        Some(Self { run: folder.run().to_owned(), at, secrets: of_target.len(), ended })
    }

    /// One sentence, as it stands before a run on the same target begins.
    pub(crate) fn sentence(&self, now: Timestamp) -> String {
        let what = match self.secrets {
            1 => "this secret".to_owned(),
            several => format!("{several} secrets of this vault"),
        };
        let ago = match (now - self.at).num_minutes().max(0) {
            0 => "less than a minute".to_owned(),
            1 => "1 minute".to_owned(),
            minutes @ 2..=119 => format!("{minutes} minutes"),
            minutes => format!("{} hours", minutes / 60),
        };
        format!("run {} rotated {what} {ago} ago ({})", self.run, self.ended)
    }
}

/// When a version of the target was put in, if that is what the run knows.
fn published(item: &Item, known: &Known, target: &str) -> Option<Timestamp> {
    let Evidence::Published { .. } = &item.evidence else { return None };
    let secret = match known.secret_of(&item.step) {
        Some(secret) => vault::target(secret),
        None => known.state().opened()?.lock.clone()?,
    };
    let lies_in = secret.to_lowercase().starts_with(&format!("{}/secrets/", target.to_lowercase()));
    (secret.eq_ignore_ascii_case(target) || lies_in).then_some(item.at)
}
