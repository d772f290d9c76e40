//! `stanch.yaml`: what it means, what is refused, and that a secret in it is never shown.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test ends where something is missing"
)]

use crate::surroundings::Surroundings;
use stanch::audit::Place;
use stanch::azure::{Azure, Environment, Identity, IdentityChoice, Route, Transport};
use stanch::config::Config;
use stanch::notify::{Channel, email::Email, pagerduty::PagerDuty, slack::Slack, teams::Teams, webhook::Webhook};
use stanch::settings::SecretReference;
use stanch::vault::SecretUrl;
use std::any::Any;
use std::path::{Path, PathBuf};

const CANARY: &str = "Hunter2Canary";

/// A configuration in a folder of its own.
struct Written {
    folder: tempfile::TempDir,
}

impl Written {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("stanch.yaml"), text).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("stanch.yaml")
    }

    fn read(&self) -> Config {
        Config::read(&self.path()).unwrap_or_else(|problems| panic!("{problems}"))
    }
}

/// A channel of the kind that it must be of.
fn channel<'a, T: Channel>(config: &'a Config, name: &str) -> &'a T {
    let channel: &dyn Any = config.channels[name].as_ref();
    channel.downcast_ref().unwrap_or_else(|| panic!("{config:?}"))
}

fn refused(text: &str) -> String {
    Config::read(&Written::new(text).path()).unwrap_err().to_string()
}

const WHOLE: &str = r#"schema: stanch-config/v1
identity: { use: managed, client_id: c-1 }
audit: { archive: trails/all }
vaults:
  KV-Prod: { audit: { archive: /trails/prod } }
channels:
  oncall:       { kind: pagerduty, routing_key: "env:PD_KEY" }
  incident:     { kind: slack, webhook: "@Microsoft.KeyVault(SecretUri=https://kv-ops.vault.azure.net/secrets/slack)" }
  stakeholders: { kind: teams, webhook: "file:secrets/teams" }
  mail:         { kind: email, server: "smtp.example:587", from: stanch@example.com, to: [a@example.com, b@example.com], username: stanch, password: "@Microsoft.KeyVault(VaultName=kv-ops;SecretName=smtp;SecretVersion=0123456789abcdef0123456789abcdef)" }
  siem:         { kind: webhook, url: "https://siem.example/in", signing_key: "env:SIEM" }
known_callers: [7991AC3E-0000-0000-0000-000000000001]
templates: templates
"#;

#[test]
fn everything_is_read_and_paths_are_relative_to_the_file() {
    let written = Written::new(WHOLE);
    let config = written.read();
    let folder = written.folder.path();
    assert_eq!(config.identity, IdentityChoice::Managed { client_id: Some("c-1".to_owned()) });
    assert_eq!(config.archive("kv-other"), Some(Place::Path(folder.join("trails/all"))));
    assert_eq!(
        config.archive("kv-prod"),
        Some(Place::Path(PathBuf::from("/trails/prod"))),
        "vaults' names have no case"
    );
    assert_eq!(config.templates, Some(folder.join("templates")));
    assert!(
        config
            .known_callers(&SecretUrl::parse("https://kv-prod.vault.azure.net/secrets/a").unwrap())
            .contains("7991ac3e-0000-0000-0000-000000000001")
    );
    let secret = |text: &str| SecretReference::KeyVault(SecretUrl::parse(text).unwrap());
    let oncall: &PagerDuty = channel(&config, "oncall");
    assert_eq!(oncall.routing_key, SecretReference::Environment("PD_KEY".to_owned()));
    let incident: &Slack = channel(&config, "incident");
    assert_eq!(incident.webhook, secret("https://kv-ops.vault.azure.net/secrets/slack"));
    let stakeholders: &Teams = channel(&config, "stakeholders");
    assert_eq!(stakeholders.webhook, SecretReference::File(folder.join("secrets/teams")));
    let mail: &Email = channel(&config, "mail");
    assert_eq!((mail.host.as_str(), mail.port, mail.tls, mail.to.len()), ("smtp.example", 587, true, 2));
    let password = "https://kv-ops.vault.azure.net/secrets/smtp/0123456789abcdef0123456789abcdef";
    assert_eq!(mail.login, Some(("stanch".to_owned(), secret(password))));
    let siem: &Webhook = channel(&config, "siem");
    assert_eq!((siem.signing_key.is_some(), siem.token.is_some()), (true, false));
}

#[test]
fn the_digest_is_that_of_the_bytes() {
    let config = Written::new("schema: stanch-config/v1\n").read();
    let sha256 = config.sha256().unwrap();
    assert_eq!(sha256.len(), 64);
    assert_ne!(Written::new("schema: stanch-config/v1\n\n").read().sha256(), Some(sha256));
    assert_eq!(Config::default().sha256(), None);
    assert!(sha256.starts_with("cba6f42be3a94a52"), "as `sha256sum` has it");
}

