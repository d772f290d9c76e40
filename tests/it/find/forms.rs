//! The same value written another way is found, and a part that many have in common accuses nobody.

use super::found;
use crate::stage::Stage;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const PASSWORD: &str = "Kq7mZ2tR9vL4xPp0";
/// Signs that one language or another escapes.
const SIGNS: &str = "a&b<c>\"d'e\\f/g+h%i=j:k ü€Z9";

fn names(answer: &Value) -> Vec<String> {
    let found = answer["found"].as_array().unwrap().iter().filter(|hit| hit["how"] != "in_leak");
    let name = |hit: &Value| hit["secret"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let mut names: Vec<String> = found.map(name).collect();
    names.dedup();
    names
}

fn look(stage: &Stage, leaked: &str) -> Value {
    found(stage, &["kv-drill"], &["--json"], leaked).exit(0).json()
}

#[tokio::test]
async fn the_same_value_written_another_way_is_found() {
    let stage = Stage::empty(&[]).await;
    stage.seed("signs", &json!({ "value": SIGNS })).await;
    stage.seed("other", &json!({ "value": "a&b<c>\"d'e\\f/g+h%i=j:k and not the same" })).await;
    let json_text = serde_json::to_string(SIGNS).unwrap();
    let unicode: String = SIGNS.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    let entities = SIGNS
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;");
    let numbers: String = SIGNS.chars().map(|letter| format!("&#x{:x};", u32::from(letter))).collect();
    let c: String =
        SIGNS
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter.to_string()
                } else {
                    format!("\\U{:08x}", u32::from(letter))
                }
            })
            .collect();
    let bytes: String = SIGNS
        .chars()
        .map(|letter| if letter.is_ascii() { format!("\\x{:02x}", u32::from(letter)) } else { letter.to_string() })
        .collect();
    let url = percent_encoding::utf8_percent_encode(SIGNS, percent_encoding::NON_ALPHANUMERIC).to_string();
    let form = url.replace("%20", "+");
    let nfd = SIGNS.replace('ü', "u\u{308}");
    let wide = SIGNS.replace("Z9", "\u{ff3a}\u{ff19}");
    let smart = SIGNS.replace('"', "\u{201c}").replace('\'', "\u{2019}");
    let utf16: Vec<u8> = SIGNS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let hex: String = SIGNS.bytes().map(|byte| format!("{byte:02x}")).collect();
    for (how, leaked) in [
        ("in quotes", format!("\"{SIGNS}\"")),
        ("with a line end", format!("{SIGNS}\r\n\r\n")),
        ("JSON", json_text.clone()),
        ("inside of JSON's quotes", json_text.trim_matches('"').to_owned()),
        ("JSON in JSON", serde_json::to_string(&json_text).unwrap()),
        ("all as \\u", unicode),
        ("XML", entities.clone()),
        ("XML twice", entities.replace('&', "&amp;")),
        ("numbers", numbers),
        ("C", c),
        ("bytes", bytes),
        ("URL", url.clone()),
        ("URL twice", url.replace('%', "%25")),
        ("form", form),
        ("NFD", nfd),
        ("full width", wide),
        ("a word processor's quotes", smart),
        ("YAML's single quotes", format!("'{}'", SIGNS.replace('\'', "''"))),
        ("base64", STANDARD.encode(SIGNS)),
        ("base64 in lines", format!("  {}\n  {}\n", &STANDARD.encode(SIGNS)[..20], &STANDARD.encode(SIGNS)[20..])),
        ("base64 of UTF-16", STANDARD.encode(utf16)),
        ("hexadecimal", hex),
        ("a list's entry", format!("  {json_text},")),
    ] {
        let answer = look(&stage, &leaked);
        assert_eq!(names(&answer), ["signs"], "{how}: {answer}");
        assert_eq!(answer["complete"], true, "{how}");
    }
}

#[tokio::test]
async fn the_line_around_a_value_is_taken_apart() {
    let stage = Stage::empty(&[]).await;
    stage
        .seed(
            "orders-db",
            &json!({ "value": format!("Server=db.example;User Id=app;Password={PASSWORD};Encrypt=true") }),
        )
        .await;
    stage.seed("plain", &json!({ "value": PASSWORD })).await;
    stage.seed("document", &json!({ "value": json!({ "user": "app", "password": PASSWORD }).to_string() })).await;
    stage.seed("host", &json!({ "value": "db.example" })).await;
    let basic = STANDARD.encode(format!("app:{PASSWORD}"));
    for line in [
        format!("DB_PASSWORD={PASSWORD}"),
        format!("export DB_PASSWORD=\"{PASSWORD}\""),
        format!("set DB_PASSWORD={PASSWORD}\r\n"),
        format!("$env:DB_PASSWORD = '{PASSWORD}'"),
        format!("  password: {PASSWORD}  # production"),
        format!("- name: DB\n  value: \"{PASSWORD}\"\n"),
        format!("  \"password\": \"{PASSWORD}\","),
        format!("'password' => '{PASSWORD}',"),
        format!("const string DbPassword = \"{PASSWORD}\"; // live"),
        format!("db.password={PASSWORD}\ndb.url=jdbc:postgresql://db.example/orders\n"),
        format!("ENV DB_PASSWORD {PASSWORD}"),
        format!("ENV DB_PASSWORD={PASSWORD} DB_HOST=db.example"),
        format!("curl -H \"Authorization: Bearer {PASSWORD}\" https://api.example"),
        format!("curl -u app:{PASSWORD} https://api.example"),
        format!("Authorization: Basic {basic}"),
        format!("psql \"host=db.example user=app password={PASSWORD}\""),
        format!("cache.example:6380,password={PASSWORD},ssl=True"),
        format!("postgres://app:{PASSWORD}@db.example:5432/orders"),
        format!("jdbc:postgresql://db.example/orders?user=app&password={PASSWORD}"),
        format!("machine db.example login app password {PASSWORD}"),
        format!("<password>{PASSWORD}</password>"),
        format!("<add key=\"Db\" connectionString=\"Server=db.example;Password={PASSWORD}\" />"),
        format!("app:{PASSWORD}"),
        format!("mysql --user=app --password={PASSWORD} orders"),
        format!("the key is {PASSWORD} for now"),
    ] {
        let answer = look(&stage, &line);
        let mut names = names(&answer);
        names.sort();
        names.dedup();
        assert_eq!(names, ["document", "orders-db", "plain"], "{line}: {answer}");
    }
}

