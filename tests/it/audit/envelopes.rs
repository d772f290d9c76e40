//! What tools put around entries on their way from Azure to whoever asks, and what they make of an entry's members.

use super::{Archive, HOST, LEAKED, SHOP, THIEF, ask, compress, counts, deed, event, query, read, text, write};
use serde_json::{Value, json};
use stanch::audit::BlastRadius;
use tempfile::TempDir;

fn asked(name: &str, bytes: &[u8]) -> BlastRadius {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    write(&path, bytes);
    ask(&path, &query())
}

/// A row of the diagnostics table.
fn row(second: u32) -> Value {
    json!({
        "TimeGenerated": format!("2026-11-20T10:00:{second:02}Z"), "OperationName": "SecretGet", "CallerIPAddress": "203.0.113.9",
        "httpStatusCode_d": 200.0, "id_s": format!("{HOST}/secrets/db-password/{LEAKED}"),
        "requestUri_s": format!("{HOST}/secrets/db-password"), "identity_claim_oid_g": THIEF,
    })
}

fn table(rows: &[Value], names: [&str; 4]) -> Value {
    let [columns, name, cells, title] = names;
    let all: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    let heads: Vec<Value> = all.iter().map(|column| json!({name: column, "type": "string"})).collect();
    let lists: Vec<Value> =
        rows.iter().map(|row| all.iter().map(|column| row[column.as_str()].clone()).collect()).collect();
    json!({title: "PrimaryResult", columns: heads, cells: lists})
}

#[test]
fn every_envelope_is_opened() {
    let (one, two) = (read(1), read(2));
    let body = |entry: &Value| json!({"stringValue": entry.to_string()});
    let attribute = |name: &str, value: Value| json!({"key": name, "value": value});
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    let kql = table(&[row(1), row(2)], ["columns", "name", "rows", "name"]);
    let old = table(&[row(1), row(2)], ["Columns", "ColumnName", "Rows", "TableName"]);
    let otel = json!({"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [
        {"timeUnixNano": "1795168801000000000", "body": body(&one)},
        {"timeUnixNano": "1795168802000000000", "attributes": [
            attribute("azure.operation.name", json!({"stringValue": "SecretGet"})),
            attribute("net.sock.peer.addr", json!({"stringValue": "203.0.113.9"})),
            attribute("azure.identity", json!({"kvlistValue": {"values": [
                attribute("claim", json!({"kvlistValue": {"values": [attribute("oid", json!({"stringValue": THIEF}))]}})),
            ]}})),
            attribute("azure.properties", json!({"kvlistValue": {"values": [
                attribute("requestUri", json!({"stringValue": format!("{HOST}/secrets/db-password")})),
                attribute("httpStatusCode", json!({"intValue": "200"})),
            ]}})),
        ]},
    ]}]}]});
    let beats = |entry: &Value| {
        json!({"@timestamp": entry["time"], "azure": {"platformlogs": {
            "operation_name": "SecretGet", "category": "AuditEvent", "caller_ip_address": "203.0.113.9",
            "identity": entry["identity"], "properties": entry["properties"],
        }}})
    };
    for (name, content) in [
        ("one object over many lines, each", format!("{}\n{}\n", pretty(&one), pretty(&two))),
        ("objects without a break between them", format!("{}{}", pretty(&one), pretty(&two))),
        ("a list of batches", json!([{"records": [one]}, {"records": [two]}]).to_string()),
        ("a batch behind a name", json!({"hub": "h", "records": [one, two]}).to_string()),
        (
            "a batch behind a name, over many lines",
            pretty(&json!({"hub": {"a": [1]}, "records": [one, two], "end": []})),
        ),
        ("value", pretty(&json!({"value": [row(1), row(2)], "nextLink": null}))),
        ("the query's answer", json!({"tables": [kql]}).to_string()),
        ("the query's answer, over many lines", pretty(&json!({"tables": [kql], "statistics": {"query": {}}}))),
        ("an older answer", json!({"Tables": [old]}).to_string()),
        ("the command line's list of rows", pretty(&json!([row(1), row(2)]))),
        ("rows by their number", json!({"0": row(1), "1": row(2)}).to_string()),
        (
            "messages",
            [&one, &two]
                .map(|entry| {
                    format!("{}\n", json!({"@timestamp": "2026-11-20T11:00:00Z", "message": entry.to_string()}))
                })
                .concat(),
        ),
        (
            "a message and its original",
            [&one, &two]
                .map(|entry| {
                    format!("{}\n", json!({"message": entry.to_string(), "event": {"original": entry.to_string()}}))
                })
                .concat(),
        ),
        (
            "lines of a container",
            [&one, &two]
                .map(|entry| {
                    format!(
                        "{}\n",
                        json!({"log": format!("{entry}\n"), "stream": "stdout", "time": "2026-11-20T11:00:00Z"})
                    )
                })
                .concat(),
        ),
        ("a batch as a message", format!("{}\n", json!({"message": json!({"records": [one, two]}).to_string()}))),
        (
            "pairs of a time and an entry",
            [&one, &two].map(|entry| format!("{}\n", json!([1_795_168_801.5, entry]))).concat(),
        ),
        (
            "an index's answer",
            json!({"hits": {"hits": [{"_source": one}, {"_source": {"message": two.to_string()}}]}}).to_string(),
        ),
        ("text in a list", json!([one.to_string(), two.to_string()]).to_string()),
        ("lines of text", [&one, &two].map(|entry| format!("{}\n", json!(entry.to_string()))).concat()),
        ("OpenTelemetry", format!("{otel}\n")),
        ("OpenTelemetry, over many lines", pretty(&otel)),
        ("a shipper's fields", [&one, &two].map(|entry| format!("{}\n", beats(entry))).concat()),
    ] {
        for content in [content.clone(), format!("\u{feff}{}", content.replace('\n', "\r\n"))] {
            let radius = asked("log.json", content.as_bytes());
            let coverage = &radius.coverage;
            assert_eq!(
                (counts(&radius), coverage.events, coverage.unreadable_lines),
                (2, 2, 0),
                "{name}: {coverage:#?}"
            );
            let all = radius
                .accesses
                .iter()
                .all(|access| access.oid == THIEF && access.ip == "203.0.113.9" && access.status == 200);
            assert!(all, "{name}: {:#?}", radius.accesses);
        }
    }
}

