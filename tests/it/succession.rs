//! What follows a leaked version: a random text only where one was, a life of the same length, tags as far as there is
//! room; and what keeps a version from being followed is said before anything is changed.

use crate::stage::Stage;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END PRIVATE KEY-----";
const CONNECTION: &str = "Server=tcp:db.example.org;User Id=app;Password=S3cret-pass-9;Encrypt=true;";
const JSON: &str = "{ \"user\" : \"app\",\n  \"db\":{\"password\":\"S3cret\\u002dpass\", \"port\":1.50} }\n";

fn url(name: &str) -> String {
    format!("secret=https://kv-drill.vault.azure.net/secrets/{name}")
}

fn plan(stage: &Stage, name: &str, code: i32) -> String {
    let secret = url(name);
    let plan = ["plan", "secret-exposure", "-i", &secret, "-i", "exposed_at=2026-01-01T00:00:00Z"];
    stage.stanch(&plan).exit(code).stdout
}

fn run<'a>(secret: &'a str, id: &'a str) -> Vec<&'a str> {
    let mut run = vec!["run", "secret-exposure", "--run-id", id, "--yes", "--json", "-i", secret];
    run.extend(["-i", "exposed_at=2026-01-01T00:00:00Z", "-i", "overlap=1s"]);
    run
}

