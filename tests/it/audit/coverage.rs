//! What is said of what could not be seen.

use super::{Archive, HOST, SHOP, THIEF, ask, deed, event, query, read, time, write};
use chrono::TimeDelta;
use serde_json::{Value, json};
use stanch::audit::{Likely, Query};
use stanch::vault::VaultUrl;

/// Four days of a vault that works by day; some hours left out.
fn days(events_by_day: u32, left_out: impl Fn(i64) -> bool) -> Archive {
    let archive = Archive::new();
    for hour in (0..96).filter(|hour| !left_out(*hour) && (8..18).contains(&(hour % 24))) {
        let start = time("2026-11-17T00:00:00Z") + TimeDelta::hours(hour);
        let lines: Vec<Value> = (0..events_by_day)
            .map(|nth| {
                let at = start + TimeDelta::seconds(i64::from(nth) * 7);
                event(0, |event| event["time"] = json!(at.format("%Y-%m-%dT%H:%M:%S.0000000Z").to_string()))
            })
            .collect();
        let path = archive.vault().join(start.format("y=%Y/m=%m/d=%d/h=%H/m=00/PT1H.json").to_string());
        write(&path, super::text(&lines).as_bytes());
    }
    archive
}

fn four_days() -> Query {
    Query { since: time("2026-11-17T00:00:00Z"), until: time("2026-11-21T00:00:00Z"), ..query() }
}

#[test]
fn a_quiet_night_is_told_from_a_log_that_is_missing() {
    // Noon to two of the third day are missing.
    let coverage = ask(days(30, |hour| (60..62).contains(&hour)).path(), &four_days()).coverage;
    let at = |day: u32, hour: u32| time(&format!("2026-11-{day}T{hour:02}:00:00Z"));
    let missing: Vec<_> = coverage.gaps.iter().filter(|gap| gap.likely == Likely::Missing).collect();
    let spans: Vec<_> = missing.iter().map(|gap| (gap.from, gap.to)).collect();
    assert_eq!(spans, [(at(17, 0), at(17, 8)), (at(19, 12), at(19, 14))], "{:#?}", coverage.gaps);
    assert!(missing[0].why.contains("the log begins only at 2026-11-17 08:00"), "{missing:?}");
    assert!(missing[1].why.contains("were due in 2.0 h"), "{missing:?}");
    let quiet: Vec<_> = coverage.gaps.iter().filter(|gap| gap.likely == Likely::Quiet).map(|gap| gap.from).collect();
    assert_eq!(quiet, [at(17, 18), at(18, 18), at(19, 18), at(20, 18)], "the nights");
    assert_eq!(coverage.log_begins, Some(at(17, 8)));
}

#[test]
fn a_vault_that_is_hardly_used_is_quiet() {
    let coverage = ask(days(1, |hour| (60..62).contains(&hour)).path(), &four_days()).coverage;
    let noon = coverage.gaps.iter().find(|gap| gap.from == time("2026-11-19T12:00:00Z")).unwrap();
    assert_eq!(noon.likely, Likely::Quiet, "{noon:?}");
}

#[test]
fn other_vaults_are_looked_into_and_those_without_a_log_are_named() {
    let archive = Archive::with(&[read(1)]);
    let other = |line: Value| line.to_string().replace("KV-DRILL", "KV-OTHER").replace("kv-drill", "kv-other") + "\n";
    let lines: String = [
        deed(5, THIEF, "SecretGet", "secrets/stripe-key", 200),
        deed(6, SHOP, "SecretGet", "secrets/x", 200),
        deed(7, THIEF, "SecretGet", "secrets/db-password", 200),
    ]
    .map(other)
    .concat();
    let path = archive.of_vault("MICROSOFT.KEYVAULT", "KV-OTHER").join("y=2026/m=11/d=20/h=10/m=00/PT1H.json");
    write(&path, lines.as_bytes());
    let vault = |name: &str| VaultUrl::parse(&format!("https://{name}.vault.azure.net")).unwrap();
    let radius = ask(archive.path(), &Query { other_vaults: vec![vault("kv-other"), vault("kv-third")], ..query() });
    let rows: Vec<_> = radius.second_order.iter().map(|row| (&*row.vault, &*row.secret, row.count)).collect();
    assert_eq!(rows, [("kv-other", "db-password", 1), ("kv-other", "stripe-key", 1)]);
    assert!(
        radius.second_order[1].command.contains("https://kv-other.vault.azure.net/secrets/stripe-key "),
        "{radius:?}"
    );
    assert_eq!(
        (radius.coverage.events, radius.coverage.files),
        (1, 1),
        "the coverage is that of the secret's own vault"
    );
    assert_eq!(radius.coverage.vaults_without_log, ["kv-third"]);
    assert!(!HOST.is_empty());
}

#[test]
fn a_baseline_makes_known_and_shows_a_new_origin() {
    let archive = Archive::new();
    let at = |clock: &str, ip: &str, agent: &str| {
        let mut line = event(0, |event| event["time"] = json!(format!("2026-11-20T{clock}.0000000Z")));
        (line["callerIpAddress"], line["properties"]["clientInfo"]) = (json!(ip), json!(agent));
        line
    };
    let before: Vec<Value> = (0..30).map(|nth| at(&format!("08:{nth:02}:00"), "10.0.0.1", "azsdk-net/4.6")).collect();
    archive.hour("h=08", &before);
    archive
        .hour("h=10", &[at("10:00:00", "10.0.0.77", "azsdk-net/4.7"), at("10:01:00", "203.0.113.9", "azsdk-net/4.6")]);
    let query = Query { baseline: Some(TimeDelta::hours(3)), known: [].into(), ..query() };
    let radius = ask(archive.path(), &query);
    assert_eq!(radius.unknown_callers, Vec::<String>::new());
    assert!(
        radius.accesses.iter().all(|access| access.known && access.known_by == "baseline"),
        "{:?}",
        radius.accesses
    );
    assert_eq!(super::counts(&radius), 2, "the baseline itself is no access");
    let finding = super::found(&radius, "new-origin");
    assert_eq!(
        finding.evidence.iter().map(|one| &*one.ip).collect::<Vec<_>>(),
        ["203.0.113.9"],
        "a new machine beside the old one is none"
    );
}
