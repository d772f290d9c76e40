//! The same entry in several places of a record, and columns beside the entry that they were made of.

use super::{Archive, HOST, THIEF, ask, counts, event, query, read, write};
use serde_json::{Value, json};
use stanch::audit::BlastRadius;
use stanch::vault::SecretUrl;
use tempfile::TempDir;

fn asked(name: &str, content: &str) -> BlastRadius {
    let folder = TempDir::new().unwrap();
    write(&folder.path().join(name), content.as_bytes());
    ask(&folder.path().join(name), &query())
}

/// What Elastic's integration makes of an entry.
fn integrated(entry: &Value, ip: &str) -> Value {
    let mut logs = json!({"category": "AuditEvent", "operation_name": entry["operationName"],
        "properties": entry["properties"]});
    logs["identity"] = entry["identity"].clone();
    json!({"@timestamp": "2026-11-20T10:00:01.123Z", "source": {"ip": ip}, "client": {"ip": ip},
        "azure": {"platformlogs": logs, "correlation_id": entry["correlationId"], "resource": {"id": entry["resourceId"]}}})
}

#[test]
fn an_entry_of_elastics_integration_has_its_address_and_counts_once() {
    let plain = integrated(&read(1), "203.0.113.77");
    let mut anonymous = integrated(&read(1), "203.0.113.78");
    anonymous["azure"]["platformlogs"]["identity"] = json!({});
    let mut with_original = integrated(&read(1), "203.0.113.79");
    with_original["event"] = json!({"original": read(1).to_string()});
    for (document, ip, oid) in
        [(plain, "203.0.113.77", THIEF), (anonymous, "203.0.113.78", ""), (with_original, "203.0.113.9", THIEF)]
    {
        let radius = asked("log.json", &document.to_string());
        let rows: Vec<_> = radius.accesses.iter().map(|access| (&*access.ip, &*access.oid, access.count)).collect();
        assert_eq!(rows, [(ip, oid, 1)], "{document}");
    }
}

#[test]
fn a_batch_beside_each_of_its_entries_is_counted_once() {
    let entries: Vec<Value> =
        (1..4).map(|second| event(second, |entry| entry["correlationId"] = json!(second))).collect();
    let batch = json!({"records": entries}).to_string();
    let in_event = |entry: &Value| json!({"records": entry, "event": {"original": batch}, "@version": "1"});
    let in_message = |entry: &Value| json!({"records": entry, "message": batch});
    let lines =
        |line: &dyn Fn(&Value) -> Value| entries.iter().map(|entry| format!("{}\n", line(entry))).collect::<String>();
    assert_eq!(counts(&asked("log.json", &lines(&in_event))), 3);
    assert_eq!(counts(&asked("log.json", &lines(&in_message))), 3);
    assert_eq!(
        counts(&asked("log.json", &in_event(&entries[0]).to_string())),
        3,
        "the others stand in the batch alone"
    );
    let single = json!({"records": read(1), "event": {"original": json!({"records": [read(1)]}).to_string()}});
    assert_eq!(counts(&asked("log.json", &format!("{single}\n{single}\n"))), 2, "a single one is no batch");
}

#[test]
fn the_entry_as_it_was_sent_counts_before_its_columns() {
    let quoted = |entry: &Value| format!("\"{}\"", entry.to_string().replace('"', "\"\""));
    let other = event(2, |entry| entry["identity"]["claim"]["oid"] = json!(super::SHOP));
    let table = format!(
        "_time,operationName,_raw,host\n2026-11-20T10:00:01.123+0000,SecretGet,{},h\n2026-11-20T10:00:02.123+0000,SecretGet,{},h\n",
        quoted(&read(1)),
        quoted(&other)
    );
    let radius = asked("splunk.csv", &table);
    assert_eq!((radius.accesses.len(), counts(&radius), radius.coverage.unreadable_lines), (2, 2, 0));
    let cut = table.replacen("\"\"SecretGet\"\"", "\"\"SecretGet", 1);
    assert!(asked("splunk.csv", &cut).coverage.unreadable_lines > 0);
    let empty = format!("_time,operationName,_raw,id\n2026-11-20T10:00:01Z,SecretGet,,{HOST}/secrets/db-password\n");
    assert_eq!(counts(&asked("splunk.csv", &empty)), 1, "without it, the columns count");
}

#[test]
fn a_vault_of_the_same_name_in_another_cloud_is_another() {
    let entries = |suffix: &str| {
        let renamed = read(1).to_string().replace("vault.azure.net", suffix);
        renamed.parse::<Value>().unwrap()
    };
    let ask_in = |suffix: &str, entry: Value| {
        let secret = SecretUrl::parse(&format!("https://kv-drill.{suffix}/secrets/db-password")).unwrap();
        let query = stanch::audit::Query { vault_host: secret.vault.host.clone(), ..query() };
        ask(Archive::with(&[entry]).path(), &query)
    };
    let clouds = ["vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net"];
    for own in clouds {
        for other in clouds {
            let radius = ask_in(own, entries(other));
            assert_eq!(counts(&radius), u64::from(own == other), "{own} {other}");
            assert_eq!(radius.coverage.nothing().is_some(), own != other, "{own} {other}");
        }
    }
    assert_eq!(counts(&ask_in("vault.azure.net", entries("privatelink.vaultcore.azure.net"))), 1);
}

