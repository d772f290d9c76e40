//! Somebody with the leaked secret's address: their reads → what they got, and since when they get nothing more.
//!
//! Main type: [`AttackerRecord`].

use super::vault_caller::{ReadResult, VaultCaller};
use crate::clock::{self, Timestamp};
use crate::cloud::lock::lock;
use crate::cloud::scenario::Attacker;
use crate::cloud::times::shown;
use serde_json::{Value, json};
use std::sync::Mutex;

/// What became of an attacker so far.
#[derive(Debug, Default)]
pub(crate) struct AttackerRecord {
    leaked: ReadRecord,
    others: Vec<(String, ReadRecord)>,
}

/// What came of the reads of one secret.
#[derive(Debug, Default)]
struct ReadRecord {
    reads: u64,
    successes: u64,
    first_success: Option<Timestamp>,
    last_success: Option<Timestamp>,
    first_refused: Option<Timestamp>,
    last_status: Option<u16>,
}

impl ReadRecord {
    fn note(&mut self, reading: &ReadResult, at: Timestamp) {
        self.reads += 1;
        self.last_status = match reading {
            ReadResult::Value { .. } => {
                self.successes += 1;
                self.first_success.get_or_insert(at);
                self.last_success = Some(at);
                Some(200)
            }
            ReadResult::Refused(status) => {
                // A busy vault has refused nobody.
                if matches!(status, 400..=499) && *status != 429 && *status != 408 {
                    self.first_refused.get_or_insert(at);
                }
                Some(*status)
            }
            ReadResult::Lost => None,
        };
    }
}

impl AttackerRecord {
    fn note_other(&mut self, secret: &str, reading: &ReadResult, at: Timestamp) {
        match self.others.iter_mut().find(|(name, _)| name == secret) {
            Some((_, reads)) => reads.note(reading, at),
            None => {
                let mut reads = ReadRecord::default();
                reads.note(reading, at);
                self.others.push((secret.to_owned(), reads));
            }
        }
    }

    /// As the scorecard takes it: times and counts are of the leaked secret, and of each other one in `others`.
    pub(crate) fn to_json(&self, attacker: &Attacker) -> Value {
        let others: Vec<Value> = self
            .others
            .iter()
            .map(|(name, reads)| {
                json!({
                    "secret": name,
                    "reads": reads.reads,
                    "successes": reads.successes,
                    "first_success": reads.first_success.map(shown),
                    "last_status": reads.last_status,
                })
            })
            .collect();
        json!({
            "name": attacker.caller.name,
            "oid": attacker.caller.oid,
            "ip": attacker.caller.ip,
            "reads": self.leaked.reads,
            "successes": self.leaked.successes,
            "first_success": self.leaked.first_success.map(shown),
            "last_success": self.leaked.last_success.map(shown),
            "first_refused": self.leaked.first_refused.map(shown),
            "last_status": self.leaked.last_status,
            "others": others,
        })
    }
}

/// Reads the leaked version some times, the other secrets once each, and then the leaked version for ever.
pub(crate) async fn attack(
    attacker: &Attacker,
    caller: &VaultCaller,
    secret: &str,
    leaked_version: &str,
    record: &Mutex<AttackerRecord>,
) {
    let record = || lock(record);
    clock::sleep(attacker.after).await;
    for _ in 0..attacker.reads {
        let reading = caller.read(secret, Some(leaked_version)).await;
        record().leaked.note(&reading, clock::now());
        clock::sleep(attacker.every).await;
    }
    for other in &attacker.also {
        let reading = caller.read(other, None).await;
        record().note_other(other, &reading, clock::now());
        clock::sleep(attacker.every).await;
    }
    loop {
        let reading = caller.read(secret, Some(leaked_version)).await;
        record().leaked.note(&reading, clock::now());
        clock::sleep(attacker.every).await;
    }
}
