//! Text without the credentials that addresses carry: the user information before a host, and the values of query
//! parameters that are known to be keys.
//!
//! A scanner's report, an input, a log and an error repeat addresses as somebody once wrote them down, and
//! `https://user:TOKEN@host/` is a common way to write one down. Whatever comes in goes through
//! [`without_credentials`]; so does whatever goes out, for what came in another way. Doing it twice changes nothing.

use memchr::{memchr_iter, memchr3};
use regex::{Captures, Regex};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::LazyLock;

/// What stands in the place of a value that was taken out.
const MARK: &str = "***";

/// So many addresses one inside the other are looked at.
const DEEPEST: usize = 16;

/// The names of values that let whoever has them in, in lower case without what separates words.
const NAMES: &[&str] = &[
    "accesskey",
    "accesstoken",
    "accountkey",
    "apikey",
    "assertion",
    "auth",
    "authtoken",
    "bearer",
    "clientassertion",
    "clientsecret",
    "code",
    "connectionstring",
    "functionskey",
    "idtoken",
    "jwt",
    "key",
    "ocpapimsubscriptionkey",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "privatetoken",
    "pwd",
    "refreshtoken",
    "sas",
    "sastoken",
    "secret",
    "secretkey",
    "secrettoken",
    "sharedaccesskey",
    "sharedaccesssignature",
    "sig",
    "signature",
    "subscriptionkey",
    "token",
    "xamzcredential",
    "xamzsecuritytoken",
    "xamzsignature",
    "xfunctionskey",
    "xgoogsignature",
];

/// Whether a name says that its value lets whoever has it in: `AccountKey`, `client_secret`, `sig`.
pub(crate) fn names_a_credential(name: &str) -> bool {
    let bare: String = name.chars().filter(|letter| letter.is_ascii_alphanumeric()).collect();
    NAMES.contains(&bare.to_ascii_lowercase().as_str())
}

/// Between a scheme and what follows it: plain, as JSON may write it, or percent-encoded any number of times.
static AFTER_SCHEME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)(?::|%(?:25)*3a)(?:\\*/|%(?:25)*2f){2}").ok());

/// A name and what it stands before, where one begins: in a query, in a connection string, at the beginning of a line.
static PARAMETER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let begin = r#"(?P<begin>^|[?&;#,\s"'({\[]|&amp;|\\u0026|%(?:25)*(?:3f|26|3b|23))"#;
    Regex::new(&format!(r"(?im){begin}(?P<name>[a-z][a-z0-9_.\-]{{1,40}})(?P<is>=|\\u003d|%(?:25)*3d)")).ok()
});

/// The text, with no credential in any address that stands in it.
pub fn without_credentials(text: &str) -> Cow<'_, str> {
    // Most texts have nothing of an address or a parameter; they are many.
    let bytes = text.as_bytes();
    let has_address = || memchr_iter(b'/', bytes).any(|at| bytes.get(at + 1) == Some(&b'/'));
    if memchr3(b'=', b'%', b'\\', bytes).is_none() && !has_address() {
        return Cow::Borrowed(text);
    }
    let mut text = without_user_information(text);
    for _ in 0..DEEPEST {
        let less = match without_parameters(&text) {
            Cow::Owned(less) => less,
            Cow::Borrowed(_) => break,
        };
        // A value that went may have hidden where the user information before it ends.
        text = Cow::Owned(without_user_information(&less).into_owned());
    }
    text
}

/// A token that says who somebody is and what they may: three parts, of which the first two begin as JSON does.
static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]+").ok());

/// The text, with no such token in it.
pub fn without_tokens(text: &str) -> Cow<'_, str> {
    TOKEN.as_ref().map_or(Cow::Borrowed(text), |token| token.replace_all(text, MARK))
}

/// The value, with no credential and no token in any text of it.
pub fn value_without_credentials(value: Value) -> Value {
    each_text(value, &|text| without_tokens(&without_credentials(text)).into_owned())
}

