//! Times as portals, spreadsheets and scripts write them: read where they are certain, refused where not.

use super::command::audit;
use super::{HOST, LEAKED, THIEF, counts, query, read, text, write};
use serde_json::{Value, json};
use stanch::audit::{BlastRadius, DateOrder, Source, Times, Zone, blast_radius};
use stanch::failure::Failure;
use tempfile::TempDir;

fn sheet(header: &str, times: &[&str]) -> String {
    let id = format!("{HOST}/secrets/db-password/{LEAKED}");
    let row = |time: &&str| format!("\"{time}\",SecretGet,{id},200,{THIEF},203.0.113.9\r\n");
    let rows: String = times.iter().map(row).collect();
    format!("{header},OperationName,id_s,httpStatusCode_d,identity_claim_oid_g,CallerIPAddress\r\n{rows}")
}

fn asked(text: &str, times: Times) -> Result<BlastRadius, Failure> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("export.csv");
    write(&path, text.as_bytes());
    blast_radius(&Source::path(&path).with_times(times), &query())
}

#[test]
fn a_time_that_is_certain_is_read() {
    for (header, time) in [
        ("TimeGenerated [UTC]", "11/20/2026, 10:00:05.123 AM"),
        ("TimeGenerated [UTC]", "20/11/2026, 10:00:05.123"),
        ("TimeGenerated [UTC]", "20/11/2026, 10:00:05.123 am"),
        ("TimeGenerated [UTC]", "20.11.2026 10:00:05,123"),
        ("TimeGenerated [UTC]", "20-11-2026 10:00:05.123"),
        ("TimeGenerated [UTC]", "2026-11-20, 10:00:05.123 a.m."),
        ("TimeGenerated [UTC]", "2026/11/20 10:00:05.123"),
        ("TimeGenerated [UTC+01:00]", "20/11/2026 11:00:05.123"),
        ("TimeGenerated (UTC-5)", "2026-11-20 05:00:05.123"),
        ("TimeGenerated [Europe/Berlin]", "20.11.2026 11:00:05.123"),
        ("TimeGenerated", "2026-11-20T10:00:05.1230000Z"),
        ("TimeGenerated", "2026-11-20T11:00:05.123+01:00"),
        ("TimeGenerated", "2026-11-20 10:00:05.123000+00:00"),
        ("TimeGenerated", "20/11/2026 11:00:05.123 +01:00"),
        ("@timestamp", "Nov 20, 2026 @ 10:00:05.123 UTC"),
        ("time", "20 Nov 2026 10:00:05.123 GMT"),
        ("time", "1795168805.123"),
        ("time", "1795168805123"),
        ("time", "1795168805123000000"),
        ("time", "/Date(1795168805123)/"),
    ] {
        let radius = asked(&sheet(&format!("\"{header}\""), &[time]), Times::default()).unwrap();
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 0), "{header}: {time}");
        let first: stanch::clock::Timestamp = radius.accesses[0].first.parse().unwrap();
        assert_eq!(first, super::time("2026-11-20T10:00:05.123Z"), "{header}: {time}");
    }
}

