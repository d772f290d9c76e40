//! A value is found however it was carried: by a terminal, a dump, another layout of letters, a program that sets text, or
//! the login that a program takes.

use super::{find, found};
use crate::stage::Stage;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const PASSWORD: &str = "Kq7mZ2tR9vL4xPp0";
const LETTERS: &str = "Pässwörd_länger#als-1";

fn names(answer: &Value) -> Vec<&str> {
    let found = answer["found"].as_array().unwrap().iter().filter(|hit| hit["how"] != "in_leak");
    found.map(|hit| hit["secret"].as_str().unwrap().rsplit('/').next().unwrap()).collect()
}

async fn stage() -> Stage {
    let stage = Stage::empty(&[]).await;
    stage.seed("password", &json!({ "value": PASSWORD })).await;
    stage.seed("letters", &json!({ "value": LETTERS })).await;
    stage
}

/// Gives the answer to bytes on standard input.
fn piped(stage: &Stage, bytes: &[u8]) -> Value {
    let mut arguments = find(&["kv-drill"]);
    arguments.push("--json".to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    stage.stanch_given(&arguments, bytes).exit(0).json()
}

#[tokio::test]
async fn what_a_terminal_or_a_page_put_into_it_is_taken_off() {
    let stage = stage().await;
    let (begin, end) = PASSWORD.split_at(9);
    for leaked in [
        format!("\u{1b}[31m{begin}\u{1b}[0m\u{1b}[1m{end}\u{1b}[0m"),
        format!("key=\u{1b}[01;31m\u{1b}[K{PASSWORD}\u{1b}[m\u{1b}[K"),
        format!("echo -e \"\\033[1m{begin}\\033[0m{end}\""),
        format!("\\x1b[32m{PASSWORD}\\x1b[0m"),
        format!("^[[32m{begin}^[[0m{end}"),
        format!("[1;31m{begin}[0m{end}"),
        format!("{begin}<mark>{end}</mark>"),
        format!("<span class=\"x\">{begin}</span><b>{end}</b>"),
        PASSWORD.chars().map(|letter| format!("{letter}\u{8}{letter}")).collect(),
    ] {
        let answer = found(&stage, &["kv-drill"], &["--json"], &leaked).exit(0).json();
        assert_eq!(names(&answer), ["password"], "{leaked:?}: {answer}");
    }
}

#[tokio::test]
async fn bytes_that_are_written_as_numbers_are_read() {
    let stage = stage().await;
    let list = |form: fn(u8) -> String, between: &str| PASSWORD.bytes().map(form).collect::<Vec<_>>().join(between);
    let columns = |group: usize, end: &str| {
        let lines = PASSWORD.as_bytes().chunks(8).enumerate();
        let line = |(at, bytes): (usize, &[u8])| {
            let groups: Vec<String> = bytes.chunks(group).map(hex::encode).collect();
            format!("{:08x}{end} {}  {}\n", at * 8, groups.join(" "), std::str::from_utf8(bytes).unwrap())
        };
        lines.map(line).collect::<String>()
    };
    let turned: Vec<String> =
        PASSWORD.as_bytes().chunks(2).map(|pair| format!("{:02x}{:02x}", pair[1], pair[0])).collect();
    for leaked in [
        format!("[{}]", list(|byte| byte.to_string(), ",")),
        format!("password := []byte{{{}}}", list(|byte| format!("{byte:#04x}"), ", ")),
        format!("byte[] key = {{ {} }};", list(|byte| format!("(byte) 0x{byte:02X}"), ", ")),
        format!("$pw = {};", list(|byte| format!("chr({byte})"), ".")),
        format!("let key = [{}];", list(|byte| format!("{byte}u8"), ", ")),
        format!("key bytes: {}", list(|byte| format!("{byte:02x}"), " ")),
        list(|byte| format!("{byte:08b}"), " "),
        columns(2, ":"),
        columns(1, " "),
        format!("0000000 {}\n0000010\n", turned.join(" ")),
    ] {
        let answer = found(&stage, &["kv-drill"], &["--json"], &leaked).exit(0).json();
        assert_eq!(names(&answer), ["password"], "{leaked}: {answer}");
    }
}

#[tokio::test]
async fn letters_of_every_layout_are_read() {
    let stage = stage().await;
    let units = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
    let big: Vec<u8> = units(PASSWORD).into_iter().flat_map(u16::to_be_bytes).collect();
    let little: Vec<u8> = units(PASSWORD).into_iter().flat_map(u16::to_le_bytes).collect();
    let wide: Vec<u8> = PASSWORD.chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect();
    let wide_big: Vec<u8> = PASSWORD.chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect();
    for bytes in [&big, &little, &wide, &wide_big] {
        assert_eq!(names(&piped(&stage, bytes)), ["password"], "{bytes:?}");
        assert_eq!(names(&piped(&stage, STANDARD.encode(bytes).as_bytes())), ["password"], "{bytes:?}");
    }
    let western: Vec<u8> = LETTERS.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    let terminal = LETTERS.replace('ä', "\u{84}").replace('ö', "\u{94}");
    let terminal: Vec<u8> = terminal.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    for bytes in [western, terminal] {
        assert_eq!(names(&piped(&stage, &bytes)), ["letters"], "{bytes:?}");
    }
    for leaked in [
        "P+AOQ-ssw+APY-rd_l+AOQ-nger#als-1",
        r"P\'e4ssw\'f6rd_l\'e4nger#als-1",
        r"P\u228?ssw\u246?rd_l\u228?nger#als-1",
        r#"P\"assw\"ord\_l\"anger\#als-1"#,
        r#"P\"{a}ssw\"{o}rd\_l\"{a}nger\#als-1"#,
    ] {
        let answer = found(&stage, &["kv-drill"], &["--json"], leaked).exit(0).json();
        assert_eq!(names(&answer), ["letters"], "{leaked}: {answer}");
    }
}

#[tokio::test]
async fn a_file_of_bytes_may_be_piped_in_as_it_is() {
    let stage = Stage::empty(&[]).await;
    let key = rcgen::KeyPair::generate().unwrap();
    stage.seed("key", &json!({ "value": key.serialize_pem() })).await;
    assert_eq!(names(&piped(&stage, &key.serialize_der())), ["key"]);
    let store = [b"\x1F\x8B\x08\0\0\0\0\0\0\x03".as_slice(), &[0xAB; 40]].concat();
    let said = stage.stanch_given(&["find", "--vault", "https://kv-drill.vault.azure.net"], &store).exit(5);
    assert!(said.stderr.contains("compressed (gzip)"), "{}", said.stderr);
}

#[tokio::test]
async fn the_password_of_a_login_is_found_in_whatever_holds_it() {
    let stage = Stage::empty(&[]).await;
    let logins = [
        ("go", "svc:aK9-QwE8_zXc1.Vb@tcp(db:3306)/orders?parseTime=true", "aK9-QwE8_zXc1.Vb"),
        ("go-at", "svc:bK9@QwE8:zXc1/Vb@tcp(db:3306)/orders", "bK9@QwE8:zXc1/Vb"),
        ("socket", "svc:cK9-QwE8_zXc1.Vb@unix(/run/mysqld.sock)/orders", "cK9-QwE8_zXc1.Vb"),
        ("bare", "svc:dK9-QwE8_zXc1.Vb@db.example:5432/orders", "dK9-QwE8_zXc1.Vb"),
        ("oracle", "svc/eK9-QwE8_zXc1.Vb@//db:1521/orders", "eK9-QwE8_zXc1.Vb"),
        ("oracle-alias", "svc/fK9-QwE8_zXc1.Vb@ORDERS", "fK9-QwE8_zXc1.Vb"),
        ("oracle-jdbc", "jdbc:oracle:thin:svc/gK9-QwE8_zXc1.Vb@db:1521:orders", "gK9-QwE8_zXc1.Vb"),
        ("netrc", "machine api.example\nlogin svc\npassword hK9-QwE8_zXc1.Vb\n", "hK9-QwE8_zXc1.Vb"),
        ("libpq", r"host=db user=svc password='iK9 Qw\'E8 zXc1' dbname=orders", "iK9 Qw'E8 zXc1"),
        ("odbc", "Driver={ODBC Driver 18};Server=db;Uid=svc;Pwd={jK9;Qw}}E8=zXc1};", "jK9;Qw}E8=zXc1"),
        ("ado", "Server=db;User Id=svc;Password=\"kK9;Qw\"\"E8=zXc1\";Encrypt=true", "kK9;Qw\"E8=zXc1"),
        ("jdbc", "jdbc:sqlserver://db:1433;user=svc;password={lK9;QwE8=zXc1};encrypt=true", "lK9;QwE8=zXc1"),
        ("jdbc-query", "jdbc:mysql://db:3306/orders?user=svc&password=mK9-QwE8_zXc1.Vb", "mK9-QwE8_zXc1.Vb"),
        (
            "sqlalchemy",
            "mssql+pyodbc:///?odbc_connect=Driver%3DX%3BServer%3Ddb%3BUID%3Dsvc%3BPWD%3DnK9-QwE8_zXc1.Vb",
            "nK9-QwE8_zXc1.Vb",
        ),
        ("psycopg", "postgresql+psycopg2://svc:oK9%40QwE8%2FzXc1@db/orders", "oK9@QwE8/zXc1"),
    ];
    for (name, value, _) in logins {
        stage.seed(name, &json!({ "value": value })).await;
    }
    for (name, value, password) in logins {
        for leaked in [password.to_owned(), format!("MY_PW=`{password}`\n"), value.to_owned()] {
            let answer = found(&stage, &["kv-drill"], &["--json"], &leaked).exit(0).json();
            assert_eq!(names(&answer), [name], "{leaked}: {answer}");
        }
    }
    // What only looks like one holds no password.
    let stage = Stage::empty(&[]).await;
    stage.seed("word", &json!({ "value": "customer-support" })).await;
    for leaked in ["mailto:customer-support@example.com", "actions/customer-support@v4", "a/customer-support@sha256:00"]
    {
        let answer = found(&stage, &["kv-drill"], &["--json"], leaked).exit(0).json();
        assert!(names(&answer).is_empty(), "{leaked}: {answer}");
    }
}
