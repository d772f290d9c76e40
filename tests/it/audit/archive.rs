//! Which files of an archive are read, and what is said of those that are missing.

use super::{Archive, ask, compress, counts, event, found, query, read, text, time, write};
use serde_json::json;
use stanch::audit::{Severity, Source, blast_radius};
use stanch::clock::now;
use tempfile::TempDir;

#[test]
fn the_window_begins_inside_and_ends_outside() {
    let at = |time: &str| event(0, |event| event["time"] = json!(time));
    let archive = Archive::new();
    archive.hour("h=09", &[at("2026-11-20T09:59:59.9999999Z")]);
    archive.hour("h=10", &[at("2026-11-20T10:00:00.0000000Z"), at("2026-11-20T11:00:00.0000000Z")]);
    // It happened in the window and reached the archive after it, once in time and once late.
    archive.hour("h=11", &[at("2026-11-20T10:59:59.9999999Z")]);
    let mut late = at("2026-11-20T10:59:59.9999999Z");
    late["correlationId"] = json!("late");
    archive.hour("h=12", &[late]);
    let radius = archive.ask();
    let access = &radius.accesses[0];
    assert_eq!(
        (&*access.first, &*access.last, access.count),
        ("2026-11-20T10:00:00.0000000Z", "2026-11-20T10:59:59.9999999Z", 3)
    );
    assert_eq!(radius.coverage.files, 2, "the hours 10 and 11; what lies beside is only searched");
}

#[test]
fn the_archive_may_be_entered_at_any_level() {
    let archive = Archive::with(&[read(1)]);
    let container = archive.path().join("insights-logs-auditevent");
    let hour = archive.vault().join("y=2026/m=11/d=20/h=10");
    for folder in [
        archive.path(),
        &container,
        &container.join("resourceId="),
        &archive.vault(),
        &hour,
        &hour.join("m=00/PT1H.json"),
    ] {
        let radius = ask(folder, &query());
        assert_eq!((counts(&radius), radius.coverage.files), (1, 1), "{}", folder.display());
        assert_eq!(radius.coverage.sources, [folder.display().to_string()]);
    }
}

#[test]
fn other_vaults_services_and_days_are_not_read() {
    let archive = Archive::with(&[read(1)]);
    let line = text(&[read(2)]);
    for folder in [
        archive.of_vault("MICROSOFT.KEYVAULT", "KV-DRILL-2").join("y=2026/m=11/d=20/h=10/m=00"),
        archive.of_vault("MICROSOFT.RECOVERYSERVICES", "KV-DRILL").join("y=2026/m=11/d=20/h=10/m=00"),
        archive.vault().join("y=2025/m=11/d=20/h=10/m=00"),
        archive.vault().join("y=2026/m=10/d=20/h=10/m=00"),
        archive.vault().join("y=2026/m=11/d=19/h=08/m=00"),
        archive.vault().join("y=2026/m=11/d=21/h=13/m=00"),
        archive.path().join("insights-logs-other").join("y=2026"),
    ] {
        write(&folder.join("PT1H.json"), line.as_bytes());
    }
    let radius = archive.ask();
    assert_eq!((counts(&radius), radius.coverage.files), (1, 1));
    let other = archive.of_vault("MICROSOFT.KEYVAULT", "KV-DRILL-2");
    assert_eq!(ask(&other, &query()).coverage.files, 0);
}

#[test]
fn a_file_decompressed_beside_its_original_counts_once() {
    let archive = Archive::with(&[read(1)]);
    archive.bytes("h=10", "PT1H.json.gz", &compress(&text(&[read(1)])));
    assert_eq!(counts(&archive.ask()), 1);
}

#[cfg(unix)]
#[test]
fn links_that_go_round_in_circles_are_followed_once() {
    let archive = Archive::with(&[read(1)]);
    std::os::unix::fs::symlink(archive.path(), archive.vault().join("y=2026/again")).unwrap();
    let elsewhere = TempDir::new().unwrap();
    std::os::unix::fs::symlink(archive.path(), elsewhere.path().join("mounted")).unwrap();
    assert_eq!(counts(&archive.ask()), 1);
    assert_eq!(counts(&ask(elsewhere.path(), &query())), 1);
}

#[test]
fn gaps_are_hours_of_the_window_without_an_entry() {
    let archive = Archive::new();
    let at = |time: &str| event(0, |event| event["time"] = json!(time));
    archive.hour("h=06", &[at("2026-11-20T06:30:00.0000000Z")]);
    archive.hour("h=07", &[at("2026-11-20T07:30:00.0000000Z")]);
    archive.hour("h=09", &[at("2026-11-20T09:30:00.5Z"), at("2026-11-20T09:30:00Z")]);
    archive.bytes("h=10", "PT1H.json", b"");
    let mut query = query();
    query.since = time("2026-11-20T04:15:00Z");
    query.until = time("2026-11-20T12:30:00Z");
    let coverage = ask(archive.path(), &query).coverage;
    let gaps: Vec<_> = coverage.gaps.iter().map(|gap| (gap.from.to_rfc3339(), gap.to.to_rfc3339())).collect();
    let expected = [("04:15", "06:00"), ("08:00", "09:00"), ("10:00", "12:30")];
    let moment = |clock: &str| format!("2026-11-20T{clock}:00+00:00");
    assert_eq!(gaps, expected.map(|(from, to)| (moment(from), moment(to))));
    assert_eq!((&*coverage.first, &*coverage.last), ("2026-11-20T06:30:00.0000000Z", "2026-11-20T09:30:00.5Z"));
    assert_eq!(coverage.horizon, Some(time("2026-11-20T09:30:00.5Z")));
}

#[test]
fn the_time_that_has_not_come_is_no_gap() {
    let archive = Archive::with(&[read(1)]);
    let mut query = query();
    query.until = now() + chrono::TimeDelta::days(365);
    let coverage = ask(archive.path(), &query).coverage;
    assert!(coverage.gaps.iter().all(|gap| gap.to < now()), "{:?}", coverage.gaps);
}

#[test]
fn the_horizon_is_not_beyond_the_window() {
    let archive = Archive::with(&[read(1), event(0, |event| event["time"] = json!("2026-11-20T10:59:00.0000000Z"))]);
    let mut query = query();
    query.until = time("2026-11-20T10:30:00Z");
    assert_eq!(ask(archive.path(), &query).coverage.horizon, Some(query.until));
}

#[test]
fn an_empty_log_is_no_evidence_and_a_missing_one_an_error() {
    let archive = Archive::new();
    let error = blast_radius(&Source::path(archive.path().join("nowhere")), &query()).unwrap_err();
    assert!(error.summary.contains("nowhere") && error.help.is_some(), "{error:?}");

    write(&archive.of_vault("MICROSOFT.KEYVAULT", "OTHER").join("y=2026/m=11/d=20/h=10/m=00/PT1H.json"), b"{}\n");
    let radius = archive.ask();
    assert_eq!((radius.coverage.files, radius.coverage.horizon), (0, None));
    assert_eq!(found(&radius, "no-evidence").severity, Severity::High);
    assert_eq!(radius.coverage.gaps.len(), 1, "the whole window");
}
