//! A name that stands twice: nobody can tell which of the two counts.

use super::command::audit;
use super::{Archive, HOST, LEAKED, SHOP, ask, counts, deed, event, query, read, write};
use serde_json::{Value, json};
use stanch::audit::BlastRadius;
use tempfile::TempDir;

/// The same entry with one more member of a name that it has already.
fn twice(entry: &Value, name: &str, more: &Value) -> String {
    entry.to_string().replacen(&format!("\"{name}\":"), &format!("\"{name}\":{more},\"{name}\":"), 1)
}

fn harmless() -> Value {
    deed(2, SHOP, "SecretGet", "secrets/other", 200)
}

fn asked(name: &str, content: &str) -> [BlastRadius; 2] {
    let folder = TempDir::new().unwrap();
    write(&folder.path().join(name), content.as_bytes());
    let archive = Archive::new();
    archive.bytes("h=10", name, content.as_bytes());
    [ask(folder.path(), &query()), archive.ask()]
}

fn refused(name: &str, content: &str) -> String {
    let state = TempDir::new().unwrap();
    let path = state.path().join(name);
    write(&path, content.as_bytes());
    audit(&state, &["--archive", path.to_str().unwrap(), "--until", "2026-11-20T11:00:00Z"]).exit(2).stderr
}

#[test]
fn a_name_twice_with_different_content_is_an_entry_that_cannot_be_read() {
    let other = json!(format!("{HOST}/secrets/other"));
    let entry = read(1);
    let bodies = [
        ("time", twice(&entry, "time", &json!("2027-11-20T10:00:00Z"))),
        ("operationName", twice(&entry, "operationName", &json!("VaultGet"))),
        ("id", twice(&entry, "id", &other)),
        ("requestUri", twice(&entry, "requestUri", &other)),
        ("oid", twice(&entry, "oid", &json!(SHOP))),
        ("identity", twice(&entry, "identity", &json!({}))),
        ("properties", twice(&entry, "properties", &harmless()["properties"])),
        ("id", json!({"message": twice(&entry, "id", &other), "@timestamp": "2026-11-20T10:00:01Z"}).to_string()),
        ("id", event(1, |event| event["properties"] = json!(twice(&event["properties"], "id", &other))).to_string()),
        ("id", format!("2026-11-20T10:00:01.1Z stdout F {}", twice(&entry, "id", &other))),
    ];
    for (name, line) in bodies {
        for radius in asked("PT1H.json", &format!("{}\n{line}\n", harmless())) {
            assert_eq!((counts(&radius), radius.coverage.unreadable_relevant), (0, 1), "{line}: {:?}", radius.coverage);
            let why = &radius.coverage.unreadable[0].why;
            assert!(why.contains(&format!("the name `{name}` stands twice")), "{line}: {why}");
        }
    }
    let list = format!("{{\"records\":[{},{}]}}", harmless(), twice(&entry, "id", &other));
    assert!(asked("PT1H.json", &list).iter().all(|radius| radius.coverage.in_part().is_some()));
}

#[test]
fn a_name_twice_with_the_same_content_says_it_once() {
    for name in ["time", "operationName", "identity", "properties", "resourceId", "callerIpAddress"] {
        let entry = read(1);
        for radius in asked("PT1H.json", &twice(&entry, name, &entry[name])) {
            assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 0), "{name}");
            assert_eq!(radius.accesses[0].version, LEAKED);
        }
    }
}

#[test]
fn a_column_twice_is_read_only_if_both_say_the_same() {
    let row = |id: &str, more: &str| {
        format!(
            "TimeGenerated,OperationName,Id,id,HttpStatusCode\n2026-11-20T10:00:01Z,SecretGet,{HOST}/{id},{HOST}/{more},200\n"
        )
    };
    assert!(refused("x.csv", &row("secrets/db-password", "secrets/other")).contains("`Id` stands twice"));
    assert!(refused("x.csv", &row("secrets/other", "secrets/db-password")).contains("`Id` stands twice"));
    let operations = "TimeGenerated,OperationName,OperationName,Id\n2026-11-20T10:00:01Z,SecretGet,VaultGet,x\n";
    assert!(refused("x.csv", operations).contains("`OperationName` stands twice"));
    for radius in asked("x.csv", &row("secrets/db-password", "secrets/db-password")) {
        assert_eq!(counts(&radius), 1);
    }
    let table = |id: &str, more: &str| {
        let columns =
            ["TimeGenerated", "OperationName", "Id", "Id"].map(|name| json!({"name": name, "type": "string"}));
        let cells = json!(["2026-11-20T10:00:01Z", "SecretGet", format!("{HOST}/{id}"), format!("{HOST}/{more}")]);
        let plain = json!(["2026-11-20T10:00:02Z", "VaultGet", HOST, HOST]);
        json!({"tables": [{"name": "t", "columns": columns, "rows": [plain, cells]}]}).to_string()
    };
    for [one, other] in [["secrets/db-password", "secrets/other"], ["secrets/other", "secrets/db-password"]] {
        for radius in asked("x.json", &table(one, other)) {
            assert_eq!((counts(&radius), radius.coverage.unreadable_relevant), (0, 1), "{:?}", radius.coverage);
            assert!(radius.coverage.unreadable[0].why.contains("`Id` stands twice"));
        }
    }
    for radius in asked("x.json", &table("secrets/db-password", "secrets/db-password")) {
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 0));
    }
}

#[test]
fn members_whose_names_mean_the_same_must_say_the_same() {
    let row = |one: &str, other: &str| {
        json!({"TimeGenerated": "2026-11-20T10:00:01Z", "OperationName": "SecretGet", "id_s": format!("{HOST}/{one}"),
            "Id": format!("{HOST}/{other}"), "Resource": "KV-DRILL"})
        .to_string()
    };
    for [one, other] in [["secrets/db-password", "secrets/other"], ["secrets/other", "secrets/db-password"]] {
        for radius in asked("x.json", &row(one, other)) {
            assert_eq!((counts(&radius), radius.coverage.unreadable_relevant), (0, 1), "{:?}", radius.coverage);
        }
    }
    assert!(
        asked("x.json", &row("secrets/db-password", "Secrets/DB-Password")).iter().all(|radius| counts(radius) == 1)
    );
}