#[test]
fn a_time_that_is_not_certain_is_refused_with_its_column_until_somebody_says() {
    let zone = |zone: &str| Times { zone: Some(Zone::parse(zone).unwrap()), order: None };
    let order = |order: &str| Times { zone: None, order: Some(DateOrder::parse(order).unwrap()) };
    for (header, times, option, settled) in [
        ("TimeGenerated [Local Time]", &["11/20/2026, 11:00:05.123 AM"][..], "--timezone", zone("Europe/Berlin")),
        ("TimeGenerated [Local Time]", &["20/11/2026 11:00:05"], "--timezone", zone("+01:00")),
        ("TimeGenerated", &["2026-11-20 10:00:05.1234567"], "--timezone", zone("UTC")),
        ("TimeGenerated [Ortszeit]", &["20.11.2026 11:00:05"], "--timezone", zone("+1")),
        ("time", &["Nov 20, 2026 @ 05:00:05.123"], "--timezone", zone("America/New_York")),
    ] {
        let text = sheet(&format!("\"{header}\""), times);
        let failure = asked(&text, Times::default()).unwrap_err();
        let said = format!("{failure:?}");
        assert!(failure.reasons[0].contains(header) && said.contains(option), "{header}: {said}");
        assert_eq!(counts(&asked(&text, settled).unwrap()), 1, "{header}");
    }
    for times in [
        &["11/05/2026, 10:00:01 AM"][..],
        &["5/11/2026, 1:00:01 PM", "11/11/2026, 1:00:01 PM"],
        &["11/11/2026, 1:00:01 PM", "5/11/2026, 1:00:01 PM"],
        &["05-11-2026 10:00:01 a.m."],
        &["11/05/2026 10:00:01"],
    ] {
        let failure = asked(&sheet("\"TimeGenerated [UTC]\"", times), Times::default()).unwrap_err();
        let said = format!("{failure:?}");
        assert!(said.contains("TimeGenerated [UTC]") && said.contains("--date-order"), "{times:?}: {said}");
    }
    let ambiguous = sheet("\"TimeGenerated [UTC]\"", &["10/11/2026 10:00:05", "11/10/2026 10:00:05"]);
    let failure = asked(&ambiguous, Times::default()).unwrap_err();
    assert!(format!("{failure:?}").contains("--date-order"), "{failure:?}");
    let mut early = query();
    early.since = super::time("2026-10-11T00:00:00Z");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("export.csv");
    write(&path, ambiguous.as_bytes());
    for (given, first) in [("day-first", "2026-11-10T10:00:05Z"), ("month-first", "2026-11-10T10:00:05Z")] {
        let radius = blast_radius(&Source::path(&path).with_times(order(given)), &early).unwrap();
        assert!(
            radius.accesses.iter().any(|access| access.first == first || access.last == first),
            "{given}: {:?}",
            radius.accesses
        );
    }
}

#[test]
fn one_date_of_a_column_settles_the_others() {
    let days_first = sheet("\"TimeGenerated [UTC]\"", &["11/12/2026 10:00:05", "20/11/2026 10:00:06"]);
    let radius = asked(&days_first, Times::default()).unwrap();
    assert_eq!((counts(&radius), &*radius.coverage.last), (1, "2026-12-11T10:00:05Z"));
    let with_halves = sheet("\"TimeGenerated [UTC]\"", &["05/11/2026, 10:00:05 am", "20/11/2026, 10:00:06 AM"]);
    let radius = asked(&with_halves, Times::default()).unwrap();
    assert_eq!((counts(&radius), &*radius.coverage.last), (1, "2026-11-20T10:00:06Z"));
    let both = sheet("\"TimeGenerated [UTC]\"", &["11/20/2026 10:00:05", "20/11/2026 10:00:06"]);
    assert!(asked(&both, Times::default()).is_err());
    // Where clocks are put back, an hour is there twice.
    let berlin = Times { zone: Some(Zone::parse("Europe/Berlin").unwrap()), order: None };
    let twice = sheet("TimeGenerated", &["2026-11-20 11:00:05", "2026-10-25 02:30:00"]);
    assert_eq!(asked(&twice, berlin).unwrap().coverage.unreadable_lines, 1);
}

#[test]
fn tables_have_the_separator_of_their_country() {
    let plain = sheet("\"TimeGenerated [UTC]\"", &["2026-11-20 10:00:05"]);
    for text in [
        plain.replace(',', ";"),
        plain.replace(',', "\t"),
        format!("sep=;\r\n{}", plain.replace(',', ";")),
        format!("\u{feff}#TYPE System.Object\r\n{plain}"),
    ] {
        assert_eq!(counts(&asked(&text, Times::default()).unwrap()), 1, "{text}");
    }
}

#[test]
fn entries_in_json_have_times_too() {
    let line = |time: Value| {
        let mut entry = read(5);
        entry["time"] = time;
        format!("{entry}\n")
    };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.json");
    let ask = |text: &str, times: Times| {
        write(&path, text.as_bytes());
        blast_radius(&Source::path(&path).with_times(times), &query()).unwrap()
    };
    for time in [
        json!("2026-11-20T11:00:05+01:00"),
        json!(1_795_168_805_123_i64),
        json!("1795168805"),
        json!("11/20/2026 10:00:05 AM +00:00"),
    ] {
        let radius = ask(&line(time.clone()), Times::default());
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (1, 0), "{time}");
        assert!(radius.coverage.last.starts_with("2026-11-20T10:00:05"), "{time}: {}", radius.coverage.last);
    }
    let unsure = line(json!("2026-11-20T10:00:05"));
    let radius = ask(&unsure, Times::default());
    assert!(
        radius.coverage.nothing().is_some() && radius.coverage.unreadable[0].why.contains("--timezone"),
        "{:?}",
        radius.coverage
    );
    assert_eq!(counts(&ask(&unsure, Times { zone: Some(Zone::parse("UTC").unwrap()), order: None })), 1);
}

