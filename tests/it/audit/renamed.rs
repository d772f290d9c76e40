//! Columns that somebody named, and members that are not what they should be: read where it is certain what they say, else
//! counted and said.

use super::{HOST, LEAKED, SHOP, THIEF, ask, counts, event, query, write};
use serde_json::{Value, json};
use stanch::audit::BlastRadius;
use std::collections::BTreeSet;
use tempfile::TempDir;

const APP: &str = "cccccccc-0000-4000-8000-000000000003";

fn asked(name: &str, text: &str) -> BlastRadius {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    write(&path, text.as_bytes());
    ask(&path, &query())
}

fn row(second: u32, more: Value) -> Value {
    let mut row = json!({
        "TimeGenerated": format!("2026-11-20T10:00:{second:02}Z"), "OperationName": "SecretGet",
        "id_s": format!("{HOST}/secrets/db-password/{LEAKED}"), "httpStatusCode_d": "200",
    });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

/// The same rows as a list, as lines and as CSV.
fn in_every_form(rows: &[Value]) -> Vec<BlastRadius> {
    let names: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).replace('"', "\"\"");
    let cells =
        |row: &Value| names.iter().map(|name| format!("\"{}\"", cell(&row[*name]))).collect::<Vec<_>>().join(",");
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let csv: String = rows.iter().map(|row| cells(row) + "\n").collect();
    let header = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(",");
    vec![
        asked("x.json", &json!(rows).to_string()),
        asked("x.json", &lines),
        asked("x.csv", &format!("{header}\n{csv}")),
    ]
}

fn callers(radius: &BlastRadius) -> BTreeSet<String> {
    radius.accesses.iter().map(|access| access.oid.clone() + &access.upn).collect()
}

#[test]
fn callers_are_told_apart_whatever_their_column_is_called_and_whatever_claim_stands_beside() {
    for column in [
        "oid",
        "ObjectId",
        "objectId",
        "Object ID",
        "Caller",
        "CallerOid",
        "caller_oid",
        "callerObjectId",
        "PrincipalId",
        "principal",
        "Identity",
        "User",
        "userId",
        "Who",
        "upn",
        "UserPrincipalName",
        "CallerUPN",
        "Requestor",
        "initiatedBy",
        "AccountObjectId",
        "claim_oid_g",
        "identity_claim_oid_g",
    ] {
        for beside in ["", "appid", "identity_claim_appid_g", "AppId", "clientId"] {
            let one = |second, id: &str| {
                let mut row = row(second, json!({column: id, "CallerIPAddress": "203.0.113.9"}));
                if !beside.is_empty() {
                    row[beside] = json!(APP);
                }
                row
            };
            for radius in in_every_form(&[one(1, SHOP), one(2, THIEF)]) {
                let wanted = BTreeSet::from([SHOP.to_owned(), THIEF.to_owned()]);
                assert_eq!(callers(&radius), wanted, "{column} beside {beside}: {:?}", radius.coverage);
                assert_eq!(radius.unknown_callers, [THIEF], "{column} beside {beside}");
            }
        }
    }
    let named = |second, name: &str| row(second, json!({"Caller": name, "appid": APP, "IP": "203.0.113.9"}));
    for radius in in_every_form(&[named(1, "alice@example.com"), named(2, "Bob of the shop")]) {
        let wanted = BTreeSet::from(["alice@example.com".to_owned(), "Bob of the shop".to_owned()]);
        assert_eq!(callers(&radius), wanted, "{:?}", radius.coverage);
    }
}

#[test]
fn what_is_no_caller_is_none() {
    for (column, value) in [
        ("TenantId", THIEF),
        ("CorrelationId", THIEF),
        ("SubscriptionId", THIEF),
        ("userAgent", "curl/8"),
        ("requestId", THIEF),
        ("UserType", "guest"),
        ("CallerIp", "203.0.113.9"),
        ("isRbacAuthorized", "true"),
        ("SessionId", THIEF),
        ("SecretName", "db-password"),
        ("cloud.account.id", THIEF),
        ("identity_claim_tid_g", THIEF),
    ] {
        for radius in in_every_form(&[row(1, json!({column: value, "appid": APP}))]) {
            assert_eq!((counts(&radius), &*radius.accesses[0].id()), (1, APP), "{column}: {:?}", radius.accesses);
        }
    }
}

#[test]
fn addresses_are_found_whatever_their_column_is_called() {
    for column in [
        "IP",
        "ip",
        "ClientIP",
        "Client IP",
        "SourceIP",
        "src",
        "src_ip",
        "CallerIP",
        "IPAddress",
        "ipAddress",
        "ipaddr_s",
        "remote",
        "remote_addr",
        "sourceIPAddress",
        "network.peer.address",
        "requester_ip",
        "caller_address",
        "userIp",
    ] {
        let one = |second, ip: &str| {
            row(
                second,
                json!({column: ip, "identity_claim_oid_g": THIEF, "dest_ip": "10.9.9.9", "host.ip": "10.8.8.8"}),
            )
        };
        for radius in in_every_form(&[one(1, "203.0.113.9"), one(2, "198.51.100.7:443")]) {
            let ips: Vec<&str> = radius.accesses.iter().map(|access| access.ip.as_str()).collect();
            assert_eq!(ips, ["203.0.113.9", "198.51.100.7"], "{column}: {:?}", radius.coverage);
        }
    }
    for path in
        [&["source", "ip"][..], &["client", "address"], &["network", "peer", "address"], &["httpRequest", "clientIp"]]
    {
        let entry = event(1, |event| {
            event.as_object_mut().unwrap().remove("callerIpAddress");
            let value = path.iter().rev().fold(json!("203.0.113.9"), |inner, name| json!({*name: inner}));
            event.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        });
        assert_eq!(asked("x.json", &format!("{entry}\n")).accesses[0].ip, "203.0.113.9", "{path:?}");
    }
    let address = |value: Value| asked("x.json", &format!("{}\n", event(1, |event| event["callerIpAddress"] = value)));
    assert_eq!(address(json!(3_405_803_785_u32)).accesses[0].ip, "203.0.113.9");
    assert_eq!(address(json!("203.0.113.9/32")).accesses[0].ip, "203.0.113.9");
}

