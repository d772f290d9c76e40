//! No secret value, in any encoding, in anything that is written, said or sent.

use crate::stage::Stage;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::path::Path;

/// A value as it might show up somewhere.
fn spellings(value: &str) -> Vec<Vec<u8>> {
    let quoted = serde_json::to_string(value).unwrap();
    let html = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('=', "&#x3D;");
    let base64 = STANDARD.encode(value);
    let mut spellings = vec![
        value.to_owned(),
        quoted.trim_matches('"').to_owned(),
        hex::encode(value),
        hex::encode_upper(value),
        utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
        html,
        URL_SAFE_NO_PAD.encode(value),
    ];
    // Inside a longer text only the middle of a base64 spelling is the same at every offset.
    for offset in 0..3 {
        let shifted = STANDARD.encode(format!("{}{value}", "x".repeat(offset)));
        spellings.push(shifted.get(4..shifted.len() - 4).unwrap().to_owned());
    }
    spellings.push(base64);
    spellings.into_iter().map(String::into_bytes).collect()
}

pub(crate) fn assert_free_of(place: &str, bytes: &[u8], values: &[String]) {
    for value in values {
        for spelling in spellings(value) {
            assert!(memchr::memmem::find(bytes, &spelling).is_none(), "a value stands in {place}");
        }
    }
}

pub(crate) fn assert_folder_free_of(folder: &Path, values: &[String]) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += assert_folder_free_of(&path, values);
        } else {
            assert_free_of(&path.display().to_string(), &std::fs::read(&path).unwrap(), values);
            files += 1;
        }
    }
    files
}

/// The value that a version has now, read as a consumer would.
async fn read_value(stage: &Stage, version: &str) -> String {
    stage.read_value("orders-db", version).await
}

#[tokio::test]
async fn no_value_is_found_anywhere_but_in_the_vault() {
    let stage = Stage::set().await;
    stage.fault(&json!({ "match": { "method": "PUT" }, "times": 1, "do": { "drop": "after" } })).await;
    let mut arguments = stage.containment("r-secrecy");
    arguments.push("-vv");
    let output = stage.command(&arguments).env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let state = stage.state().await;
    let versions = state["vaults"]["kv-drill"]["secrets"]["orders-db"].as_array().unwrap().clone();
    let new = versions.iter().find(|version| version["tags"]["stanch-run"] == "r-secrecy").unwrap();
    let mut values = stage.values().to_vec();
    values.push(read_value(&stage, new["version"].as_str().unwrap()).await);
    assert_eq!(values.len(), 4);
    assert!(output.stderr.len() > 10_000, "tracing was on");
    assert_free_of("standard output", &output.stdout, &values);
    assert_free_of("standard error", &output.stderr, &values);
    let files = assert_folder_free_of(&stage.state_dir(), &values);
    assert!(files >= 5, "{files}");
    let notifications = serde_json::to_vec(&state["notifications"]).unwrap();
    assert_eq!(state["notifications"].as_array().map(Vec::len), Some(5));
    assert_free_of("the notifications", &notifications, &values);
    assert_free_of("the tags", serde_json::to_string(&new["tags"]).unwrap().as_bytes(), &values);
}

#[tokio::test]
async fn the_program_leaves_no_core_dump_and_files_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::set().await;
    stage.fault(&json!({ "match": { "method": "PUT" }, "do": { "delay_ms": 20000 } })).await;
    let mut child = stage.command(&stage.containment("r-core")).spawn().unwrap();
    let limits = loop {
        if crate::stage::count_lines(&stage.journal("r-core")) > 3 {
            break std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let sizes: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(sizes, ["0", "0"], "{core}");
    child.kill().unwrap();
    child.wait().unwrap();
    let run = stage.state_dir().join("runs/r-core");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&run), 0o700);
    for file in ["journal.jsonl", "runbook.yaml"] {
        assert_eq!(mode(&run.join(file)), 0o600, "{file}");
    }
}

/// A mask under which the planted value lies in this process, so that looking for it does not find the looking.
const MASK: u8 = 0x5a;

