//! A service that lives on a secret: its reads → whether it was ever without one.
//!
//! Main type: [`ConsumerRecord`]. Down means: from a read that failed until the next that did not, and where the secret
//! has an issuer, as long as that refuses what the service got.

use super::vault_caller::{ReadResult, VaultCaller};
use crate::clock::{self, Timestamp};
use crate::cloud::lock::lock;
use crate::cloud::scenario::{Consumer, ReadMode};
use crate::cloud::times::shown;
use crate::secret::Secret;
use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a service uses what it has.
const USE_EVERY: Duration = Duration::from_millis(100);

/// What became of a consumer so far.
#[derive(Debug, Default)]
pub(crate) struct ConsumerRecord {
    reads: u64,
    failures: u64,
    first_failure: Option<Timestamp>,
    down_since: Option<Timestamp>,
    /// Of the times that are over.
    down: TimeDelta,
    /// Versions in the order they were first seen.
    versions: Vec<(String, Timestamp)>,
    /// What the service uses until the next read.
    cached: Option<(String, Arc<Secret>)>,
    last_status: Option<u16>,
    /// How often the issuer refused what the service has, and whether it did so last.
    refusals: u64,
    is_refused: bool,
}

impl ConsumerRecord {
    fn note(&mut self, reading: ReadResult, at: Timestamp) {
        self.reads += 1;
        match reading {
            ReadResult::Value { version, value } => {
                self.last_status = Some(200);
                if !self.is_refused {
                    self.is_up(at);
                }
                if !self.versions.iter().any(|(seen, _)| *seen == version) {
                    self.versions.push((version.clone(), at));
                }
                self.cached = Some((version, Arc::new(value)));
                return;
            }
            ReadResult::Refused(status) => self.last_status = Some(status),
            ReadResult::Lost => self.last_status = None,
        }
        self.failures += 1;
        self.is_down(at);
    }

    /// Takes in whether the issuer took what the service has.
    fn note_use(&mut self, accepted: bool, at: Timestamp) {
        match (std::mem::replace(&mut self.is_refused, !accepted), accepted) {
            (_, false) => {
                self.refusals += 1;
                self.is_down(at);
            }
            (true, true) => self.is_up(at),
            (false, true) => {}
        }
    }

    fn is_down(&mut self, at: Timestamp) {
        self.first_failure.get_or_insert(at);
        self.down_since.get_or_insert(at);
    }

    fn is_up(&mut self, at: Timestamp) {
        if let Some(since) = self.down_since.take() {
            self.down += at - since;
        }
    }

    /// As the scorecard takes it; of the cached value it shows a digest.
    pub(crate) fn to_json(&self, consumer: &Consumer, now: Timestamp) -> Value {
        let down = self.down + self.down_since.map_or(TimeDelta::zero(), |since| now - since);
        let versions: Vec<Value> = self
            .versions
            .iter()
            .map(|(version, first_seen)| json!({ "version": version, "first_seen": shown(*first_seen) }))
            .collect();
        let cached = self.cached.as_ref().map(|(version, value)| {
            json!({ "version": version, "value_sha256": hex::encode(Sha256::digest(value.expose())) })
        });
        json!({
            "name": consumer.caller.name,
            "oid": consumer.caller.oid,
            "secret": consumer.secret,
            "mode": consumer.reads,
            "reads": self.reads,
            "failures": self.failures,
            "refusals": self.refusals,
            "first_failure": self.first_failure.map(shown),
            "down": self.down_since.is_some(),
            "down_ms": down.num_milliseconds(),
            "last_status": self.last_status,
            "versions": versions,
            "cached": cached,
        })
    }
}

/// Reads at once, and again each time the value is due for a refresh. `start_version` is what a pinned one asks for.
/// `is_issued` says that there is somebody who takes the value, or does not.
pub(crate) async fn consume(
    consumer: &Consumer,
    caller: &VaultCaller,
    start_version: &str,
    is_issued: bool,
    record: &Mutex<ConsumerRecord>,
) {
    let version = match consumer.reads {
        ReadMode::Latest => None,
        ReadMode::Pinned => Some(start_version),
    };
    loop {
        let record = || lock(record);
        let reading = caller.read(&consumer.secret, version).await;
        record().note(reading, clock::now());
        let begun = clock::now();
        loop {
            let left = consumer.refresh.saturating_sub((clock::now() - begun).to_std().unwrap_or_default());
            let cached = record().cached.as_ref().map(|(_, value)| Arc::clone(value)).filter(|_| is_issued);
            let Some(value) = cached.filter(|_| !left.is_zero()) else {
                clock::sleep(left).await;
                break;
            };
            if let Some(accepted) = caller.use_value(&consumer.secret, &value).await {
                record().note_use(accepted, clock::now());
            }
            clock::sleep(left.min(USE_EVERY)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ConsumerRecord, ReadResult};
    use crate::clock::Timestamp;
    use crate::cloud::scenario::Scenario;
    use crate::secret::Secret;
    use serde_json::json;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn value(version: &str) -> ReadResult {
        ReadResult::Value { version: version.to_owned(), value: Secret::new(format!("value of {version}")) }
    }

    #[test]
    fn down_time_runs_from_a_failed_read_to_the_next_good_one_and_goes_on_while_there_is_none() {
        let scenario = Scenario::builtin("quiet").unwrap();
        let mut record = ConsumerRecord::default();
        record.note(value("one"), at(0));
        record.note(ReadResult::Refused(403), at(1));
        record.note(ReadResult::Lost, at(2));
        record.note(value("two"), at(4));
        record.note(value("one"), at(5));
        record.note(ReadResult::Refused(404), at(6));
        let shown = record.to_json(&scenario.consumers()[0], at(10));
        assert_eq!(shown["reads"], 6);
        assert_eq!(shown["failures"], 3);
        assert_eq!(shown["first_failure"], "2027-01-15T08:00:01.000000Z");
        assert_eq!(shown["down"], true);
        assert_eq!(shown["down_ms"], 7_000);
        assert_eq!(shown["last_status"], 404);
        assert_eq!(
            shown["versions"],
            json!([
                { "version": "one", "first_seen": "2027-01-15T08:00:00.000000Z" },
                { "version": "two", "first_seen": "2027-01-15T08:00:04.000000Z" },
            ])
        );
        assert_eq!(shown["cached"]["version"], "one");
        assert!(!shown.to_string().contains("value of"));
    }
}