#[test]
fn identities_have_names() {
    for (name, choice) in [
        ("auto", IdentityChoice::Auto),
        ("workload", IdentityChoice::Workload),
        ("managed", IdentityChoice::Managed { client_id: None }),
        ("client_secret", IdentityChoice::ClientSecret),
        ("azure_cli", IdentityChoice::AzureCli),
        ("azd", IdentityChoice::AzureDeveloperCli),
    ] {
        assert_eq!(Written::new(&format!("identity: {name}\n")).read().identity, choice);
    }
    assert!(refused("identity: azure-cli\n").contains("did you mean `azure_cli`?"));
}

#[test]
fn every_problem_is_shown_with_its_place_and_a_remedy() {
    let shown = refused(
        "schema: stanch-config/v1\nidentiti: auto\nvaults:\n  kv-prod: { audits: { archive: x } }\nchannels:\n  oncall: { kind: pagerdute }\n  mail: { kind: email, server: smtp.example, from: a@b.c, to: [] }\n",
    );
    for part in [
        "stanch.yaml:2:1",
        "unknown key `identiti`",
        "did you mean `identity`?",
        "stanch.yaml:4:",
        "did you mean `audit`?",
        "did you mean `pagerduty`?",
        "`smtp.example` is not a mail server",
        "write `server: HOST:PORT`",
    ] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    assert!(refused("schema: stanch-config/v9\n").contains("stanch-config/v1"));
    assert!(
        refused("channels:\n  siem: { kind: webhook, url: \"http://siem.example\" }\n").contains("without encryption")
    );
    let mail = "{ kind: email, server: \"s:25\", from: a@b.c, to: [a@b.c]";
    assert!(refused(&format!("channels:\n  mail: {mail}, username: u }}\n")).contains("no `password`"));
    let plain = format!("channels:\n  mail: {mail}, username: u, password: \"env:P\", tls: none }}\n");
    assert!(refused(&plain).contains("without encryption"));
}

#[test]
fn a_secret_in_the_file_is_refused_and_never_shown() {
    for (text, said) in [
        (
            "channels:\n  oncall: { kind: pagerduty, routing_key: CANARY }\n",
            "a secret stands in the configuration itself",
        ),
        ("channels:\n  oncall:\n    kind: pagerduty\n    routing_key: >-\n      CANARY\n", "a secret stands"),
        (
            "channels:\n  chat: { kind: slack, webhook: \"https://hooks.slack.com/services/T/B/CANARY\" }\n",
            "a secret stands",
        ),
        (
            "channels:\n  chat: { kind: slack, webhok: \"https://hooks.slack.com/services/T/B/CANARY\" }\n",
            "did you mean `webhook`?",
        ),
        ("channels:\n  chat: { kind: slac, webhook: CANARY }\n", "did you mean `slack`?"),
        ("channels:\n  oncall: { routing_key: CANARY }\n", "has no `kind`"),
        ("channels:\n  oncall: CANARY\n", "must be a mapping"),
        ("channels: CANARY\n", "must be a mapping"),
        ("routing_key: CANARY\n", "unknown key `routing_key`"),
        ("identity: { use: client_secret, client_secret: CANARY }\n", "unknown key `client_secret`"),
        (
            "channels:\n  siem: { kind: webhook, url: \"https://user:CANARY@siem.example\" }\n",
            "a secret stands in the `url`",
        ),
        (
            "channels:\n  siem: { kind: webhook, url: \"https://a.example\", token: \"env:CANARY!\" }\n",
            "name of a variable",
        ),
        ("channels:\n  oncall: { kind: pagerduty, routing_key: CANARY\n", "YAML"),
        ("channels:\n  oncall:\n    routing_key: CANARY\n    routing_key: CANARY\n", "YAML"),
        ("channels:\n  oncall:\n    routing_key: *CANARY\n", "YAML"),
        ("channels:\n  oncall:\n    routing_key: !CANARY |\n", ""),
        ("channels:\n  oncall:\n    routing_key: @CANARY\n", "YAML"),
        ("channels:\n  oncall:\n    routing_key: %CANARY\n", ""),
        ("channels:\n  oncall:\n    routing_key: \"CANARY\n", "YAML"),
        ("channels:\n\toncall:\n    routing_key: CANARY\n", ""),
        ("CANARY\n", "must be a mapping"),
    ] {
        let shown = refused(&text.replace("CANARY", CANARY));
        assert!(shown.contains(said), "{said} in\n{shown}");
        assert!(!shown.contains(CANARY), "{text}\n{shown}");
        assert!(!shown.contains("/services/T"), "{shown}");
    }
    let shown = refused(
        "channels:\n  a: { kind: slack, webhok: FIRST }\n  b: { kind: slack, webhook: SECOND }\nknown_callerz: []\n",
    );
    assert!(!shown.contains("FIRST") && !shown.contains("SECOND"), "{shown}");
    assert!(shown.contains("put it into a vault"), "{shown}");
}

