//! What nearly is an entry: read where it is certain what it says, else counted and said, and never taken for silence.

use super::command::audit;
use super::{Archive, HOST, LEAKED, SHOP, THIEF, ask, compress, counts, deed, event, query, read, text, write};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stanch::audit::{BlastRadius, Coverage, describe};
use tempfile::TempDir;

const UNTIL: [&str; 2] = ["--until", "2026-11-20T11:00:00Z"];

fn asked(name: &str, content: &str) -> BlastRadius {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    write(&path, content.as_bytes());
    ask(&path, &query())
}

/// In a file that somebody brought, and where Azure would have put it.
fn both(content: &str) -> [BlastRadius; 2] {
    let archive = Archive::new();
    archive.bytes("h=10", "PT1H.json", content.as_bytes());
    [asked("log.json", content), archive.ask()]
}

fn exit(content: &str, code: i32) -> String {
    let state = TempDir::new().unwrap();
    let path = state.path().join("log.json");
    write(&path, content.as_bytes());
    let said = audit(&state, &[&["--archive", path.to_str().unwrap()], &UNTIL[..]].concat()).exit(code);
    said.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn with(member: &str, value: Value) -> Value {
    event(1, |event| event[member] = value)
}

fn pairs(object: &Value, name: &str, value: &str) -> Value {
    object.as_object().unwrap().iter().map(|(key, held)| json!({name: key, value: held})).collect()
}

fn read_counts(coverage: &Coverage) -> (u64, u64) {
    (coverage.events, coverage.unreadable_lines)
}

#[test]
fn a_member_in_another_spelling_is_read() {
    let (properties, claim) = (read(1)["properties"].clone(), read(1)["identity"]["claim"].clone());
    let twice = |value: &Value| json!(json!(value.to_string()).to_string());
    let python = |value: &Value| json!(value.to_string().replace('"', "'"));
    for entry in [
        with("properties", twice(&properties)),
        with("properties", json!(twice(&properties).to_string())),
        with("properties", json!(STANDARD.encode(properties.to_string()))),
        with("properties", json!(STANDARD.encode(serde_json::to_string_pretty(&properties).unwrap()))),
        with("properties", pairs(&properties, "Name", "Value")),
        with("properties", json!(pairs(&properties, "key", "value").to_string())),
        with("properties", python(&properties)),
        with("properties", json!(properties.to_string().replace('"', "\\\""))),
        with("properties", json!(properties.to_string().replace('"', "\"\""))),
        with("identity", twice(&json!({"claim": claim}))),
        with("identity", json!({"claim": STANDARD.encode(claim.to_string())})),
        with("identity", json!({"claims": pairs(&claim, "typ", "val")})),
        with("identity", json!({"claim": python(&claim)})),
        with("operationName", json!({"value": "SecretGet", "localizedValue": "Get a secret"})),
        with("operationName", json!(["SecretGet"])),
    ] {
        for radius in both(&format!("{entry}\n")) {
            assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 0), "{entry}: {:?}", radius.coverage);
            let access = &radius.accesses[0];
            assert_eq!((&*access.oid, access.status, &*access.version), (THIEF, 200, LEAKED), "{entry}");
        }
    }
}

#[test]
fn a_member_that_cannot_be_read_is_an_entry_that_cannot_be_read() {
    let (properties, claim) = (read(1)["properties"].to_string(), read(1)["identity"]["claim"].to_string());
    for entry in [
        with("properties", json!(properties[..properties.len() - 30])),
        with("properties", json!(STANDARD.encode(&properties)[..40])),
        with("properties", json!(7)),
        with("properties", json!([1, 2])),
        with("properties", json!("System.Object")),
        with("properties", json!("<binary>")),
        with("identity", json!(claim[..claim.len() - 5])),
        with("identity", json!({"claim": "@{oid=x; appid=y}"})),
        with("identity", json!("alice of the shop")),
    ] {
        for radius in both(&format!("{entry}\n{}", text(&[deed(2, SHOP, "SecretGet", "secrets/other", 200)]))) {
            let coverage = &radius.coverage;
            assert_eq!((counts(&radius), read_counts(coverage)), (0, (1, 1)), "{entry}: {coverage:?}");
            assert!(coverage.in_part().is_some(), "{entry}: {coverage:?}");
            let sample = &coverage.unreadable[0];
            assert!(sample.record == 1 && sample.why.contains("cannot be read"), "{entry}: {sample:?}");
            assert!(!describe(&radius).contains("the log shows no access"), "{entry}");
        }
        assert!(exit(&format!("{entry}\n"), 5).contains("no answer"), "{entry}");
    }
}

