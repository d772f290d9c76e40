//! A text and everything that stands in it: the fields of JSON, of a connection string or a URL, what is behind
//! base64 and percent-encoding, and what is inside those again.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

/// How deep texts are looked for in texts.
const DEEPEST: u8 = 4;
/// More texts than this in one value are not looked at: it would be the value's author who decides how long it takes.
const MOST: usize = 4_000;
/// What is shorter is not decoded: too much is base64 by chance.
const SHORTEST_ENCODED: usize = 8;

/// Names of fields that may be said: they say what a thing is, not what it holds.
const NAMES: &[&str] = &[
    "AccessKey",
    "AccountKey",
    "api_key",
    "apiKey",
    "client_secret",
    "clientSecret",
    "connection_string",
    "connectionString",
    "key",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "Pwd",
    "secret",
    "secretKey",
    "SharedAccessKey",
    "SharedAccessSignature",
    "sig",
    "token",
    "value",
];

/// Where in a secret a text stands. It names no name that the secret's author made up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// What it is a part of: `JSON`, `a connection string`, `a URL`; nothing where it is the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_of: Option<&'static str>,
    /// The field's name, where it is one that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'static str>,
    /// How it is encoded there: `base64`, `percent-encoding`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoded: Option<&'static str>,
}

impl Place {
    fn within(self, part_of: &'static str, name: &str) -> Self {
        let field = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name)).copied();
        Self { part_of: Some(part_of), field: field.or(self.field), ..self }
    }

    fn encoded(self, encoded: &'static str) -> Self {
        Self { encoded: Some(encoded), ..self }
    }

    /// Whether it is the whole text, perhaps encoded.
    pub(super) fn is_whole(self) -> bool {
        self.part_of.is_none()
    }
}

/// Calls `visit` with the text and with every text in it, until it gives false.
pub(super) fn walk(text: &str, visit: &mut impl FnMut(&str, Place) -> bool) {
    let mut walk = Walk { visit, left: MOST };
    walk.text(text, Place::default(), DEEPEST);
}

struct Walk<'a, F> {
    visit: &'a mut F,
    /// How many more texts are looked at.
    left: usize,
}

impl<F: FnMut(&str, Place) -> bool> Walk<'_, F> {
    fn text(&mut self, text: &str, place: Place, deeper: u8) {
        if text.is_empty() || self.left == 0 {
            return;
        }
        self.left -= 1;
        if !(self.visit)(text, place) {
            self.left = 0;
            return;
        }
        if deeper == 0 {
            return;
        }
        let bare = bare(text);
        if bare != text {
            self.text(bare, place, deeper - 1);
        }
        self.json(text, place, deeper - 1);
        self.fields(text, place, deeper - 1);
        self.url(text, place, deeper - 1);
        self.encoded(text, place, deeper - 1);
    }

    fn json(&mut self, text: &str, place: Place, deeper: u8) {
        if text.trim_start().starts_with(['{', '[', '"'])
            && let Ok(value) = serde_json::from_str(text)
        {
            self.value(&value, place, "", deeper);
        }
    }

    fn value(&mut self, value: &Value, place: Place, name: &str, deeper: u8) {
        match value {
            Value::String(text) => self.text(text, place.within("JSON", name), deeper),
            Value::Array(values) => values.iter().for_each(|value| self.value(value, place, name, deeper)),
            Value::Object(entries) => entries.iter().for_each(|(name, value)| self.value(value, place, name, deeper)),
            Value::Number(number) => self.text(&number.to_string(), place.within("JSON", name), 0),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// `Server=…;Password=…`, `KEY=value` lines, and `?sv=…&sig=…`.
    fn fields(&mut self, text: &str, place: Place, deeper: u8) {
        for (separators, part_of) in
            [(&[';'][..], "a connection string"), (&['\n', '\r'], "lines of settings"), (&['&'], "a query")]
        {
            if !text.contains(separators) {
                continue;
            }
            for field in text.split(separators) {
                let (name, value) = field.split_once('=').unwrap_or(("", field));
                let name = name.trim().trim_start_matches('?');
                self.text(value.trim(), place.within(part_of, name.trim_start_matches("export ")), deeper);
            }
        }
        if let Some((name, value)) = text.split_once('=').filter(|_| !text.contains([';', '\n', '&'])) {
            self.text(value.trim(), place.within("a setting", name.trim()), deeper);
        }
    }

    fn url(&mut self, text: &str, place: Place, deeper: u8) {
        let Some(url) = text.contains("://").then(|| Url::parse(text).ok()).flatten() else { return };
        for (part, name) in [(url.password().unwrap_or_default(), "password"), (url.username(), "")] {
            let decoded = Zeroizing::new(percent_decode_str(part).decode_utf8_lossy().into_owned());
            self.text(&decoded, place.within("a URL", name), deeper);
        }
        for (name, value) in url.query_pairs() {
            self.text(&value, place.within("a URL", &name), deeper);
        }
    }

    fn encoded(&mut self, text: &str, place: Place, deeper: u8) {
        if text.contains('%') {
            let decoded = percent_decode_str(text).decode_utf8().ok().map(|text| Zeroizing::new(text.into_owned()));
            if let Some(decoded) = decoded.filter(|decoded| decoded.as_str() != text) {
                self.text(&decoded, place.encoded("percent-encoding"), deeper);
            }
        }
        if let Some(decoded) = base64(text) {
            self.text(&decoded, place.encoded("base64"), deeper);
        }
    }
}

/// Without the white space and the one pair of quotes around it.
fn bare(text: &str) -> &str {
    let text = text.trim();
    for quote in ['"', '\'', '`'] {
        if let Some(inside) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inside;
        }
    }
    text
}