#[test]
fn callers_are_told_apart_by_what_is_not_masked_and_by_columns_of_their_own() {
    let masked =
        |oid: &str, upn: &str| event(1, |entry| entry["identity"] = json!({"claim": {"oid": oid, "upn": upn}}));
    for oid in ["30a6c29d-XXXX-XXXX-XXXX-XXXXXXXXXXXX", "30a6c29d-****-****-****-************", "30a6c29d***"] {
        let radius = Archive::with(&[masked(oid, "a@x.com"), masked(oid, "b@x.com")]).ask();
        assert_eq!(radius.unknown_callers, ["a@x.com", "b@x.com"], "{oid}");
    }
    let radius = Archive::with(&[masked(THIEF, "a@x.com"), masked(THIEF, "b@x.com")]).ask();
    assert_eq!((radius.unknown_callers.len(), counts(&radius)), (1, 2));
    assert!(radius.coverage.notes.iter().any(|note| note.contains("several names: `a@x.com`, `b@x.com`")));
    for column in ["upn", "UPN", "Caller", "user", "user.name", "UserPrincipalName"] {
        let row = |who: &str| format!("2026-11-20T10:00:01Z,SecretGet,{HOST}/secrets/db-password,{who}\n");
        let table = format!("TimeGenerated,OperationName,id_s,{column}\n{}{}", row("a@x.com"), row("b@x.com"));
        assert_eq!(asked("x.csv", &table).unknown_callers, ["a@x.com", "b@x.com"], "{column}");
    }
    let table = format!(
        "TimeGenerated,OperationName,id_s,oid\n2026-11-20T10:00:01Z,SecretGet,{HOST}/secrets/db-password,{THIEF}\n"
    );
    assert_eq!(asked("x.csv", &table).accesses[0].oid, THIEF);
}

fn told(second: u32) -> Value {
    event(second, |entry| entry["correlationId"] = json!(format!("id-{second}")))
}

fn folder(files: &[(&str, String)]) -> BlastRadius {
    let folder = TempDir::new().unwrap();
    files.iter().for_each(|(name, content)| write(&folder.path().join(name), content.as_bytes()));
    ask(folder.path(), &query())
}

fn says(radius: &BlastRadius, words: &str) -> bool {
    radius.coverage.notes.iter().any(|note| note.contains(words))
}

#[test]
fn what_stands_in_two_files_counts_once_and_two_requests_stay_two() {
    let lines = |entries: &[Value]| entries.iter().map(|entry| format!("{entry}\n")).collect::<String>();
    let all = [told(1), told(2), told(3)];
    let radius = folder(&[("a/PT1H.json", lines(&all)), ("b/export.json", json!(all[1..]).to_string())]);
    assert_eq!(counts(&radius), 3);
    assert!(says(&radius, "count once: 2"), "{:?}", radius.coverage.notes);
    // The same beside the same in one file are two requests, wherever else they stand.
    let twice = [told(1), told(1)];
    assert_eq!(counts(&folder(&[("a.json", lines(&twice))])), 2);
    assert_eq!(counts(&folder(&[("a.json", lines(&twice)), ("b.json", lines(&twice[1..]))])), 2);
    for change in [
        |entry: &mut Value| entry["time"] = json!("2026-11-20T10:00:01.1234568Z"),
        |entry: &mut Value| entry["correlationId"] = json!("another"),
        |entry: &mut Value| entry["callerIpAddress"] = json!("198.51.100.7"),
        |entry: &mut Value| entry["properties"]["httpStatusCode"] = json!(403),
        |entry: &mut Value| entry["identity"]["claim"]["oid"] = json!("dddddddd-0000-4000-8000-000000000004"),
    ] {
        let mut other = told(1);
        change(&mut other);
        let radius = folder(&[("a.json", lines(&[told(1)])), ("b.json", lines(&[other.clone()]))]);
        assert_eq!(counts(&radius), 2, "{other}");
        assert!(!says(&radius, "count once"), "{:?}", radius.coverage.notes);
    }
}

#[test]
fn what_may_stand_in_two_files_is_said() {
    let line = format!("{}\n", told(1));
    let of_portal = |id: &str| {
        let mut entry = told(1);
        entry["time"] = json!("2026-11-20T10:00:01.123Z");
        entry["correlationId"] = json!(id);
        format!("{entry}\n")
    };
    for other in [of_portal("id-1"), of_portal("")] {
        let radius = folder(&[("a.json", line.clone()), ("b.json", other)]);
        assert!(counts(&radius) == 2 && says(&radius, "may count twice"), "{:?}", radius.coverage.notes);
    }
    let radius = folder(&[("a.json", line), ("b.json", of_portal("id-2"))]);
    assert!(counts(&radius) == 2 && !says(&radius, "may count twice"), "{:?}", radius.coverage.notes);
}

#[test]
fn an_entry_that_carries_another_one_is_two() {
    let outer = || event(1, |entry| entry["correlationId"] = json!("outer"));
    let inner = || told(2);
    let carried = |member: &str, value: Value| {
        let mut entry = outer();
        entry[member] = value;
        format!("{entry}\n")
    };
    for text in [
        carried("message", json!(inner().to_string())),
        carried("log", json!(inner().to_string())),
        carried("event", json!({"original": inner().to_string()})),
        carried("_raw", json!(inner().to_string())),
        carried("body", inner()),
        carried("records", json!([inner()])),
        format!("{}\n", json!({"records": [outer()], "more": {"records": [inner()]}})),
    ] {
        let radius = asked("log.json", &text);
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (2, 0), "{text}: {:?}", radius.coverage);
    }
    // The same as it was sent is no other one, and what a caller chose is none at all.
    for text in [
        carried("message", json!(outer().to_string())),
        carried("event", json!({"original": outer().to_string()})),
        format!("{}\n", event(1, |entry| entry["properties"]["clientInfo"] = json!(inner().to_string()))),
    ] {
        assert_eq!(counts(&asked("log.json", &text)), 1, "{text}");
    }
    let batch = json!({"records": [outer(), inner(), told(3)]}).to_string();
    assert_eq!(counts(&asked("log.json", &carried("message", json!(batch)))), 3, "one of a batch, and all of it");
}