#[test]
fn a_member_that_is_cut_anywhere_is_no_silence() {
    let properties = json!({"requestUri": format!("{HOST}/secrets/db-password"), "httpStatusCode": 200});
    let (json, python) = (properties.to_string(), properties.to_string().replace('"', "'"));
    let twice = json!(json).to_string();
    let archive = Archive::new();
    let mut wanted = 0;
    let mut lines = text(&[deed(2, SHOP, "SecretGet", "secrets/other", 200)]);
    for whole in [&json, &python, &twice] {
        for end in 1..whole.len() {
            // Before these, a word that stands for nothing.
            if !matches!(&whole[..end], "{" | "\"" | "\"{" | "{'" | "{\"" | "\"{\\" | "\"{\\\"") {
                lines.push_str(&format!("{}\n", with("properties", json!(whole[..end]))));
                wanted += 1;
            }
        }
    }
    archive.bytes("h=10", "PT1H.json", lines.as_bytes());
    let radius = archive.ask();
    assert_eq!((counts(&radius), read_counts(&radius.coverage)), (0, (1, wanted)), "{:?}", radius.coverage);
    assert_eq!(radius.coverage.unreadable_relevant, wanted);
}

#[test]
fn an_entry_that_does_not_say_which_secret_is_no_silence() {
    let open = |change: fn(&mut Value)| {
        event(1, |event| {
            event["properties"].as_object_mut().unwrap().remove("id");
            event["properties"].as_object_mut().unwrap().remove("requestUri");
            change(event);
        })
    };
    for entry in [
        open(|_| {}),
        open(|event| event["properties"] = json!("")),
        open(|event| event["properties"] = json!(null)),
        open(|event| event["operationName"] = json!("SecretDelete")),
        open(|event| event["operationName"] = json!("SecretListVersions")),
        open(|event| event["properties"]["requestUri"] = json!("REDACTED")),
        open(|event| event["properties"]["requestUri"] = json!(format!("{HOST}/secrets/***"))),
        open(|event| event["properties"]["id"] = json!(format!("{HOST}/secrets/[REDACTED]/[REDACTED]"))),
        open(|event| event["properties"]["requestUri"] = json!(HOST)),
        open(|event| event["properties"]["requestUri"] = json!(format!("{HOST}/secrets/db-pa..."))),
        open(|event| event["properties"]["requestUri"] = json!(format!("{HOST}/secrets/db-pa\u{2026}"))),
        open(|event| {
            event["properties"] = json!([
                {"Name": "id", "Value": format!("{HOST}/secrets/other")},
                {"Name": "id", "Value": format!("{HOST}/secrets/db-password")},
            ]);
        }),
        open(|event| event["properties"]["clientInfo"] = json!("Azure.Security.KeyVault.Secrets")),
    ] {
        // As programs write it, with a space behind each colon, and as Azure does.
        let spaced = entry.to_string().replace("\":", "\": ");
        for line in [entry.to_string(), spaced] {
            for radius in both(&format!("{line}\n{}", text(&[deed(2, SHOP, "SecretGet", "secrets/other", 200)]))) {
                let coverage = &radius.coverage;
                assert_eq!((counts(&radius), read_counts(coverage), coverage.unnamed), (0, (1, 1), 1), "{line}");
                let shown = describe(&radius);
                assert!(shown.contains("1 entry does not say which secret"), "{shown}");
                assert!(!shown.contains("the log shows no access"), "{shown}");
            }
            let shown = exit(&format!("{line}\n{line}\n"), 5);
            assert!(shown.contains("2 entries do not say which secret"), "{shown}");
        }
    }
}

