//! What stands in the way of a run, looked at before it tells or changes anything: reads of the vault and of issuers,
//! bounded in time.

use super::findings::{Check, CheckResult};
use super::known::{Known, scope};
use super::secrets::stands;
use crate::actions::{Action, identified};
use crate::azure::Azure;
use crate::clock;
use crate::config::Config;
use crate::engine::event::Mode;
use crate::failure::{Failure, Retry};
use crate::plan::{Aim, Class, Plan};
use crate::vault::SecretUrl;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Nobody who has to be told of a leak waits longer for a vault that says nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// What stands in the way of a run.
#[derive(Debug, Default)]
pub struct Obstacles {
    /// The vault answered, and will not answer otherwise before somebody changes something: nobody is told of a run that
    /// can do nothing.
    pub refused: Vec<Failure>,
    /// No answer, or one that may be another in a minute, or what an issuer or a tag says: no reason to keep a leak from
    /// those who have to know. They are told of this as well.
    pub told: Vec<Failure>,
}

/// Looks at every secret that a run would work on, as far as it is known before.
pub async fn obstacles(
    plan: &Plan,
    actions: &BTreeMap<&'static str, Action>,
    azure: &Azure,
    config: &Config,
    mode: Mode,
) -> Obstacles {
    let scope = scope(plan, mode, clock::now());
    let mut found = Obstacles::default();
    let mut looked_at: BTreeSet<String> = BTreeSet::new();
    let known = plan.steps().filter_map(|step| Known::new(plan, step, actions, &scope, config));
    let mut secrets: Vec<(SecretUrl, Known<'_>)> =
        known.filter(works_on_its_secret).filter_map(|known| Some((known.secret()?, known))).collect();
    // Of the steps on one secret, the one that replaces it tells the most.
    secrets.sort_by_key(|(_, known)| !known.replaces());
    let look = async {
        for (secret, known) in secrets {
            if looked_at.insert(secret.to_string()) {
                look_at(&secret, &known, azure, config, &mut found).await;
            }
        }
    };
    if tokio::time::timeout(PATIENCE, look).await.is_err() {
        let summary = format!("the vault gave no answer within {} seconds", PATIENCE.as_secs());
        found.told.push(Failure::refused(summary).help("`stanch plan` looks longer"));
    }
    found
}

fn works_on_its_secret(known: &Known<'_>) -> bool {
    let spec = &known.action.spec;
    matches!(spec.class, Class::Write | Class::Irreversible) || spec.aim == Aim::Preflight
}

async fn look_at(secret: &SecretUrl, known: &Known<'_>, azure: &Azure, config: &Config, found: &mut Obstacles) {
    let standing = match stands(secret, azure).await {
        Ok(standing) => standing,
        Err(failure) if failure.retry == Retry::Never => return found.refused.push(failure),
        Err(failure) => return found.told.push(failure),
    };
    if known.replaces() {
        let asked = identified(azure, config, secret, standing, &known.said(), "a look").await;
        found.told.extend(asked.err());
    }
}

impl Obstacles {
    /// A line each.
    pub fn lines(&self) -> Vec<String> {
        let checks = self.refused.iter().chain(&self.told).map(|failure| Check::of(CheckResult::Failed, failure));
        checks.map(|check| check.in_a_line()).collect()
    }
}
