//! What holds a value in one form may stand in another: each is opened in the others.

use super::found;
use crate::stage::Stage;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const VALUES: &[&str] = &[
    "aK9:x7Zq:vN12pLw",
    "aK9=x7Zq==vN13pLw",
    "aK9+x7Zq/vN14pLw==",
    "aK9$HOME$7ZqvN16",
    "aK9#x7Zq #vN17pLw",
    "aK9<x7Zq>vN88pLw&1",
    "aK9;x7Zq,vN19pLw",
    "aK9@x7Zq/vN21?p#L",
    "aK9`x7Zq`vN30",
    "correct horse battery 7 staple",
    "aK9\\x7Zq!vN33pLw",
    "aK9'x7Zq!vN44pLw",
    "aK9\\n7Z'q!vN66pLw",
    "pä🔒ss7ZqvN29",
];

async fn names(stage: &Stage, leaked: &str) -> Vec<String> {
    let answer: Value = found(stage, &["kv-drill"], &["--json"], leaked).exit(0).json();
    let found = answer["found"].as_array().unwrap().iter();
    found.map(|hit| hit["secret"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

async fn stage() -> Stage {
    let stage = Stage::empty(&[]).await;
    for (index, value) in VALUES.iter().enumerate() {
        stage.seed(&format!("value-{index}"), &json!({ "value": value })).await;
    }
    stage
}

#[tokio::test]
async fn base64_is_opened_wherever_it_stands() {
    let stage = stage().await;
    for (index, value) in VALUES.iter().enumerate() {
        let (alone, login) = (STANDARD.encode(value), STANDARD.encode(format!("svc:{value}")));
        let forms = [
            format!("pw: {alone}"),
            format!("k: {alone}"),
            format!("Authorization: Basic {login}"),
            json!({ "auths": { "registry.example": { "auth": login } } }).to_string(),
            format!("password: >-\n  {}\n  {}\n", &alone[..12], &alone[12..]),
            format!("x: {}\n   {}", &alone[..12], &alone[12..]),
        ];
        // Each form with some of the values, each value in some of the forms: a run of the program takes its time.
        for leaked in [&forms[index % 6], &forms[(index + index / 6 + 2) % 6]] {
            assert_eq!(names(&stage, leaked).await, [format!("value-{index}")], "{leaked}");
        }
    }
}

#[tokio::test]
async fn quotes_of_a_shell_are_taken_off() {
    let stage = stage().await;
    for (index, value) in VALUES.iter().enumerate().filter(|(_, value)| value.contains('\'')) {
        for inner in ["'\"'\"'", "'\\''"] {
            let quoted = format!("'{}'", value.replace('\'', inner));
            let login = format!("'svc:{}'", value.replace('\'', inner));
            for leaked in
                [quoted.clone(), format!("export PW={quoted}"), format!("curl -u {login} https://api.example/v1")]
            {
                assert_eq!(names(&stage, &leaked).await, [format!("value-{index}")], "{leaked}");
            }
        }
    }
}

#[tokio::test]
async fn numbers_and_letters_of_mail_and_forms_are_read() {
    let stage = Stage::empty(&[]).await;
    for (name, value) in [
        ("number", "83649172650183"),
        ("words", "correct horse battery 7 staple"),
        ("west", "Grüße-Bärchen-9x7Qé"),
        ("east", "žluťoučký-9x7Q-Àß"),
    ] {
        stage.seed(name, &json!({ "value": value })).await;
    }
    let latin1 = |text: &str| text.bytes().map(char::from).collect::<String>();
    for (leaked, name) in [
        ("PW=83649172650183".to_owned(), "number"),
        ("pin: 83649172650183".to_owned(), "number"),
        ("DB_PASSCODE: 83649172650183".to_owned(), "number"),
        ("grant_type=password&password=correct+horse+battery+7+staple&u=x".to_owned(), "words"),
        ("correct+horse+battery+7+staple".to_owned(), "words"),
        (latin1("Grüße-Bärchen-9x7Qé"), "west"),
        (latin1("žluťoučký-9x7Q-Àß"), "east"),
        (format!("=?utf-8?B?{}?=", STANDARD.encode("Grüße-Bärchen-9x7Qé")), "west"),
        ("=?iso-8859-1?Q?Gr=FC=DFe-B=E4rchen-9x7Q=E9?=".to_owned(), "west"),
        ("=?utf-8?Q?Gr=C3=BC=C3=9Fe-B=C3=A4r?=\r\n =?utf-8?Q?chen-9x7Q=C3=A9?=".to_owned(), "west"),
    ] {
        assert_eq!(names(&stage, &leaked).await, [name], "{leaked}");
    }
    for order in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
        let wide: Vec<u8> = "\u{feff}Grüße-Bärchen-9x7Qé\r\n".encode_utf16().flat_map(order).collect();
        let arguments = super::find(&["kv-drill"]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = stage.stanch_given(&arguments, &wide).exit(0);
        assert!(said.stdout.contains("secrets/west"), "{}", said.stdout);
    }
    for reference in ["${DB_PASSWORD}", "$(pw)", "{{ .Values.password }}"] {
        let said = found(&stage, &["kv-drill"], &[], reference).exit(2);
        assert!(said.stderr.contains("a reference to a variable"), "{}", said.stderr);
    }
}