#[test]
fn a_member_of_an_unexpected_type_is_not_an_absent_one() {
    let odd = [json!([THIEF, SHOP]), json!({"a": 1, "b": 2}), json!(true)];
    let place = |event: &mut Value, path: &[&str], value: &Value| {
        let (last, above) = path.split_last().unwrap();
        let holder = above.iter().fold(event, |inner, name| &mut inner[*name]);
        holder[*last] = value.clone();
    };
    let claim = ["identity", "claim", "oid"];
    for path in [
        &claim[..],
        &["callerIpAddress"],
        &["properties", "id"],
        &["properties", "requestUri"],
        &["properties", "httpStatusCode"],
        &["operationName"],
        &["identity", "claim"],
    ] {
        for value in &odd {
            let entry = event(1, |event| place(event, path, value));
            let radius = asked("x.json", &format!("{entry}\n"));
            let is_holder = path == ["identity", "claim"] && value.is_object();
            let wanted = if is_holder { (1, 0) } else { (0, 1) };
            assert_eq!((counts(&radius), radius.coverage.unreadable_lines), wanted, "{entry}: {:?}", radius.coverage);
        }
    }
    for (path, value) in [
        (&["callerIpAddress"][..], json!(12345)),
        (&["properties", "id"], json!(12345)),
        (&["operationName"], json!(12345)),
        (&["identity", "claim"], json!({"upn": ["a@example.com", "b@example.com"]})),
        (&["identity", "claim"], json!({"upn": true, "appid": APP})),
    ] {
        let radius = asked("x.json", &format!("{}\n", event(1, |event| place(event, path, &value))));
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (0, 1), "{value}: {:?}", radius.coverage);
    }
    for value in [
        json!([THIEF]),
        json!({"value": THIEF}),
        json!([{"v": THIEF}]),
        json!({"S": THIEF}),
        json!(format!("[\"{THIEF}\"]")),
    ] {
        let radius = asked("x.json", &format!("{}\n", event(1, |event| place(event, &claim, &value))));
        assert_eq!((counts(&radius), &*radius.accesses[0].oid), (1, THIEF), "{value}");
    }
}

#[test]
fn a_row_that_stands_for_several_entries_is_no_access() {
    let caller = || json!({"identity_claim_oid_g": THIEF, "CallerIPAddress": "203.0.113.9"});
    for (column, value) in [
        ("Reads", "17"),
        ("count_", "17"),
        ("Count", "17"),
        ("AccessCount", "17"),
        ("access_count", "17"),
        ("n", "17"),
        ("Total", "17"),
        ("requests", "17"),
        ("EventCount", "17"),
        ("hits", "17"),
        ("numberOfReads", "17"),
        ("num_requests", "3"),
        ("Anzahl", "17"),
        ("Aantal", "17"),
        ("cnt", "1"),
        ("FirstSeen", "2026-11-20T09:00:00Z"),
        ("LastAccess", "2026-11-20T09:00:00Z"),
        ("min_TimeGenerated", "2026-11-20T09:00:00Z"),
        ("dcount_CallerIPAddress", "2"),
        ("set_CallerIPAddress", "[\"203.0.113.9\"]"),
        ("list_identity_claim_oid_g", "[\"x\"]"),
        ("callers", "[\"a@example.com\",\"b@example.com\"]"),
    ] {
        let mut more = caller();
        more[column] = json!(value);
        for radius in in_every_form(&[row(1, more)]) {
            assert_eq!(
                (counts(&radius), radius.coverage.unreadable_relevant),
                (0, 1),
                "{column}: {:?}",
                radius.coverage
            );
            assert!(
                radius.coverage.unreadable[0].why.contains("several"),
                "{column}: {:?}",
                radius.coverage.unreadable
            );
        }
    }
    for several in ["CallerIPAddress", "identity_claim_oid_g"] {
        let mut more = caller();
        more[several] = json!(["a", "b"]);
        for radius in in_every_form(&[row(1, more)]) {
            assert_eq!((counts(&radius), radius.coverage.unreadable_relevant), (0, 1), "{several}");
        }
    }
    for (column, value) in [
        ("RecordNumber", "17"),
        ("SequenceNumber", "17"),
        ("retryCount", "2"),
        ("DurationMs", "12"),
        ("lastModified", "x"),
        ("events", "none"),
        ("EventId", "17"),
        ("Minute", "5"),
        ("offset", "12"),
    ] {
        let mut more = caller();
        more[column] = json!(value);
        for radius in in_every_form(&[row(1, more)]) {
            assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 0), "{column}: {:?}", radius.coverage);
        }
    }
}
