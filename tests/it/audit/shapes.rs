//! Every shape a file of the log comes in, whole, damaged or hostile.

use super::{Archive, SHOP, compress, counts, deed, event, found, read, text};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};
use stanch::audit::describe;
use std::collections::BTreeMap;

#[test]
fn every_shape_of_a_file_is_read() {
    let events = [read(1), deed(2, SHOP, "SecretGet", "secrets/other", 200), read(3)];
    let lines = text(&events);
    let wrapped = json!({"records": events});
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    let shapes: BTreeMap<&str, Vec<u8>> = BTreeMap::from([
        ("lines", lines.clone().into_bytes()),
        (
            "lines with carriage returns, blank lines and a mark",
            format!("\u{feff}{}", lines.replace('\n', "\r\n\r\n")).into_bytes(),
        ),
        ("lines without the last break", lines.trim_end().as_bytes().to_vec()),
        ("lines with commas", lines.replace('\n', ",\n").into_bytes()),
        ("records", wrapped.to_string().into_bytes()),
        ("records, pretty", pretty(&wrapped).into_bytes()),
        ("records with more around", json!({"records": events, "meta": "]}"}).to_string().into_bytes()),
        ("list", json!(events).to_string().into_bytes()),
        ("list, pretty", format!("\u{feff}\n {}", pretty(&json!(events))).into_bytes()),
        (
            "lines, each a list",
            events.iter().map(|event| format!("{{ \"records\" : [{event}]}}\n")).collect::<String>().into_bytes(),
        ),
        ("mixed", format!("{}\n[{}]\n{}\n", events[0], events[1], json!({"records": [events[2]]})).into_bytes()),
        ("compressed", compress(&lines)),
        ("compressed in two parts", [compress(&text(&events[..1])), compress(&text(&events[1..]))].concat()),
        ("compressed records", compress(&pretty(&wrapped))),
    ]);
    for (shape, bytes) in shapes {
        let archive = Archive::new();
        archive.bytes("h=10", "PT1H.json", &bytes);
        let radius = archive.ask();
        let coverage = &radius.coverage;
        assert_eq!((counts(&radius), coverage.events, coverage.unreadable_lines), (2, 3, 0), "{shape}");
        assert_eq!(coverage.first, "2026-11-20T10:00:01.1234567Z", "{shape}");
        assert_eq!(coverage.last, "2026-11-20T10:00:03.1234567Z", "{shape}");
    }
}

#[test]
fn entries_on_one_line_are_told_apart() {
    let archive = Archive::new();
    archive.bytes("h=10", "PT1H.json", format!("{}{}\n", read(1), read(2)).as_bytes());
    assert_eq!(counts(&archive.ask()), 2);
}

#[test]
fn records_across_blocks_are_read_whole() {
    let padded = |second| event(second, |event| event["padding"] = json!("{[\"x\\".repeat(30_000)));
    let events: Vec<Value> = (0..12).map(padded).collect();
    for bytes in [text(&events), json!({"records": events}).to_string(), json!(events).to_string()] {
        let archive = Archive::new();
        archive.bytes("h=10", "PT1H.json", bytes.as_bytes());
        let radius = archive.ask();
        assert_eq!((counts(&radius), radius.coverage.events, radius.coverage.unreadable_lines), (12, 12, 0));
        assert_eq!(radius.coverage.bytes, bytes.len() as u64);
    }
}

#[test]
fn a_cut_last_line_is_counted_and_said() {
    let whole = text(&[read(1), read(2)]);
    let cut = whole.len() - 40;
    let records = json!({"records": [read(1), read(2)]}).to_string();
    for bytes in [&whole[..cut], &records[..records.len() - 40]] {
        let archive = Archive::new();
        archive.bytes("h=10", "PT1H.json", bytes.as_bytes());
        let radius = archive.ask();
        assert_eq!((counts(&radius), radius.coverage.events, radius.coverage.unreadable_lines), (1, 1, 1));
        let finding = found(&radius, "unreadable-evidence");
        assert!(finding.evidence[0].note.contains("PT1H.json"), "{finding:?}");
    }
}