/// The value with each text of it changed; names of members stay.
pub fn each_text(value: Value, change: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| each_text(item, change)).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, each_text(value, change))).collect())
        }
        other => other,
    }
}

fn without_user_information(text: &str) -> Cow<'_, str> {
    let Some(after_scheme) = AFTER_SCHEME.as_ref().filter(|_| text.contains("//") || text.contains(['%', '\\'])) else {
        return Cow::Borrowed(text);
    };
    let mut kept = String::new();
    let mut from = 0;
    let mut separators = after_scheme.find_iter(text).peekable();
    while let Some(separator) = separators.next() {
        let begin = separator.end();
        let next = separators.peek().map_or(text.len(), |next| next.start());
        let Some(rest) = text.get(begin..next.max(begin)) else { continue };
        // What is left may begin with another one.
        let mut length = 0;
        while let Some(more) = rest.get(length..).and_then(|rest| user_information(separator.as_str(), rest)) {
            length += more;
        }
        if length == 0 {
            continue;
        }
        kept.push_str(text.get(from..begin).unwrap_or_default());
        from = begin + length;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(kept)
}

/// How long the user information at the beginning of `rest` is, with the sign that ends it.
fn user_information(separator: &str, rest: &str) -> Option<usize> {
    let word = rest.find(|letter: char| letter.is_whitespace() || letter.is_control() || "\"<>`".contains(letter));
    let word = rest.get(..word.unwrap_or(rest.len()))?;
    if let Some(encoding) = separator.to_ascii_lowercase().strip_prefix('%').and_then(|code| code.find("3a")) {
        // As often as the separator itself, so that what is encoded once more belongs to the password.
        let percent = format!("%{}", "25".repeat(encoding / 2));
        let lower = word.to_ascii_lowercase();
        let ends = ["2f", "3f", "23"].map(|code| format!("{percent}{code}"));
        let end = ends.iter().filter_map(|end| lower.find(end.as_str())).chain(lower.find(['/', '?', '#', '&'])).min();
        let authority = lower.get(..end.unwrap_or(lower.len()))?;
        let encoded = format!("{percent}40");
        let at = authority.rfind(&encoded).map(|at| at + encoded.len());
        return at.max(authority.rfind('@').map(|at| at + 1));
    }
    let authority = word.get(..word.find(['/', '?', '#', '\\']).unwrap_or(word.len()))?;
    if let Some(at) = authority.rfind('@') {
        return Some(at + 1);
    }
    // A password with a slash in it that nobody encoded: what stands before it is no host with a port.
    let (_, port) = authority.split_once(':')?;
    let is_port = port.chars().all(|digit| digit.is_ascii_digit());
    if is_port { None } else { word.rfind('@').map(|at| at + 1) }
}

fn without_parameters(text: &str) -> Cow<'_, str> {
    let Some(parameter) = PARAMETER.as_ref().filter(|_| text.contains(['=', '%', '\\'])) else {
        return Cow::Borrowed(text);
    };
    let mut kept = String::new();
    let mut from = 0;
    let mut at = 0;
    while let Some(found) = parameter.captures_at(text, at) {
        let (Some(whole), Some(value)) = (found.get(0), credential(&found, text)) else {
            at = found.get(0).map_or(text.len(), |whole| whole.end());
            continue;
        };
        let begin = whole.end();
        kept.push_str(text.get(from..begin).unwrap_or_default());
        kept.push_str(MARK);
        from = begin + value;
        at = from;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(kept)
}