/// How often the masked bytes stand unmasked in memory of this process that can be written to.
fn times_in_memory(masked: &[u8]) -> usize {
    use std::os::unix::fs::FileExt;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let mut found = 0;
    let mut looked = 0;
    let mut chunk = vec![0; 1 << 20];
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split_whitespace().next().unwrap().split_once('-').unwrap();
        let address = |text: &str| u64::from_str_radix(text, 16).unwrap();
        let (mut at, end) = (address(from), address(to));
        while at < end {
            let length = usize::try_from(end - at).unwrap().min(chunk.len());
            // Some regions cannot be read; a value would not stand there either.
            if memory.read_exact_at(&mut chunk[..length], at).is_ok() {
                looked += length;
                let first = masked[0] ^ MASK;
                let places = memchr::memchr_iter(first, &chunk[..length]);
                let whole = |place: &usize| {
                    let rest = &chunk[*place..length];
                    rest.len() >= masked.len() && rest.iter().zip(masked).all(|(one, other)| one ^ MASK == *other)
                };
                found += places.filter(whole).count();
            }
            // The chunk itself lies in memory: what was copied there must not be met as if it were found.
            chunk.fill(0);
            at += length as u64;
        }
    }
    assert!(looked > 1 << 20, "memory was looked at");
    found
}

#[tokio::test]
async fn a_value_is_wiped_from_memory_once_it_is_in_the_vault() {
    use stanch::azure::Vault;
    use stanch::azure::{Azure, CloudFile, Environment, Identity, IdentityChoice, NewVersion, Route, Transport};
    use stanch::vault::SecretUrl;
    let stage = Stage::set().await;
    let masked: Vec<u8> = (0..40_u8).map(|index| (b'A' + (index % 26 * 7 + 3) % 26) ^ MASK).collect();
    let value = || -> stanch::secret::Secret {
        let mut text = zeroize::Zeroizing::new(String::with_capacity(masked.len()));
        masked.iter().for_each(|byte| text.push(char::from(byte ^ MASK)));
        text.into()
    };
    let transport =
        Transport::new(Route::Cloud(Box::new(CloudFile::read(&stage.ready_file()).unwrap())), "01234567-89ab").unwrap();
    let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::default());
    let url = SecretUrl::parse("https://kv-drill.vault.azure.net/secrets/orders-db").unwrap();
    let vault = Vault::open(&url.vault, &Azure { transport, identity }).unwrap();
    let secret = value();
    assert!(times_in_memory(&masked) >= 1, "a value that is held is found");
    let version = vault.set(&url.name, &secret, NewVersion::default()).await.unwrap();
    drop(secret);
    assert_eq!(vault.value(&url.name, Some(&version.id)).await.unwrap().expose().len(), masked.len());
    assert_eq!(times_in_memory(&masked), 0, "after it was set and read back");
}

#[tokio::test]
async fn a_value_that_was_looked_for_and_found_is_wiped_from_memory() {
    use stanch::azure::Vault;
    use stanch::azure::{Azure, CloudFile, Environment, Identity, IdentityChoice, NewVersion, Route, Transport};
    use stanch::find::{Needle, search};
    use stanch::vault::SecretUrl;
    let stage = Stage::set().await;
    let masked: Vec<u8> = (0..40_u8).map(|index| (b'a' + (index % 26 * 9 + 5) % 26) ^ MASK).collect();
    let value = || -> stanch::secret::Secret {
        let mut text = zeroize::Zeroizing::new(String::with_capacity(masked.len()));
        masked.iter().for_each(|byte| text.push(char::from(byte ^ MASK)));
        text.into()
    };
    let transport =
        Transport::new(Route::Cloud(Box::new(CloudFile::read(&stage.ready_file()).unwrap())), "01234567-89ab").unwrap();
    let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::default());
    let url = SecretUrl::parse("https://kv-drill.vault.azure.net/secrets/orders-db").unwrap();
    let azure = Azure { transport, identity };
    let vault = Vault::open(&url.vault, &azure).unwrap();
    vault.set(&url.name, &value(), NewVersion::default()).await.unwrap();
    let needle = Needle::new(&[value()]).unwrap();
    assert!(times_in_memory(&masked) >= 1, "what is looked for is held");
    let answer = search(&azure, &[url.vault], &needle, &|_| {}).await;
    drop(needle);
    assert_eq!(answer.found.len(), 1);
    assert_eq!(times_in_memory(&masked), 0, "after it was found, with the answer still there");
}

#[test]
fn the_clients_debug_output_holds_no_value() {
    // The feature `azure_core/debug` would print it, and any crate of the graph could switch it on.
    let parameters = azure_security_keyvault_secrets::models::SetSecretParameters {
        value: Some("planted-value".to_owned()),
        ..Default::default()
    };
    assert!(!format!("{parameters:?}").contains("planted-value"));
    let secret = stanch::secret::Secret::new("planted-value".to_owned());
    assert_eq!(format!("{secret:?}"), "Secret(…)");
    assert_eq!(Value::from(secret.expose()), "planted-value");
}
