//! What nobody can read, and what says itself that it is not all: neither is ever taken for silence.

use super::{Archive, HOST, SHOP, ask, compress, counts, deed, query, read, write};
use serde_json::{Value, json};
use stanch::audit::{BlastRadius, describe};
use tempfile::TempDir;

fn harmless(second: u32) -> Value {
    deed(second, SHOP, "SecretGet", "secrets/other", 200)
}

/// In a file that somebody brought, and where Azure would have put it.
fn both(name: &str, content: &[u8]) -> [BlastRadius; 2] {
    let folder = TempDir::new().unwrap();
    write(&folder.path().join(name), content);
    let archive = Archive::new();
    archive.bytes("h=10", name, content);
    [ask(folder.path(), &query()), archive.ask()]
}

fn says_not_all(radius: &BlastRadius) -> bool {
    counts(radius) == 0 && radius.coverage.in_part().is_some() && !describe(radius).contains("the log shows no access")
}

#[test]
fn what_cannot_be_read_may_be_about_the_secret() {
    let cut = read(1).to_string();
    let utf16: Vec<u8> = cut.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let rests: [&[u8]; 12] = [
        &[0; 200],
        b"{\"records\":",
        &cut.as_bytes()[..60],
        b"<Error><Code>AuthenticationFailed</Code></Error>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345",
        b"\x8f\x01\x92\xfe\xffrandom\x00bytes",
        &utf16,
        b"garbage line",
        b"[1,2]",
        b"[\"x\"]",
        b"\"x\"",
        b"null",
    ];
    for rest in rests {
        let content = [format!("{}\n", harmless(2)).as_bytes(), rest, b"\n"].concat();
        for radius in both("PT1H.json", &content) {
            assert!(says_not_all(&radius), "{:?}: {:?}", String::from_utf8_lossy(rest), radius.coverage);
        }
    }
    for element in ["5", "\"x\"", "null", "true"] {
        for list in [format!("{{\"records\":[{},{element}]}}", harmless(1)), format!("[{element}, {}]", harmless(1))] {
            assert!(both("PT1H.json", list.as_bytes()).iter().all(says_not_all), "{list}");
        }
    }
    let behind = format!("{}{}", harmless(1), &cut[..60]);
    assert!(both("PT1H.json", behind.as_bytes()).iter().all(says_not_all), "the entry before it says nothing of it");
}

#[test]
fn what_is_told_apart_and_blank_lines_take_nothing_from_the_answer() {
    let broken = |change: &dyn Fn(String) -> String| change(harmless(1).to_string());
    let rests = [
        broken(&|entry| entry.replacen("\"time\":\"2026", "\"time\":\"yesterday", 1)),
        broken(&|entry| entry[..entry.len() - 40].to_owned()),
        broken(&|entry| entry.replacen("\"SecretGet\"", "\"SecretGet", 1)),
        json!({"hello": 1}).to_string(),
        " \r\n\r\n\u{feff}\n".to_owned(),
    ];
    for rest in rests {
        for radius in both("PT1H.json", format!("{}\n{rest}\n", harmless(2)).as_bytes()) {
            assert_eq!(radius.coverage.in_part(), None, "{rest}: {:?}", radius.coverage);
            assert!(describe(&radius).contains("the log shows no access"));
        }
    }
}

/// A container as Event Hubs writes it, of events that carry these bytes, or none.
fn captured(bodies: &[Option<Vec<u8>>]) -> Vec<u8> {
    let schema = r#"{"type":"record","name":"EventData","fields":[{"name":"Body","type":["null","bytes"]}]}"#;
    let schema = apache_avro::Schema::parse_str(schema).unwrap();
    let mut writer = apache_avro::Writer::new(&schema, Vec::new());
    for body in bodies {
        let mut record = apache_avro::types::Record::new(&schema).unwrap();
        let value = match body {
            Some(bytes) => {
                apache_avro::types::Value::Union(1, Box::new(apache_avro::types::Value::Bytes(bytes.clone())))
            }
            None => apache_avro::types::Value::Union(0, Box::new(apache_avro::types::Value::Null)),
        };
        record.put("Body", value);
        writer.append(record).unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn an_event_that_was_captured_without_entries_is_said_and_a_compressed_one_is_read() {
    let plain = || Some(json!({"records": [harmless(1)]}).to_string().into_bytes());
    for odd in [None, Some(b"\xff\xfe\x00".to_vec()), Some(compress(&read(1).to_string())[..60].to_vec())] {
        assert!(both("capture.avro", &captured(&[plain(), odd])).iter().all(says_not_all));
    }
    for radius in both("capture.avro", &captured(&[plain(), Some(compress(&read(1).to_string()))])) {
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 0));
    }
}

