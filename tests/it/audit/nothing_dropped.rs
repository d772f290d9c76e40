//! What lies beside a log, or says by half what an entry says: read, or counted as unread, and never a clean answer.

use super::command::audit;
use super::{Archive, HOST, SHOP, THIEF, ask, compress, counts, deed, event, found, query, read, text, write};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use stanch::audit::{BlastRadius, describe};
use std::io::Write;
use tempfile::TempDir;

const SECRET: &str = "/secrets/db-password";

fn other() -> Value {
    deed(2, SHOP, "SecretGet", "secrets/other", 200)
}

/// Beside an entry of something else, in a file that somebody brought and where Azure would have put it.
fn beside_another(entry: &Value) -> [BlastRadius; 2] {
    let lines = format!("{}{entry}\n", text(&[other()]));
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.json");
    write(&path, lines.as_bytes());
    let archive = Archive::new();
    archive.bytes("h=10", "PT1H.json", lines.as_bytes());
    [ask(&path, &query()), archive.ask()]
}

fn is_unread(radius: &BlastRadius, what: &dyn std::fmt::Display) {
    let coverage = &radius.coverage;
    assert_eq!((counts(radius), coverage.unreadable_relevant + coverage.unread_files), (0, 1), "{what}: {coverage:?}");
    found(radius, "unreadable-evidence");
    assert!(!describe(radius).contains("the log shows no access"), "{what}");
}

#[test]
fn what_lies_beside_the_archive_is_read() {
    let table = format!("TimeGenerated,OperationName,RequestUri\n2026-11-20T10:00:05Z,SecretGet,{HOST}{SECRET}\n");
    let row = json!({"TimeGenerated": "2026-11-20T10:00:05Z", "OperationName": "SecretGet", "RequestUri": format!("{HOST}{SECRET}")});
    let exported = "am-AZKVAuditLogs/WorkspaceResourceId=/subscriptions/s/resourcegroups/rg/providers/\
                    microsoft.operationalinsights/workspaces/law/y=2026/m=11/d=20/h=10/m=05/PT05M.json";
    let line = text(&[read(1)]);
    let twice = zipped(&compress(&line));
    let tree = "backup/insights-logs-auditevent/resourceId=/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/\
                VAULTS/KV-DRILL/y=2026/m=11/d=20/h=10/m=00/PT1H.json";
    for (name, content) in [
        ("export.csv", table.as_bytes()),
        (exported, row.to_string().as_bytes()),
        ("PT1H.json", line.as_bytes()),
        ("x.ndjson", line.as_bytes()),
        ("x.json.gz", &compress(&line)),
        ("x.json.gz", &twice),
        ("PT1H.json.bak", line.as_bytes()),
        ("noext", line.as_bytes()),
        (".PT1H.json", line.as_bytes()),
        (tree, line.as_bytes()),
    ] {
        let archive = Archive::with(&[other()]);
        write(&archive.path().join(name), content);
        let radius = archive.ask();
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 0), "{name}: {:?}", radius.coverage);
    }
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_cannot_be_read_beside_the_archive_is_named() {
    for (name, content) in [
        ("more.zip", &b"PK\x03\x04rest"[..]),
        ("x.parquet", b"PAR1"),
        ("notes.txt", b"somebody read it\n"),
        ("part2.csv", b"2026-11-20T10:00:05Z,SecretGet,x,y\n"),
    ] {
        let archive = Archive::with(&[other()]);
        write(&archive.path().join(name), content);
        let radius = archive.ask();
        is_unread(&radius, &name);
        assert!(radius.coverage.unreadable[0].source.ends_with(name), "{:?}", radius.coverage);
    }
    let archive = Archive::with(&[other()]);
    write(&archive.path().join(".DS_Store"), b"\0\0\0\x01Bud1");
    write(&archive.path().join("_SUCCESS"), b"");
    let coverage = archive.ask().coverage;
    assert_eq!((coverage.unreadable_lines, coverage.unread_files), (0, 0));
}

