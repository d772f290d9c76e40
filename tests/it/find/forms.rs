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
        ("mail", quoted_printable(SIGNS)),
        ("mail in lines", quoted_printable(SIGNS).replace("k", "=\r\nk")),
        ("UTF-8 read as another code page", SIGNS.replace('ü', "Ã¼").replace('€', "â‚¬")),
        ("URL of the West's code page", url.replace("%C3%BC", "%FC").replace("%E2%82%AC", "%80")),
    ] {
        let answer = look(&stage, &leaked);
        assert_eq!(names(&answer), ["signs"], "{how}: {answer}");
        assert_eq!(answer["complete"], true, "{how}");
    }
}

fn quoted_printable(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'=' | 0x80.. => format!("={byte:02X}"),
        byte => char::from(byte).to_string(),
    };
    text.bytes().map(byte).collect()
}

#[tokio::test]
async fn what_others_wrote_before_lines_and_between_pieces_is_taken_off() {
    let stage = Stage::empty(&[]).await;
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let words = "first line of the secret\nsecond-line-of-it\nthird: line 3\n";
    stage.seed("key", &json!({ "value": key })).await;
    stage.seed("words", &json!({ "value": words })).await;
    stage.seed("other", &json!({ "value": rcgen::KeyPair::generate().unwrap().serialize_pem() })).await;
    for (name, value) in [("key", key.as_str()), ("words", words)] {
        let lines = |prefix: &dyn Fn(usize) -> String| -> String {
            value.lines().enumerate().map(|(at, line)| format!("{}{line}\n", prefix(at))).collect()
        };
        let always = |prefix: &'static str| lines(&|_| prefix.to_owned());
        let pieces: Vec<String> = value.lines().map(|line| format!("\"{line}\\n\"")).collect();
        for (how, leaked) in [
            (
                "diff",
                format!("@@ -0,0 +1,9 @@\n+# key\n{}+end\n", always("+")).replace("+# key\n", "").replace("+end\n", ""),
            ),
            ("diff, taken out", always("-")),
            ("quotation", always("> ")),
            ("quotation of a quotation", always("> > ")),
            ("remark", always("# ")),
            ("remark of C", always("    // ")),
            ("remark of Java", format!("/*\n{} */", always(" * "))),
            ("SQL", always("-- ")),
            ("compose", always("app-1  | ")),
            ("numbers", lines(&|at| format!("{:>6}\t", at + 8))),
            ("grep", lines(&|at| format!("deploy/key.pem:{}:", at + 8))),
            ("log", lines(&|at| format!("2026-11-23T03:12:{:02}.{}Z stdout F ", at, at * 1000 + 7))),
            ("JavaScript", format!("const key = {};", pieces.join(" +\n  "))),
            ("Python", format!("KEY = (\n    {}\n)", pieces.join("\n    "))),
            ("Java", format!("String key = {};", pieces.join("\n        + "))),
            ("C", format!("static const char key[] =\n  {};", pieces.join("\n  "))),
            ("PHP", format!("$key = {};", pieces.join(" .\n"))),
            ("a list", format!("key = [{}].join('')", pieces.join(", "))),
        ] {
            let answer = look(&stage, &leaked);
            assert_eq!(names(&answer), [name], "{name}, {how}: {leaked}\n{answer}");
        }
    }
    // Between other lines a key is known by its frame.
    for (how, prefix, around) in [
        ("log", "2026-11-23T03:12:09Z app[7]: ", "2026-11-23T03:12:08Z app[7]: starting\n"),
        ("diff", "+", "--- a/key\n+++ b/key\n@@ -1 +1,9 @@\n-old\n"),
        ("remark", "// ", "int main() {\n"),
    ] {
        let text: String = key.lines().map(|line| format!("{prefix}{line}\n")).collect();
        let answer = look(&stage, &format!("{around}{text}and more\n"));
        assert_eq!(names(&answer), ["key"], "{how}: {answer}");
    }
}