fn versions(state: &Value, name: &str) -> Vec<Value> {
    state["vaults"]["kv-drill"]["secrets"][name].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_a_random_text_cannot_replace_is_named_and_asked_for() {
    let stage = Stage::empty(&[]).await;
    let in_base64 = STANDARD.encode(JSON);
    for (name, value, form) in [
        ("pem", PEM, "PEM (private key)"),
        ("json", JSON, "JSON"),
        ("connection", CONNECTION, "a connection string"),
        ("base64", in_base64.as_str(), "JSON, in base64"),
        ("env", "API_USER=app\nAPI_KEY=abc\n", "lines of settings, `NAME=value`"),
        ("guid", "11111111-2222-4333-8444-555555555555", "a GUID"),
        ("pin", "471199", "a number"),
        ("token", "ghp_0123456789abcdefghijklmnopqrstuvwxyz", "a GitHub token"),
    ] {
        stage.seed(name, &json!({ "value": value })).await;
        let said = plan(&stage, name, 0);
        assert!(said.contains(&format!("! `{name}`: nothing names an issuer, and the value is {form}:")), "{said}");
        assert!(said.contains("would break every reader at once"), "{said}");
        assert!(!said.contains("none expected") && !said.contains("randomly generated"), "{said}");
        assert!(!said.contains(value.lines().next().unwrap()), "only its form is told: {said}");
    }
    stage.seed("typed", &json!({ "value": "not readable as such", "content_type": "application/x-pkcs12" })).await;
    assert!(plan(&stage, "typed", 0).contains("a PFX, as its content type says"));

    let secret = url("pem");
    let said = stage.stanch(&run(&secret, "r-pem")).exit(4);
    assert!(said.stderr.contains("the old one is PEM (private key)"), "{}", said.stderr);
    assert_eq!(versions(&stage.state().await, "pem").len(), 1, "nothing took its place");
    let resume = ["resume", "r-pem", "--json", "--secret-stdin"];
    let said = stage.stanch_given(&resume, b"a-password-by-mistake\n").exit(3);
    assert!(said.stdout.contains("what was entered is not PEM (private key)"), "{}", said.stdout);
    let public = PEM.replace("PRIVATE", "PUBLIC");
    for (entered, told) in [
        (public.as_str(), "with another kind of key"),
        (PEM, "is the one that leaked"),
        (&format!("{PEM}\r\n"), "is the one that leaked"),
        (&"x".repeat(26_000), "too large"),
    ] {
        let said = stage.stanch_given(&resume, entered.as_bytes()).exit(3);
        assert!(said.stdout.contains(told), "{told}: {}", said.stdout);
    }
    assert_eq!(versions(&stage.state().await, "pem").len(), 1, "nothing took its place");
    let new = PEM.replace("MIIEv", "MIIEw");
    stage.stanch_given(&resume, new.as_bytes()).exit(4).done();
    assert_eq!(stage.read_value("pem", "").await, new, "it waits for the old one's revocation");
}

/// What is entered has the parts of the old value, or somebody says that it is meant as it is.
#[tokio::test]
async fn an_entered_document_has_the_parts_of_the_old_one_unless_it_is_meant() {
    let stage = Stage::empty(&[]).await;
    for (name, old, wrong, told, right) in [
        (
            "json",
            JSON,
            "{\"user\": \"app\", \"password\": \"n3w\"}",
            "with another set of members",
            "{\"user\":\"app\",\"db\":{\"password\":\"n3w\",\"port\":1.5}}",
        ),
        (
            "connection",
            CONNECTION,
            "Server=tcp:db.example.org;Password=n3w-pass",
            "with another set of names",
            "Server=tcp:db.example.org;User Id=app;Password=n3w-pass-9;Encrypt=true;",
        ),
        (
            "url",
            "https://app:0ld@a.example.org/p",
            "https://app:n3w@b.example.org/p",
            "with another host",
            "https://app:n3w@a.example.org/p",
        ),
        (
            "xml",
            "<login><key>0ld</key></login>",
            "<other>n3w</other>",
            "with another root element",
            "<login><key>n3w</key></login>",
        ),
    ] {
        stage.seed(name, &json!({ "value": old })).await;
        let (secret, id) = (url(name), format!("r-{name}"));
        stage.stanch(&run(&secret, &id)).exit(4).done();
        let resume = ["resume", &id, "--json", "--secret-stdin"];
        let said = stage.stanch_given(&resume, wrong.as_bytes()).exit(3);
        assert!(said.stdout.contains(told) && said.stdout.contains("--as-entered"), "{name}: {}", said.stdout);
        assert!(!said.stdout.contains("n3w") && !said.stderr.contains("n3w"), "{name}");
        assert_eq!(versions(&stage.state().await, name).len(), 1, "{name}: nothing took its place");
        let entered = if name == "xml" { wrong } else { right };
        let resume = ["resume", &id, "--json", "--secret-stdin", "--as-entered"];
        let resume = if name == "xml" { &resume[..] } else { &resume[..4] };
        stage.stanch_given(resume, entered.as_bytes()).exit(4).done();
        assert_eq!(stage.read_value(name, "").await, entered, "{name}");
    }
}

#[tokio::test]
async fn who_is_named_is_believed_and_what_it_breaks_is_said() {
    let stage = Stage::empty(&[]).await;
    stage.seed("json", &json!({ "value": JSON, "tags": { "stanch-provider": "random" } })).await;
    let said = plan(&stage, "json", 0);
    assert!(said.contains("! `json`: the vault issues it") && said.contains("its value is JSON"), "{said}");
    assert!(!said.contains("none expected") && said.contains("every reader"), "{said}");
    // A key in hexadecimal digits is followed by one that a reader can decode as well.
    let key = "0123456789abcdef".repeat(4);
    stage.seed("key", &json!({ "value": key })).await;
    assert!(plan(&stage, "key", 0).contains("its value is 64 hexadecimal digits"));
    let secret = url("key");
    stage.stanch(&run(&secret, "r-key")).exit(0).done();
    let new = stage.read_value("key", "").await;
    assert!(new != key && new.len() == 64 && new.chars().all(|digit| digit.is_ascii_hexdigit()), "its form is kept");
}

#[tokio::test]
async fn a_named_place_in_a_value_is_replaced_and_the_rest_stays_byte_for_byte() {
    let stage = Stage::empty(&[]).await;
    for (name, value, place) in [
        ("connection", CONNECTION, "Password"),
        ("json", JSON, "/db/password"),
        ("env", "# remark\nUSER_NAME=app\r\nexport API_KEY=\"abc\"\n", "API_KEY"),
    ] {
        stage.seed(name, &json!({ "value": value })).await;
        let runbook = |place: &str| {
            format!(
                r#"schema: stanch/v1
name: within
inputs: {{ secret: {{ type: keyvault_secret, required: true }} }}
steps:
  - {{ id: rotate, uses: keyvault/rotate, with: {{ secret: "${{{{ inputs.secret }}}}", provider: random, length: 20, settings: {{ within: "{place}" }} }} }}
"#
            )
        };
        let secret = url(name);
        std::fs::write(stage.path("within.yaml"), runbook("elsewhere")).unwrap();
        let said = stage.stanch(&["plan", "within.yaml", "-i", &secret]).exit(5).stdout;
        assert!(said.contains("✗") && said.contains("elsewhere"), "{said}");
        std::fs::write(stage.path("within.yaml"), runbook(place)).unwrap();
        assert!(stage.stanch(&["plan", "within.yaml", "-i", &secret]).exit(0).stdout.contains("the vault issues it"));
        // What would not fit is said before, and nothing is begun for it.
        let large =
            format!("{value}{}", if name == "env" { format!("# {}", "x".repeat(25_590)) } else { " ".repeat(25_590) });
        stage.seed("large", &json!({ "value": large })).await;
        let said = stage.stanch(&["plan", "within.yaml", "-i", &url("large")]).exit(5).stdout;
        assert!(said.contains("✗ the new value of `large` would be too large"), "{said}");
        let id = format!("r-{name}");
        stage.stanch(&["run", "within.yaml", "--yes", "--run-id", &id, "-i", &secret]).exit(0).done();
        let new = stage.read_value(name, "").await;
        let old = ["S3cret-pass-9", "S3cret\\u002dpass", "abc"].into_iter().find(|old| value.contains(old)).unwrap();
        let (before, after) = value.split_once(old).unwrap();
        let fresh = new.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        assert!(fresh.is_some_and(|fresh| fresh.len() == 20 && !fresh.contains(old)), "{name}");
    }
}

#[tokio::test]
async fn a_new_version_lives_as_long_as_the_old_one_was_meant_to() {
    let stage = Stage::empty(&[]).await;
    let now = chrono::Utc::now();
    let days = |days| now + chrono::TimeDelta::days(days);
    for (name, created, expires, life) in
        [("soon", days(-29), days(1), 30), ("past", days(-40), days(-10), 30), ("long", days(-1), days(364), 365)]
    {
        stage
            .seed(
                name,
                &json!({ "value": "an-opaque-value-1", "created": created, "expires": expires, "not_before": days(2) }),
            )
            .await;
        let said = plan(&stage, name, 0);
        let until = (now + chrono::TimeDelta::days(life)).format("%Y-%m-%d");
        assert!(said.contains(&format!("expires {life}d after it is made, on {until}, the life of")), "{said}");
        assert!(said.contains("is valid at once; the old one had a not-before time"), "{said}");
    }
    let before = json!({ "value": "an-opaque-value-1", "created": days(-1), "expires": days(-9) });
    stage.seed("before", &before).await;
    assert!(plan(&stage, "before", 0).contains("! the new version of `before` does not expire: the old one's end"));
    let tagged = json!({ "value": "an-opaque-value-1", "expires": days(1), "tags": { "ValidityPeriodDays": "90" } });
    stage.seed("tagged", &tagged).await;
    let until = days(90).format("%Y-%m-%d");
    assert!(plan(&stage, "tagged", 0).contains(&format!("expires 90d after it is made, on {until}, as its tag says")));
    stage
        .seed("minute", &json!({ "value": "an-opaque-value-1", "expires": now + chrono::TimeDelta::seconds(60) }))
        .await;
    assert!(plan(&stage, "minute", 0).contains("! the new version of `minute` expires"));
    let secret = url("soon");
    let status = stage.stanch(&run(&secret, "r-soon")).exit(0).json();
    let versions = versions(&stage.state().await, "soon");
    let expires: chrono::DateTime<chrono::Utc> = versions[1]["expires"].as_str().unwrap().parse().unwrap();
    assert!((days(29)..days(31)).contains(&expires), "{expires}");
    let rotate = status["steps"].as_array().unwrap().iter().find(|step| step["id"] == "rotate").unwrap();
    assert_eq!(rotate["outputs"]["expires"], versions[1]["expires"]);
}

#[tokio::test]
async fn a_secret_with_many_tags_is_rotated_and_the_plan_says_what_has_no_room() {
    let stage = Stage::empty(&[]).await;
    let mut tags: serde_json::Map<String, Value> =
        (0..12).map(|number| (format!("k{number:02}"), "v".into())).collect();
    tags.insert("owner".to_owned(), "team".into());
    tags.insert("zone".to_owned(), "x".repeat(256).into());
    stage.seed("fourteen", &json!({ "value": "an-opaque-value-1", "tags": tags.clone() })).await;
    tags.insert("file-encoding".to_owned(), "utf-8".into());
    // None of these is anything that Key Vault would take again.
    tags.insert("note".to_owned(), "x".repeat(600).into());
    stage.seed("fifteen", &json!({ "value": "an-opaque-value-1", "tags": tags })).await;
    for name in ["fourteen", "fifteen"] {
        let said = plan(&stage, name, 0);
        let listed = said.split_once("does without the tags `").and_then(|(_, rest)| rest.split_once("`:"));
        let named: Vec<&str> = listed.unwrap_or_else(|| panic!("{said}")).0.split("`, `").collect();
        assert!(named.contains(&"zone"), "{said}");
        let (secret, id) = (url(name), format!("r-{name}"));
        stage.stanch(&run(&secret, &id)).exit(0).done();
        let versions = versions(&stage.state().await, name);
        let tags = versions[1]["tags"].as_object().unwrap();
        assert_eq!((tags.len(), &tags["owner"], &tags["stanch-run"]), (15, &json!("team"), &json!(id)));
        let old = versions[0]["tags"].as_object().unwrap();
        let lost: Vec<&str> = old.keys().map(String::as_str).filter(|name| !tags.contains_key(*name)).collect();
        assert_eq!(lost.iter().collect::<std::collections::BTreeSet<_>>(), named.iter().collect(), "as the plan said");
    }
}

#[tokio::test]
async fn a_url_that_means_another_version_or_another_server_is_refused() {
    let stage = Stage::empty(&[]).await;
    stage.seed("sec", &json!({ "value": "an-opaque-value-1" })).await;
    for version in ["0".repeat(32), "ab".repeat(16), "F".repeat(32)] {
        let said = plan(&stage, &format!("sec/{version}"), 5);
        assert!(said.contains("✗ no such version: `sec` in `kv-drill` has no version"), "{said}");
        assert!(!said.contains(&format!("`{}`", version.to_lowercase())), "the secret is named by its name: {said}");
    }
    let first = versions(&stage.state().await, "sec")[0]["version"].as_str().unwrap().to_owned();
    assert!(plan(&stage, &format!("sec/{first}"), 0).contains("`sec`: issuer unknown"));
    for port in ["8443", "80", "1"] {
        let secret = format!("secret=https://kv-drill.vault.azure.net:{port}/secrets/sec");
        let plan = ["plan", "secret-exposure", "-i", &secret, "-i", "exposed_at=2026-01-01T00:00:00Z"];
        let said = stage.stanch(&plan).exit(2).stderr;
        assert!(said.contains(&format!("has no port {port}")), "{said}");
    }
}

#[tokio::test]
async fn each_wall_around_a_vault_has_its_own_way_out() {
    let stage = Stage::set().await;
    for (kind, says, help) in [
        (
            "ForbiddenByFirewall",
            "the network of `kv-drill` does not let stanch in",
            "network-rule add --name kv-drill --ip-address",
        ),
        ("ForbiddenByConnection", "private endpoint only", "a rule of the firewall does not help"),
        ("ForbiddenByRbac", "stanch may not", "Key Vault Secrets Officer"),
    ] {
        stage.deny(&json!({ "deny": [{ "operation": "SecretListVersions" }], "kind": kind })).await;
        let said = plan(&stage, "orders-db", 5);
        assert!(said.contains(says) && said.contains(help), "{kind}: {said}");
    }
}
