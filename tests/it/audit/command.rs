//! `stanch audit` as its users call it.

use super::{Archive, HOST, LEAKED, SHOP, THIEF, ask, deed, event, query, read};
use crate::stage::{STANCH, Said};
use serde_json::{Value, json};
use stanch::audit::{Query, late};
use std::process::Command;
use tempfile::TempDir;

/// The command, asked about the tests' secret and hour, with no configuration and no runs.
pub(super) fn audit(state: &TempDir, options: &[&str]) -> Said {
    let mut command = Command::new(STANCH);
    command.args(["audit", "--secret", &format!("{HOST}/secrets/db-password"), "--since", "2026-11-20T10:00:00Z"]);
    command.args(options).arg("--state-dir").arg(state.path()).current_dir(state.path()).env_remove("STANCH_CLOUD");
    Said::from(command.output().unwrap())
}

#[test]
fn a_table_json_and_csv_tell_the_same() {
    let state = TempDir::new().unwrap();
    let archive = Archive::with(&[read(1), read(2), deed(3, SHOP, "SecretGet", "secrets/db-password", 200)]);
    let known = state.path().join("known");
    std::fs::write(&known, format!("# readers\n{}  billing-worker\n", SHOP.to_uppercase())).unwrap();
    let options = |more: &[&str]| {
        let place = [
            "--archive",
            archive.path().to_str().unwrap(),
            "--known",
            known.to_str().unwrap(),
            "--until",
            "2026-11-20T11:00:00Z",
        ];
        let said = audit(&state, &[&place[..], more].concat());
        said.exit(0).stdout
    };
    let table = options(&[]);
    assert!(table.contains("billing-worker") && table.contains("unrecognised caller"), "{table}");
    let found: Value = serde_json::from_str(&options(&["--json"])).unwrap();
    assert_eq!(found["unknown_callers"], json!([THIEF]));
    let rows = found["accesses"].as_array().unwrap();
    assert_eq!(
        rows.iter().map(|row| (row["name"].as_str().unwrap(), row["count"].as_u64().unwrap())).collect::<Vec<_>>(),
        [("app-1", 2), ("billing-worker", 1)]
    );
    let text = options(&["--csv"]);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains(&format!("access,kv-drill,db-password,{THIEF},app-1")), "{text}");
}

#[test]
fn the_inventory_says_who_is_meant_to_read_a_secret() {
    let state = TempDir::new().unwrap();
    let archive = Archive::with(&[read(1), deed(2, SHOP, "SecretGet", "secrets/db-password", 200)]);
    let place = ["--archive", archive.path().to_str().unwrap(), "--until", "2026-11-20T11:00:00Z", "--json"];
    let configure = |inventory: &str| {
        std::fs::write(state.path().join("stanch.yaml"), format!("schema: stanch-config/v1\ninventory:\n{inventory}"))
            .unwrap();
    };
    configure(&format!(
        "  - {{ secret: \"DB-*\", vault: kv-drill, readers: {{ {}: billing-worker }} }}\n  - {{ secret: other, readers: [{THIEF}] }}\n",
        SHOP.to_uppercase()
    ));
    let found = audit(&state, &place).exit(0).json();
    assert_eq!(found["unknown_callers"], json!([THIEF]), "who is meant to read another secret is unknown here");
    let rows = found["accesses"].as_array().unwrap();
    let known: Vec<(&str, &str)> = rows
        .iter()
        .filter(|row| row["known"] == true)
        .map(|row| (row["name"].as_str().unwrap(), row["known_by"].as_str().unwrap()))
        .collect();
    assert_eq!(known, [("billing-worker", "listed")]);
    configure("  - { secret: db-password, readers: 7 }\n");
    assert!(audit(&state, &place).exit(2).stderr.contains("`readers`"));
}

#[test]
fn a_watch_prints_what_is_there_and_ends_when_it_is_told_to() {
    let state = TempDir::new().unwrap();
    let archive = Archive::with(&[
        read(1),
        event(2, |event| event["properties"]["id"] = json!(format!("{HOST}/secrets/db-password/ff"))),
    ]);
    let place = ["--archive", archive.path().to_str().unwrap(), "--watch", "--for", "1s", "--every", "500ms", "--json"];
    let said = audit(&state, &place).exit(0);
    let sights: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        sights.iter().map(|sight| sight["version"].as_str().unwrap()).collect::<Vec<_>>(),
        [LEAKED, "ff"],
        "each once"
    );
}

#[test]
fn wrong_questions_are_refused_with_a_way_out() {
    let state = TempDir::new().unwrap();
    for (options, word) in [
        (&[][..], "--archive"),
        (&["--workspace", "mine"], "customerId"),
        (&["--archive", "https://account.blob.core.windows.net"], "insights-logs-auditevent"),
        (&["--archive", "http://account.blob.core.windows.net/x"], "https://"),
        (&["--archive", "x", "--baseline", "soon"], "14d"),
    ] {
        let said = audit(&state, options).exit(2);
        assert!(said.stderr.contains(word) || said.stderr.contains("duration"), "{options:?}: {}", said.stderr);
    }
}

#[test]
fn what_came_late_is_told_from_what_was_known() {
    let archive = Archive::with(&[read(1), deed(2, THIEF, "SecretGet", "secrets/smtp", 200)]);
    let before = ask(archive.path(), &query());
    assert!(late(&before, &before).is_empty());
    let stranger = "cccccccc-0000-4000-8000-000000000003";
    archive.bytes(
        "h=10",
        "later.json",
        super::text(&[
            read(30),
            deed(31, stranger, "SecretGet", "secrets/db-password", 200),
            deed(32, THIEF, "SecretGet", "secrets/smtp", 200),
            deed(33, THIEF, "SecretGet", "secrets/stripe-key", 200),
        ])
        .as_bytes(),
    );
    let found = late(&before, &ask(archive.path(), &Query { until: super::time("2026-11-20T12:00:00Z"), ..query() }));
    assert_eq!(
        found.accesses.iter().map(|access| (&*access.oid, access.count)).collect::<Vec<_>>(),
        [(THIEF, 1), (stranger, 1)]
    );
    assert_eq!(found.unknown_callers, [stranger]);
    assert_eq!(
        found.second_order.iter().map(|row| (&*row.secret, row.count)).collect::<Vec<_>>(),
        [("smtp", 2), ("stripe-key", 1)]
    );
    assert!(found.findings.iter().any(|finding| finding.rule == "unknown-reader"), "{:?}", found.findings);
    assert!(found.horizon > found.horizon_before);
}
