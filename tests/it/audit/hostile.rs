//! Logs that somebody wrote into to hurt whoever reads them: nothing crashes, nothing is lost in silence, and nothing
//! becomes markup, a command or a formula.

use super::{Archive, HOST, SHOP, counts, deed, event, found, query, read};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Value, json};
use stanch::audit::{csv, describe};

fn lines(lines: &[String]) -> Archive {
    let archive = Archive::new();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    archive.bytes("h=10", "PT1H.json", text.as_bytes());
    archive
}

#[test]
fn lines_of_ten_megabytes_and_a_million_brackets_are_taken_in_stride() {
    let long = event(1, |event| event["properties"]["clientInfo"] = json!("x".repeat(10 << 20)));
    let deep = format!("{{\"a\":{}{},{}", "[".repeat(1_000_000), "]".repeat(1_000_000), &read(2).to_string()[1..]);
    let objects = format!("{}{{\"properties\":1}}{}", "{\"identity\":".repeat(1_000_000), "}".repeat(1_000_000));
    let named = format!("{{\"x\":\"/secrets/db-password\",\"identity\":{objects}}}");
    let archive = lines(&[long.to_string(), deep, named, read(4).to_string()]);
    let radius = archive.ask();
    assert_eq!(counts(&radius), 3, "the long one, the deep one and the plain one");
    assert_eq!(radius.coverage.unreadable_lines, 1, "{:?}", radius.coverage.unreadable);
    let sample = &radius.coverage.unreadable[0];
    assert!(sample.record == 3 && sample.text.chars().count() <= 120 && !sample.why.is_empty(), "{sample:?}");
    assert!(radius.accesses.iter().all(|access| access.user_agent.len() <= 600), "what callers choose is clipped");
}

#[test]
fn a_line_of_nothing_but_escapes_and_a_million_lines_of_nothing_hide_no_neighbour() {
    let escapes = event(1, |event| event["properties"]["clientInfo"] = json!("%41".repeat(1 << 20)));
    let mut text = format!("{escapes}\n{}", "\n".repeat(1_000_000));
    text.push_str(&"x%41\n".repeat(100_000));
    text.push_str(&format!("{}\n{}", "%41".repeat(1 << 20), read(2)));
    let radius = lines(&[text]).ask();
    assert_eq!((counts(&radius), radius.coverage.events), (2, 2), "{:?}", radius.coverage);
    assert_eq!(radius.coverage.unreadable_lines, 100_001);
}

#[test]
fn numbers_for_text_and_a_name_twice_with_the_same_content_are_read() {
    let twice = read(1).to_string().replacen("{\"time\"", "{\"time\":\"2026-11-20T10:00:01.1234567Z\",\"time\"", 1);
    let nested = read(2).to_string().replacen("\"requestUri\"", "\"httpStatusCode\":200,\"requestUri\"", 1);
    let mut numbers = event(3, |event| event["callerIpAddress"] = json!(7));
    numbers["properties"]["clientInfo"] = json!(-1.5);
    numbers["correlationId"] = json!({"a": []});
    let radius = lines(&[twice, nested, numbers.to_string()]).ask();
    assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (3, 0), "{:?}", radius.coverage.unreadable);
}

#[test]
fn nothing_that_a_caller_chose_becomes_markup_or_a_formula() {
    let markup = "\u{1b}[31m<script>alert(1)</script> [x](javascript:y) <!channel> *b* |c| \u{0}\u{202e}";
    let mut hostile = event(1, |event| {
        event["identity"]["claim"]["upn"] = json!(format!("=cmd()|{markup}"));
        event["properties"]["clientInfo"] = json!(format!("curl/8 {markup}"));
    });
    hostile["callerIpAddress"] = json!("+1;\u{1b}]0;owned\u{7}");
    let other = format!("secrets/{}", "a$(reboot)`id`;\u{1b}[0m");
    let radius = lines(&[hostile.to_string(), deed(2, super::THIEF, "SecretGet", &other, 200).to_string()]).ask();
    let shown = [describe(&radius), csv(&radius, "kv-drill").unwrap()];
    for text in &shown {
        let bad = |char: char| (char.is_control() && char != '\n') || char == '\u{202e}';
        // The table's own lines end as tables' lines do.
        assert!(!text.replace("\r\n", "\n").chars().any(|char| bad(char) && char != '\u{202e}'), "{text:?}");
    }
    assert!(!shown[0].contains('\u{202e}'));
    assert!(shown[1].lines().all(|line| !line.contains(",=cmd") && !line.contains(",+1")), "{}", shown[1]);
    assert!(radius.second_order.iter().all(|row| row.command.is_empty()), "no command is made of such a name");
    assert!(!serde_json::to_string(&radius).unwrap().contains('\u{1b}'));
}

