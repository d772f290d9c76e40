//! What is made of a log for the reader: principals and their versions, and plain text.

use super::{Archive, FRESH, HOST, LEAKED, SHOP, THIEF, deed, event, query, time};
use serde_json::json;
use stanch::audit::{Source, describe, readers};

#[test]
fn readers_are_principals_with_the_versions_they_read() {
    let pinned =
        |second, version: &str| deed(second, SHOP, "SecretGet", &format!("secrets/db-password/{version}"), 200);
    let mut own = pinned(50, FRESH);
    own["correlationId"] = json!("5ca1ab1e-1");
    let archive = Archive::with(&[
        event(1, |event| event["identity"]["claim"]["xms_mirid"] = json!("/subscriptions/s/sites/thief-site")),
        event(9, |event| event["callerIpAddress"] = json!("198.51.100.1")),
        event(20, |event| event["properties"]["id"] = json!(format!("{HOST}/secrets/db-password/{FRESH}"))),
        pinned(30, LEAKED),
        own,
        deed(40, SHOP, "SecretGet", &format!("secrets/db-password/{FRESH}"), 403),
        deed(41, SHOP, "SecretListVersions", "secrets/db-password/versions", 200),
    ]);
    let (readers, coverage) = readers(&Source::path(archive.path()), &query()).unwrap().into_parts();
    assert_eq!(
        serde_json::to_value(&readers).unwrap(),
        json!([
            {"oid": THIEF, "name": "app-1", "known": false, "own": false, "versions": [
                {"version": FRESH, "first": "2026-11-20T10:00:20.123456700Z", "last": "2026-11-20T10:00:20.123456700Z", "count": 1, "by_number": false},
                {"version": LEAKED, "first": "2026-11-20T10:00:01.123456700Z", "last": "2026-11-20T10:00:09.123456700Z", "count": 2, "by_number": false},
            ]},
            {"oid": SHOP, "name": "app-1", "known": true, "own": false, "versions": [
                {"version": LEAKED, "first": "2026-11-20T10:00:30.123456700Z", "last": "2026-11-20T10:00:30.123456700Z", "count": 1, "by_number": true},
            ]},
            {"oid": SHOP, "name": "app-1", "known": true, "own": true, "versions": [
                {"version": FRESH, "first": "2026-11-20T10:00:50.123456700Z", "last": "2026-11-20T10:00:50.123456700Z", "count": 1, "by_number": true},
            ]},
        ])
    );
    assert_eq!(coverage.horizon, Some(time("2026-11-20T10:00:50.1234567Z")), "what it rests on comes along");
}

#[test]
fn the_description_fits_a_terminal_and_carries_no_control_characters() {
    let mut named = event(1, |event| {
        event["identity"]["claim"]["upn"] = json!("mallory\u{1b}[2J\u{202e}@example.com");
        event["properties"]["clientInfo"] = json!(format!("curl/8.4.0 {}", "\u{7}x".repeat(200)));
    });
    named["callerIpAddress"] = json!("2001:db8:1111:2222:3333:4444:5555:6666");
    let radius = Archive::with(&[
        named,
        deed(2, SHOP, "SecretGet", "secrets/db-password", 200),
        deed(3, THIEF, "SecretGet", &format!("secrets/{}", "long".repeat(60)), 200),
    ])
    .ask();
    let text = describe(&radius);
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    assert!(!text.chars().any(|char| (char.is_control() && char != '\n') || char == '\u{202e}'), "{text:?}");
    for part in [
        "mallory",
        "unrecognised caller: aaaaaaaa-0000-4000-8000-000000000001",
        "known",
        "11111111",
        "curl/8.4.0",
        "not in this log",
        "3 entries in 1 file of",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let thief = text.lines().position(|line| line.contains("unknown")).unwrap();
    let shop = text.lines().position(|line| line.contains(" known ")).unwrap();
    assert!(thief < shop, "the unknown come first: {text}");
    assert!(describe(&Archive::new().ask()).contains("nothing can be said"));
}
