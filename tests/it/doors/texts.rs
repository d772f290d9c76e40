//! What stands somewhere: tags, names, addresses, configurations, reports of scanners.

use super::planted::{HELD, assert_fit, assert_seen, assert_silent, assert_written_silent};
use super::{Door, Hostile};
use crate::language::folder;
use stanch::config::{Config, Inventory};
use stanch::engine::person;
use stanch::intake;
use stanch::issuers::{IssuerClaim, IssuerKind, resolve};
use stanch::journal::valid_run_id;
use stanch::redaction::without_credentials;
use stanch::told::{named, told, told_about, unless_repeated};
use stanch::vault::{SecretUrl, VaultUrl, taken_over, target};
use stanch::{cli, visible};
use std::collections::BTreeMap;
use std::path::Path;

const TAGS: &[&str] = &[
    "owner",
    "team",
    "Issuer",
    "issued-by",
    "provider",
    "stanch-provider",
    "ProviderAddress",
    "CredentialId",
    "ValidityPeriodDays",
    "rotate-every",
    "runbook",
    "stanch-runbook",
    "stanch-run",
    "stanch-effect",
    "environment",
    "",
];
const TAG_TEXTS: &[&str] = &[
    "payments-team",
    "Stripe",
    "random",
    "manual",
    "command",
    "postgres",
    "azure_storage_key",
    "entra_app_secret",
    "key1",
    "90d",
    "60",
    "P90D",
    "secret-exposure",
    "../own",
    "/applications/b7b1b6f0-0000-4000-8000-000000000001",
    "/subscriptions/0/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/orders",
    "",
    "/subscriptions/0/resourceGroups/rg/providers/Microsoft.Cache/Redis/orders",
    "r-0123",
    "true",
];

#[test]
fn no_tag_does_more_than_tell() {
    HELD.first().unwrap();
    let kinds = [IssuerKind::Random, IssuerKind::Manual, IssuerKind::Command, IssuerKind::RedisKey];
    let inventory = Inventory::default();
    Door::new(module_path!(), "no_tag_does_more_than_tell").try_all(|hostile| {
        // As a vault's tags are taken in.
        let tags: BTreeMap<String, String> = (0..hostile.below(18))
            .map(|_| {
                let name = if hostile.below(3) == 0 { hostile.text(TAGS) } else { (*hostile.one_of(TAGS)).to_owned() };
                let text = if hostile.below(2) == 0 {
                    hostile.text(TAG_TEXTS)
                } else {
                    (*hostile.one_of(TAG_TEXTS)).to_owned()
                };
                (unless_repeated(&name), unless_repeated(&text))
            })
            .collect();
        assert_written_silent("tags", &tags);
        let facts = inventory.facts("kv-drill", "orders-db", &tags);
        assert_written_silent("facts", &facts);
        let own = BTreeMap::from([("stanch-run".to_owned(), "r".to_owned())]);
        let (carried, left_out) = taken_over(&tags, &own);
        assert!(
            carried.len() <= 15 && carried.get("stanch-run").is_some_and(|run| run == "r"),
            "{carried:?}, {left_out:?}"
        );
        let said = |kind: Option<IssuerKind>| IssuerClaim { provider: kind, ..IssuerClaim::default() };
        let pick = |hostile: &mut Hostile| (hostile.below(3) == 0).then(|| *hostile.one_of(&kinds));
        let (runbook, known) = (said(pick(hostile)), said(pick(hostile)));
        match resolve(&runbook, &tags, &known) {
            Ok(named) => {
                assert_written_silent("an issuer", &named);
                assert_seen("why it is the issuer", &named.because);
                let is_own = [runbook.provider, known.provider].contains(&Some(named.provider));
                assert!(is_own || !tags.is_empty() || named.assumed, "{named:?}");
            }
            Err(failure) => assert_fit(&failure),
        }
    });
}

const NAMES: &[&str] = &[
    "alice",
    "Ann Smith",
    "alice@contoso.com",
    "王伟",
    "key-2",
    "r-2026-09-14-0001",
    "orders-db",
    "https://kv-drill.vault.azure.net/secrets/orders-db/0123456789abcdef0123456789abcdef",
    "https://kv-drill.vault.azure.net",
    "https://127.0.0.1:8443/secrets/a",
    "https://kv-drill.vault.azure.net/keys/a",
    "deploy/prod.env:12",
    "Server=tcp:x;User ID=u;Password=short;",
    "https://user:token-1234@git.example/a.git?access_token=abc",
    "ref: refs/heads/main",
];