#[tokio::test]
async fn a_key_in_base64_is_the_same_in_every_alphabet() {
    let stage = Stage::empty(&[]).await;
    let keys: Vec<String> = [16, 20, 32, 64]
        .into_iter()
        .map(|length: u8| {
            STANDARD
                .encode((0..length).map(|at| (251_u8 ^ length).wrapping_sub(at.wrapping_mul(5))).collect::<Vec<u8>>())
        })
        .collect();
    for (at, key) in keys.iter().enumerate() {
        stage.seed(&format!("key-{at}"), &json!({ "value": key })).await;
    }
    for (at, key) in keys.iter().enumerate() {
        let safe = key.replace('+', "-").replace('/', "_");
        for leaked in [safe.clone(), safe.trim_end_matches('=').to_owned(), key.trim_end_matches('=').to_owned()] {
            let answer = look(&stage, &leaked);
            assert_eq!(names(&answer), [format!("key-{at}")], "{leaked}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_digest_finds_its_value_and_never_a_miss() {
    use sha1::Digest as _;
    let stage = Stage::empty(&[]).await;
    stage.seed("plain", &json!({ "value": PASSWORD })).await;
    stage.seed("document", &json!({ "value": json!({ "password": "an0ther-One-9" }).to_string() })).await;
    let sha256 = |text: &str| hex::encode(sha2::Sha256::digest(text));
    let sha1 = hex::encode(sha1::Sha1::digest(PASSWORD));
    for (leaked, name, by) in [
        (sha256(PASSWORD), "plain", "SHA-256"),
        (format!("sha256:{}", sha256(PASSWORD).to_uppercase()), "plain", "SHA-256"),
        (sha256(&format!("{PASSWORD}\n")), "plain", "SHA-256"),
        (sha1, "plain", "SHA-1"),
        ("67a7cba5ad61af52ffa5df96f8aa8d5e".to_owned(), "", ""),
        (STANDARD.encode(sha2::Sha256::digest(PASSWORD)), "plain", "SHA-256"),
        (hex::encode(sha2::Sha512::digest(PASSWORD)), "plain", "SHA-512"),
        (sha256("an0ther-One-9"), "document", "SHA-256"),
    ] {
        let said = found(&stage, &["kv-drill"], &["--json"], &leaked);
        let answer = said.json();
        if name.is_empty() {
            assert_eq!((said.code, &answer["complete"]), (Some(5), &json!(false)), "{leaked}: {answer}");
            continue;
        }
        assert_eq!(names(&answer), [name], "{leaked}: {answer}");
        let hit = &answer["found"][0];
        assert_eq!((&hit["how"], &hit["by"], &hit["certainty"]), (&json!("hashed"), &json!(by), &json!("certain")));
    }
    for (leaked, said) in [
        (sha256("nobody's"), "looks like a digest"),
        ("$2b$12$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234".to_owned(), "looks like a hash"),
        ("{SSHA}MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=".to_owned(), "looks like a hash"),
    ] {
        let told = found(&stage, &["kv-drill"], &[], &leaked).exit(5);
        assert!(told.stderr.contains(said), "{leaked}: {}", told.stderr);
    }
    let fingerprint = "4f1c9a0b7d2e8f6a5b3c1d0e9f8a7b6c5d4e3f2a:deploy/prod.env:stripe-access-token:12";
    let told = found(&stage, &["kv-drill"], &[], fingerprint).exit(2);
    assert!(told.stderr.contains("what a scanner calls a finding by"), "{}", told.stderr);
    // A value that looks like a digest is a value all the same.
    stage.seed("hex", &json!({ "value": sha256("some key") })).await;
    let answer = look(&stage, &sha256("some key"));
    assert_eq!((names(&answer), &answer["complete"]), (vec!["hex".to_owned()], &json!(true)));
}

#[tokio::test]
async fn what_lets_nobody_in_accuses_nobody() {
    let stage = Stage::empty(&[]).await;
    let key = STANDARD.encode("q".repeat(32) + "0123456789abcdef0123456789abcdef");
    let storage = format!(
        "DefaultEndpointsProtocol=https;AccountName=stprod8f3k2j4h9d;AccountKey={key};EndpointSuffix=core.windows.net"
    );
    for (name, value) in [
        ("storage", storage.as_str()),
        (
            "sql",
            "Server=tcp:orders.database.windows.net,1433;Initial Catalog=orders;User Id=orders_app;Password=S3cret-0ne-Two;Encrypt=true;ApplicationIntent=ReadOnly;Authentication=Active Directory Password",
        ),
        ("url", "postgres://orders_app:S3cret%2FThree%2B4@db.example.com:5432/orders?sslmode=verify-full"),
        ("hook", "https://hooks.example.com/services/T00000000/B11111111/Zq8Xw3Rt6Yb1Nm5K"),
        (
            "document",
            r#"{"type":"service_account","project_id":"contoso-prod-4711","client_email":"app@contoso-prod-4711.example","private_key":"Wq8Xz3Rt6Yb1Nm5KpL0v","auth_uri":"https://accounts.example.com/o/oauth2/auth"}"#,
        ),
        ("redis", "cache.example.com:6380,password=R3dis-Passw-One,ssl=True,abortConnect=False"),
    ] {
        stage.seed(name, &json!({ "value": value })).await;
    }
    for leaked in [
        "core.windows.net",
        "acct",
        "AccountKey=",
        "Encrypt=true",
        "orders.database.windows.net",
        "orders_app",
        "https://",
        "1433",
        "tcp:orders.database.windows.net,1433",
        "DefaultEndpointsProtocol=https",
        "AccountName=stprod8f3k2j4h9d",
        "stprod8f3k2j4h9d",
        "EndpointSuffix=core.windows.net",
        "Initial Catalog=orders",
        "User Id=orders_app;Password=",
        "ReadOnly",
        "ApplicationIntent=ReadOnly",
        "Active Directory Password",
        "db.example.com",
        "db.example.com:5432",
        "postgres://",
        "postgres://orders_app:",
        "5432/orders",
        "verify-full",
        "sslmode=verify-full",
        "contoso-prod-4711",
        "app@contoso-prod-4711.example",
        "service_account",
        "https://accounts.example.com/o/oauth2/auth",
        "private_key\":",
        "cache.example.com:6380",
        "abortConnect=False",
        "cache.example.com",
        "Password=",
    ] {
        let answer = look(&stage, leaked);
        assert_eq!(names(&answer), Vec::<String>::new(), "{leaked}: {answer}");
    }
    let said = found(&stage, &["kv-drill"], &[], "orders.database.windows.net").exit(0);
    assert!(said.stdout.contains("1 version, where it stands only in what lets nobody in"), "{}", said.stdout);
    for (leaked, name) in [
        (key.as_str(), "storage"),
        (&key[4..60], "storage"),
        (&storage[40..120], "storage"),
        ("S3cret-0ne-Two", "sql"),
        ("Password=S3cret-0ne-Two", "sql"),
        ("S3cret/Three+4", "url"),
        ("S3cret%2FThree%2B4", "url"),
        ("Wq8Xz3Rt6Yb1Nm5KpL0v", "document"),
        ("R3dis-Passw-One", "redis"),
        ("Zq8Xw3Rt6Yb1Nm5K", "hook"),
    ] {
        let answer = look(&stage, leaked);
        assert_eq!(names(&answer), [name], "{leaked}: {answer}");
    }
}

#[tokio::test]
async fn the_surest_comes_first() {
    let stage = Stage::empty(&[]).await;
    let issued = json!({ "issuer": "Stripe", "owner": "payments" });
    stage.seed("a-near-miss", &json!({ "value": format!("note: {PASSWORD} was here"), "tags": issued })).await;
    stage.seed("b-part", &json!({ "value": format!("Server=db;Password={PASSWORD}"), "tags": issued })).await;
    stage.seed("z-whole", &json!({ "value": PASSWORD })).await;
    let answer = look(&stage, PASSWORD);
    let first = &answer["found"][0];
    assert!(first["secret"].as_str().unwrap().ends_with("/z-whole"), "{answer}");
    assert_eq!((&first["certainty"], &answer["found"][1]["certainty"]), (&json!("certain"), &json!("likely")));
    let said = found(&stage, &["kv-drill"], &[], PASSWORD).exit(0);
    assert!(said.stdout.contains("certain: it is the leaked value"), "{}", said.stdout);
    assert!(said.stdout.contains("likely: it holds the leaked value"), "{}", said.stdout);
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
        "password: changeit".to_owned(),
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC".to_owned(),
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