#[test]
fn what_names_the_secret_is_an_access_whatever_its_category_and_spelling() {
    let with = |member: &str, value: Value| event(1, |event| event[member] = value);
    let asks = |uri: String| {
        event(1, |event| {
            event["properties"].as_object_mut().unwrap().remove("id");
            event["properties"]["requestUri"] = json!(uri);
        })
    };
    let categories = ["audit_event", "Audit", "allLogs", "[\"AuditEvent\"]", "Administrative", "AuditLogs", "-"];
    let operations =
        ["Get Secret", "Secret Get", "SECRET_GET", "SecretGet (200)", "secretget,", "KeyVault/SecretGet", "GetSecret"];
    let addresses = [
        format!("GET {HOST}{SECRET} HTTP/1.1"),
        format!("{HOST}{SECRET} HTTP/1.1"),
        format!("\"{HOST}{SECRET}\""),
        format!("{HOST}/secrets/db%252Dpassword"),
        format!("{HOST}{SECRET}%3Fapi-version=7.4"),
        format!("{HOST}{SECRET}&api-version=7.4"),
        format!("{HOST}{SECRET};v=1"),
        format!("{HOST}{SECRET}").replace(':', "%3A").replace('/', "%2F"),
    ];
    let entries = categories.map(|category| with("category", json!(category))).into_iter();
    let entries = entries.chain([with("category", json!(["AuditEvent"]))]);
    let entries = entries.chain(operations.map(|operation| with("operationName", json!(operation))));
    for entry in entries.chain(addresses.map(asks)) {
        for radius in beside_another(&entry) {
            assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 0), "{entry}: {:?}", radius.coverage);
            assert_eq!(radius.accesses[0].operation, "SecretGet", "{entry}");
        }
    }
}

#[test]
fn what_names_the_secret_and_not_what_was_done_is_no_silence() {
    let with = |member: &str, value: Value| event(1, |event| event[member] = value);
    let time = "2026-11-20T10:00:05Z";
    let uri = format!("{HOST}{SECRET}");
    for entry in [
        with("operationName", json!("Geheimnis abrufen")),
        with("operationName", json!("GET /secrets")),
        with("operationName", json!("Microsoft.KeyVault/vaults/secrets/read")),
        with("operationName", json!("N/A")),
        with("operationName", Value::Null),
        json!({"time": time, "op": "SecretGet", "uri": uri}),
        json!({"time": time, "action": "SecretGet", "requestUri": uri}),
        json!({"@timestamp": time, "event": {"action": "SecretGet"}, "url": {"full": uri}}),
        json!({"@timestamp": time, "message": format!("SecretGet {uri} by {THIEF}")}),
        event(1, |event| {
            event["operationName"] = json!("");
            event["properties"] = json!({});
        }),
    ] {
        for radius in beside_another(&entry) {
            is_unread(&radius, &entry);
        }
    }
    let name = event(1, |event| {
        event["properties"].as_object_mut().unwrap().remove("id");
        event["properties"]["requestUri"] = json!(format!("{HOST}/secrets/db\u{2010}password"));
    });
    beside_another(&name).iter().for_each(|radius| is_unread(radius, &name));
}

#[test]
fn a_time_that_no_vault_can_have_is_none() {
    let at = |time: Value| event(1, |event| event["time"] = time);
    for time in [json!("0001-01-01T00:00:00Z"), json!("1970-01-01T00:00:00Z"), json!(0), json!("2062-11-20T10:00:05Z")]
    {
        beside_another(&at(time.clone())).iter().for_each(|radius| is_unread(radius, &time));
    }
    // 2026-11-20T10:00:05Z in tenths of millionths since the year 1, and since 1601.
    for time in [639_307_656_050_000_000_u64, 134_396_424_050_000_000] {
        for radius in beside_another(&at(json!(time))) {
            assert_eq!(counts(&radius), 1, "{time}: {:?}", radius.coverage);
            assert_eq!(radius.accesses[0].first, "2026-11-20T10:00:05Z");
        }
    }
}

#[test]
fn a_summary_is_no_entry() {
    for column in ["count_", "Count", "dcount_CorrelationId", "max_TimeGenerated"] {
        let table = format!(
            "TimeGenerated,OperationName,RequestUri,{column}\n2026-11-20T10:00:05Z,SecretGet,{HOST}{SECRET},17\n"
        );
        let archive = Archive::with(&[other()]);
        write(&archive.path().join("export.csv"), table.as_bytes());
        let radius = archive.ask();
        is_unread(&radius, &column);
        assert!(radius.coverage.unreadable[0].why.contains("stands for several"), "{:?}", radius.coverage);
    }
}