/// How long the value after a name is, where the name is one of a credential and the place one in which it has one.
fn credential(found: &Captures<'_>, text: &str) -> Option<usize> {
    let part = |name| found.name(name).map(|part| part.as_str()).unwrap_or_default();
    let (begin, name, is) = (part("begin"), part("name"), part("is"));
    if !names_a_credential(name) {
        return None;
    }
    // Outside of an address and of a connection string a short word and `=` are anything.
    let in_address = matches!(begin, "?" | "&" | ";" | "#") || begin.len() > 1;
    if !in_address && name.len() < 8 && !["sig", "pwd"].contains(&name.to_ascii_lowercase().as_str()) {
        return None;
    }
    let rest = text.get(found.get(0)?.end()..)?;
    let ends = |letter: char| letter.is_whitespace() || letter.is_control() || "&;#\"'<>`,)]}".contains(letter);
    let value = rest.get(..rest.find(ends).unwrap_or(rest.len()))?;
    let value = value.split("\\u0026").next().unwrap_or(value);
    let length = match is.strip_prefix('%').map(|code| &code[..code.len().saturating_sub(2)]) {
        Some(again) => {
            let lower = value.to_ascii_lowercase();
            let ends = ["26", "23", "3b"].iter().filter_map(|code| lower.find(&format!("%{again}{code}")));
            ends.min().unwrap_or(value.len())
        }
        None => value.len(),
    };
    let value = value.get(..length)?;
    // What is covered already stays as it is.
    (!value.chars().all(|letter| letter == '*')).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn an_address_loses_what_lets_somebody_in_wherever_it_stands() {
        for (given, left) in [
            ("https://user:TOKEN@host/a", "https://host/a"),
            ("https://TOKEN@host/a", "https://host/a"),
            (
                "see HTTPS://u:TOKEN@h:8443/a?b=c, then git+ssh://g:TOKEN@h",
                "see HTTPS://h:8443/a?b=c, then git+ssh://h",
            ),
            ("postgres://u:TOKEN@h1,amqp://u:TOKEN@h2/v", "postgres://h1,amqp://h2/v"),
            ("redis://:TOKEN@cache:6380", "redis://cache:6380"),
            ("https://u:TOKEN@x:y/u:TOKEN@h/a", "https://h/a"),
            ("https://u:TO%40KEN%2F@h/a", "https://h/a"),
            ("https://u:TO@KEN@h/a", "https://h/a"),
            ("postgres://u:TO/KEN#x@h/a", "postgres://h/a"),
            (r#"{"url":"https:\/\/u:TOKEN@h\/a"}"#, r#"{"url":"https:\/\/h\/a"}"#),
            ("https://x/?to=https%3A%2F%2Fu%3ATO%2540KEN%40h%2Fa%40b", "https://x/?to=https%3A%2F%2Fh%2Fa%40b"),
            ("https%253a%252f%252fu%253aTOKEN%2540h", "https%253a%252f%252fh"),
            ("(https://u:TOKEN@h)", "(https://h)"),
            ("https://u:T?sig=t=sb://o.example/;K=TOKEN@h/a", "https://h/a"),
            ("https://a.blob/c?sv=1&sig=TOKEN%3D&se=2", "https://a.blob/c?sv=1&sig=***&se=2"),
            ("https://f/api?code=TOKEN==", "https://f/api?code=***"),
            ("https://f/api?a=b&amp;access_token=TOKEN#x", "https://f/api?a=b&amp;access_token=***#x"),
            ("x%3Fsig%3DTOKEN%253D%26se%3D2", "x%3Fsig%3D***%26se%3D2"),
            ("AccountName=a;AccountKey=TOKEN==;x=y", "AccountName=a;AccountKey=***;x=y"),
            ("SharedAccessSignature=TOKEN", "SharedAccessSignature=***"),
        ] {
            assert_eq!(without_credentials(given), left, "{given}");
            assert_eq!(without_credentials(left), left, "a second time");
        }
    }

    #[test]
    fn what_is_no_credential_stays() {
        for text in [
            "https://host:8080/path@v1.2",
            "https://github.com/@contoso/orders?ref=main",
            "https://kv-drill.vault.azure.net/secrets/orders-db/0123",
            "mail oncall@contoso.com, key=value, code=403 and a: //b",
            "a=b&keyboard=c",
            "100% of it @ noon",
        ] {
            assert_eq!(without_credentials(text), text);
        }
    }
}