#[test]
fn what_names_no_secret_by_right_leaves_nothing_open() {
    let named = |operation: &str, path: &str| {
        event(1, |event| {
            event["operationName"] = json!(operation);
            event["properties"].as_object_mut().unwrap().remove("id");
            event["properties"]["requestUri"] = json!(format!("{HOST}/{path}"));
        })
    };
    let mut refused = named("SecretRestore", "secrets/restore");
    refused["properties"]["httpStatusCode"] = json!(403);
    let mut notice = named("SecretNearExpiryEventGridNotification", "");
    notice["properties"] = json!({});
    let elsewhere =
        with("resourceId", json!("/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/OTHER")).to_string().replace(HOST, "");
    for entry in [
        named("SecretList", "secrets?api-version=7.4"),
        named("SecretListDeleted", "deletedsecrets?api-version=7.4"),
        named("VaultGet", ""),
        named("KeySign", "keys/k/v/sign"),
        named("Authentication", ""),
        refused,
        notice,
    ] {
        for radius in both(&format!("{entry}\n")) {
            let coverage = &radius.coverage;
            assert_eq!((counts(&radius), read_counts(coverage), coverage.unnamed), (0, (1, 0), 0), "{entry}");
            assert!(describe(&radius).contains("the log shows no access"), "{entry}");
        }
    }
    let other_vault = elsewhere.replace("/secrets/db-password", "");
    let radius = asked("log.json", &format!("{other_vault}\n{}", text(&[read(2)])));
    assert_eq!((counts(&radius), radius.coverage.unnamed), (1, 0), "another vault's entry says nothing of ours");
    assert!(radius.coverage.in_part().is_none(), "{:?}", radius.coverage);
}

#[test]
fn a_row_with_another_number_of_cells_is_not_shifted() {
    let head = "TimeGenerated,OperationName,id_s,httpStatusCode_d,identity_claim_oid_g,CallerIPAddress";
    let row = |second: u32| {
        format!("2026-11-20T10:00:{second:02}Z,SecretGet,{HOST}/secrets/db-password/{LEAKED},200,{THIEF},203.0.113.9")
    };
    let cut = row(2)[..100].to_owned();
    let extra = row(2).replacen("SecretGet,", "SecretGet,Success,", 1);
    let short = row(2).replacen("SecretGet,", "", 1);
    for odd in [cut, extra, short, format!("{},", row(2)), "once upon a time".to_owned()] {
        let radius = asked("export.csv", &format!("{head}\n{}\n{odd}\n{}\n", row(1), row(3)));
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (2, 1), "{odd}");
        let sample = &radius.coverage.unreadable[0];
        assert!(sample.record == 3 && sample.why.contains("cell"), "{odd}: {sample:?}");
    }
    let quoted = row(2).replace("203.0.113.9", "\"two\nlines\"");
    let radius = asked("export.csv", &format!("{head}\n{quoted}\nx\n"));
    assert_eq!(radius.coverage.unreadable[0].record, 4, "the line, not the row");
    let unclosed = row(2).replace("203.0.113.9", "\"203.0.113.9");
    let with_comma = row(1).replace("203.0.113.9", "\"203.0.113.9, 10.0.0.1\"");
    let radius = asked("export.csv", &format!("{head}\n{with_comma}\n{unclosed}\n{}\n", row(3)));
    assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 2));
    assert!(radius.coverage.unreadable[0].why.contains("quote"), "{:?}", radius.coverage.unreadable);
    let rows = json!({"tables": [{"columns": [{"name": "TimeGenerated"}, {"name": "OperationName"}, {"name": "id_s"}],
        "rows": [["2026-11-20T10:00:01Z", "SecretGet"], ["2026-11-20T10:00:02Z", "SecretGet", format!("{HOST}/secrets/db-password")]]}]});
    let radius = asked("log.json", &rows.to_string());
    assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 1), "{:?}", radius.coverage);
}

#[test]
fn a_line_that_is_not_all_json_is_read() {
    for words in [
        "Nov 20 10:00:01 host app[12]: ",
        "<14>1 2026-11-20T10:00:01Z host app 12 ID [meta x=\"y\"] ",
        "2026-11-20T10:00:01.123456789Z ",
        "2026-11-20T10:00:01.123456789Z stdout F ",
        "web-1  | ",
        "INFO ",
        "[2026-11-20 10:00:01,123] INFO audit - ",
        "2026-11-20 10:00:01 +0000 kv: ",
    ] {
        let lines = |cut: usize| {
            let entry = read(2).to_string();
            format!("{words}{}\n{words}{}\n", read(1), &entry[..entry.len() - cut])
        };
        let radius = asked("log.txt", &lines(0));
        assert_eq!((counts(&radius), read_counts(&radius.coverage)), (2, (2, 0)), "{words}: {:?}", radius.coverage);
        let radius = asked("log.txt", &lines(9));
        assert_eq!((counts(&radius), read_counts(&radius.coverage)), (1, (1, 1)), "{words}: {:?}", radius.coverage);
    }
    let batch = json!({"records": [read(1), read(2)]});
    assert_eq!(counts(&asked("log.txt", &format!("INFO {batch}\n"))), 2);
    assert_eq!(counts(&asked("log.txt", &format!("INFO [{},{}]\n", read(1), read(2)))), 2);
    assert_eq!(
        counts(&asked("log.txt", &format!("{}\n", read(1).to_string().replace('"', "'")))),
        1,
        "as Python prints"
    );
}