#[test]
fn a_file_that_is_still_being_written_is_no_finding() {
    let now = stanch::clock::now();
    let archive = Archive::new();
    let at = now.format("%Y-%m-%dT%H:%M:%S%.6f0Z").to_string();
    let whole = event(0, |event| event["time"] = json!(at)).to_string();
    let folder = archive.vault().join(now.format("y=%Y/m=%m/d=%d/h=%H/m=00").to_string());
    super::write(&folder.join("PT1H.json"), format!("{whole}\n{}", &whole[..whole.len() / 2]).as_bytes());
    let mut query = query();
    (query.since, query.until) = (now - chrono::TimeDelta::hours(1), now + chrono::TimeDelta::hours(1));
    let radius = super::ask(archive.path(), &query);
    assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 1), "it is counted");
    assert!(radius.findings.iter().all(|finding| finding.rule != "unreadable-evidence"), "{:?}", radius.findings);
    assert!(
        radius.coverage.notes.iter().any(|note| note.contains("still being written")),
        "{:?}",
        radius.coverage.notes
    );
}

#[test]
fn a_damaged_line_is_shown_with_its_place() {
    let radius = lines(&[read(1).to_string(), format!("{}\u{7}/secrets/db-password", "{\"time\":")]).ask();
    let sample = &radius.coverage.unreadable[0];
    assert!(sample.source.ends_with("PT1H.json") && sample.record == 2, "{sample:?}");
    assert_eq!(sample.text, "{\"time\":\u{fffd}/secrets/db-password");
    assert!(found(&radius, "unreadable-evidence").evidence[0].note.contains("record 2"));
    assert!(describe(&radius).contains("record 2"));
}

/// How a line names a secret, and whether it is the one that is asked about.
fn named() -> impl Strategy<Value = (String, bool)> {
    let odd = (0..11_usize, any::<bool>()).prop_map(|(at, capital)| {
        let name = "db-password";
        let letter = name.as_bytes()[at];
        let hex = if capital { format!("%{letter:02X}") } else { format!("%{letter:02x}") };
        (format!("{}{hex}{}", &name[..at], &name[at + 1..]), true)
    });
    let cased = any::<u16>().prop_map(|bits| {
        let upper =
            |(at, letter): (usize, char)| if bits >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter };
        ("db-password".chars().enumerate().map(upper).collect(), true)
    });
    let other =
        ["db-password-old", "old-db-password", "db-passwords", "db_password", "dbpassword", "pw", "%70w", "VaultX"];
    let other = proptest::sample::select(other.to_vec()).prop_map(|name| (name.to_owned(), false));
    prop_oneof![odd, cased, other]
}

/// Values as no log should have them.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!(format!("{HOST}/secrets/db-password"))),
        Just(json!("2026-11-20T10:00:00Z")),
        Just(json!(SHOP)),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec(
                ("(time|identity|claim|oid|properties|id|requestUri|operationName|httpStatusCode|Identity|TimeGenerated|x)", inner),
                0..6
            )
            .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if crate::stage::is_heavy() { 4096 } else { 64 }, failure_persistence: None, ..ProptestConfig::default() })]

    /// Wherever it stands in a block, between whatever lines, in whatever spelling.
    #[test]
    fn a_name_is_found_wherever_it_stands(entries in proptest::collection::vec((0..1500_usize, named()), 1..40), windows in any::<bool>()) {
        let line = |(padding, (name, _)): &(usize, (String, bool))| {
            let entry = event(1, |event| {
                event["properties"]["id"] = json!("");
                event["properties"]["requestUri"] = json!(format!("{HOST}/secrets/{name}/?api-version=7.4"));
                event["padding"] = json!("w\"Y".repeat(*padding / 3));
            });
            if windows { format!("{entry}\r") } else { entry.to_string() }
        };
        let radius = lines(&entries.iter().map(line).collect::<Vec<_>>()).ask();
        let wanted = entries.iter().filter(|(_, (_, wanted))| *wanted).count() as u64;
        prop_assert_eq!((counts(&radius), radius.coverage.events), (wanted, entries.len() as u64));
    }

    /// The event reader is given entries whose every part may be anything, some of them named twice.
    #[test]
    fn any_entry_is_an_event_or_is_counted(parts in proptest::collection::vec(("(time|resourceId|operationName|callerIpAddress|correlationId|identity|properties|resultSignature|TimeGenerated|x)", value()), 0..9), cut in any::<proptest::sample::Index>()) {
        let body: Vec<String> = parts.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let entry = format!("{{{},\"y\":\"/secrets/db-password\"}}", body.join(",")).replace("{,", "{");
        let mut end = cut.index(entry.len());
        while !entry.is_char_boundary(end) {
            end -= 1;
        }
        let archive = lines(&[entry.clone(), entry[..end].replace('\n', " "), read(1).to_string()]);
        let radius = archive.ask();
        prop_assert!(counts(&radius) >= 1, "the whole entry beside it is found");
        let blank = u64::from(entry[..end].trim().is_empty() || entry[..end].trim() == ",");
        // An entry whose members look like entries may be taken for what holds them: more may come of it, never less.
        let counted = radius.coverage.events + radius.coverage.unreadable_lines + radius.coverage.others;
        prop_assert!(counted >= 3 - blank, "{:?}", radius.coverage);
        describe(&radius);
        prop_assert!(csv(&radius, "kv-drill").is_ok());
    }
}