#[test]
fn two_bytes_a_character_are_read_with_a_mark_and_without() {
    for (big, mark) in [(false, true), (false, false), (true, true), (true, false)] {
        let content = format!("{}{}", if mark { "\u{feff}" } else { "" }, text(&[read(1), read(2)]));
        let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        let content: Vec<u8> = content.encode_utf16().flat_map(bytes).collect();
        let radius = asked("log.json", &content);
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (2, 0), "big: {big}, mark: {mark}");
    }
}

#[test]
fn a_member_of_another_type_is_not_an_absent_one() {
    let entry = read(1);
    let as_text = |path: &str| {
        let mut changed = entry.clone();
        let part = changed.pointer_mut(path).unwrap();
        *part = json!(part.to_string());
        changed
    };
    let mut listed = entry.clone();
    listed["identity"] = json!([entry["identity"]]);
    listed["properties"]["httpStatusCode"] = json!(["200"]);
    let mut flat = entry.as_object().unwrap().clone();
    flat.remove("properties");
    flat.remove("identity");
    flat.insert("properties.id".to_owned(), entry["properties"]["id"].clone());
    flat.insert("identity.claim.oid".to_owned(), json!(THIEF));
    flat.insert("properties.httpStatusCode".to_owned(), json!("200.0"));
    let mut spilled = row(1).as_object().unwrap().clone();
    let (id, oid) = (spilled.remove("id_s").unwrap(), spilled.remove("identity_claim_oid_g").unwrap());
    spilled.insert("AdditionalFields".to_owned(), json!(json!({"id_s": id, "identity_claim_oid_g": oid}).to_string()));
    let other_case: serde_json::Map<String, Value> =
        entry.as_object().unwrap().iter().map(|(name, value)| (name.to_uppercase(), value.clone())).collect();
    let identity_in_properties = json!({
        "time": entry["time"], "operationName": "SecretGet", "callerIpAddress": "203.0.113.9", "identity": null,
        "properties": json!({"requestUri": entry["properties"]["requestUri"], "httpStatusCode": "200",
            "identity": {"claim": {"oid": THIEF}}}).to_string(),
    });
    for changed in [
        as_text("/properties"),
        as_text("/identity"),
        as_text("/identity/claim"),
        as_text("/properties/httpStatusCode"),
        listed,
        Value::Object(flat),
        Value::Object(spilled),
        Value::Object(other_case),
        identity_in_properties,
    ] {
        let radius = asked("log.json", format!("{changed}\n").as_bytes());
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 0), "{changed}");
        assert_eq!((&*radius.accesses[0].oid, radius.accesses[0].status), (THIEF, 200), "{changed}");
    }
}

