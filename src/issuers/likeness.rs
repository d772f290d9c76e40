//! Whether what a person entered can stand where the old value stood. Its readers take a document apart, so the new one
//! must have the same parts: told from both, in words that hold nothing of either.

use super::envelope;
use super::form::Form;
use crate::secret::Secret;
use crate::vault::LARGEST_VALUE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeSet;
use url::Url;
use zeroize::Zeroizing;

/// Kinds that nobody enters by intent where a plain text was.
const PASTED_BY_MISTAKE: [&str; 5] = ["PEM", "JSON", "XML", "a text of several lines", "lines of settings"];

/// A part of a document: what kind of part, in words, and which.
type Part = (&'static str, String);

/// What speaks against a value that a person entered; nothing if it can take the old one's place. `whole` is what would be
/// put in: the same, or the old document with it inside.
pub(crate) fn unlike(old: &Secret, entered: &Secret, whole: &Secret) -> Option<String> {
    let (kind, entered_kind) = (kind(old.expose()), kind(entered.expose()));
    let is_whole = entered.expose() == whole.expose();
    match (&kind, &entered_kind) {
        (None, Some(other)) if PASTED_BY_MISTAKE.iter().any(|mistake| other.starts_with(mistake)) => {
            return Some(format!("what was entered is {other}, and the old value is not"));
        }
        (Some(kind), other) if is_whole && other.as_ref() != Some(kind) => {
            let words = Form::of_text(old.expose()).in_words().unwrap_or_else(|| kind.clone());
            return Some(format!("what was entered is not {words}, as the old value is"));
        }
        (Some(kind), Some(other))
            if !is_whole && PASTED_BY_MISTAKE.iter().any(|mistake| other.starts_with(mistake)) =>
        {
            return Some(format!("what was entered is {other}, and the old value is {kind}"));
        }
        (Some(kind), _) if is_whole => {
            let differing = differing(old.expose(), entered.expose());
            if !differing.is_empty() {
                let differing = differing.into_iter().collect::<Vec<_>>().join(" and ");
                return Some(format!("what was entered is {kind}, as the old value is, but with another {differing}"));
            }
        }
        _ => {}
    }
    let is_one_line = !entered_kind.is_some_and(|kind| PASTED_BY_MISTAKE.iter().any(|lines| kind.starts_with(lines)));
    let edges = |text: &str| (edge(text, str::trim_start), edge(text, str::trim_end));
    let (before, after) = edges(entered.expose());
    let (old_before, old_after) = edges(old.expose());
    let added = (before > old_before, after > old_after);
    match added {
        _ if !is_one_line => None,
        (true, _) => {
            Some("what was entered begins with a blank or a line break, and the old value does not".to_owned())
        }
        (_, true) => Some("what was entered ends with a blank or a line break, and the old value does not".to_owned()),
        _ => None,
    }
}

/// Whether a value is the old one, however its lines and edges are written.
pub(crate) fn is_same(old: &Secret, entered: &Secret) -> bool {
    let plain = |text: &str| Zeroizing::new(text.trim().replace("\r\n", "\n"));
    plain(old.expose()) == plain(entered.expose())
}

/// How much too large a value is for the vault, in words.
pub(crate) fn too_large(value: &Secret) -> Option<String> {
    let bytes = value.expose().len();
    (bytes > LARGEST_VALUE).then(|| format!("it has {bytes} bytes, and Key Vault takes {LARGEST_VALUE}"))
}

/// How many bytes a side has that is trimmed.
fn edge(text: &str, trim: fn(&str) -> &str) -> usize {
    text.len() - trim(text).len()
}

/// What kind of document a text is. A PEM file's labels are among its parts.
fn kind(text: &str) -> Option<String> {
    match Form::of_text(text) {
        Form::Document(words) => {
            let words = words.as_str();
            let (words, encoded) =
                words.strip_suffix(", in base64").map_or((words, ""), |words| (words, ", in base64"));
            let words = if words.starts_with("PEM") { "PEM" } else { words };
            // Its size is no matter of form.
            let sized =
                words.starts_with("a text of ") && words.ends_with("characters") || words.ends_with(" in base64");
            (!sized).then(|| format!("{words}{encoded}"))
        }
        _ => None,
    }
}

/// The kinds of parts that two documents of one kind do not share.
fn differing(old: &str, new: &str) -> BTreeSet<&'static str> {
    let (old, new) = (parts(old), parts(new));
    old.symmetric_difference(&new).map(|(part, _)| *part).collect()
}

fn parts(text: &str) -> BTreeSet<Part> {
    let text = text.trim();
    if text.contains("-----BEGIN ") {
        return pem(text);
    }
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let mut parts = BTreeSet::new();
        members(&value, "", &mut parts);
        return parts;
    }
    if let Some(inner) = decoded(text) {
        return match std::str::from_utf8(&inner) {
            Ok(inner) => parts(inner),
            // Version 3 is what every PFX begins with.
            Err(_) => BTreeSet::from([("format", inner.get(4..7).is_some_and(|start| start == [2, 1, 3]).to_string())]),
        };
    }
    if text.starts_with('<') {
        return root(text).map(|name| ("root element", name)).into_iter().collect();
    }
    if let Ok(url) = Url::parse(text)
        && url.has_host()
    {
        let told = |told: bool| told.to_string();
        return BTreeSet::from([
            ("scheme", url.scheme().to_owned()),
            ("host", url.host_str().unwrap_or_default().to_lowercase()),
            ("host", url.port_or_known_default().map(|port| port.to_string()).unwrap_or_default()),
            ("user", url.username().to_owned()),
            ("password", told(url.password().is_some())),
        ]);
    }
    envelope::names(text).into_iter().map(|name| ("set of names", name)).collect()
}