#[tokio::test]
async fn what_many_have_in_common_accuses_nobody() {
    let stage = Stage::empty(&[]).await;
    let key = |letter: &str| STANDARD.encode(letter.repeat(48));
    for (name, value) in [
        (
            "bus-two",
            format!(
                "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={}",
                key("x")
            ),
        ),
        (
            "sql-two",
            "Server=tcp:orders.database.windows.net,1433;User Id=orders_app;Password=another-One-7;Encrypt=true"
                .to_owned(),
        ),
        (
            "storage-two",
            format!(
                "DefaultEndpointsProtocol=https;AccountName=stprod8f3k2j4h9d;AccountKey={};EndpointSuffix=core.windows.net",
                key("y")
            ),
        ),
        ("stripe", "sk_live_abcdefghijklmnop1234".to_owned()),
        ("host", "orders.database.windows.net".to_owned()),
        ("user", "orders_app".to_owned()),
        ("sentence", "production is where the password is".to_owned()),
        ("template", "Server=x;Password=${DB_PASSWORD}".to_owned()),
        ("common", "Server=x;Password=changeit".to_owned()),
    ] {
        stage.seed(name, &json!({ "value": value })).await;
    }
    for leaked in [
        format!(
            "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={}",
            key("a")
        ),
        "Server=tcp:orders.database.windows.net,1433;User Id=orders_app;Password=the-Leaked-0ne;Encrypt=true"
            .to_owned(),
        format!(
            "DefaultEndpointsProtocol=https;AccountName=stprod8f3k2j4h9d;AccountKey={};EndpointSuffix=core.windows.net",
            key("b")
        ),
        "sk_live_zyxwvutsrqponmlk9876".to_owned(),
        "production".to_owned(),
        "DB_PASSWORD=${DB_PASSWORD}".to_owned(),
        "password: changeit".to_owned(),
        "-----BEGIN PRIVATE KEY-----".to_owned(),
    ] {
        let answer = look(&stage, &leaked);
        let sure: Vec<&Value> = answer["found"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|hit| hit["how"] != "in_leak" && hit["doubtful"] != true)
            .collect();
        assert!(sure.is_empty(), "{leaked}: {answer}");
    }
}

#[tokio::test]
async fn a_key_is_found_however_it_is_packed() {
    let stage = Stage::empty(&[]).await;
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = key.serialize_pem();
    let der = STANDARD.encode(key.serialize_der());
    stage.seed("key", &json!({ "value": pem })).await;
    stage.seed("other", &json!({ "value": rcgen::KeyPair::generate().unwrap().serialize_pem() })).await;
    let indented: String = pem.lines().map(|line| format!("    {line}\r\n")).collect();
    let certificate =
        rcgen::CertificateParams::new(vec!["shop.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    for (how, leaked) in [
        ("as it is", pem.clone()),
        ("indented", format!("key: |\n{indented}")),
        ("in one line", pem.replace('\n', "\\n")),
        ("in JSON", json!({ "private_key": pem }).to_string()),
        ("without its frame", pem.lines().filter(|line| !line.contains("-----")).collect::<Vec<&str>>().join("\n")),
        ("as DER in base64", der.clone()),
        ("in base64", STANDARD.encode(&pem)),
        ("with its certificate", format!("{}{pem}", certificate.pem())),
    ] {
        let answer = look(&stage, &leaked);
        assert_eq!(names(&answer), ["key"], "{how}: {answer}");
    }
    // As Key Vault gives a certificate out: a PFX without a password.
    let mut store = p12_keystore::KeyStore::new();
    let chained = p12_keystore::Certificate::from_der(certificate.der()).unwrap();
    let chain = p12_keystore::PrivateKeyChain::new(key.serialize_der(), [1, 2, 3], [chained]);
    store.add_entry("shop", p12_keystore::KeyStoreEntry::PrivateKeyChain(chain));
    let pfx = store.writer("").write().unwrap();
    stage.seed("pfx", &json!({ "value": STANDARD.encode(&pfx), "content_type": "application/x-pkcs12" })).await;
    for (how, leaked) in
        [("the key", pem.clone()), ("its DER", der), ("the PFX in lines", STANDARD.encode(&pfx).replace('M', "M\n "))]
    {
        let answer = look(&stage, &leaked);
        assert!(names(&answer).contains(&"pfx".to_owned()), "{how}: {answer}");
        assert!(!names(&answer).contains(&"other".to_owned()), "{how}: {answer}");
    }

    // A certificate alone is no secret: many hold it.
    stage.seed("chain", &json!({ "value": format!("{}{}", certificate.pem(), rcgen::KeyPair::generate().unwrap().serialize_pem()) })).await;
    let answer = look(&stage, &format!("{}{pem}", certificate.pem()));
    assert!(!names(&answer).contains(&"chain".to_owned()), "{answer}");
}
