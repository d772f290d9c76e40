//! Those who call the cloud while a scenario is played, over HTTP like everybody else, and what becomes of them.
//!
//! Main type: [`Actors`]. Each caller is a task of its own; the observations hold counts, times, version numbers and
//! digests, never a value.

mod attackers;
mod consumers;
mod vault_caller;

pub(crate) use vault_caller::Endpoint;

use crate::clock::{self, Timestamp};
use crate::cloud::lock::lock;
use crate::cloud::scenario::{Attacker, Consumer, Scenario};
use crate::cloud::times::shown;
use attackers::{AttackerRecord, attack};
use consumers::{ConsumerRecord, consume};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;
use vault_caller::VaultCaller;

/// All of them, at work until they are stopped or dropped.
#[derive(Debug)]
pub(crate) struct Actors {
    consumers: Vec<(Consumer, Arc<Mutex<ConsumerRecord>>)>,
    attackers: Vec<(Attacker, Arc<Mutex<AttackerRecord>>)>,
    tasks: JoinSet<()>,
    started_at: Timestamp,
    stopped_at: Option<Timestamp>,
}

impl Actors {
    /// Gets every caller a token, notes which versions are current, and lets the callers go. The vault must have been
    /// seeded.
    ///
    /// # Errors
    /// When the endpoint cannot be reached, gives no token, or lacks a secret of the scenario.
    pub(crate) async fn start(scenario: &Scenario, endpoint: &Endpoint) -> Result<Self, String> {
        let client = endpoint.client()?;
        let host = scenario.vault_host();
        let mut start_versions = BTreeMap::new();
        for secret in scenario.secrets() {
            let version = endpoint.current_version(&client, scenario.vault(), &secret.name).await?;
            start_versions.insert(secret.name.clone(), version);
        }
        let start_version = |secret: &str| start_versions.get(secret).cloned().unwrap_or_default();
        let mut actors = Self {
            consumers: Vec::new(),
            attackers: Vec::new(),
            tasks: JoinSet::new(),
            started_at: clock::now(),
            stopped_at: None,
        };
        let mut admitted = Vec::new();
        for consumer in scenario.consumers() {
            admitted.push(VaultCaller::admit(&client, endpoint, host.clone(), consumer.caller.clone()).await?);
        }
        let mut intruders = Vec::new();
        for attacker in scenario.attackers() {
            intruders.push(VaultCaller::admit(&client, endpoint, host.clone(), attacker.caller.clone()).await?);
        }
        actors.started_at = clock::now();
        for (consumer, caller) in scenario.consumers().iter().zip(admitted) {
            let is_issued = scenario.secrets().iter().any(|one| one.name == consumer.secret && one.issuer.is_some());
            actors.send_consumer(consumer.clone(), caller, start_version(&consumer.secret), is_issued);
        }
        for (attacker, caller) in scenario.attackers().iter().zip(intruders) {
            let secret = scenario.secret().to_owned();
            actors.send_attacker(attacker.clone(), caller, secret, start_version(scenario.secret()));
        }
        Ok(actors)
    }

    fn send_consumer(&mut self, consumer: Consumer, caller: VaultCaller, start_version: String, is_issued: bool) {
        let record = Arc::default();
        self.consumers.push((consumer.clone(), Arc::clone(&record)));
        self.tasks.spawn(async move { consume(&consumer, &caller, &start_version, is_issued, &record).await });
    }

    fn send_attacker(&mut self, attacker: Attacker, caller: VaultCaller, secret: String, leaked_version: String) {
        let record = Arc::default();
        self.attackers.push((attacker.clone(), Arc::clone(&record)));
        self.tasks.spawn(async move { attack(&attacker, &caller, &secret, &leaked_version, &record).await });
    }

    /// What was seen so far: `{"started_at","stopped_at","consumers":[{"name","oid","secret","mode","reads",
    /// "failures","refusals","first_failure","down","down_ms","last_status","versions":[{"version","first_seen"}],
    /// "cached"}],"attackers":[{"name","oid","ip","reads","successes","first_success","last_success","first_refused",
    /// "last_status","others":[{"secret","reads","successes","first_success","last_status"}]}]}`. A `last_status` of
    /// null means that no answer came.
    pub(crate) fn observations(&self) -> Value {
        let now = self.stopped_at.unwrap_or_else(clock::now);
        let consumers: Vec<Value> =
            self.consumers.iter().map(|(consumer, record)| lock(record).to_json(consumer, now)).collect();
        let attackers: Vec<Value> =
            self.attackers.iter().map(|(attacker, record)| lock(record).to_json(attacker)).collect();
        json!({
            "started_at": shown(self.started_at),
            "stopped_at": self.stopped_at.map(shown),
            "consumers": consumers,
            "attackers": attackers,
        })
    }

    /// Ends their work; what was seen stays, and changes no more.
    pub(crate) async fn stop(&mut self) {
        self.tasks.shutdown().await;
        self.stopped_at.get_or_insert_with(clock::now);
    }
}

#[cfg(test)]
mod tests;