/// The text behind base64 of either alphabet, with or without padding, in one line or several.
fn base64(text: &str) -> Option<Zeroizing<String>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=\r\n".contains(&byte);
    if text.len() < SHORTEST_ENCODED || !text.bytes().all(allowed) {
        return None;
    }
    let joined = Zeroizing::new(text.replace(['\r', '\n'], ""));
    let alphabet = if joined.contains(['-', '_']) { alphabet::URL_SAFE } else { alphabet::STANDARD };
    let decoded = Zeroizing::new(GeneralPurpose::new(&alphabet, LENIENT).decode(joined.as_bytes()).ok()?);
    let decoded = std::str::from_utf8(&decoded).ok()?;
    let readable =
        !decoded.is_empty() && decoded.chars().all(|character| !character.is_control() || character.is_whitespace());
    readable.then(|| Zeroizing::new(decoded.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str, wanted: &str) -> Vec<Place> {
        let mut found = Vec::new();
        walk(text, &mut |text, place| {
            if text == wanted {
                found.push(place);
            }
            true
        });
        found
    }

    #[test]
    fn texts_are_found_where_people_put_them() {
        let base64 = base64::engine::general_purpose::STANDARD.encode(r#"{"db":{"password":"s3cr3t/+pass"}}"#);
        for text in [
            "s3cr3t/+pass",
            "  s3cr3t/+pass\n",
            "'s3cr3t/+pass'",
            r#"{"db":{"password":"s3cr3t\/+pass"}}"#,
            "Server=db;User Id=app;Password=s3cr3t/+pass;Encrypt=true",
            "Server=db;Password=\"s3cr3t/+pass\"",
            "postgres://app:s3cr3t%2F%2Bpass@db.example:5432/orders?sslmode=require",
            "s3cr3t%2F%2Bpass",
            "https://store.blob.core.windows.net/c?sv=2024&sig=s3cr3t%2F%2Bpass",
            "export DB_USER=app\nDB_PASSWORD=s3cr3t/+pass\n",
            "czNjcjN0LytwYXNz",
            base64.as_str(),
        ] {
            assert!(!places(text, "s3cr3t/+pass").is_empty(), "{text}");
        }
    }

    #[test]
    fn a_place_says_what_it_is_and_no_name_that_somebody_made_up() {
        let place = places("Server=db;Password=hunter2hunter2", "hunter2hunter2").pop().unwrap();
        assert_eq!((place.part_of, place.field), (Some("a connection string"), Some("password")));
        let place = places(r#"{"tok_live_abc":"hunter2hunter2"}"#, "hunter2hunter2").pop().unwrap();
        assert_eq!((place.part_of, place.field), (Some("JSON"), None));
    }

    #[test]
    fn what_is_deep_or_wide_is_not_followed_for_ever() {
        let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let wide = format!("[{}]", vec!["\"a=b;c=d\""; 50_000].join(","));
        let mut packed = "x=y;".repeat(20);
        for _ in 0..12 {
            packed = base64::engine::general_purpose::STANDARD.encode(&packed);
        }
        for text in [deep, wide, packed, "%25".repeat(100_000), "=".repeat(100_000), "a;".repeat(100_000)] {
            let mut visited = 0;
            walk(&text, &mut |_, _| {
                visited += 1;
                true
            });
            assert!(visited <= MOST, "{visited}");
        }
    }
}