#[test]
fn nobody_puts_an_entry_into_an_entry() {
    let forged = deed(9, SHOP, "SecretGet", "secrets/db-password", 200).to_string();
    let mut entry = read(1);
    entry["properties"]["clientInfo"] = json!(forged);
    entry["correlationId"] = json!({"identity": {"claim": {"oid": SHOP}}});
    let in_text = json!({"message": entry.to_string()});
    for line in [entry, in_text] {
        let radius = asked("log.json", format!("{line}\n").as_bytes());
        assert_eq!(counts(&radius), 1);
        assert_eq!(radius.accesses[0].oid, THIEF);
    }
}

#[test]
fn an_object_that_is_cut_off_hides_no_other() {
    let pretty = |second| serde_json::to_string_pretty(&read(second)).unwrap();
    let cut = pretty(1);
    let in_a_text = cut.find("SecretGet").unwrap() + 4;
    let between = cut.find("\"operationName\"").unwrap();
    for at in [in_a_text, between, 2, cut.len() - 3] {
        let content = format!("{}\n{}\n{}\n", &cut[..at], pretty(2), read(3));
        let radius = asked("log.json", content.as_bytes());
        assert_eq!(counts(&radius), 2, "cut at {at}: {:?}", radius.coverage);
        assert!(radius.coverage.unreadable_lines >= 1, "cut at {at}");
    }
    let radius = asked("log.json", &cut.as_bytes()[..between]);
    assert_eq!((counts(&radius), radius.coverage.unreadable_lines, radius.coverage.horizon), (0, 1, None));
}

#[test]
fn a_folder_may_hold_exports_and_what_is_no_log_is_named() {
    let archive = Archive::new();
    let row = row(1);
    let (names, cells): (Vec<&str>, Vec<String>) =
        row.as_object().unwrap().iter().map(|(name, cell)| (name.as_str(), cell.to_string().replace('"', ""))).unzip();
    let sheet = format!("{}\n{}\n", names.join(","), cells.join(","));
    archive.bytes("h=10", "export.csv", sheet.as_bytes());
    archive.bytes("h=10", "export.tsv.gz", &compress(&sheet.replace(',', "\t")));
    archive.bytes("h=10", "PT1H.json", read(2).to_string().as_bytes());
    archive.bytes("h=10", "audit.xlsx", b"PK");
    let radius = archive.ask();
    assert_eq!(counts(&radius), 3, "{:?}", radius.coverage);
    let unread = &radius.coverage.unreadable[0];
    assert_eq!((unread.record, radius.coverage.unread_files), (0, 1));
    assert!(unread.source.ends_with("audit.xlsx"), "{unread}");
}

#[test]
fn a_captured_file_that_is_damaged_is_said() {
    let radius = asked("capture.avro", b"Obj\x01\x04\x14avro.codec\x08null\x16avro.schema");
    assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (0, 1));
    for length in 4..64_usize {
        let bytes: Vec<u8> = b"Obj\x01".iter().copied().chain((0..length).map(|byte| (byte * 37) as u8)).collect();
        assert_eq!(counts(&asked("capture.avro", &bytes)), 0);
    }
}

