//! Which part of a leaked text, or of a value, tells that both have to do with each other: credentials, however they are
//! written, and nothing else.

use super::found;
use crate::stage::Stage;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKeyChain};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

const SIGNATURE: &str = "Ab3/cD4eF5gH6iJ7kL8mN9oP0qR1sT2uV3wX4yZ5aB6=";
const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

fn look(stage: &Stage, leaked: &str) -> Value {
    found(stage, &["kv-drill"], &["--json"], leaked).exit(0).json()
}

fn names(answer: &Value) -> Vec<&str> {
    let found = answer["found"].as_array().unwrap().iter();
    let mut names: Vec<&str> = found.map(|hit| hit["secret"].as_str().unwrap().rsplit('/').next().unwrap()).collect();
    names.sort_unstable();
    names
}

fn pfx(key: &KeyPair, password: &str) -> String {
    let certificate = CertificateParams::new(vec!["shop.example".to_owned()]).unwrap().self_signed(key).unwrap();
    let mut store = KeyStore::new();
    let chained = Certificate::from_der(certificate.der()).unwrap();
    let chain = PrivateKeyChain::new(key.serialize_der(), [1, 2, 3], [chained]);
    store.add_entry("shop", KeyStoreEntry::PrivateKeyChain(chain));
    STANDARD.encode(store.writer(password).write().unwrap())
}

fn account(client: &str, secret: &str) -> String {
    json!({
        "clientId": client, "clientSecret": secret, "subscriptionId": "aaaabbbb-1111-4222-8333-444455556666",
        "tenantId": TENANT, "activeDirectoryEndpointUrl": "https://login.microsoftonline.com",
        "authority": format!("https://login.microsoftonline.com/{TENANT}"),
    })
    .to_string()
}

