//! Whoever answers repeats what it was sent, in every spelling: none of it is kept, shown, tagged or sent on.

mod addresses;
mod drill;

use crate::secrecy::{assert_folder_free_of, assert_free_of};
use crate::stage::Stage;
use axum::Router;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use stanch::azure::{
    Azure, BlobContainer, CloudFile, Environment, Graph, Identity, IdentityChoice, LogAnalytics, NewVersion,
    ResourceManager, Route, Transport, Vault,
};
use stanch::failure::Failure;
use stanch::secret::Secret;
use stanch::told::{WITHHELD, told};
use stanch::vault::{SecretUrl, VaultUrl};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

/// A way to spell a value, by its name.
type Spelling = (&'static str, fn(&str) -> String);

/// How an answer may spell a value.
const SPELLINGS: &[Spelling] = &[
    ("plain", str::to_owned),
    ("base64", |value| STANDARD.encode(value)),
    ("base64 after one byte", |value| STANDARD.encode(format!("x{value}!"))),
    ("base64 after two bytes", |value| STANDARD.encode(format!("xy{value}!!"))),
    ("base64url", |value| URL_SAFE_NO_PAD.encode(value)),
    ("wrapped base64", |value| wrapped(&STANDARD.encode(format!("{{\"v\":\"{value}\"}}")))),
    ("hex", |value| hex::encode(value)),
    ("upper-case hex", |value| hex::encode_upper(value)),
    ("URL-escaped", |value| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()),
    ("URL-escaped in small letters", |value| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string().to_lowercase()),
    ("URL-escaped twice", |value| {
        utf8_percent_encode(&utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(), NON_ALPHANUMERIC).to_string()
    }),
    ("form", |value| url::form_urlencoded::byte_serialize(value.as_bytes()).collect()),
    ("JSON", |value| serde_json::to_string(value).unwrap()),
    ("JSON, all of it escaped", |value| value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()),
    ("HTML", |value| value.replace('&', "&amp;").replace('<', "&lt;").replace('=', "&#x3D;").replace('+', "&#43;")),
    ("HTML, all of it escaped", |value| value.chars().map(|letter| format!("&#{};", u32::from(letter))).collect()),
    ("backwards", |value| value.chars().rev().collect()),
    ("backwards in base64", |value| STANDARD.encode(value.chars().rev().collect::<String>())),
    ("in capitals", str::to_uppercase),
    ("in small letters", str::to_lowercase),
    ("in small letters and hex", |value| hex::encode(value.to_lowercase())),
    ("HTML without its ends", |value| value.chars().map(|letter| format!("&#{}", u32::from(letter))).collect()),
    ("HTML in hex without its ends", |value| {
        value.chars().map(|letter| format!("&#x{:X}", u32::from(letter))).collect()
    }),
    ("octal", |value| value.bytes().map(|byte| format!("\\{byte:o}")).collect()),
    ("hex of C", |value| value.bytes().map(|byte| format!("\\x{byte:02x}")).collect()),
    ("code points in braces", |value| value.chars().map(|letter| format!("\\u{{{:x}}}", u32::from(letter))).collect()),
    ("long code points", |value| value.chars().map(|letter| format!("\\U{:08x}", u32::from(letter))).collect()),
    ("hidden characters", |value| apart(value, "\u{200b}\u{ad}\u{2060}")),
    ("bars", |value| apart(value, " | ")),
    ("low lines", |value| apart(value, "_")),
    ("strokes", |value| apart(value, "/")),
    ("a list of hex", |value| value.bytes().map(|byte| format!("0x{byte:02x}, ")).collect()),
    ("hex in a row", |value| value.bytes().map(|byte| format!("0x{byte:02X}")).collect()),
    ("a list of escapes", |value| value.bytes().map(|byte| format!("\\x{byte:02x}, ")).collect()),
    ("decimal bytes", |value| value.bytes().map(|byte| format!("{byte} ")).collect()),
    ("decimal code points", |value| value.chars().map(|letter| format!("{},", u32::from(letter))).collect()),
    ("quoted-printable", |value| value.bytes().map(|byte| format!("={byte:02X}")).collect()),
    ("quoted-printable on lines", |value| value.bytes().map(|byte| format!("={byte:02X}=\r\n")).collect()),
    ("URL-escaped behind a key", |value| format!("password={}", utf8_percent_encode(value, NON_ALPHANUMERIC))),
    ("on two lines", |value| format!("{}\n{}", &value[..9], &value[9..])),
];

fn apart(text: &str, between: &str) -> String {
    text.chars().map(|letter| format!("{letter}{between}")).collect()
}

fn wrapped(text: &str) -> String {
    text.as_bytes().chunks(12).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

#[test]
fn an_answer_that_repeats_a_value_in_any_spelling_is_withheld() {
    let value = "k7+Wq/Zr=t&9<Lm2ü-x_Q";
    let _held = Secret::new(value.to_owned());
    for (name, spell) in SPELLINGS {
        for answer in [spell(value), format!("login failed for {} at 12:00", spell(value))] {
            assert_eq!(told(&answer), WITHHELD, "{name}: {answer}");
        }
    }
    for answer in
        ["login failed", "k7+Wq/Zr", "", "Zugriff verweigert: ü & <b>", "107 55 43", "x=6b=37", "\\153\\67", "&#107&#"]
    {
        assert_eq!(told(answer), answer, "what repeats nothing is told");
    }
}

#[test]
fn what_lets_somebody_in_is_known_inside_of_what_holds_it() {
    for (value, inside) in [
        ("postgres://app:pa%2Fss-w0rd-9@db.orders/x", "pa/ss-w0rd-9"),
        ("https://hooks.slack.com/services/T0/B0/canary-of-the-hook", "services/T0/B0/canary-of-the-hook"),
        (r#"{"user":"app","password":"in-json-0815"}"#, "in-json-0815"),
        ("Endpoint=sb://x/;SharedAccessKey=key-of-the-bus==;a=b", "key-of-the-bus=="),
        ("Bearer token-of-a-bearer", "token-of-a-bearer"),
    ] {
        let _held = Secret::new(value.to_owned());
        assert_eq!(told(&format!("no `{inside}` here")), WITHHELD);
    }
}

#[test]
fn an_answer_is_cut_after_it_was_looked_at_and_says_so() {
    let value = "straddles-the-place-where-it-is-cut";
    let _held = Secret::new(value.to_owned());
    for before in 460..=505 {
        let answer = format!("{}{value}", "ä".repeat(before));
        assert_eq!(told(&answer), WITHHELD, "after {before} letters");
    }
    let long = told(&"ä".repeat(100_000));
    assert!(long.ends_with("… (cut off here)") && long.chars().count() < 600, "{long}");
}

/// A server that answers every request with one status and one body, whatever it is asked.
struct Parrot {
    answer: Arc<Mutex<(u16, String)>>,
    azure: Azure,
    _folder: tempfile::TempDir,
}

impl Parrot {
    /// With a token of its own in the cloud file, or with none, so that it is asked for one.
    async fn new(token: Option<&str>) -> Self {
        let answer = Arc::new(Mutex::new((200, String::new())));
        let said = Arc::clone(&answer);
        let router = Router::new().fallback(async move || {
            let (status, body) = said.lock().unwrap().clone();
            (StatusCode::from_u16(status).unwrap(), [("x-ms-request-id", "r-1"), ("x-ms-error-code", "Odd")], body)
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        let hosts =
            ["*.azure.net", "*.azure.com", "*.microsoft.com", "*.microsoftonline.com", "*.windows.net", "*.254"];
        let file = folder.path().join("cloud.json");
        let cloud = json!({ "base_url": base_url, "ca_pem": null, "hosts": hosts, "token": token });
        std::fs::write(&file, cloud.to_string()).unwrap();
        let route = Route::Cloud(Box::new(CloudFile::read(&file).unwrap()));
        let transport = Transport::new(route, "0123456789ab").unwrap();
        let identity = Identity::new(IdentityChoice::Auto, transport.clone(), Environment::default());
        Self { answer, azure: Azure { transport, identity }, _folder: folder }
    }

    fn answers(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    /// What comes of asking at every door; the value is sent where one can be.
    async fn ask(&self, value: &Secret) -> Vec<(&'static str, Failure)> {
        let azure = &self.azure;
        let at = VaultUrl::parse("https://kv-drill.vault.azure.net").unwrap();
        let secret = SecretUrl::parse("https://kv-drill.vault.azure.net/secrets/orders-db").unwrap();
        let vault = Vault::open(&at, azure).unwrap();
        let manager = ResourceManager::new(azure, &at);
        let logs = LogAnalytics::new(uuid::Uuid::nil(), &at.host, azure);
        let blobs = BlobContainer::open(&"https://a.blob.core.windows.net/c".parse().unwrap(), azure).unwrap();
        let graph = Graph::new(azure, &at);
        let failures = [
            ("set", vault.set(&secret.name, value, NewVersion::default()).await.err()),
            ("get", vault.value(&secret.name, None).await.err()),
            ("list", vault.versions(&secret.name).await.err()),
            ("manager", manager.ask("/subscriptions/x", "listKeys", "1").await.err()),
            ("graph", graph.application("x").await.err()),
            ("sign in", graph.sign_in("t", "a", value).await.err()),
            ("logs", logs.query("AzureDiagnostics", None).await.err()),
            ("blobs", blobs.list("", |_| true).await.err()),
        ];
        let failures: Vec<(&str, Failure)> =
            failures.into_iter().filter_map(|(door, failure)| Some((door, failure?))).collect();
        assert!(failures.len() > 2, "most doors fail: {failures:?}");
        failures
    }
}

/// An error as Azure's services have it, and pages of those between us.
fn bodies(said: &str) -> Vec<String> {
    let error = |code: &str| json!({ "error": { "code": code, "message": said, "innererror": { "code": said } } });
    vec![
        error("Odd").to_string(),
        error(said).to_string(),
        json!({ "error": said, "error_description": said, "value": said, "attributes": said }).to_string(),
        format!("<html>proxy: {said}</html>"),
    ]
}

#[tokio::test]
async fn no_service_of_azures_gets_a_value_into_a_failure() {
    let value = "k7+Wq/Zr=t&9<Lm2ü-of-azure".to_owned();
    let held = Secret::new(value.clone());
    let token = "token-that-was-sent-0123456789";
    let parrot = Parrot::new(Some(token)).await;
    for (name, spell) in SPELLINGS {
        let said = format!("{} {}", spell(&value), spell(token));
        for body in bodies(&said) {
            parrot.answers(400, &body);
            for (door, failure) in parrot.ask(&held).await {
                let shown = format!("{failure:?} {}", serde_json::to_string(&failure).unwrap());
                let place = format!("{door}, {name}: {shown}");
                assert_free_of(&place, shown.as_bytes(), &[value.clone(), token.to_owned()]);
                assert!(!shown.contains(&spell(&value)) && !shown.contains(&spell(token)), "{place}");
            }
        }
    }
    // A success that is of another form than it should be.
    for body in [json!({ "value": value, "attributes": value }), json!(value), json!([value])] {
        parrot.answers(200, &body.to_string());
        for (door, failure) in parrot.ask(&held).await {
            assert_free_of(door, format!("{failure:?}").as_bytes(), std::slice::from_ref(&value));
        }
    }
}

#[tokio::test]
async fn an_answer_in_another_form_is_not_quoted_even_where_its_value_was_never_known() {
    let unknown = "nobody-has-seen-this-value-before";
    let parrot = Parrot::new(Some("another-token-0123456789")).await;
    for body in [
        json!({ "value": "x", "id": 1, "attributes": unknown }),
        json!({ "value": [{ "id": unknown, "attributes": unknown }] }),
        json!({ "tables": unknown, "id": unknown, "appId": 5, "passwordCredentials": unknown }),
    ] {
        parrot.answers(200, &body.to_string());
        for (door, failure) in parrot.ask(&Secret::new("something-else-that-is-sent".to_owned())).await {
            assert!(!format!("{failure:?}").contains(unknown), "{door}: {failure:?}");
        }
    }
}

#[tokio::test]
async fn an_identity_endpoint_gets_no_secret_into_a_failure() {
    let value = "client-secret-that-an-endpoint-repeats";
    let held = Secret::new(value.to_owned());
    for (name, spell) in SPELLINGS.iter().take(6) {
        let parrot = Parrot::new(None).await;
        for body in bodies(&spell(value)) {
            parrot.answers(400, &body);
            let vault = Vault::open(&VaultUrl::parse("https://kv-drill.vault.azure.net").unwrap(), &parrot.azure);
            drop(vault.unwrap().value("orders-db", None).await);
            let failure = parrot.azure.transport.cloud().map(|_| parrot.azure.identity.clone()).unwrap();
            let failure =
                azure_core::credentials::TokenCredential::get_token(&failure, &["s"], None).await.unwrap_err();
            assert_free_of(name, format!("{failure:?} {failure}").as_bytes(), &[held.expose().to_owned()]);
        }
    }
}

#[tokio::test]
async fn whoever_is_shown_an_assertion_gets_it_into_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let assertion = folder.path().join("assertion");
    for (name, spell) in SPELLINGS {
        let parrot = Parrot::new(None).await;
        // Its owner makes it anew between two requests.
        for text in ["eyJhbGciOi.first-Assertion-0123.c2lnbmF0dXJl", "eyJhbGciOi.second-Assertion-456.c2lnbmF0dXJl"] {
            std::fs::write(&assertion, format!("{text}\n")).unwrap();
            for body in bodies(&spell(text)) {
                parrot.answers(400, &body);
                let variables = [
                    ("AZURE_TENANT_ID", "t-1"),
                    ("AZURE_CLIENT_ID", "c-1"),
                    ("AZURE_FEDERATED_TOKEN_FILE", assertion.to_str().unwrap()),
                ];
                let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
                let environment = stanch::azure::Environment::new(variables);
                let choice = stanch::azure::IdentityChoice::Workload;
                let identity = stanch::azure::Identity::new(choice, parrot.azure.transport.clone(), environment);
                let failure =
                    azure_core::credentials::TokenCredential::get_token(&identity, &["s"], None).await.unwrap_err();
                assert_free_of(name, format!("{failure:?} {failure}").as_bytes(), &[text.to_owned()]);
            }
        }
    }
}

const OLD: &str = "old-value/that+leaked=0123456789";
const NEW: &str = "new-value/of+the-program=9876543210";

/// A program that answers to `issue` and `try` with what stands in files.
fn program(stage: &Stage, credential: &str, answer: &str) -> String {
    let issued = json!({ "value": NEW, "credential": credential });
    let tried = |accepted: bool| json!({ "accepted": accepted, "answer": answer }).to_string();
    std::fs::write(stage.path("issue.json"), issued.to_string()).unwrap();
    std::fs::write(stage.path("new.json"), tried(true)).unwrap();
    std::fs::write(stage.path("old.json"), tried(false)).unwrap();
    let script = stage.path("parrot.sh");
    let text = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\nread -r request\ncase \"$request\" in\n\
                *'\"do\":\"issue\"'*) cat issue.json ;;\n*'\"do\":\"try\"'*new-value*) cat new.json ;;\n*'\"do\":\"try\"'*) cat old.json ;;\n*) echo '{}' ;;\nesac\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script.display().to_string()
}

#[tokio::test]
async fn a_program_of_the_teams_own_gets_no_value_into_anything_that_is_kept() {
    let hooks = |spell: fn(&str) -> String| spell(OLD);
    for (run, credential, answer) in [
        ("r-plain", NEW.to_owned(), format!("{OLD} is gone")),
        ("r-half", NEW[..20].to_owned(), format!("{}…", &OLD[..20])),
        ("r-base64", STANDARD.encode(format!("id:{NEW}")), hooks(|value| STANDARD.encode(value))),
        ("r-back", NEW.chars().rev().collect(), format!("{}{OLD}", "x".repeat(490))),
        ("r-hex", hex::encode_upper(OLD), utf8_percent_encode(OLD, NON_ALPHANUMERIC).to_string()),
    ] {
        let stage = Stage::empty(&[]).await;
        // A tag that repeats the value is neither recorded nor taken over.
        let tags = json!({ "owner": "orders-team", "note": OLD, "CredentialId": OLD });
        stage.seed("orders-key", &json!({ "value": OLD, "tags": tags })).await;
        let settings =
            format!("provider: command, settings: {{ program: [\"{}\"] }}", program(&stage, &credential, &answer));
        let runbook = format!(
            r#"schema: stanch/v1
name: prove
inputs: {{ secret: {{ type: keyvault_secret, required: true }} }}
steps:
  - {{ id: rotate, uses: keyvault/rotate, with: {{ secret: "${{{{ inputs.secret }}}}", {settings} }} }}
  - id: prove
    uses: issuer/prove
    with: {{ secret: "${{{{ inputs.secret }}}}", keep: "${{{{ steps.rotate.outputs.version }}}}", issuer: "${{{{ steps.rotate.outputs.issuer }}}}" }}
  - {{ id: tell, uses: notify/webhook, with: {{ title: "proven: ${{{{ steps.prove.outputs.answer }}}}" }} }}
finally:
  - {{ id: report, uses: report/write }}
"#
        );
        std::fs::write(stage.path("prove.yaml"), runbook).unwrap();
        let secret = "secret=https://kv-drill.vault.azure.net/secrets/orders-key";
        let begin = ["run", "prove.yaml", "--run-id", run, "-i", secret, "--yes", "--json", "-vv"];
        let said = stage.command(&begin).env("RUST_LOG", "trace").output().unwrap();
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert_eq!(said.status.code(), Some(0), "{run}: {text} {}", String::from_utf8_lossy(&said.stderr));
        let state = stage.state().await;
        let state_kept =
            json!([state["vaults"]["kv-drill"]["secrets"]["orders-key"][1]["tags"], state["notifications"]]);
        let halves = [OLD, NEW].map(|value| value[..18].to_owned());
        let values: Vec<String> = [OLD, NEW].map(str::to_owned).into_iter().chain(halves).collect();
        assert_free_of("standard output", &said.stdout, &values);
        assert_free_of("standard error", &said.stderr, &values);
        assert_free_of("tags and messages", state_kept.to_string().as_bytes(), &values);
        assert!(assert_folder_free_of(&stage.state_dir(), &values) >= 3);
        let backwards = NEW.chars().rev().collect::<String>();
        assert!(!state_kept.to_string().contains(&backwards) && !text.contains(&backwards), "{run}");
        assert!(text.contains(WITHHELD), "{run}: the report says why there is no answer: {text}");
        let status: Value = serde_json::from_slice(&said.stdout).unwrap();
        assert_eq!(status["status"], "completed");
    }
}
