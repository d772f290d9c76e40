//! Folders around what is asked about: read where that costs little, said where not.

use super::{Archive, SHOP, counts, deed, read, text, write};
use stanch::audit::BlastRadius;

fn harmless() -> Archive {
    Archive::with(&[deed(1, SHOP, "SecretGet", "secrets/other", 200)])
}

fn put(archive: &Archive, folder: &str) {
    write(&archive.vault().join(folder).join("PT1H.json"), text(&[read(30)]).as_bytes());
}

fn notes(radius: &BlastRadius) -> String {
    radius.coverage.notes.join("\n")
}

#[test]
fn an_entry_that_reached_the_archive_late_or_in_an_unknown_folder_is_found() {
    for folder in [
        "y=2026/m=11/d=20/h=13/m=00",
        "y=2026/m=11/d=21/h=08/m=00",
        "y=2026/m=11/d=20/h=06/m=00",
        "y=2026/m=xx/d=20/h=10/m=00",
        "y=2026/m=11/d=2O/h=10/m=00",
        "y=2026/m=11/d=20/h=ten/m=00",
    ] {
        let archive = harmless();
        put(&archive, folder);
        assert_eq!(counts(&archive.ask()), 1, "{folder}");
    }
    let archive = Archive::new();
    put(&archive, "y=2026/m=11/d=20/h=13/m=00");
    let radius = archive.ask();
    assert!(counts(&radius) == 1 && radius.coverage.horizon.is_some(), "{:?}", radius.coverage);
    assert!(notes(&radius).contains("1 entry lies in folders of other hours than they happened in"));
}

#[test]
fn folders_that_were_not_opened_are_said() {
    let far = harmless();
    put(&far, "y=2026/m=11/d=02/h=10/m=00");
    let radius = far.ask();
    assert_eq!(counts(&radius), 0);
    assert!(notes(&radius).contains("folders far from this time were not opened"), "{}", notes(&radius));
    assert!(!notes(&harmless().ask()).contains("were not opened"));
    let large = harmless();
    let folder = large.vault().join("y=2026/m=11/d=20/h=14/m=00/PT1H.json");
    write(&folder, format!("{}{}", text(&[read(30)]), " ".repeat(17 << 20)).as_bytes());
    assert!(notes(&large.ask()).contains("folders far from this time were not opened"));
}

#[test]
fn folders_of_other_vaults_are_counted() {
    let archive = harmless();
    for (vault, said) in
        [("KV-OTHER", "the folder of 1 other vault was"), ("KV-THIRD", "the folders of 2 other vaults were")]
    {
        let folder = archive.of_vault("MICROSOFT.KEYVAULT", vault).join("y=2026/m=11/d=20/h=10/m=00/PT1H.json");
        write(&folder, text(&[read(1)]).as_bytes());
        let radius = archive.ask();
        assert_eq!(counts(&radius), 0);
        assert!(notes(&radius).contains(said), "{}", notes(&radius));
    }
}