#[test]
fn parts_of_a_line_become_it_again() {
    let line = |log: &str, stream: &str| {
        format!("{}\n", json!({"log": log, "stream": stream, "time": "2026-11-20T11:00:00Z"}))
    };
    let whole =
        format!("{}\n", json!({"records": [read(1), deed(2, SHOP, "SecretGet", "secrets/other", 200), read(3)]}));
    for at in [1, 40, 700, 1200, whole.len() - 2] {
        let (one, other) = whole.split_at(at);
        let split = format!("{}{}", line(one, "stdout"), line(other, "stdout"));
        let radius = asked("json.log", &split);
        assert_eq!((counts(&radius), read_counts(&radius.coverage)), (2, (3, 0)), "at {at}: {:?}", radius.coverage);
        let between = format!("{}{}{}", line(one, "stdout"), line("started\n", "stderr"), line(other, "stdout"));
        assert_eq!(counts(&asked("json.log", &between)), 2, "at {at}, with another stream between");
        let cri = format!("2026-11-20T11:00:00Z stdout P {one}\n2026-11-20T11:00:00Z stdout F {other}");
        assert_eq!(counts(&asked("cri.log", &cri)), 2, "at {at}");
        let lost = format!("{}{}", line(one, "stdout"), line(&format!("{}\n", read(5)), "stdout"));
        let radius = asked("json.log", &lost);
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 1), "at {at}: {:?}", radius.coverage);
    }
    let radius = asked("json.log", &format!("{}{}", line(&whole, "stdout"), line(&whole[..1000], "stdout")));
    assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (2, 1), "{:?}", radius.coverage);
    assert!(radius.coverage.unreadable[0].why.contains("cut off"), "{:?}", radius.coverage.unreadable);
}

#[test]
fn an_envelope_whose_content_cannot_be_read_is_counted() {
    let batch = json!({"records": [read(1), read(2)]}).to_string();
    let body = |content: &str| format!("{}\n", json!({"Body": content, "EnqueuedTimeUtc": "2026-11-20T11:00:00Z"}));
    let message = |content: &str| format!("{}\n", json!({"message": content, "time": "2026-11-20T11:00:00Z"}));
    let encoded = STANDARD.encode(&batch);
    for whole in [
        body(&encoded),
        body(encoded.trim_end_matches('=')),
        format!("{encoded}\n"),
        format!("{}\n", json!([{"body": encoded, "offset": "1"}])),
        message(&format!("Nov 20 host: {batch}")),
    ] {
        let radius = asked("log.json", &whole);
        assert_eq!((counts(&radius), read_counts(&radius.coverage)), (2, (2, 0)), "{whole}: {:?}", radius.coverage);
    }
    for cut in [body(&encoded[..encoded.len() / 2]), message(&batch[..batch.len() / 2]), message(&batch[..60])] {
        let radius = asked("log.json", &format!("{cut}{}", text(&[deed(3, SHOP, "SecretGet", "secrets/other", 200)])));
        assert_eq!(radius.coverage.unreadable_lines, 1, "{cut}: {:?}", radius.coverage);
    }
    for opaque in
        [body(&encoded[..encoded.len() / 2]), body(&STANDARD.encode(compress(&batch))), format!("{}\n", &encoded[..90])]
    {
        let radius =
            asked("log.json", &format!("{opaque}{}", text(&[deed(3, SHOP, "SecretGet", "secrets/other", 200)])));
        assert_eq!(radius.coverage.unreadable_relevant, 1, "{opaque}: {:?}", radius.coverage);
        assert!(!describe(&radius).contains("the log shows no access"), "{opaque}");
    }
}