#[test]
fn options_and_configuration_settle_what_a_file_leaves_open() {
    let state = TempDir::new().unwrap();
    let path = state.path().join("export.csv");
    write(&path, sheet("\"TimeGenerated [Local Time]\"", &["20/11/2026 11:00:05"]).as_bytes());
    let place = ["--archive", path.to_str().unwrap(), "--until", "2026-11-20T11:00:00Z", "--json"];
    let refused = audit(&state, &place).exit(2);
    assert!(
        refused.stderr.contains("TimeGenerated [Local Time]") && refused.stderr.contains("help:"),
        "{}",
        refused.stderr
    );
    let found = audit(&state, &[&place[..], &["--timezone", "Europe/Berlin"]].concat()).exit(0).json();
    assert_eq!(found["accesses"].as_array().unwrap().len(), 1);
    write(
        &state.path().join("stanch.yaml"),
        b"schema: stanch-config/v1\naudit:\n  archive: export.csv\n  timezone: \"+01:00\"\n  date_order: day-first\n",
    );
    let found = audit(&state, &["--until", "2026-11-20T11:00:00Z", "--json"]).exit(0).json();
    assert_eq!(found["accesses"].as_array().unwrap().len(), 1);
    for (option, value, word) in [("--timezone", "Mars", "Europe/Berlin"), ("--date-order", "ymd", "day-first")] {
        let said = audit(&state, &[&place[..], &[option, value]].concat()).exit(2);
        assert!(said.stderr.contains(word), "{}", said.stderr);
    }
    write(&state.path().join("stanch.yaml"), b"schema: stanch-config/v1\naudit:\n  archive: x\n  timezone: Mars\n");
    assert!(audit(&state, &["--json"]).exit(2).stderr.contains("Europe/Berlin"));
}

#[test]
fn what_rests_on_nothing_is_no_answer_and_says_what_was_brought() {
    let state = TempDir::new().unwrap();
    let other_vault = text(&[read(1)]).replace("KV-DRILL", "KV-OTHER").replace("kv-drill", "kv-other");
    let activity = json!({"time": "2026-11-20T10:00:00Z", "category": "Administrative", "operationName": "MICROSOFT.KEYVAULT/VAULTS/SECRETS/WRITE",
        "resourceId": "/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-DRILL"});
    let of_table = json!({"TimeGenerated": "2026-11-20T10:00:00Z", "OperationName": "Update Key Vault", "CategoryValue": "Administrative",
        "ResourceId": "/subscriptions/s/providers/microsoft.keyvault/vaults/kv-drill"});
    let sign_in =
        json!({"time": "2026-11-20T10:00:00Z", "category": "SignInLogs", "operationName": "Sign-in activity"});
    for (content, seems) in [
        (b"%PDF-1.7\n...".to_vec(), "PDF"),
        (b"PK\x03\x04rest".to_vec(), "ZIP"),
        (b"<!DOCTYPE html><html>sign in</html>".to_vec(), "web page"),
        (b"once upon a time\n".to_vec(), "plain text"),
        (super::compress(""), "empty"),
        (super::compress("just text"), "plain text"),
        (other_vault.into_bytes(), "kv-other"),
        (activity.to_string().into_bytes(), "activity log"),
        (of_table.to_string().into_bytes(), "activity log"),
        (sign_in.to_string().into_bytes(), "sign-in log"),
        (text(&[read(1)]).replace("2026-11-20", "2026-10-20").into_bytes(), "another time"),
        (b"{\"level\":\"info\",\"msg\":\"started\"}\n".to_vec(), "`level`"),
        (
            b"Operation name,Status,Time\nUpdate,Accepted,2026-11-20T10:00:00Z\n".to_vec(),
            "a table with the columns `Operation name`",
        ),
    ] {
        let path = state.path().join("brought.json");
        write(&path, &content);
        let said = audit(&state, &["--archive", path.to_str().unwrap(), "--until", "2026-11-20T11:00:00Z"]).exit(5);
        let shown = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains("no answer:") && shown.contains("brought.json"), "{shown}");
        assert!(shown.contains(seems) && !shown.contains("the log shows no access"), "{seems}: {shown}");
    }
}
