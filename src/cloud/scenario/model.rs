//! Game-day scenarios: a YAML text → the vault's contents, who reads it, who must not, and what is to go wrong.
//!
//! Main type: [`Scenario`], which exists only if it passed every check. Object ids, application ids and addresses that
//! the text leaves out follow from the names, so that a scenario is the same in every run. Secret values are in no
//! scenario: the cloud makes them up when it is seeded, has them issued, or takes them from where the scenario points.

use super::syntax::{EnteredValue, ReadMode};
use crate::cloud::faults::Fault;
use crate::cloud::world::issuer::Issuer;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// What a scenario's `schema` must be.
pub const SCHEMA: &str = "stanch-scenario/v1";

/// What a pointer into the environment begins with.
pub(super) const POINTER: &str = "env:";

/// A game day.
#[derive(Debug)]
pub struct Scenario {
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) runbook: Option<String>,
    pub(super) inputs: BTreeMap<String, String>,
    pub(super) enters: EnteredValue,
    /// Values that the environment gave, by the variable.
    pub(super) values: BTreeMap<String, Secret>,
    pub(super) vault: String,
    pub(super) secret: String,
    pub(super) secrets: Vec<SeededSecret>,
    pub(super) consumers: Vec<Consumer>,
    pub(super) attackers: Vec<Attacker>,
    pub(super) faults: Vec<Fault>,
    pub(super) exposure: Duration,
    pub(super) targets: Targets,
}

/// A secret that is in the vault before the play starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeededSecret {
    pub name: String,
    pub content_type: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// Who issued the current value, where that is not the vault itself.
    pub(crate) issuer: Option<Issuer>,
    /// The environment's variable that holds the current value, where somebody outside the cloud issued it.
    pub(super) variable: Option<String>,
    /// Oldest first, and never empty; the last one is current.
    pub versions: Vec<SeededVersion>,
}

/// A version of a secret; its value is random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeededVersion {
    /// How long before the start it was created.
    pub age: Duration,
    pub enabled: bool,
}

/// How a caller shows up in the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub name: String,
    /// Object id.
    pub oid: String,
    /// Application id.
    pub appid: String,
    /// The sign-in name, if it is a person.
    pub upn: Option<String>,
    pub ip: IpAddr,
    pub user_agent: String,
}

/// A service that reads a secret from the vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    pub caller: Caller,
    pub secret: String,
    pub reads: ReadMode,
    /// How long a value that was read is used before it is read again.
    pub refresh: Duration,
}

/// Somebody who reads what leaked: the leaked version, and no other, `reads` times, each of the `also` once, and then
/// the leaked version over and over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attacker {
    pub caller: Caller,
    pub reads: u32,
    /// Other secrets.
    pub also: Vec<String>,
    pub every: Duration,
    /// How long after the start it begins.
    pub after: Duration,
}

/// What a good response keeps to; what is not given is not judged. Times count from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// A new version is current.
    pub rotated_within: Option<Duration>,
    /// The leaked version is refused by the vault.
    pub contained_within: Option<Duration>,
    /// The leaked credential is refused by its issuer.
    pub killed_within: Option<Duration>,
    /// How many consumers, pinned ones included, may ever be without their secret.
    pub consumers_down: Option<u32>,
}

impl Scenario {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What happens, in one line.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// What the response is played with, where the scenario is made for something else than the usual.
    pub fn runbook(&self) -> Option<&str> {
        self.runbook.as_deref()
    }

    /// Fetches what the scenario points to in the environment; `look_up` gives a variable's value.
    ///
    /// # Errors
    /// With the names of the variables that are not set.
    pub fn fetch(&mut self, look_up: &dyn Fn(&str) -> Option<String>) -> Result<(), Vec<String>> {
        let mut missing = Vec::new();
        for variable in self.secrets.iter().filter_map(|secret| secret.variable.clone()) {
            match look_up(&variable) {
                Some(value) => drop(self.values.insert(variable, Secret::new(value))),
                None => missing.push(variable),
            }
        }
        for input in self.inputs.values_mut() {
            let Some(variable) = input.strip_prefix(POINTER) else { continue };
            match look_up(variable) {
                Some(value) => *input = value,
                None => missing.push(variable.to_owned()),
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    /// Additional inputs of the runbook, by the name of the input.
    pub fn inputs(&self) -> &BTreeMap<String, String> {
        &self.inputs
    }

    /// What somebody enters who is asked for a value.
    pub fn enters(&self) -> EnteredValue {
        self.enters
    }

    /// The vault's name, without a host.
    pub fn vault(&self) -> &str {
        &self.vault
    }

    /// The vault's host.
    pub fn vault_host(&self) -> String {
        format!("{}.vault.azure.net", self.vault)
    }

    /// The name of the secret that leaked.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What the vault holds at the start.
    pub fn secrets(&self) -> &[SeededSecret] {
        &self.secrets
    }

    /// Who reads the vault by right.
    pub fn consumers(&self) -> &[Consumer] {
        &self.consumers
    }

    /// Who reads it without.
    pub fn attackers(&self) -> &[Attacker] {
        &self.attackers
    }

    /// The faults to plant before the start.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// How long before the start the secret leaked.
    pub fn exposure(&self) -> Duration {
        self.exposure
    }

    /// What the response is judged by.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }
}