#[test]
fn names_of_columns_that_stand_there_again_are_no_row_and_a_bad_cell_names_its_column() {
    let row = format!("2026-11-20T10:00:05Z,SecretGet,{HOST}{SECRET}\n");
    let names = "TimeGenerated,OperationName,RequestUri\n";
    let archive = Archive::new();
    write(&archive.path().join("export.csv"), format!("{names}{row}{names}{row}####,SecretGet,x\n").as_bytes());
    let radius = archive.ask();
    assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (2, 1), "{:?}", radius.coverage);
    assert!(radius.coverage.unreadable[0].why.contains("`TimeGenerated`"), "{:?}", radius.coverage);
}

#[test]
fn statuses_are_shown_as_they_are() {
    let status = |number: u32, status: Value| {
        event(number, |event| {
            event["properties"]["httpStatusCode"] = status;
            event["resultSignature"] = json!("");
        })
    };
    let archive = Archive::with(&[status(1, json!(404)), status(2, json!(403)), status(3, json!("odd"))]);
    let json = serde_json::to_value(archive.ask()).unwrap();
    let rows = json["accesses"].as_array().unwrap();
    let of = |count: u64| rows.iter().find(|row| row["count"] == count).unwrap();
    assert_eq!((&of(2)["status"], &of(2)["statuses"]), (&json!(403), &json!([403, 404])));
    assert_eq!(of(1)["status"], Value::Null);
    let text = describe(&archive.ask());
    assert!(text.contains("4xx") && text.contains("403,404"), "{text}");
    let back: BlastRadius = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(back).unwrap(), json);
}

#[test]
fn a_word_in_the_place_of_a_caller_names_nobody() {
    for word in [
        "\u{2014}",
        "not set",
        "missing",
        "(Blank)",
        "tbd",
        "anonymous",
        "[object Object]",
        "%!s(<nil>)",
        "dynamic(null)",
        "${oid}",
        "{{oid}}",
        "********-****-****-****-************",
        "aaaaaaaa-...",
        "aaaaaaaa\u{2026}",
    ] {
        let claim = json!({"claim": {"oid": word}});
        for status in [json!(200), json!("odd")] {
            let archive = Archive::with(&[event(1, |event| {
                event["identity"] = claim.clone();
                event["properties"]["httpStatusCode"] = status.clone();
                event["resultSignature"] = json!("");
            })]);
            let radius = archive.ask();
            assert_eq!((&*radius.accesses[0].oid, radius.unknown_callers.len()), ("", 0), "{word}");
            found(&radius, "unattributed-access");
        }
    }
}

#[test]
fn an_answer_that_is_a_part_says_so() {
    let table = json!({"columns": [{"name": "TimeGenerated"}, {"name": "OperationName"}, {"name": "RequestUri"}],
        "rows": [["2026-11-20T10:00:05Z", "SecretGet", format!("{HOST}{SECRET}")]]});
    let error = json!({"code": "PartialError", "message": "more than 30000 records"});
    let archive = Archive::new();
    write(&archive.path().join("rest.json"), format!("{{\"tables\": [{table}], \"error\": {error}}}").as_bytes());
    let radius = archive.ask();
    assert_eq!((counts(&radius), radius.coverage.truncations.len()), (1, 1), "{:?}", radius.coverage);
}

#[test]
fn csv_says_beside_it_what_it_rests_on() {
    let state = TempDir::new().unwrap();
    let archive = Archive::with(&[other()]);
    write(&archive.path().join("more.zip"), b"PK\x03\x04rest");
    let place = ["--archive", archive.path().to_str().unwrap(), "--until", "2026-11-20T11:00:00Z", "--csv"];
    let said = audit(&state, &place).exit(0);
    assert_eq!(said.stdout.lines().count(), 1, "{}", said.stdout);
    assert!(said.stderr.contains("that is not all") && said.stderr.contains("more.zip"), "{}", said.stderr);
}