#[test]
fn an_operation_is_one_whatever_its_case() {
    let archive = Archive::new();
    for (second, operation) in ["SECRETGET", "secretget", " SecretGet "].into_iter().enumerate() {
        let entry = event(second as u32, |event| event["operationName"] = json!(operation));
        archive.bytes("h=10", &format!("{second}.json"), entry.to_string().as_bytes());
    }
    let radius = archive.ask();
    assert_eq!((radius.accesses.len(), radius.reads()), (1, 3), "{:?}", radius.accesses);
}

#[test]
fn whole_entries_stand_in_the_cells_of_a_table() {
    let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let (one, two) = (read(1).to_string(), read(2).to_string());
    for table in [
        format!("_time,host,_raw\n2026-11-20T11:00:00Z,h,{}\n2026-11-20T11:00:00Z,h,{}\n", cell(&one), cell(&two)),
        format!("_raw,source\n{},s\n{},s\n", cell(&one), cell(&format!("Nov 20 10:00:01 host app: {two}"))),
        format!("EnqueuedTimeUtc,Body\n2026-11-20T11:00:00Z,{}\n", STANDARD.encode(format!("{one}\n{two}"))),
        format!("\"11/05/2026\",_time,_raw\nx,\"11/05/2026, 10:00:01 AM\",{}\nx,y,{}\n", cell(&one), cell(&two)),
    ] {
        let radius = asked("export.csv", &table);
        assert_eq!((counts(&radius), read_counts(&radius.coverage)), (2, (2, 0)), "{table}: {:?}", radius.coverage);
    }
    let cut = format!("_time,_raw\n2026-11-20T11:00:00Z,{}\n2026-11-20T11:00:00Z,{}\n", cell(&one), cell(&two[..300]));
    let radius = asked("export.csv", &cut);
    assert_eq!((counts(&radius), read_counts(&radius.coverage)), (1, (1, 1)), "{:?}", radius.coverage);
}

#[test]
fn other_logs_of_the_vault_are_named_and_cover_no_time() {
    let resource = "/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-DRILL";
    let time = "2026-11-20T10:30:00.0000000Z";
    for (entry, word) in [
        (
            json!({"time": time, "resourceId": resource, "metricName": "ServiceApiHit", "total": 4, "timeGrain": "PT1M"}),
            "metrics",
        ),
        (
            json!({"count": 1, "total": 9, "resourceId": resource, "time": time, "metricName": "Availability", "timeGrain": "PT1M"}),
            "metrics",
        ),
        (
            json!({"TimeGenerated": time, "_ResourceId": resource, "MetricName": "Availability", "Total": 9, "TimeGrain": "PT1M"}),
            "metrics",
        ),
        (
            json!({"time": time, "resourceId": resource, "category": "Administrative", "operationName": "MICROSOFT.KEYVAULT/VAULTS/SECRETS/WRITE"}),
            "activity log",
        ),
        (
            json!({"eventTimestamp": time, "time": time, "resourceId": resource, "category": {"value": "Administrative", "localizedValue": "A"},
            "operationName": {"value": "Microsoft.KeyVault/vaults/write", "localizedValue": "Update"}}),
            "activity log",
        ),
        (
            json!({"time": time, "resourceId": resource, "category": "AzurePolicyEvaluationDetails", "operationName": "Evaluate"}),
            "AzurePolicyEvaluationDetails",
        ),
        (json!({"time": time, "resourceId": resource, "level": "info", "msg": "started"}), "no operation"),
    ] {
        for radius in both(&format!("{entry}\n{entry}\n")) {
            let coverage = &radius.coverage;
            assert_eq!((coverage.events, coverage.others, coverage.horizon), (0, 2, None), "{entry}: {coverage:?}");
            assert!(coverage.notes.iter().any(|note| note.contains(word)), "{word}: {:?}", coverage.notes);
        }
        assert!(exit(&format!("{entry}\n"), 5).contains(word), "{word}");
        for radius in both(&format!("{entry}\n{}", text(&[read(1)]))) {
            assert_eq!((counts(&radius), radius.coverage.others), (1, 1), "{entry}");
            assert_eq!(radius.coverage.last, "2026-11-20T10:00:01.1234567Z", "{entry}");
        }
    }
}
