//! Whose entries lie where: a folder's name is a claim, and only entries show that a vault kept a log.

use super::command::audit;
use super::{Archive, counts, deed, event, query, read, text, write};
use serde_json::{Value, json};
use stanch::audit::{BlastRadius, Source, blast_radius};
use stanch::vault::VaultUrl;
use tempfile::TempDir;

const OTHER: &str = "secrets/other";

/// The same entry, as another vault has it.
fn of_vault(vault: &str, entry: Value) -> Value {
    let renamed = entry.to_string().replace("kv-drill", vault).replace("KV-DRILL", &vault.to_uppercase());
    renamed.parse().unwrap()
}

fn harmless(second: u32) -> Value {
    deed(second, super::SHOP, "SecretGet", OTHER, 200)
}

fn elsewhere(archive: &Archive, vault: &str, bytes: &[u8]) {
    let folder = archive.of_vault("MICROSOFT.KEYVAULT", &vault.to_uppercase());
    write(&folder.join("y=2026/m=11/d=20/h=10/m=00/PT1H.json"), bytes);
}

fn exit(archive: &Archive, code: i32) {
    let state = TempDir::new().unwrap();
    let said = audit(&state, &["--archive", archive.path().to_str().unwrap(), "--until", "2026-11-20T11:00:00Z"]);
    assert!(said.exit(code).stdout.contains("no answer"));
}

fn notes(radius: &BlastRadius) -> String {
    radius.coverage.notes.join("\n")
}

#[test]
fn a_folder_of_the_vault_that_holds_only_entries_of_another_is_no_log_of_it() {
    let foreign = |second| of_vault("kv-other", harmless(second));
    let without_resource = event(3, |entry| entry["resourceId"] = json!(""));
    let pretty = serde_json::to_string_pretty(&json!({"records": [foreign(1), foreign(2)]})).unwrap();
    for content in [
        text(&[foreign(1)]),
        text(&[of_vault("kv-drill-2", read(1)), foreign(2)]),
        text(&[of_vault("kv-other", without_resource)]),
        json!([foreign(1)]).to_string(),
        pretty,
    ] {
        let archive = Archive::new();
        archive.bytes("h=10", "PT1H.json", content.as_bytes());
        let radius = archive.ask();
        assert!(radius.coverage.nothing().is_some(), "{content}");
        assert_eq!(radius.coverage.vaults_without_log, ["kv-drill"], "{content}");
        assert_eq!((radius.coverage.events, &*radius.coverage.last), (0, ""), "{content}");
        assert!(radius.coverage.gaps.len() == 1 && notes(&radius).contains("in the folder of this one"), "{radius:?}");
        exit(&archive, 5);
    }
}

#[test]
fn entries_of_another_vault_among_those_of_the_vault_are_counted_and_cover_no_time() {
    let late = |second| {
        let mut entry = of_vault("kv-other", harmless(second));
        entry["time"] = json!(format!("2026-11-20T10:40:{second:02}.1234567Z"));
        entry
    };
    for lines in [[late(1), harmless(1), late(2)], [harmless(1), late(1), late(2)], [late(1), late(2), harmless(1)]] {
        let radius = Archive::with(&lines).ask();
        assert_eq!((radius.coverage.events, radius.coverage.others), (1, 2));
        assert_eq!(radius.coverage.last, "2026-11-20T10:00:01.1234567Z");
        assert!(notes(&radius).contains("2 entries are not counted: of the vault `kv-other`"), "{}", notes(&radius));
        assert_eq!(radius.coverage.vaults_without_log, Vec::<String>::new());
    }
    let plain = Archive::with(&[harmless(1), read(2)]).ask();
    assert_eq!((plain.coverage.events, plain.coverage.others, counts(&plain)), (2, 0, 1));
}

#[test]
fn an_entry_that_names_no_vault_is_of_the_one_in_whose_folder_it_lies() {
    let bare = |second| {
        event(second, |entry| {
            entry["resourceId"] = json!("");
            entry["properties"]["id"] = json!("");
            entry["properties"]["requestUri"] = json!("/secrets/db-password?api-version=7.4");
        })
    };
    let archive = Archive::with(&[bare(1)]);
    elsewhere(&archive, "kv-third", text(&[bare(2)]).as_bytes());
    let radius = ask_with_third(&archive);
    assert_eq!((counts(&radius), radius.coverage.vaults_without_log.len()), (1, 0));
    assert_eq!(radius.second_order.iter().map(|row| &*row.vault).collect::<Vec<_>>(), ["kv-third"]);
}

fn ask_with_third(archive: &Archive) -> BlastRadius {
    let mut query = query();
    query.other_vaults = vec![VaultUrl::parse("https://kv-third.vault.azure.net").unwrap()];
    blast_radius(&Source::path(archive.path()), &query).unwrap()
}

#[test]
fn another_vault_of_which_nothing_could_be_read_has_no_log() {
    let third = |second| of_vault("kv-third", harmless(second)).to_string();
    let foreign = format!("{}\n", of_vault("kv-other", harmless(1)));
    let cut = third(1);
    let cases: [(&[u8], &str, &str); 4] = [
        (&cut.as_bytes()[..300], "1 record of the log of the vault `kv-third` could not be read", ""),
        (&[0; 100], "1 record of the log of the vault `kv-third` could not be read", ""),
        (foreign.as_bytes(), "", "the folder of the vault `kv-third` holds entries of another vault"),
        (b"", "", ""),
    ];
    for (bytes, truncation, note) in cases {
        let archive = Archive::with(&[read(1)]);
        elsewhere(&archive, "kv-third", bytes);
        let radius = ask_with_third(&archive);
        assert_eq!(radius.coverage.vaults_without_log, ["kv-third"], "{bytes:?}");
        assert!(radius.coverage.truncations.join(";").contains(truncation), "{:?}", radius.coverage);
        assert!(notes(&radius).contains(note), "{:?}", radius.coverage);
    }
    let archive = Archive::with(&[read(1)]);
    elsewhere(&archive, "kv-third", format!("{}\n{}", third(1), &third(2)[..300]).as_bytes());
    let radius = ask_with_third(&archive);
    assert_eq!((radius.coverage.vaults_without_log.len(), radius.coverage.truncations.len()), (0, 1));
}

#[test]
fn a_file_outside_of_the_tree_speaks_only_for_the_vaults_it_has_entries_of() {
    let ask = |lines: &[Value]| {
        let archive = Archive::new();
        write(&archive.path().join("export.json"), text(lines).as_bytes());
        ask_with_third(&archive).coverage.vaults_without_log
    };
    let third = of_vault("kv-third", deed(3, super::SHOP, "SecretList", "secrets", 200));
    assert_eq!(ask(&[read(1), harmless(2)]), ["kv-third"]);
    assert_eq!(ask(&[read(1), of_vault("kv-other", harmless(2))]), ["kv-third"]);
    assert_eq!(ask(&[read(1), third]), Vec::<String>::new());
}