/// What a PEM file holds. How a key is written is its maker's choice; that there is one is not.
fn pem(text: &str) -> BTreeSet<Part> {
    let labels = text.split("-----BEGIN ").skip(1).filter_map(|rest| rest.split("-----").next());
    let part = |label: &str| match label {
        "ENCRYPTED PRIVATE KEY" => ("kind of key", "encrypted".to_owned()),
        label if label.ends_with("PRIVATE KEY") => ("kind of key", "private".to_owned()),
        label if label.ends_with("PUBLIC KEY") => ("kind of key", "public".to_owned()),
        label if label.ends_with("CERTIFICATE") => ("certificate part", String::new()),
        label => ("label", label.to_owned()),
    };
    labels.map(part).collect()
}

/// The names of all members, each with its place. Lists are as long as they are.
fn members(value: &Value, place: &str, parts: &mut BTreeSet<Part>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let place = format!("{place}/{name}");
                members(value, &place, parts);
                parts.insert(("set of members", place));
            }
        }
        Value::Array(list) => {
            parts.insert(("set of members", format!("{place}/[]")));
            list.iter().for_each(|value| members(value, &format!("{place}/[]"), parts));
        }
        _ => {}
    }
}

fn decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bare: Zeroizing<String> = Zeroizing::new(text.split_whitespace().collect());
    STANDARD.decode(bare.as_bytes()).ok().map(Zeroizing::new).filter(|inner| inner.len() >= 8)
}

/// The name of a document's outermost element.
fn root(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some(after) = rest.split_once('<').map(|(_, after)| after) {
        if !after.starts_with(['?', '!']) {
            let ends = |letter: char| letter.is_whitespace() || letter == '>' || letter == '/';
            return after.split(ends).next().map(str::to_owned);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::unlike;
    use crate::secret::Secret;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn of(old: &str, entered: &str) -> Option<String> {
        let secret = |text: &str| Secret::new(text.to_owned());
        unlike(&secret(old), &secret(entered), &secret(entered))
    }

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n";
    const BOTH: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----";

    #[test]
    fn a_document_is_followed_by_one_with_the_same_parts() {
        let json = r#"{"user": "app", "db": {"password": "a", "ports": [1]}}"#;
        for (old, entered, says) in [
            (KEY, "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----", "another kind of key"),
            (KEY, BOTH, "another certificate part"),
            (KEY, "just-a-password", "is not PEM"),
            (json, r#"{"user": "app"}"#, "another set of members"),
            (json, r#"{"user": "app", "db": {"pass": "a", "ports": [1]}}"#, "another set of members"),
            (json, "[1, 2]", "another set of members"),
            ("<a><b>x</b></a>", "<?xml version=\"1.0\"?><c/>", "another root element"),
            ("Server=db;User Id=app;Password=x", "Server=db;Password=y", "another set of names"),
            ("https://app:x@a.example.org/p", "https://app:y@b.example.org/p", "another host"),
            ("https://app:x@a.example.org/p", "http://app:x@a.example.org:443/p", "another scheme"),
            ("postgres://app:x@db/orders", "postgres://db/orders", "another password and user"),
            ("A=1\nB=2", "A=1\nC=2", "another set of names"),
        ] {
            let told = of(old, entered).unwrap_or_default();
            assert!(told.contains(says), "{old} → {entered}: {told}");
        }
        let encoded = STANDARD.encode(json);
        assert!(of(&encoded, &STANDARD.encode(r#"{"user": "app"}"#)).is_some());
        let pfx = |version: u8| {
            let mut der = vec![0x30, 0x82, 0x01, 0x00, 2, 1, version];
            der.resize(260, 0xf7);
            STANDARD.encode(der)
        };
        assert!(of(&pfx(3), &pfx(0)).is_some_and(|told| told.contains("another format")));
        for (old, entered) in [
            (KEY, "-----BEGIN RSA PRIVATE KEY-----\nMIIF\n-----END RSA PRIVATE KEY-----"),
            (json, r#"{ "db": {"ports": [2, 3], "password": "b"}, "user": "other" }"#),
            ("Server=db;User Id=app;Password=x", "server=db2;user id=app;password=y;"),
            ("https://app:x@a.example.org/p", "https://app:y@A.example.org/q"),
            ("<a><b>x</b></a>", "<!-- remark --><a>y</a>"),
            ("A=1\nB=2", "export A=3\nB=4\n"),
        ] {
            assert_eq!(of(old, entered), None, "{old} → {entered}");
        }
        assert_eq!(of(&pfx(3), &pfx(3)), None);
    }

    #[test]
    fn a_plain_text_is_followed_by_one_without_blanks_around_it() {
        for (entered, says) in [
            (" Sup3rSecret1", "begins with a blank"),
            ("Sup3rSecret1\n", "ends with a blank or a line break"),
            (KEY, "is PEM"),
            ("{\"a\": 1}", "is JSON"),
        ] {
            assert!(of("An-old-password", entered).is_some_and(|told| told.contains(says)), "{entered}");
        }
        assert_eq!(of("An-old-password", "Sup3rSecret1"), None);
        assert_eq!(of("An-old-password\n", "Sup3rSecret1\n"), None, "as the old one was");
    }
}