fn reference(text: &str) -> SecretReference {
    let config = Written::new(&format!("channels:\n  oncall: {{ kind: pagerduty, routing_key: \"{text}\" }}\n")).read();
    let channel: &PagerDuty = channel(&config, "oncall");
    channel.routing_key.clone()
}

#[tokio::test]
async fn references_are_resolved_where_they_point_to() {
    let cloud = Surroundings::new().await;
    let azure = cloud.azure();
    let version = cloud.seed("pagerduty", "the old key").await;
    cloud.seed("pagerduty", "the key").await;
    let resolved = async |text: &str| reference(text).resolve(&azure).await.map(|secret| secret.expose().to_owned());
    let uri = "https://kv-drill.vault.azure.net/secrets/pagerduty";
    assert_eq!(resolved(&format!("@Microsoft.KeyVault(SecretUri={uri})")).await.unwrap(), "the key");
    assert_eq!(resolved(&format!("@Microsoft.KeyVault(SecretUri={uri}/{version})")).await.unwrap(), "the old key");
    let by_name = "@Microsoft.KeyVault(VaultName=kv-drill;SecretName=pagerduty)";
    assert_eq!(resolved(by_name).await.unwrap(), "the key");

    let file = cloud.folder.path().join("cloud/key");
    let in_file = async |text: &str| {
        std::fs::write(&file, text).unwrap();
        resolved(&format!("file:{}", file.display())).await
    };
    assert_eq!(in_file("the key\r\n").await.unwrap(), "the key");
    assert_eq!(in_file(" the key ").await.unwrap(), " the key ", "only line ends are cut");
    assert_eq!(in_file("\n").await.unwrap_err().reasons, ["it is empty"]);
    let transport = Transport::new(Route::Real, "0123456789ab").unwrap();
    let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::default());
    let real = Azure { transport, identity };
    for (text, what) in [
        ("file:/nowhere/at/all", "`/nowhere/at/all`"),
        ("env:STANCH_TEST_NEVER_SET", "the environment variable `STANCH_TEST_NEVER_SET`"),
    ] {
        let failure = reference(text).resolve(&real).await.unwrap_err();
        assert_eq!(failure.summary, format!("{what} cannot be read"));
        let failure = resolved(text).await.unwrap_err();
        assert_eq!(failure.summary, format!("{what} is not read in a drill"));
    }
}

#[test]
fn a_missing_file_is_named() {
    let problems = Config::read(Path::new("/nowhere/stanch.yaml")).unwrap_err().to_string();
    assert!(problems.contains("`/nowhere/stanch.yaml` cannot be read"), "{problems}");
}

#[test]
fn the_inventory_names_issuers_and_holds_no_secret() {
    let config = Written::new(
        "schema: stanch-config/v1\ninventory:\n  - { secret: \"orders-*\", vault: kv-prod, provider: postgres, settings: { roles: [a, b], port: 5433 } }\n",
    )
    .read();
    let url = |text: &str| SecretUrl::parse(text).unwrap();
    let version = "https://kv-prod.vault.azure.net/secrets/Orders-Key/0123456789abcdef0123456789abcdef";
    let (provider, settings) = config.issuer(&url(version)).unwrap();
    assert_eq!(provider, "postgres");
    assert_eq!(settings["roles"], serde_json::json!(["a", "b"]));
    assert!(config.issuer(&url("https://kv-prod.vault.azure.net/secrets/other")).is_none());
    assert!(config.issuer(&url("https://kv-eu.vault.azure.net/secrets/orders-key")).is_none());

    let entry = |rest: &str| refused(&format!("schema: stanch-config/v1\ninventory:\n  - {rest}\n"));
    for (told, said) in [
        (entry("{ provider: manual }"), "has no `secret`"),
        (entry("{ secret: a, provider: manual, colour: red }"), "unknown key `colour`"),
        (
            entry(&format!("{{ secret: a, provider: postgres, settings: {{ password: {CANARY} }} }}")),
            "a secret stands in",
        ),
        (
            entry(&format!("{{ secret: a, provider: postgres, settings: {{ host: \"pg://a:{CANARY}@db\" }} }}")),
            "a secret stands in",
        ),
    ] {
        assert!(told.contains(said), "{said}: {told}");
        assert!(!told.contains(CANARY), "{told}");
    }
}