#[test]
fn no_name_does_more_than_tell() {
    let value = &HELD[0];
    Door::new(module_path!(), "no_name_does_more_than_tell").try_all(|hostile| {
        let text = hostile.text(NAMES);
        let said = told(&text);
        assert_silent("what is told", said.as_bytes());
        assert!(said.chars().count() <= 520, "{} characters", said.chars().count());
        assert_seen("what is told", &visible::line(&said));
        assert_silent("what is told of a value", told_about(&text, &[value]).as_bytes());
        assert_silent("what is kept whole", unless_repeated(&text).as_bytes());
        assert_silent("a name", named(&text, &[value]).unwrap_or_default().as_bytes());
        let without = without_credentials(&text).into_owned();
        assert_eq!(without_credentials(&without), without, "a second time, of {text:?}");
        assert_seen("JSON", &visible::json(&serde_json::to_string(&text).unwrap()));
        for refused in [SecretUrl::parse(&text).err(), VaultUrl::parse(&text).err()].iter().flatten() {
            assert_fit(refused);
        }
        if let Ok(url) = SecretUrl::parse(&text) {
            assert_seen("an address", &url.to_string());
            assert_eq!(SecretUrl::parse(&url.to_string()).unwrap(), url, "{text:?}");
            assert_eq!(target(&url.to_string()), target(&text));
        }
        if let Ok(run) = valid_run_id(&text) {
            assert!(!run.contains(['/', ' ']) && !run.starts_with(['.', '-']), "{run:?}");
            assert_seen("the id of a run", run);
        }
        match person::name(&text) {
            Ok(name) => {
                assert_seen("a person's name", &name);
                assert_eq!(person::name(&name).as_deref(), Ok(name.as_str()), "a second time, of {text:?}");
            }
            Err(why) => assert_seen("why it is no name", &visible::line(&why)),
        }
        if hostile.below(8) == 0 {
            drop(person::names(&[text, hostile.text(NAMES)]));
        }
    });
}

/// A value in a place where a secret belongs; nobody knows it before the file is read.
const CANARY: &str = "Hunter2Canary";

/// Parts of a configuration; a line with the value is handed in as it is, whatever becomes of those around it.
const CONFIGURATION: &[&str] = &[
    "schema: stanch-config/v1\n",
    "identity: { use: managed, client_id: c-1 }\n",
    "audit: { archive: trails/all }\n",
    "vaults:\n  KV-Prod: { audit: { archive: /trails/prod } }\n",
    "channels:\n",
    "  oncall:\n    kind: pagerduty\n",
    "    routing_key: Hunter2Canary\n",
    "  incident:\n    kind: slack\n",
    "    webhook: \"https://hooks.slack.com/services/T/B/Hunter2Canary\"\n",
    "  mail:\n    kind: email\n    server: \"smtp.example:587\"\n    from: a@b.c\n    to: [a@b.c]\n    username: u\n",
    "    password: Hunter2Canary\n",
    "  siem:\n    kind: webhook\n    url: \"https://siem.example/in\"\n",
    "    token: Hunter2Canary\n",
    "    signing_key: \"env:SIEM\"\n",
    "known_callers: [7991AC3E-0000-0000-0000-000000000001]\n",
    "inventory:\n  - secret: \"stripe-*\"\n    owner: payments\n    provider: command\n    settings: { program: [/opt/rotate] }\n",
    "limits: { window: 10s, requests: 100 }\n",
    "approvers: [ann, bob]\n",
    "timestamp: { url: \"https://tsa.example\", ca: tsa.pem }\n",
    "templates: templates\n",
];

#[test]
fn no_configuration_shows_what_may_be_a_secret() {
    Door::new(module_path!(), "no_configuration_shows_what_may_be_a_secret").try_all(|hostile| {
        let mut text = String::new();
        let worst = hostile.below(3);
        for part in CONFIGURATION {
            let is_secret = part.contains(CANARY);
            if hostile.below(5) < 2 {
                continue;
            }
            if is_secret || hostile.below(10) >= worst {
                text.push_str(part);
                continue;
            }
            let cut = part.char_indices().nth(hostile.below(part.len())).map_or(0, |(at, _)| at);
            let (before, after) = part.split_at(cut);
            let after = if hostile.below(2) == 0 { after.get(1..).unwrap_or_default() } else { after };
            text.push_str(before);
            text.push_str(&hostile.untold());
            text.push_str(after);
            // What comes next is a line of its own.
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
        match Config::of(Path::new("/etc/stanch.yaml"), text.clone(), hostile.below(2) == 0) {
            Ok(config) => drop(config),
            Err(problems) => {
                let shown = problems.render();
                assert!(shown.len() < 300_000, "{} bytes are shown", shown.len());
                assert!(!shown.contains(CANARY), "{shown}\n{text}");
                for line in shown.lines() {
                    assert_seen("a problem", &visible::line(line));
                }
            }
        }
    });
}

#[test]
fn no_report_of_a_scanner_does_more_than_tell() {
    let good: Vec<Vec<u8>> = std::fs::read_dir(folder("tests/cases/intake"))
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    HELD.first().unwrap();
    // Each value of a report is a secret from then on.
    let door = Door::new(module_path!(), "no_report_of_a_scanner_does_more_than_tell").at_once(25_000);
    door.try_all(|hostile| match intake::read(&hostile.damaged(&good)) {
        Ok(report) => {
            for finding in &report.findings {
                for text in [&finding.rule, &finding.found_at] {
                    assert_seen("a finding", text);
                    assert_silent("a finding", text.as_bytes());
                    assert!(text.chars().count() <= 300, "{text}");
                }
            }
            for unread in &report.unread {
                assert_seen("what is not read", &visible::line(unread));
                assert_silent("what is not read", unread.as_bytes());
            }
        }
        Err(failure) => {
            assert_fit(&failure);
            assert!(cli::told(&failure).len() < 2_000, "{failure:?}");
        }
    });
}
