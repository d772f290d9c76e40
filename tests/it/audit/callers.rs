//! Who called, where a log has no object id, or a word in its place; and from where, however the address is spelled.

use super::{Archive, HOST, THIEF, deed, event, query};
use crate::audit::ask;
use serde_json::{Value, json};
use stanch::audit::{BlastRadius, Query, Source, describe, readers};
use std::collections::BTreeSet;

const APP: &str = "cccccccc-0000-4000-8000-000000000003";

fn by(second: u32, claim: Value) -> Value {
    event(second, |event| event["identity"] = json!({"claim": claim}))
}

fn names(radius: &BlastRadius) -> Vec<(&str, u64)> {
    radius.accesses.iter().map(|access| (access.name.as_str(), access.count)).collect()
}

#[test]
fn callers_without_an_object_id_are_never_drawn_together() {
    let radius = Archive::with(&[
        by(1, json!({"upn": "alice@example.com", "appid": "app-1"})),
        by(2, json!({"upn": "mallory@example.com", "appid": "app-1"})),
        by(3, json!({"appid": APP})),
        by(4, json!({"xms_mirid": "/subscriptions/s/sites/shop"})),
        by(5, json!({"upn": "Alice@Example.com", "appid": "app-2"})),
        by(6, json!({})),
    ])
    .ask();
    assert_eq!(names(&radius), [("alice@example.com", 2), ("mallory@example.com", 1), (APP, 1), ("shop", 1), ("", 1)]);
    assert!(radius.accesses.iter().all(|access| access.oid.is_empty()));
    let unknown: BTreeSet<&str> = radius.unknown_callers.iter().map(String::as_str).collect();
    assert_eq!(
        unknown,
        BTreeSet::from(["alice@example.com", "mallory@example.com", APP, "/subscriptions/s/sites/shop"])
    );
    let shown = describe(&radius);
    assert!(shown.contains("mallory@example.com") && shown.contains("(no identity)"), "{shown}");
}

#[test]
fn words_for_nothing_are_no_callers() {
    for nothing in [
        "None",
        "null",
        "-",
        "N/A",
        "",
        " ",
        "00000000-0000-0000-0000-000000000000",
        "{00000000-0000-0000-0000-000000000000}",
        "undefined",
        "(null)",
        "<none>",
        "<nil>",
        "NaN",
        "#N/A",
        "n.a.",
        "?",
        "[]",
        "{}",
        "<Redacted>",
        "***",
        "XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX",
    ] {
        let radius = Archive::with(&[
            by(1, json!({"oid": nothing, "appid": APP, "upn": nothing})),
            by(2, json!({"oid": nothing, "upn": "alice@example.com"})),
            by(3, json!({"oid": nothing, "appid": nothing})),
            by(4, json!({"oid": nothing, "http://schemas.microsoft.com/identity/claims/objectidentifier": THIEF, "upn": "t"})),
        ])
        .ask();
        assert_eq!(names(&radius), [(APP, 1), ("alice@example.com", 1), ("", 1), ("t", 1)], "`{nothing}`");
        assert_eq!(radius.accesses[3].oid, THIEF, "`{nothing}`");
        assert_eq!(radius.unknown_callers.len(), 3, "`{nothing}`: {:?}", radius.unknown_callers);
    }
}

#[test]
fn who_is_known_by_something_else_is_listed_followed_and_told_apart() {
    let archive = Archive::with(&[by(1, json!({"upn": "alice@example.com"})), by(2, json!({"appid": APP})), {
        let mut other = deed(3, THIEF, "SecretGet", "secrets/smtp", 200);
        other["identity"] = json!({"claim": {"appid": APP.to_uppercase()}});
        other
    }]);
    let query = Query { known: BTreeSet::from(["Alice@Example.com".to_owned()]), ..query() };
    let radius = ask(archive.path(), &query);
    assert_eq!(radius.unknown_callers, [APP]);
    let second: Vec<(&str, &str)> = radius.second_order.iter().map(|row| (&*row.oid, &*row.secret)).collect();
    assert_eq!(second, [(APP, "smtp")], "what a caller known by its application did elsewhere");
    assert!(radius.findings.iter().any(|finding| finding.rule == "unknown-reader"), "{:?}", radius.findings);
    let (readers, _) = readers(&Source::path(archive.path()), &query).unwrap().into_parts();
    let readers: Vec<(&str, bool)> = readers.iter().map(|reader| (&*reader.name, reader.known)).collect();
    assert_eq!(readers, [("alice@example.com", true), (APP, false)]);
}

