//! Tables that somebody exported: what a quote means in them, where their columns are named, and which of their times count.

use super::{FRESH, HOST, LEAKED, SHOP, THIEF, ask, counts, query, write};
use stanch::audit::BlastRadius;
use tempfile::TempDir;

const COLUMNS: [&str; 8] = [
    "TimeGenerated",
    "OperationName",
    "CallerIPAddress",
    "identity_claim_oid_g",
    "id_s",
    "httpStatusCode_d",
    "clientInfo_s",
    "CorrelationId",
];

fn row(second: u32, oid: &str, agent: &str) -> Vec<String> {
    let cells = ["SecretGet", "203.0.113.9", oid, &format!("{HOST}/secrets/db-password/{LEAKED}"), "200", agent];
    let time = format!("2026-11-20T10:00:{second:02}Z");
    let correlation = format!("id-{second}");
    std::iter::once(&*time).chain(cells).chain([&*correlation]).map(str::to_owned).collect()
}

/// Nine reads, three of them the thief's, with these user agents.
fn rows(agents: &[(u32, &str)]) -> Vec<Vec<String>> {
    let agent = |second| agents.iter().find(|(of, _)| *of == second).map_or("curl/8", |(_, agent)| agent);
    (1..=9).map(|second| row(second, if (3..6).contains(&second) { THIEF } else { SHOP }, agent(second))).collect()
}

fn table(rows: &[Vec<String>], separator: &str) -> String {
    let lines = rows.iter().map(|row| row.join(separator));
    std::iter::once(COLUMNS.join(separator)).chain(lines).map(|line| line + "\n").collect()
}

fn asked(name: &str, text: &str) -> BlastRadius {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    write(&path, text.as_bytes());
    ask(&path, &query())
}

fn reads(radius: &BlastRadius, oid: &str) -> u64 {
    radius.accesses.iter().filter(|access| access.oid == oid).map(|access| access.count).sum()
}

#[test]
fn a_quote_in_a_table_without_quoting_swallows_no_row() {
    for separator in ["\t", ",", ";", "|"] {
        for agents in [
            &[(2, "\"curl"), (7, "\"curl")][..],
            &[(2, "\"curl"), (7, "curl\"")],
            &[(3, "\"x"), (5, "y\"")],
            &[(6, "\"curl")],
            &[(1, "\"curl"), (4, "\"x")],
            &[(9, "\"")],
            &[(2, "my \"own\" agent"), (4, "\"\"")],
        ] {
            let radius = asked("x.tsv", &table(&rows(agents), separator));
            assert_eq!((reads(&radius, THIEF), reads(&radius, SHOP)), (3, 6), "{separator:?} {agents:?}");
            assert_eq!(radius.coverage.unreadable_lines, 0, "{separator:?} {agents:?}");
        }
    }
}

#[test]
fn where_it_is_not_certain_what_a_quote_means_each_row_it_may_hide_is_said() {
    // The names are quoted, so the cells may be, too.
    let text = table(&rows(&[(2, "\"curl"), (7, "curl\"")]), "\t").replacen("id_s", "\"id_s\"", 1);
    let radius = asked("x.tsv", &text);
    assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (3, 6));
    assert_eq!(radius.coverage.unreadable_relevant, 6);
    let lines: Vec<u64> = radius.coverage.unreadable.iter().map(|sample| sample.record).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7], "the lines, as far as they are shown");
    assert!(radius.coverage.unreadable[0].why.contains("whole rows"), "{:?}", radius.coverage.unreadable);
    // A row with a cell too many, so that not every line is one.
    let mut damaged = rows(&[(2, "\"curl"), (7, "\"curl")]);
    damaged[7].push("x".to_owned());
    let radius = asked("x.csv", &table(&damaged, ","));
    assert!(counts(&radius) == 2 && radius.coverage.unreadable_lines == 7, "{:?}", radius.coverage);
}

#[test]
fn a_table_that_quotes_is_read_as_it_quotes() {
    let agent = "curl, \"8\"\nsecond line, of two";
    let rows = rows(&[(4, agent)]);
    for (name, inside) in [("doubled", "\"\""), ("escaped", "\\\"")] {
        let quoted: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| format!("\"{}\"", cell.replace('"', inside))).collect())
            .collect();
        let radius = asked("x.csv", &table(&quoted, ","));
        assert_eq!((reads(&radius, THIEF), reads(&radius, SHOP)), (3, 6), "{name}: {:?}", radius.coverage);
        let agents = radius.accesses.iter().find(|access| access.oid == THIEF).map(|access| access.user_agent.clone());
        assert!(agents.is_some_and(|agents| agents.contains("\"8\"")), "{name}");
    }
}

#[test]
fn lines_above_the_names_are_passed_over() {
    for above in ["Query: AzureDiagnostics\nExported: today\n\n", "sep=,\n", "#TYPE System.Object\n", "\n\n"] {
        let radius = asked("x.csv", &format!("{above}{}", table(&rows(&[]), ",")));
        assert_eq!((reads(&radius, THIEF), radius.coverage.unreadable_lines), (3, 0), "{above:?}");
    }
}

#[test]
fn a_column_of_certain_times_counts_beside_one_that_is_local() {
    let time = |row: &Vec<String>| row[0].replace("T10", "T12").trim_end_matches('Z').to_owned();
    for (local, certain) in [
        ("TimeGenerated [Local Time]", "TimeGenerated"),
        ("TimeGenerated [Local Time]", "TimeGenerated [UTC]"),
        ("TimeGenerated", "TimeGeneratedUTC"),
        ("time", "time_utc"),
        ("TimeGenerated (local)", "Time (UTC)"),
    ] {
        let text: Vec<String> =
            rows(&[]).iter().map(|row| format!("{},{}\n", time(row), row.join(",").replace(FRESH, ""))).collect();
        let names = COLUMNS.join(",").replacen("TimeGenerated", certain, 1);
        let radius = asked("x.csv", &format!("{local},{names}\n{}", text.concat()));
        assert_eq!((counts(&radius), radius.coverage.unreadable_lines), (9, 0), "{local} {certain}");
        assert_eq!(radius.accesses[0].first, "2026-11-20T10:00:01Z", "{local} {certain}");
    }
}
