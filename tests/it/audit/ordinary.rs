//! Ordinary traffic stays quiet, and every attacker in it is found, on traffic as it is.

use super::traffic::{Answers, TARGET, Traffic, VAULT};
use super::{ask, time};
use chrono::TimeDelta;
use stanch::audit::{BlastRadius, Query};
use stanch::vault::SecretUrl;
use std::collections::BTreeMap;
use tempfile::TempDir;

fn traffic(seed: u64, attack_at: Option<i64>) -> Traffic {
    Traffic { seed, since: time("2026-11-09T00:00:00Z"), days: 4, events_per_hour: 24, attack_at }
}

fn question(traffic: &Traffic, since: TimeDelta) -> Query {
    let secret = SecretUrl::parse(&format!("https://{VAULT}.vault.azure.net/secrets/{TARGET}")).unwrap();
    Query::new(&secret, traffic.since + since, traffic.until())
}

/// The archive and the answers: with a list of known callers, with a baseline alone, with neither.
fn answers(seed: u64, attack_at: Option<i64>) -> (Answers, [BlastRadius; 3]) {
    let folder = TempDir::new().unwrap();
    let traffic = traffic(seed, attack_at);
    let written = traffic.write(folder.path());
    let listed = Query { known: written.known.clone(), ..question(&traffic, TimeDelta::zero()) };
    let baseline = Query { baseline: Some(TimeDelta::days(2)), ..question(&traffic, TimeDelta::days(2)) };
    let neither = question(&traffic, TimeDelta::zero());
    (written, [&listed, &baseline, &neither].map(|query| ask(folder.path(), query)))
}

#[test]
fn seeds_of_ordinary_traffic_raise_at_most_one_finding() {
    let mut findings = Vec::new();
    for seed in 1..=if crate::stage::is_heavy() { 10 } else { 3 } {
        for (nth, radius) in answers(seed, None).1.into_iter().enumerate() {
            assert!(radius.accesses.len() > 10, "the secret is used");
            findings.extend(radius.findings.into_iter().map(|finding| (seed, nth, finding.rule, finding.summary)));
        }
    }
    assert!(findings.len() <= 1, "{findings:#?}");
}

#[test]
fn every_planted_attacker_is_found_by_what_it_does() {
    for seed in [3, 17] {
        let (written, radii) = answers(seed, Some(72));
        for (nth, radius) in radii.iter().enumerate() {
            let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for finding in &radius.findings {
                for evidence in &finding.evidence {
                    found.entry(&evidence.oid).or_default().push(&finding.rule);
                }
            }
            for (kind, attacker) in &written.attackers {
                let rules = found.get(attacker.as_str()).cloned().unwrap_or_default();
                assert!(rules.contains(kind), "seed {seed}, question {nth}: {kind} is found by {rules:?}");
            }
            let ordinary: Vec<&&str> = found.keys().filter(|oid| written.known.contains(**oid)).collect();
            assert!(ordinary.is_empty(), "seed {seed}, question {nth}: known callers are not accused: {ordinary:?}");
            assert!(radius.findings.iter().all(|finding| !finding.techniques.is_empty()));
        }
    }
}

#[test]
fn the_answers_are_those_that_were_written() {
    let (written, [listed, ..]) = answers(5, Some(30));
    let mut accesses: BTreeMap<[String; 4], (u64, String, String)> = BTreeMap::new();
    for access in &listed.accesses {
        let key = [&access.oid, &access.ip, &access.operation, &access.version].map(Clone::clone);
        let row = accesses.entry(key).or_insert((0, access.first.clone(), access.last.clone()));
        *row = (row.0 + access.count, row.1.clone().min(access.first.clone()), row.2.clone().max(access.last.clone()));
    }
    assert_eq!(accesses, written.accesses);
    let mut reach: BTreeMap<[String; 2], u64> = BTreeMap::new();
    for row in &listed.second_order {
        *reach.entry([row.oid.clone(), row.secret.clone()]).or_insert(0) += row.count;
    }
    assert_eq!(reach, written.reach);
    assert_eq!((listed.coverage.events, listed.coverage.bytes), (written.events, written.bytes));
    assert_eq!(listed.coverage.log_begins, Some(time("2026-11-09T00:00:00Z")));
}
