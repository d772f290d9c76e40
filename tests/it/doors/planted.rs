//! Secret values that the process has held, in every spelling, and that nothing which comes out holds one.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use memchr::memmem::Finder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;
use stanch::cli;
use stanch::failure::Failure;
use stanch::secret::Secret;
use stanch::visible::is_hidden;
use std::sync::LazyLock;

/// Values as a vault holds them, and what in each lets somebody in.
const VALUES: [(&str, &str); 4] = [
    ("k3y/Vq9&\"zP=<Wd>7Tm%Lx2Rb8Yc5Nf1Hg4Js6Ka0Q==", "k3y/Vq9&\"zP=<Wd>7Tm%Lx2Rb8Yc5Nf1Hg4Js6Ka0Q=="),
    (
        "Endpoint=sb://orders.example/;SharedAccessKeyName=root;SharedAccessKey=q1W2e3R4t5Y6u7I8o9P0aSdFgHjKlZxCv=",
        "q1W2e3R4t5Y6u7I8o9P0aSdFgHjKlZxCv=",
    ),
    (
        "https://hooks.example/services/T0001/B0002/aBcDeFgHiJkLmNoPqRsTuVwX",
        "services/T0001/B0002/aBcDeFgHiJkLmNoPqRsTuVwX",
    ),
    ("Tr0ub4dor&Zebra!Quartz", "Tr0ub4dor&Zebra!Quartz"),
];

/// The values, held by this process from now on.
pub(super) static HELD: LazyLock<Vec<Secret>> =
    LazyLock::new(|| VALUES.iter().map(|(value, _)| Secret::new((*value).to_owned())).collect());

/// All ways in which a value is written that somebody may read it from.
static SPELLINGS: LazyLock<Vec<String>> =
    LazyLock::new(|| VALUES.iter().flat_map(|(_, core)| spellings(core)).collect());
static FINDERS: LazyLock<Vec<Finder<'static>>> =
    LazyLock::new(|| SPELLINGS.iter().map(|spelling| Finder::new(spelling.as_bytes())).collect());

fn spellings(value: &str) -> Vec<String> {
    let backwards: String = value.chars().rev().collect();
    let json = serde_json::to_string(value).unwrap();
    let mut spellings = vec![
        value.to_owned(),
        value.to_uppercase(),
        value.to_lowercase(),
        json.trim_matches('"').to_owned(),
        html(value),
        utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
        hex::encode(value),
        hex::encode_upper(value),
        hex::encode(&backwards),
        backwards,
    ];
    for (offset, before) in [0, 2, 3].into_iter().enumerate() {
        // What is the same whatever stands before and after.
        let whole = STANDARD_NO_PAD.encode(format!("{}{value}", "\0".repeat(offset)));
        let after = whole.len() - usize::from(!(offset + value.len()).is_multiple_of(3));
        spellings.push(whole[before..after].to_owned());
        spellings.push(whole[before..after].replace('+', "-").replace('/', "_"));
    }
    spellings
}

fn html(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('=', "&#x3D;")
}

/// A spelling of a value, plain or hidden one level deeper, as one who answers may write it.
pub(super) fn spelled(mut below: impl FnMut(usize) -> usize) -> String {
    let (value, core) = VALUES[below(VALUES.len())];
    let text = if below(2) == 0 { value } else { core };
    match below(10) {
        0 => text.to_owned(),
        1 => SPELLINGS[below(SPELLINGS.len())].clone(),
        2 => STANDARD.encode(format!("{}{text}:x", "a".repeat(below(3)))),
        3 => text.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect(),
        4 => text.chars().map(|letter| format!("&#{};", u32::from(letter))).collect(),
        5 => {
            utf8_percent_encode(&utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(), NON_ALPHANUMERIC).to_string()
        }
        6 => {
            let at = text.char_indices().nth(below(text.chars().count())).map_or(0, |(at, _)| at);
            let between = ["\n", "\r\n", "\t", "\u{1b}", "\u{85}"][below(5)];
            format!("{}{between}{}", &text[..at], &text[at..])
        }
        7 => format!("https://user:{text}@host.example/a?sig={text}"),
        8 => hex::encode(STANDARD.encode(text)),
        _ => html(text).to_uppercase(),
    }
}

/// The spelling of a value that stands in it.
pub(super) fn stands_in(bytes: &[u8]) -> Option<&'static str> {
    let found = FINDERS.iter().zip(SPELLINGS.iter()).find(|(finder, _)| finder.find(bytes).is_some());
    found.map(|(_, spelling)| spelling.as_str())
}

/// Nothing that was planted stands in it.
pub(super) fn assert_silent(place: &str, bytes: &[u8]) {
    if let Some(spelling) = stands_in(bytes) {
        panic!("{spelling} stands in {place}: {}", String::from_utf8_lossy(bytes));
    }
}

/// The same of every text that is written as JSON. Looked at before it is: `\u0013` and what follows may read as hex.
pub(super) fn assert_written_silent(place: &str, written: &impl Serialize) {
    fn look(place: &str, value: &Value) {
        match value {
            Value::String(text) => assert_silent(place, text.as_bytes()),
            Value::Array(items) => items.iter().for_each(|item| look(place, item)),
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                assert_silent(place, name.as_bytes());
                look(place, value);
            }),
            _ => {}
        }
    }
    look(place, &serde_json::to_value(written).unwrap());
}

/// Nothing in it acts in place of being seen, but the ends of our own lines.
pub(super) fn assert_seen(place: &str, text: &str) {
    let acts = |character: char| is_hidden(character) && character != '\n';
    assert!(!text.contains(acts), "{:?} in {place}: {text:?}", text.chars().find(|character| acts(*character)));
}

/// A failure is fit for the terminal and for the journal; in how many lines it is told does not lie with others.
pub(super) fn assert_fit(failure: &Failure) {
    let told = cli::told(failure);
    assert_seen("the terminal", &told);
    assert_silent("the terminal", told.as_bytes());
    assert_written_silent("the journal", failure);
    let others: Vec<&str> = told.lines().filter(|line| line.starts_with("  │ ")).collect();
    let own = told.lines().count() - others.len();
    let help = failure.help.iter().flat_map(|help| help.lines()).count();
    assert_eq!(own, 1 + help, "others began a line: {told}");
}