#[test]
fn a_change_of_the_vault_is_seen_in_every_wrapping() {
    let change = event(1, |event| {
        event["operationName"] = json!("VaultAccessPolicyChanged");
        event["properties"]["id"] = json!(HOST);
        event["properties"]["requestUri"] = json!(HOST);
    });
    let net = json!({"message": change.to_string()}).to_string().replace("\\\"", "\\u0022");
    let escaped = change.to_string().replace("\"VaultA", "\"\\u0056aultA");
    for line in [change.to_string(), json!({"message": change.to_string()}).to_string(), net, escaped] {
        let radius = asked("log.json", format!("{line}\n").as_bytes());
        let found = radius.findings.iter().filter(|finding| finding.rule == "vault-changed").count();
        assert_eq!(found, 1, "{line}");
    }
}

#[test]
fn tables_are_read_whichever_way_their_columns_are_named() {
    let names = ["TimeGenerated", "OperationName", "Id", "CallerIpAddress", "HttpStatusCode"];
    let row = |second: u32| {
        json!([
            format!("2026-11-20T10:00:0{second}Z"),
            "SecretGet",
            format!("{HOST}/secrets/db-password"),
            "203.0.113.9",
            200
        ])
    };
    let rows = [row(1), row(2)];
    let columns: Vec<Value> = names.iter().map(|name| json!({"ColumnName": name, "ColumnType": "string"})).collect();
    let under = |nth: usize| json!({"0": rows[0][nth], "1": rows[1][nth]});
    let transposed: serde_json::Map<String, Value> =
        names.iter().enumerate().map(|(nth, name)| ((*name).to_owned(), under(nth))).collect();
    let lists: serde_json::Map<String, Value> =
        names.iter().enumerate().map(|(nth, name)| ((*name).to_owned(), json!([rows[0][nth], rows[1][nth]]))).collect();
    let fragment = |rows: &[Value]| json!({"FrameType": "TableFragment", "TableFragmentType": "DataAppend", "TableId": 1, "Rows": rows});
    for document in [
        format!(
            "{{\"tables\":[{{\"rows\":{},\"columns\":{},\"name\":\"PrimaryResult\"}}]}}",
            json!(rows),
            json!(columns)
        ),
        json!([{"FrameType": "DataSetHeader", "IsProgressive": true},
            {"FrameType": "TableHeader", "TableId": 1, "TableKind": "PrimaryResult", "Columns": columns},
            fragment(&rows[..1]), fragment(&rows[1..]), {"FrameType": "TableCompletion", "TableId": 1, "RowCount": 2}])
        .to_string(),
        json!(transposed).to_string(),
        json!(lists).to_string(),
        json!({"columns": names, "index": [0, 1], "data": rows}).to_string(),
        json!([names, rows[0], rows[1]]).to_string(),
    ] {
        let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&document).unwrap()).unwrap();
        for text in [document, pretty] {
            let folder = TempDir::new().unwrap();
            write(&folder.path().join("log.json"), text.as_bytes());
            let radius = ask(&folder.path().join("log.json"), &query());
            assert_eq!(counts(&radius), 2, "{text}: {:?}", radius.coverage);
            assert_eq!(radius.accesses[0].ip, "203.0.113.9", "{text}");
        }
    }
}

#[test]
fn entries_behind_words_with_brackets_are_read() {
    let entry = read(1).to_string();
    for line in [
        format!("azure.kv: [1795000000.0, {entry}]"),
        format!("[0] azure.kv: [[1795000000.000000000, {{}}], {entry}]"),
        format!("2026-11-20T10:15:30Z {{job=\"az\", pod=\"x\"}} {entry}"),
        format!("[2026-11-20 10:00:01] [INFO] {{}} {entry}"),
    ] {
        let folder = TempDir::new().unwrap();
        write(&folder.path().join("log.txt"), format!("{line}\n").as_bytes());
        let radius = ask(folder.path().join("log.txt").as_path(), &query());
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 0), "{line}: {:?}", radius.coverage);
    }
}
