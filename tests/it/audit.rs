//! The blast radius, asked of small archives written here, and of a generated one where its answers are known.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests write the archives they ask about"
)]

mod archive;
mod beside;
mod callers;
mod command;
mod copies;
mod coverage;
mod envelopes;
mod export;
mod findings;
mod hostile;
mod misread;
mod nothing_dropped;
mod ordinary;
mod own;
mod reading;
mod renamed;
mod shapes;
mod spellings;
mod tables;
mod times;
mod traffic;
mod twofold;
mod untold;
mod whose;
mod workspace;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use stanch::audit::{BlastRadius, Finding, Own, Query, Source, blast_radius};
use stanch::clock::Timestamp;
use stanch::vault::SecretUrl;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const LEAKED: &str = "11111111111111111111111111111111";
const FRESH: &str = "22222222222222222222222222222222";
const THIEF: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const SHOP: &str = "bbbbbbbb-0000-4000-8000-000000000002";
const HOST: &str = "https://kv-drill.vault.azure.net";

/// An archive of the vault `kv-drill`.
struct Archive {
    folder: TempDir,
}

impl Archive {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// One hour of 2026-11-20 with these lines.
    fn with(lines: &[Value]) -> Self {
        let archive = Self::new();
        archive.hour("h=10", lines);
        archive
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn vault(&self) -> PathBuf {
        self.of_vault("MICROSOFT.KEYVAULT", "KV-DRILL")
    }

    fn of_vault(&self, service: &str, vault: &str) -> PathBuf {
        let resource = format!("resourceId=/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/{service}/VAULTS/{vault}");
        self.path().join("insights-logs-auditevent").join(resource)
    }

    fn hour(&self, hour: &str, lines: &[Value]) {
        self.bytes(hour, "PT1H.json", text(lines).as_bytes());
    }

    fn bytes(&self, hour: &str, file: &str, bytes: &[u8]) {
        write(&self.vault().join("y=2026/m=11/d=20").join(hour).join("m=00").join(file), bytes);
    }

    fn ask(&self) -> BlastRadius {
        ask(self.path(), &query())
    }
}

fn ask(place: &Path, query: &Query) -> BlastRadius {
    blast_radius(&Source::path(place), query).unwrap()
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn text(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn compress(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn query() -> Query {
    let secret = SecretUrl::parse(&format!("{HOST}/secrets/db-password")).unwrap();
    Query {
        known: BTreeSet::from([SHOP.to_uppercase()]),
        own: Own { prefixes: vec!["5ca1ab1e-".into()], ..Own::default() },
        ..Query::new(&secret, time("2026-11-20T10:00:00Z"), time("2026-11-20T11:00:00Z"))
    }
}

/// A read of the newest version by the thief at 10:00 plus `second`, changed as the test needs it.
fn event(second: u32, change: impl FnOnce(&mut Value)) -> Value {
    let mut event = json!({
        "time": format!("2026-11-20T10:{:02}:{:02}.1234567Z", second / 60, second % 60),
        "resourceId": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-DRILL",
        "operationName": "SecretGet",
        "category": "AuditEvent",
        "resultType": "Success",
        "resultSignature": "OK",
        "durationMs": "12",
        "callerIpAddress": "203.0.113.9",
        "correlationId": "00000000-0000-4000-8000-000000000000",
        "identity": {"claim": {"oid": THIEF, "appid": "app-1"}},
        "properties": {
            "id": format!("{HOST}/secrets/db-password/{LEAKED}"),
            "clientInfo": "azsdk-net-Security.KeyVault.Secrets/4.6.0",
            "requestUri": format!("{HOST}/secrets/db-password?api-version=7.4"),
            "httpStatusCode": 200
        }
    });
    change(&mut event);
    event
}

fn read(second: u32) -> Value {
    event(second, |_| {})
}

/// An operation of `oid` on another secret.
fn deed(second: u32, oid: &str, operation: &str, path: &str, status: u16) -> Value {
    event(second, |event| {
        event["operationName"] = json!(operation);
        event["identity"]["claim"]["oid"] = json!(oid);
        event["properties"]["id"] = json!(format!("{HOST}/{path}"));
        event["properties"]["requestUri"] = json!(format!("{HOST}/{path}?api-version=7.4"));
        event["properties"]["httpStatusCode"] = json!(status);
    })
}

fn counts(radius: &BlastRadius) -> u64 {
    radius.accesses.iter().map(|access| access.count).sum()
}

fn found<'a>(radius: &'a BlastRadius, rule: &str) -> &'a Finding {
    radius
        .findings
        .iter()
        .find(|finding| finding.rule == rule)
        .unwrap_or_else(|| panic!("no `{rule}` in {:#?}", radius.findings))
}

fn rules(radius: &BlastRadius) -> Vec<&str> {
    radius.findings.iter().map(|finding| finding.rule.as_str()).collect()
}

#[test]
fn an_access_says_who_from_where_what_and_when() {
    let archive = Archive::with(&[
        event(5, |event| {
            event["identity"] = json!({"claim": {
                "http://schemas.microsoft.com/identity/claims/objectidentifier": THIEF.to_uppercase(),
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "mallory@example.com",
                "xms_mirid": "/subscriptions/s/providers/Microsoft.Web/sites/shop",
            }});
            event["callerIpAddress"] = json!("203.0.113.9:50412");
        }),
        read(3),
    ]);
    let radius = archive.ask();
    assert_eq!(
        serde_json::to_value(&radius.accesses).unwrap(),
        json!([{
            "oid": THIEF, "appid": "app-1", "upn": "mallory@example.com",
            "resource": "/subscriptions/s/providers/Microsoft.Web/sites/shop", "ip": "203.0.113.9",
            "operation": "SecretGet", "version": LEAKED, "status": 200, "count": 2,
            "first": "2026-11-20T10:00:03.1234567Z", "last": "2026-11-20T10:00:05.1234567Z",
            "known": false, "own": false, "name": "mallory@example.com", "known_by": "",
            "user_agent": "azsdk-net-Security.KeyVault.Secrets/4.6.0"
        }])
    );
    let keys: Vec<String> = serde_json::to_value(&radius).unwrap().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["secret", "window", "accesses", "unknown_callers", "second_order", "findings", "coverage"]);
    assert_eq!(serde_json::from_str::<BlastRadius>(&serde_json::to_string(&radius).unwrap()).unwrap(), radius);
}

#[test]
fn groups_are_per_caller_address_operation_version_and_class_of_status() {
    let status = |second, code: Value| event(second, |event| event["properties"]["httpStatusCode"] = code);
    let radius = Archive::with(&[
        read(1),
        status(2, json!(403)),
        status(3, json!("404")),
        status(4, json!(201)),
        event(5, |event| event["callerIpAddress"] = json!("[2001:db8::1]:443")),
        event(6, |event| event["callerIpAddress"] = json!("2001:db8::1")),
        event(7, |event| event["properties"]["id"] = json!(format!("{HOST}/secrets/db-password/{FRESH}"))),
        event(8, |event| event["operationName"] = json!("SecretListVersions")),
        event(9, |event| event["identity"] = json!({})),
    ])
    .ask();
    let rows: Vec<_> = radius
        .accesses
        .iter()
        .map(|access| {
            (&*access.oid, &*access.ip, &*access.operation, &access.version[..2], access.status, access.count)
        })
        .collect();
    assert_eq!(
        rows,
        [
            (THIEF, "203.0.113.9", "SecretGet", "11", 200, 2),
            (THIEF, "203.0.113.9", "SecretGet", "11", 403, 2),
            (THIEF, "2001:db8::1", "SecretGet", "11", 200, 2),
            (THIEF, "203.0.113.9", "SecretGet", "22", 200, 1),
            (THIEF, "203.0.113.9", "SecretListVersions", "11", 200, 1),
            ("", "203.0.113.9", "SecretGet", "11", 200, 1),
        ]
    );
}

#[test]
fn the_version_is_the_returned_one_else_the_asked_one_else_none() {
    let version = |id: &str, uri: &str| {
        let radius = Archive::with(&[event(1, |event| {
            event["properties"]["id"] = json!(format!("{HOST}/{id}"));
            event["properties"]["requestUri"] = json!(format!("{HOST}/{uri}"));
        })])
        .ask();
        radius.accesses[0].version.clone()
    };
    let name = "secrets/db-password";
    assert_eq!(version(&format!("{name}/{LEAKED}"), &format!("{name}/{FRESH}?api-version=7.4")), LEAKED);
    assert_eq!(version(name, &format!("{name}/{FRESH}?api-version=7.4")), FRESH);
    assert_eq!(version("", &format!("{name}/ABCDEF?api-version=7.4")), "abcdef");
    assert_eq!(version(name, &format!("{name}/?api-version=7.4")), "");
    assert_eq!(version(name, &format!("{name}/versions?api-version=7.4")), "");
    assert_eq!(version("", &format!("{name}/backup?api-version=7.4")), "");
}

#[test]
fn every_spelling_of_the_name_is_an_access() {
    let spelled = |uri: &str| {
        let line = event(1, |event| {
            event["properties"]["id"] = json!(HOST);
            event["properties"]["requestUri"] = json!("URI");
        });
        let archive = Archive::new();
        archive.bytes("h=10", "PT1H.json", line.to_string().replace("URI", uri).as_bytes());
        archive.ask().accesses.len()
    };
    for uri in [
        "https://kv-drill.vault.azure.net/secrets/DB-Password",
        "https://KV-DRILL.vault.azure.net:443/Secrets/db-password/?api-version=7.4",
        "https://kv-drill.vault.azure.net/secrets/db%2Dpassword?api-version=7.4",
        "https://kv-drill.vault.azure.net/secrets/%64b-passwor%44/1234",
        "https://kv-drill.vault.azure.net/secrets%2fdb-password",
        r"https:\/\/kv-drill.vault.azure.net\/secrets\/db-password",
        r"https://kv-drill.vault.azure.net/secrets/db\u002dpassword",
        r"https://kv-drill.vault.azure.net/secrets\u002Fdb-password",
        r"https://kv-drill.vault.azure.net/secrets/db\u00252Dpassword",
        "https://kv-drill.vault.azure.net//secrets//db-password",
        "https://kv-drill.vault.azure.net/deletedsecrets/db-password",
        "https://management.azure.com/subscriptions/s/resourceGroups/secrets/providers/Microsoft.KeyVault/vaults/kv-drill/secrets/db-password",
        "/secrets/db-password",
    ] {
        assert_eq!(spelled(uri), 1, "{uri}");
    }
}

#[test]
fn a_name_elsewhere_is_no_access() {
    let uri = |second, path: &str| {
        event(second, |event| {
            event["properties"]["id"] = json!(HOST);
            event["properties"]["requestUri"] = json!(format!("{HOST}/{path}"));
        })
    };
    let called = |operation: &str, mut event: Value| {
        event["operationName"] = json!(operation);
        event
    };
    let radius = Archive::with(&[
        uri(1, "secrets/db-password-old?api-version=7.4"),
        uri(2, "secrets/legacy-db-password"),
        uri(3, "secrets/db-password2"),
        uri(4, "secrets/db-password%2Dold"),
        called("KeySign", uri(5, "keys/db-password/sign")),
        called("SecretList", uri(6, "secrets?name=/secrets/db-password")),
        uri(7, "secrets/other/db-password"),
        event(8, |event| {
            event["operationName"] = json!("VaultGet");
            event["properties"]["id"] = json!(HOST);
            event["properties"]["requestUri"] = json!(HOST);
            event["properties"]["clientInfo"] = json!("job (/secrets/db-password/check)");
        }),
        event(9, |event| {
            event["properties"]["id"] = json!(format!("{HOST}/secrets/other"));
            event["properties"]["requestUri"] = json!(format!("{HOST}/secrets/restore"));
            event["properties"]["clientInfo"] = json!("\",\"requestUri\":\"https://x/secrets/db-password\",\"oid\":\"");
        }),
        event(10, |event| event["resourceId"] = json!("/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/OTHER"))
            .to_string()
            .replace(HOST, "https://other.vault.azure.net")
            .parse()
            .unwrap(),
    ])
    .ask();
    assert_eq!(radius.accesses, []);
    assert_eq!(radius.unknown_callers, Vec::<String>::new());
    assert_eq!((radius.coverage.events, radius.coverage.others, radius.coverage.unreadable_lines), (9, 1, 0));
}

#[test]
fn a_restored_secret_is_named_by_its_result() {
    let mut restored = deed(1, THIEF, "SecretRestore", "secrets/restore", 200);
    restored["properties"]["id"] = json!(format!("{HOST}/secrets/db-password/{LEAKED}"));
    assert_eq!(Archive::with(&[restored]).ask().accesses[0].operation, "SecretRestore");
}

#[test]
fn own_requests_are_marked_and_make_nobody_unknown() {
    let own = |event: &mut Value| event["correlationId"] = json!("5CA1AB1E-1111-4000-8000-000000000000");
    let radius = Archive::with(&[event(1, own), event(2, own)]).ask();
    assert_eq!(radius.unknown_callers, Vec::<String>::new());
    assert!(radius.accesses[0].own);
    assert_eq!(rules(&radius), Vec::<&str>::new());

    let radius = Archive::with(&[event(1, own), read(2)]).ask();
    assert_eq!(radius.unknown_callers, [THIEF], "the same principal did something that was not ours");
    assert_eq!(
        radius.accesses.iter().map(|access| (access.own, access.count)).collect::<Vec<_>>(),
        [(true, 1), (false, 1)]
    );

    let mut nothing_is_own = query();
    nothing_is_own.own = Own { prefixes: vec![String::new().into()], ..Own::default() };
    assert_eq!(ask(Archive::with(&[read(1)]).path(), &nothing_is_own).unknown_callers, [THIEF]);
}

#[test]
fn the_second_order_is_what_unknown_callers_did_to_other_secrets() {
    let mut late = deed(10, THIEF, "SecretGet", "secrets/stripe-key", 200);
    late["time"] = json!("2026-11-20T11:00:00.0000000Z");
    let mut own = deed(11, THIEF, "SecretGet", "secrets/ours", 200);
    own["correlationId"] = json!("5ca1ab1e-2");
    let mut long_claim = deed(5, THIEF, "SecretGet", "secrets/smtp", 200);
    long_claim["identity"] =
        json!({"claim": {"http://schemas.microsoft.com/identity/claims/objectidentifier": THIEF.to_uppercase()}});
    let archive = Archive::with(&[
        read(1),
        deed(2, THIEF, "SecretGet", "secrets/Stripe-Key/123", 200),
        deed(4, THIEF, "SecretGet", "secrets/stripe-key", 403),
        deed(3, THIEF, "SecretSet", "secrets/stripe-key", 200),
        long_claim,
        deed(6, THIEF, "KeySign", "keys/signer/1", 200),
        deed(7, SHOP, "SecretGet", "secrets/db-password", 200),
        deed(8, SHOP, "SecretGet", "secrets/shop-only", 200),
        late,
        own,
    ]);
    // White space around the claim must not hide the caller.
    archive.bytes(
        "h=10",
        "more.json",
        deed(9, THIEF, "SecretGet", "secrets/spaced", 200)
            .to_string()
            .replace(':', " : ")
            .replace(" : //", "://")
            .replace("10 : 00 : ", "10:00:")
            .as_bytes(),
    );
    let radius = archive.ask();
    assert_eq!(radius.unknown_callers, [THIEF]);
    let rows: Vec<_> = radius
        .second_order
        .iter()
        .map(|row| (&*row.oid, &*row.secret, &*row.operation, row.count, &row.first[17..19], &row.last[17..19]))
        .collect();
    assert_eq!(
        rows,
        [
            (THIEF, "stripe-key", "SecretGet", 2, "02", "04"),
            (THIEF, "stripe-key", "SecretSet", 1, "03", "03"),
            (THIEF, "smtp", "SecretGet", 1, "05", "05"),
            (THIEF, "spaced", "SecretGet", 1, "09", "09"),
        ],
        "what succeeded most comes first"
    );
    assert_eq!((radius.second_order[0].succeeded, &*radius.second_order[0].vault), (1, "kv-drill"));
    assert_eq!(
        radius.second_order[0].command,
        "stanch plan secret-exposure -i secret=https://kv-drill.vault.azure.net/secrets/stripe-key -i exposed_at=2026-11-20T10:00:02Z"
    );
    assert!(found(&radius, "beyond-secrets").summary.contains("KeySign"));
}

#[test]
fn a_question_that_makes_no_sense_is_refused() {
    let archive = Archive::with(&[read(1)]);
    for change in [
        (|query| query.secret = "https://kv-drill.vault.azure.net/secrets/x".into()) as fn(&mut Query),
        |query| query.secret = String::new(),
        |query| query.vault = "kv/drill".into(),
        |query| query.until = query.since,
    ] {
        let mut query = query();
        change(&mut query);
        let error = blast_radius(&Source::path(archive.path()), &query).unwrap_err();
        assert!(error.help.is_some(), "{error:?}");
    }
}

#[test]
fn a_generated_archive_gives_the_generators_answers() {
    let Some(folder) = std::env::var_os("STANCH_AUDIT_TRUTH").map(PathBuf::from) else {
        println!("skipped: STANCH_AUDIT_TRUTH does not name a generated archive");
        return;
    };
    let file = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let parameters: Value = serde_json::from_str(&file("params.json")).unwrap();
    let text = |name: &str| parameters[name].as_str().unwrap().to_owned();
    let secret = SecretUrl::parse(&format!("https://{}.vault.azure.net/secrets/{}", text("vault"), text("target")));
    let query = Query {
        known: file("known_callers.txt").lines().map(str::to_owned).collect(),
        ..Query::new(&secret.unwrap(), time(&text("from")), time(&text("to")))
    };
    let radius = ask(&folder.join("insights-logs-auditevent"), &query);
    let mut accesses: BTreeMap<[&str; 4], (u64, &str, &str)> = BTreeMap::new();
    for access in &radius.accesses {
        let row = accesses.entry([&access.oid, &access.ip, &access.operation, &access.version]).or_insert((
            0,
            &access.first,
            &access.last,
        ));
        *row = (row.0 + access.count, row.1.min(&access.first), row.2.max(&access.last));
    }
    let rows =
        accesses.iter().map(|(key, (count, first, last))| format!("{}\t{count}\t{first}\t{last}\n", key.join("\t")));
    assert_eq!(rows.collect::<String>(), file("truth_q1.tsv"));
    let mut reach: BTreeMap<[&str; 2], u64> = BTreeMap::new();
    for row in &radius.second_order {
        *reach.entry([&row.oid, &row.secret]).or_insert(0) += row.count;
    }
    assert_eq!(
        reach.iter().map(|(key, count)| format!("{}\t{count}\n", key.join("\t"))).collect::<String>(),
        file("truth_q2.tsv")
    );
    assert_eq!(radius.coverage.gaps, []);
    assert_eq!(radius.coverage.unreadable_lines, 0);
    assert!(radius.coverage.events <= parameters["events"].as_u64().unwrap());
}