fn table(id: &str) -> Value {
    json!({"name": "PrimaryResult", "columns": [{"name": "TimeGenerated"}, {"name": "OperationName"}, {"name": "Id"}],
        "rows": [["2026-11-20T10:00:01Z", "SecretGet", format!("{HOST}/secrets/{id}")]]})
}

#[test]
fn an_answer_that_says_that_it_is_not_whole_is_cut_off() {
    let rows = || json!([harmless(1), harmless(2)]);
    let found = |total: Value| json!({"hits": {"total": total, "hits": [{"_source": harmless(1)}]}});
    let with = |mut answer: Value, name: &str, value: Value| {
        answer[name] = value;
        answer
    };
    let error = json!({"error": {"code": "Throttled"}});
    for answer in [
        json!({"value": rows(), "@odata.nextLink": "https://x"}),
        json!({"value": rows(), "nextLink": "https://x"}),
        json!({"tables": {"tables": [table("other")]}, "nextLink": "https://x"}),
        found(json!({"value": 10000, "relation": "gte"})),
        found(json!(3)),
        found(json!({"value": 3, "relation": "eq"})),
        with(found(json!(1)), "timed_out", json!(true)),
        with(found(json!(1)), "_shards", json!({"total": 5, "failed": 2})),
        json!({"responses": [{"id": "1", "body": {"tables": [table("other")]}}, {"id": "2", "status": 429, "body": error}]}),
        json!({"partialError": {"code": "PartialError"}, "tables": [table("other")]}),
        json!({"tables": [table("other")], "error": {"code": "PartialError"}}),
        json!([{"FrameType": "DataSetHeader", "Version": "v2.0"},
            {"FrameType": "DataTable", "Columns": [{"ColumnName": "TimeGenerated"}, {"ColumnName": "OperationName"},
                {"ColumnName": "Id"}], "Rows": table("other")["rows"]},
            {"FrameType": "DataSetCompletion", "HasErrors": true}]),
    ] {
        for content in [answer.to_string(), serde_json::to_string_pretty(&answer).unwrap()] {
            for radius in both("answer.json", content.as_bytes()) {
                assert!(says_not_all(&radius), "{content}: {:?}", radius.coverage);
                assert_eq!(radius.coverage.truncations.len(), 1, "{content}: {:?}", radius.coverage);
            }
        }
    }
}

#[test]
fn a_whole_answer_is_whole_and_so_are_pages_that_end_with_the_last() {
    let page = |second, link: &str| json!({"value": [harmless(second)], "nextLink": link});
    let last = json!({"value": [harmless(3)]});
    for content in [
        json!({"hits": {"total": {"value": 1}, "hits": [{"_source": harmless(1)}]}, "timed_out": false}).to_string(),
        json!({"tables": [table("other")], "statistics": {}, "error": null}).to_string(),
        json!({"value": [harmless(1)], "nextLink": ""}).to_string(),
        format!("{}\n{}\n{last}\n", page(1, "https://x/2"), page(2, "https://x/3")),
    ] {
        for radius in both("answer.json", content.as_bytes()) {
            assert_eq!(radius.coverage.truncations, Vec::<String>::new(), "{content}");
            assert!(describe(&radius).contains("the log shows no access"), "{content}: {:?}", radius.coverage);
        }
    }
    let open = format!("{}\n{}\n", page(1, "https://x/2"), page(2, "https://x/3"));
    assert!(both("answer.json", open.as_bytes()).iter().all(says_not_all));
}