#[test]
fn an_address_has_one_spelling() {
    let from = |address: &str| {
        let radius = Archive::with(&[event(1, |event| event["callerIpAddress"] = json!(address))]).ask();
        radius.accesses[0].ip.clone()
    };
    for (spellings, one) in [
        (
            &[
                "203.0.113.9",
                "203.0.113.9:443",
                " 203.0.113.9 ",
                "::ffff:203.0.113.9",
                "[::ffff:203.0.113.9]:50412",
                "::FFFF:cb00:7109",
            ][..],
            "203.0.113.9",
        ),
        (
            &[
                "2001:db8::1",
                "2001:DB8:0:0:0:0:0:1",
                "[2001:db8::1]:443",
                "[2001:db8::1]",
                "2001:0db8:0000::0001",
                "2001:db8::1%eth0",
            ],
            "2001:db8::1",
        ),
        (&["N/A", "-", "None", ""], ""),
        (&["gateway"], "gateway"),
    ] {
        for spelling in spellings {
            assert_eq!(from(spelling), one, "`{spelling}`");
        }
    }
}

#[test]
fn a_status_is_read_as_number_as_text_and_in_words() {
    let status = |code: Value, signature: &str| {
        let radius = Archive::with(&[event(1, |event| {
            event["properties"]["httpStatusCode"] = code;
            event["resultSignature"] = json!(signature);
        })])
        .ask();
        radius.accesses[0].status
    };
    for (code, signature, wanted) in [
        (json!(403), "OK", 403),
        (json!("403"), "", 403),
        (json!("403.0"), "", 403),
        (json!(403.0), "", 403),
        (json!(null), "Forbidden", 403),
        (json!("N/A"), "Not Found", 404),
        (json!(0), "NotFound", 404),
        (json!(""), "401", 401),
        (json!(null), "", 0),
        (json!("403,0"), "", 403),
        (json!("4.03E+02"), "", 403),
        (json!("HTTP 403"), "", 403),
        (json!("403 (Forbidden)"), "", 403),
        (json!("Forbidden"), "", 403),
        (json!("Unauthorized"), "", 401),
        (json!("OK"), "", 200),
        (json!("TOO_MANY_REQUESTS"), "", 429),
        (json!("certainly"), "OK", 200),
        (json!("Success"), "", 0),
        (json!("20000"), "", 0),
    ] {
        assert_eq!(status(code.clone(), signature), wanted, "{code} {signature}");
    }
}

#[test]
fn a_status_that_is_not_known_is_said_and_no_refusal() {
    let archive = Archive::with(&[event(1, |event| {
        event["properties"]["httpStatusCode"] = json!("granted?");
        event["resultSignature"] = json!("");
    })]);
    let radius = archive.ask();
    let notes = radius.coverage.notes.join(" ");
    assert!(notes.contains("not known") && notes.contains("`granted?`"), "{notes}");
    assert!(describe(&radius).contains(" ? "), "{}", describe(&radius));
    let (readers, _) = readers(&Source::path(archive.path()), &query()).unwrap().into_parts();
    assert_eq!(readers.len(), 1, "whoever may have read it is a reader");
}

#[test]
fn an_object_id_has_one_spelling() {
    let spellings = [
        THIEF.to_owned(),
        THIEF.to_uppercase(),
        format!("{{{THIEF}}}"),
        format!("urn:uuid:{THIEF}"),
        format!("({})", THIEF.to_uppercase()),
        THIEF.replace('-', ""),
    ];
    let mut entries: Vec<Value> = spellings.iter().map(|oid| by(1, json!({"oid": oid}))).collect();
    entries.extend(spellings.iter().map(|oid| {
        let mut elsewhere = deed(2, THIEF, "SecretGet", "secrets/smtp", 200);
        elsewhere["identity"] = json!({"claim": {"oid": oid}});
        elsewhere
    }));
    let radius = Archive::with(&entries).ask();
    assert_eq!(names(&radius), [(THIEF, 6)]);
    assert_eq!(radius.second_order.iter().map(|row| row.count).collect::<Vec<_>>(), [6]);
}

#[test]
fn rows_of_the_diagnostics_table_tell_what_else_a_caller_touched() {
    let row = |second: u32, secret: &str| {
        json!({
            "TimeGenerated": format!("2026-11-20T10:00:{second:02}Z"), "OperationName": "SecretGet", "httpStatusCode_d": 200,
            "requestUri_s": format!("{HOST}/secrets/{secret}"), "identity_claim_oid_g": THIEF, "CallerIPAddress": "203.0.113.9",
        })
    };
    let radius = Archive::with(&[row(1, "db-password"), row(2, "smtp")]).ask();
    assert_eq!(radius.second_order.iter().map(|row| &*row.secret).collect::<Vec<_>>(), ["smtp"]);
}