#[tokio::test]
async fn what_is_no_credential_accuses_nobody() {
    let stage = Stage::empty(&[]).await;
    let key = KeyPair::generate().unwrap();
    let authority = CertificateParams::new(vec!["aks.example".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    let cluster = |key: &KeyPair| {
        format!(
            "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    server: https://aks.example:443\nusers:\n- user:\n    client-key-data: {}\n",
            STANDARD.encode(&authority),
            STANDARD.encode(key.serialize_pem())
        )
    };
    let sql = |database: &str, password: &str| {
        format!(
            "Server=tcp:sql-{database}.database.windows.net,1433;Initial Catalog={database};Persist Security Info=False;User ID={database}adm;Password={password};MultipleActiveResultSets=False;Encrypt=True;TrustServerCertificate=False;Trusted_Connection=False;Connection Timeout=30;"
        )
    };
    for (name, value) in [
        ("account", account("00000001-1111-4222-8333-444455556666", "aB18Q~1111xYzKlMnOpQrStUvWxYzAb11111")),
        ("cluster", cluster(&key)),
        ("sql", sql("crm", "Lk2-aaB7c!dE")),
        ("pfx", pfx(&key, "")),
        ("certified", format!("{authority}{}", key.serialize_pem())),
    ] {
        stage.seed(name, &json!({ "value": value })).await;
    }
    let foreign = KeyPair::generate().unwrap();
    for leaked in [
        TENANT.to_owned(),
        TENANT.to_uppercase(),
        "aaaabbbb-1111-4222-8333-444455556666".to_owned(),
        format!("https://login.microsoftonline.com/{TENANT}"),
        account("00000002-1111-4222-8333-444455556666", "cD28Q~2222xYzKlMnOpQrStUvWxYzAb22222"),
        cluster(&foreign),
        authority.clone(),
        STANDARD.encode(&authority),
        "Encrypt=True;Connection Timeout=30;".to_owned(),
        "TrustServerCertificate=False;Trusted_Connection=False;Connection Timeout=30;".to_owned(),
        sql("shop", "{your_password}"),
        sql("shop", "<password>"),
        sql("shop", "Summer2024!"),
        pfx(&foreign, ""),
    ] {
        let answer = look(&stage, &leaked);
        assert_eq!(names(&answer), Vec::<&str>::new(), "{leaked}: {answer}");
    }
    for (leaked, name) in [
        (sql("shop", "Lk2-aaB7c!dE"), "sql"),
        (account("00000003-1111-4222-8333-444455556666", "aB18Q~1111xYzKlMnOpQrStUvWxYzAb11111"), "account"),
    ] {
        assert_eq!(names(&look(&stage, &leaked)), [name], "{leaked}");
    }
}

#[tokio::test]
async fn a_signature_is_found_in_whatever_address_it_stands() {
    let stage = Stage::empty(&[]).await;
    let upper = SIGNATURE.replace('/', "%2F").replace('=', "%3D");
    let query = |signature: &str| format!("sv=2022-11-02&ss=b&se=2026-12-01T00:00:00Z&sig={signature}");
    let forms = |signature: &str| {
        [
            ("query", format!("?{}", query(signature))),
            ("url", format!("https://store.blob.core.windows.net/backups?{}", query(signature))),
            (
                "connection",
                format!("BlobEndpoint=https://store.blob.core.windows.net/;SharedAccessSignature={}", query(signature)),
            ),
            (
                "header",
                format!(
                    "SharedAccessSignature sr=bus.servicebus.windows.net%2Fq&sig={signature}&se=1796068488&skn=Root"
                ),
            ),
        ]
    };
    for (name, value) in forms(&upper) {
        stage.seed(name, &json!({ "value": value })).await;
    }
    let other = "Zz9%2FyY8xX7wW6vV5uU4tT3sS2rR1qQ0pP9oO8nN7mM6%3D";
    stage.seed("other", &json!({ "value": format!("?{}", query(other)) })).await;
    let lower = upper.replace("%2F", "%2f").replace("%3D", "%3d");
    let leaks = forms(&lower).into_iter().chain(forms(SIGNATURE)).map(|(_, text)| text);
    for leaked in leaks.chain([SIGNATURE.to_owned(), lower.clone(), upper.clone()]) {
        let answer = look(&stage, &leaked);
        assert_eq!(names(&answer), ["connection", "header", "query", "url"], "{leaked}: {answer}");
    }
}

#[tokio::test]
async fn a_key_is_found_in_whatever_holds_it() {
    let stage = Stage::empty(&[]).await;
    let (key, foreign) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (pem, foreign_pem) = (key.serialize_pem(), foreign.serialize_pem());
    let certificate = CertificateParams::new(vec!["x.example".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    let indented: String = pem.lines().map(|line| format!("    {line}\n")).collect();
    let forms = |pem: &str| {
        [
            ("json", json!({ "type": "service_account", "private_key": pem }).to_string()),
            ("settings", format!("A=1\nKEY=\"{}\"\nB=2\n", pem.replace('\n', "\\n"))),
            ("yaml", format!("tls:\n  key: |\n{indented}")),
            ("cluster", format!("users:\n- user:\n    client-key-data: {}\n", STANDARD.encode(pem))),
            ("several", format!("{certificate}{foreign_pem}{pem}")),
        ]
    };
    for (name, value) in forms(&pem) {
        stage.seed(name, &json!({ "value": value })).await;
    }
    let unrelated = KeyPair::generate().unwrap().serialize_pem();
    stage.seed("unrelated", &json!({ "value": json!({ "private_key": unrelated }).to_string() })).await;
    let every = ["cluster", "json", "settings", "several", "yaml"];
    let alone = [("alone", pem.clone()), ("line", format!("K=\"{}\"", pem.replace('\n', "\\n")))];
    for (how, leaked) in forms(&pem).into_iter().chain(alone).chain([("base64", STANDARD.encode(&pem))]) {
        let answer = look(&stage, &leaked);
        assert_eq!(names(&answer), every, "{how}: {answer}");
    }
    assert_eq!(names(&look(&stage, &pfx(&key, ""))), every);
    // Opening one takes its time.
    let stage = Stage::empty(&[]).await;
    stage.seed("packed", &json!({ "value": pfx(&key, "") })).await;
    for leaked in [format!("{certificate}{foreign_pem}{pem}"), json!({ "private_key": pem }).to_string()] {
        assert_eq!(names(&look(&stage, &leaked)), ["packed"]);
    }
    assert_eq!(names(&look(&stage, &foreign_pem)), Vec::<&str>::new());
}

#[tokio::test]
async fn other_spellings_of_words_and_numbers_are_one_value() {
    let stage = Stage::empty(&[]).await;
    for (name, value) in [
        ("words", "Pr€is-geheim-£42-ñandú"),
        ("guid", "7c9e6679-7425-40de-944b-e07fc1f90ae7"),
        ("digits", "00112233445566778899AABBCCDDEEFF"),
        ("database", "postgres://svc:s3cr%40t%2FPw%21d98@db.contoso.net:5432/app"),
        ("human", "MyS3cret-Value!"),
        ("number", "492817"),
        ("newer", "Tr0ub4dor&3xKq9!zLm-v2"),
        ("exact", "Tr0ub4dor&3xKq9!zLm"),
    ] {
        stage.seed(name, &json!({ "value": value })).await;
    }
    for (leaked, name) in [
        ("Pr&euro;is-geheim-&pound;42-&ntilde;and&uacute;", "words"),
        ("Pr&#8364;is-geheim-&#xA3;42-&ntilde;and&uacute;", "words"),
        ("7C9E6679-7425-40DE-944B-E07FC1F90AE7", "guid"),
        ("{7c9e6679-7425-40de-944b-e07fc1f90ae7}", "guid"),
        ("7c9e6679742540de944be07fc1f90ae7", "guid"),
        ("00112233445566778899aabbccddeeff", "digits"),
        ("db.contoso.net:5432:app:svc:s3cr@t/Pw!d98", "database"),
        ("*:*:*:svc:s3cr@t/Pw!d98", "database"),
        ("\"MyS3cret\" + \"-Value!\"", "human"),
        ("connect(\"MyS3cret\" +\n  \"-Value!\")", "human"),
        ("login(\"svc\", \"MyS3cret-Value!\")", "human"),
        ("svc:492817", "number"),
    ] {
        let answer = look(&stage, leaked);
        assert_eq!(names(&answer), [name], "{leaked}: {answer}");
    }
    // What all of it is comes before what only begins so.
    let answer = look(&stage, "DB_PASSWORD=Tr0ub4dor&3xKq9!zLm");
    let certain: Vec<&Value> =
        answer["found"].as_array().unwrap().iter().filter(|hit| hit["certainty"] == "certain").collect();
    assert_eq!(certain.len(), 1, "{answer}");
    assert!(certain[0]["secret"].as_str().unwrap().ends_with("/exact"), "{answer}");
    assert_eq!(answer["found"][0]["certainty"], "certain", "{answer}");
    let said = found(&stage, &["kv-drill"], &[], "jW9$mT4").exit(0);
    assert!(said.stdout.contains("what has fewer than 8 letters"), "{}", said.stdout);
}

#[tokio::test]
async fn a_reference_is_no_value() {
    let stage = Stage::empty(&[]).await;
    stage.seed("dollar", &json!({ "value": "$ecretPassw0rd!" })).await;
    stage.seed("named", &json!({ "value": "$DB_PASSWORD" })).await;
    for leaked in [
        "$DB_PASSWORD",
        "$env:DB_PASSWORD",
        "%DB_PASSWORD%",
        "password: ${DB_PASSWORD}",
        "pw=${DB}",
        "p = os.getenv(\"DB\")",
    ] {
        let said = found(&stage, &["kv-drill"], &[], leaked).exit(2);
        assert!(said.stderr.contains("a reference to a variable"), "{leaked}: {}", said.stderr);
    }
    for leaked in ["$ecretPassw0rd!", "PW='$ecretPassw0rd!'"] {
        assert_eq!(names(&look(&stage, leaked)), ["dollar"], "{leaked}");
    }
}

#[tokio::test]
async fn a_word_of_a_line_is_met_in_what_holds_it_as_a_password() {
    let stage = Stage::empty(&[]).await;
    let word = "Jk4-QwE8_zXc1.Vb";
    stage.seed("conn", &json!({ "value": format!("Server=db;Uid=x;Pwd={word}") })).await;
    stage.seed("other", &json!({ "value": "Server=db;Uid=x;Pwd=Another-Pw9" })).await;
    for line in [
        format!("<password>{word}</password>"),
        format!("PGPASSWORD={word} psql -h db"),
        format!("mysql -u x -p{word} -h db"),
        format!("curl -u svc:{word} https://db.example/x"),
        format!("kubectl create secret generic s --from-literal=p={word}"),
        format!("ALTER USER x IDENTIFIED BY '{word}';"),
        format!("svc\t{word}\tprod"),
        format!("the password is **{word}**, do not tell"),
        format!("new SqlCredential(\"svc\", \"{word}\")"),
    ] {
        assert_eq!(names(&look(&stage, &line)), ["conn"], "{line}");
    }
}

#[tokio::test]
async fn a_report_without_a_value_is_no_value() {
    let stage = Stage::empty(&[]).await;
    let baseline = r#"{"version":"1.5.0","plugins_used":[],"results":{"a.py":[{"type":"Secret Keyword","filename":"a.py","hashed_secret":"5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8","is_verified":false,"line_number":3}]},"generated_at":"2026-11-20T00:00:00Z"}"#;
    for report in [baseline, "null", "[]"] {
        let said = found(&stage, &["kv-drill"], &[], report).exit(2);
        assert!(
            said.stderr.contains("holds no value") && said.stderr.contains("--from -"),
            "{report}: {}",
            said.stderr
        );
    }
}