#[test]
fn hostile_records_are_counted_and_hide_nothing() {
    let deep = format!("{{\"time\":{}/secrets/db-password", "[".repeat(200_000));
    let deep_but_whole = format!("{{\"x\":{}{}, \"y\":\"/db-password/\"}}", "[".repeat(100_000), "]".repeat(100_000));
    let mut odd_bytes = event(1, |event| event["properties"]["clientInfo"] = json!("AGENT")).to_string().into_bytes();
    let agent = odd_bytes.windows(5).position(|bytes| bytes == b"AGENT").unwrap();
    odd_bytes[agent] = 0xff;
    let odd_types = event(2, |event| {
        event["durationMs"] = json!({"a": [1]});
        event["callerIpAddress"] = json!(null);
        event["correlationId"] = json!(7);
        event["identity"]["claim"]["appid"] = json!([{"a": 1}]);
    });
    let no_identity = event(3, |event| event["identity"] = json!("none"));
    let no_time = event(4, |event| event["time"] = json!("yesterday"));
    let mut bytes = Vec::new();
    let texts =
        [deep, deep_but_whole, odd_types.to_string(), no_identity.to_string(), no_time.to_string(), "}{".into()];
    for line in texts.iter().map(String::as_bytes).chain([&odd_bytes[..], b"\xff\xfe\x00", b"null"]) {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    let archive = Archive::new();
    archive.bytes("h=10", "PT1H.json", &bytes);
    let radius = archive.ask();
    assert_eq!(counts(&radius), 3, "the odd ones that are entries: {:#?}", radius.accesses);
    assert_eq!(radius.coverage.unreadable_lines, 6);
    assert!(found(&radius, "unreadable-evidence").summary.ends_with(": 6"));
}

#[test]
fn a_record_longer_than_the_limit_is_counted_and_the_next_is_read() {
    let long = format!("{{\"time\":\"{}\"}}", "x".repeat(65 * 1024 * 1024));
    for bytes in [format!("{long}\n{}\n", read(1)), format!("[{long},{}]", read(1))] {
        let archive = Archive::new();
        archive.bytes("h=10", "PT1H.json", bytes.as_bytes());
        let radius = archive.ask();
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 1));
    }
}

#[test]
fn a_lost_quote_costs_one_element_of_a_list() {
    let lines = [read(1).to_string(), read(2).to_string().replacen("SecretGet\"", "SecretGet", 1), read(3).to_string()];
    let archive = Archive::new();
    archive.bytes("h=10", "PT1H.json", format!("{{\"records\":[\n{}\n]}}\n", lines.join(",\n")).as_bytes());
    let radius = archive.ask();
    assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (2, 1));
}

#[test]
fn a_damaged_compressed_file_is_said() {
    let bytes = compress(&text(&[read(1), read(2)]));
    let archive = Archive::new();
    archive.bytes("h=10", "PT1H.json.gz", &bytes[..bytes.len() - 9]);
    let radius = archive.ask();
    assert!(radius.coverage.unreadable_lines >= 1);
    assert!(found(&radius, "unreadable-evidence").evidence.iter().any(|one| one.note.contains("any further")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_neither_stop_the_scan_nor_hide_an_entry(junk in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..12)) {
        let mut bytes = Vec::new();
        let mut planted = 0;
        let mut blank = 0;
        for mut line in junk {
            // What looks like the beginning of a list may swallow what follows; it is then said to be cut off.
            line.retain(|byte| !b"\n[{".contains(byte));
            let is_blank = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii().is_empty();
            blank += u64::from(is_blank);
            bytes.extend_from_slice(&line);
            bytes.push(b'\n');
            bytes.extend_from_slice(format!("{}\n", read(planted)).as_bytes());
            planted += 1;
        }
        let archive = Archive::new();
        archive.bytes("h=10", "PT1H.json", &bytes);
        let radius = archive.ask();
        prop_assert_eq!(counts(&radius), u64::from(planted));
        prop_assert_eq!(radius.coverage.events, u64::from(planted));
        prop_assert_eq!(radius.coverage.bytes, bytes.len() as u64);
        // A line of a single comma is a separator.
        prop_assert!(radius.coverage.unreadable_lines <= u64::from(planted) - blank);
    }

    #[test]
    fn a_file_of_arbitrary_bytes_is_never_fatal(bytes in proptest::collection::vec(any::<u8>(), 0..4096), quotes in "[\\[\\]{}\",:a\\\\\n]{0,400}") {
        let archive = Archive::new();
        archive.bytes("h=10", "PT1H.json", &bytes);
        archive.bytes("h=10", "quotes.json", quotes.as_bytes());
        let radius = archive.ask();
        prop_assert_eq!(radius.accesses.len(), 0);
        prop_assert_eq!(radius.coverage.files, 2);
        describe(&radius);
    }
}
