//! What kind of text a value is, told from the text and its content type. A random text takes the place of a random text
//! alone: whoever reads anything else takes it apart, and breaks on it.
//!
//! Only the form is told, in words; nothing of the value.

use super::envelope;
use crate::secret::Secret;
use crate::tokens;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::LazyLock;
use zeroize::Zeroizing;

/// Below this a text is a PIN or a word, and its readers may take no more.
const SHORT: usize = 8;
/// Above this a text is hardly a password.
const LONG: usize = 512;
/// From so many bytes on, base64 is a file rather than a key.
const FILE_BYTES: usize = 160;
/// Fewer digits are no key.
const FEWEST_DIGITS: usize = 20;

/// What kind of text a value is. The words follow "it is".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Nobody reads more into it than that it is secret. Letters beyond ASCII and spaces are no obstacle: whoever takes
    /// them takes letters and digits.
    Opaque,
    /// So many hexadecimal digits: a reader may decode them.
    Digits(usize),
    /// A text like any other, which the new one is unlike in something that a reader may mind.
    Unlike(String),
    /// Its readers take it apart.
    Document(String),
    /// Only its issuer can make one that works.
    Issued(String),
}

/// What is not taken apart, and yet is no text randomly generated, beside the tokens that are known by their form.
static ISSUED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let known = [
        (r"^eyJ[\w-]+(\.[\w-]*){2,4}$", "a JSON web token"),
        (r"(^|[?&])sig=", "a shared access signature (SAS)"),
        (r"^(xox[a-z](\.xox[a-z])?|xapp)-[\w-]+", "a Slack token"),
        (r"^(SK|AC)[0-9a-f]{32}$", "a key of Twilio"),
        (r"^key-[0-9a-f]{32}$", "a token of a service"),
        (r"^[a-z2-7]{52}$", "a token of Azure DevOps"),
        (r"^[A-Za-z0-9+/]{43}=$", "a key of 32 bytes in base64"),
        (r"^[A-Za-z0-9+/]{22}==$", "a key of 16 bytes in base64"),
        (r"^[A-Za-z0-9_-]{86}$", "a key of 64 bytes in base64url"),
        (r"^[A-Za-z0-9_-]{43}=?$", "a key of 32 bytes in base64url"),
        (r"^[A-Za-z0-9_-]{22}==$", "a key of 16 bytes in base64url"),
        (
            r"^(\$(2[abxy]?|1|5|6|7|y|apr1|argon2\w*|scrypt|pbkdf2[\w-]*)\$|\{(S?SHA\d*|PBKDF2|CRYPT)[\w-]*\})",
            "the hash of a password",
        ),
        (r"^((ssh|ecdsa)-[\w-]+|sk-[\w.@-]+) AAAA", "an SSH key"),
        (r"(?i)^(bearer|basic|token|apikey|digest) \S{6,}", "the value of a header"),
        (r"^\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?$", "a GUID"),
        (r"^[A-Z0-9]{4,8}(-[A-Z0-9]{4,8}){2,}$", "a licence key"),
        (r"^[+-]?\d[\d .,_-]*$", "a number"),
        (r"(?i)^(true|false|yes|no|on|off|null|none|enabled|disabled)$", "a switch"),
        (r"(?i)^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z0-9-]+:\d{2,5}$", "the address of a server"),
        (r"^[\w.+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", "an address of mail"),
    ];
    known.into_iter().filter_map(|(pattern, words)| Some((Regex::new(pattern).ok()?, words))).collect()
});

/// What programs take as one text, and take apart.
static LOGINS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let known = [
        (r"^[^\s:@/]*(:\S*)?@\w*\([^)]*\)(/\S*)?$", "a source of data, `user:password@tcp(host)/database`"),
        (r"^[\w.+$#-]+:\S+@/\w\S*$", "a source of data, `user:password@/database`"),
        (
            r"^[A-Za-z][\w$#.-]*/\S+@(//\S+|[\w.-]+:\d+[:/]\S+|\(.*\)|[A-Z][A-Z0-9_.]*)$",
            "a login of Oracle, `user/password@service`",
        ),
        (r"^[\w.+$#\\-]+:\S+@[A-Za-z0-9][\w.-]*(:\d+)?([/?]\S*)?$", "a login, `user:password@host`"),
        (r"(?i)^(machine\s+\S+|default)\s+(login|account|password)\s", "a file of logins (netrc)"),
        (r#"^(a:\d+:\{|[OC]:\d+:"|s:\d+:"|[id]:-?[\d.]+;|b:[01];)"#, "data serialised by PHP"),
        (r"^[^\s:]+:([*]|\d+):[^\s:]+:[^\s:]+:\S+$", "a file of passwords of PostgreSQL"),
    ];
    known.into_iter().filter_map(|(pattern, words)| Some((Regex::new(pattern).ok()?, words))).collect()
});

/// A line that gives something a value: `export NAME=…`, `name: …`, `name = …`.
static SETTING: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*(export\s+)?[A-Za-z_][\w.-]+\s*(=\s*[^=\s]|:\s+\S)").ok());
/// `user:password`.
static LOGIN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[A-Za-z][\w.@-]{2,}:[^\s:/]{6,}$").ok());
static URL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)^(jdbc:\S+|[a-z][a-z0-9+.-]*://\S+)").ok());

/// What people and tools write as a content type, in lower case, and what it says.
const CONTENT_TYPES: &[(&str, &str)] = &[
    ("pkcs12", "a PFX"),
    ("pfx", "a PFX"),
    ("pem", "PEM"),
    ("kubernetes.io/tls", "a certificate with its key"),
    ("x509", "a certificate"),
    ("x-509", "a certificate"),
    ("ssh", "an SSH key"),
    ("pgp", "a key of PGP"),
    ("gpg", "a key of PGP"),
    ("basic-auth", "a login"),
    ("toml", "TOML"),
    ("dotenv", "lines of settings"),
    ("properties", "lines of settings"),
    ("kubeconfig", "YAML"),
    ("csv", "a table"),
    ("zip", "a packed file"),
    ("totp", "a seed of one-time passwords (TOTP)"),
    ("otp", "a seed of one-time passwords"),
    ("certificate", "a certificate"),
    ("private key", "a private key"),
    ("keystore", "a key store"),
    ("jwt", "a JWT"),
    ("json", "JSON"),
    ("xml", "XML"),
    ("yaml", "YAML"),
    ("connection", "a connection string"),
    ("octet-stream", "binary data"),
    ("base64", "binary data in base64"),
    ("storageaccountkey", "an account's key of Azure"),
];

fn fits(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

impl Form {
    /// Tells the form of a value; where it cannot be read, of its content type alone.
    pub(crate) fn of(value: Option<&Secret>, content_type: Option<&str>) -> Self {
        let told = value.map_or(Self::Opaque, |value| Self::of_text(value.expose()));
        if told.is_structured() {
            return told;
        }
        let written = content_type.unwrap_or_default().to_lowercase();
        let known = CONTENT_TYPES.iter().find(|(part, _)| written.contains(part));
        let words = known.map(|(_, words)| *words).or_else(|| of_a_file(&written).then_some("a file of its own form"));
        words.map_or(told, |words| Self::Document(format!("{words}, as its content type says")))
    }

    /// Whether a random text is no such thing.
    pub(crate) fn is_structured(&self) -> bool {
        matches!(self, Self::Document(_) | Self::Issued(_))
    }

    /// What it is, in words; nothing where there is nothing to say.
    pub(crate) fn in_words(&self) -> Option<String> {
        match self {
            Self::Opaque => None,
            Self::Digits(count) => Some(format!("{count} hexadecimal digits")),
            Self::Unlike(words) | Self::Document(words) | Self::Issued(words) => Some(words.clone()),
        }
    }

    pub(super) fn of_text(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}').trim();
        if let Some(words) = document(text).or_else(|| encoded(text)) {
            return Self::Document(words);
        }
        if let Some(words) = tokens::whole(text).or_else(|| first(&ISSUED, text)) {
            return Self::Issued(words.to_owned());
        }
        if is_base32(text) {
            return Self::Issued("a key in base32, as seeds of one-time passwords (TOTP) are".to_owned());
        }
        if text.len() >= FEWEST_DIGITS && text.chars().all(|character| character.is_ascii_hexdigit()) {
            return Self::Digits(text.len());
        }
        let length = text.chars().count();
        match length {
            0 => Self::Unlike("empty".to_owned()),
            1 => Self::Unlike("a text of 1 character".to_owned()),
            _ if length < SHORT => Self::Unlike(format!("a text of {length} characters")),
            _ if length > LONG => Self::Document(format!("a text of {length} characters")),
            _ => Self::Opaque,
        }
    }
}

/// The words of the first pattern that fits.
fn first(patterns: &[(Regex, &'static str)], text: &str) -> Option<&'static str> {
    patterns.iter().find(|(pattern, _)| pattern.is_match(text)).map(|(_, words)| *words)
}

/// Whether a content type names a kind of file, as MIME and Kubernetes do, and no plain text.
fn of_a_file(content_type: &str) -> bool {
    let bare = content_type.split(';').next().unwrap_or_default().trim();
    let Some((kind, of)) = bare.split_once('/').filter(|(_, of)| !of.is_empty() && !bare.contains(' ')) else {
        return false;
    };
    let kinds = ["application", "audio", "font", "image", "message", "model", "multipart", "text", "video"];
    let is_plain = kind == "text" && of == "plain";
    !is_plain && (kinds.contains(&kind) || kind.ends_with(".io") || kind.ends_with(".sh"))
}

/// Whether a text is written in groups of four, the last one perhaps shorter.
fn is_in_groups(text: &str) -> bool {
    let groups: Vec<&str> = text.split([' ', '-']).collect();
    let Some((last, others)) = groups.split_last() else { return false };
    others.len() >= 3 && others.iter().all(|group| group.len() == 4) && (1..=4).contains(&last.len())
}

/// Whether a text is a key in base32, perhaps in groups: of whole bytes, and in letters of one case.
fn is_base32(text: &str) -> bool {
    let bare = Zeroizing::new(text.trim_end_matches('=').replace([' ', '-'], ""));
    if !is_in_groups(text) && bare.len() < text.trim_end_matches('=').len() {
        return false;
    }
    let is_digit = |capital: bool| {
        let letters = if capital { b'A'..=b'Z' } else { b'a'..=b'z' };
        bare.bytes().all(|byte| letters.contains(&byte) || (b'2'..=b'7').contains(&byte))
    };
    // Small letters are written in groups only.
    let is_one = is_digit(true) || (is_digit(false) && bare.len() < text.len());
    let is_whole = [0, 2, 4, 5, 7].contains(&(bare.len() % 8));
    bare.len() >= 16 && is_one && is_whole && bare.bytes().any(|byte| byte.is_ascii_digit())
}

/// What a text is that its readers take apart.
fn document(text: &str) -> Option<String> {
    if let Some(label) = text.split("-----BEGIN ").nth(1).and_then(|rest| rest.split("-----").next()) {
        // A label is a few words of the format's own.
        let known = label.len() <= 40 && label.chars().all(|letter| letter.is_ascii_uppercase() || letter == ' ');
        return Some(if known { format!("PEM ({})", label.to_lowercase()) } else { "PEM".to_owned() });
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(_) | Value::Array(_)) => return Some("JSON".to_owned()),
        Ok(Value::String(_)) => return Some("a text in quotes".to_owned()),
        _ => {}
    }
    let between = |first, last| text.starts_with(first) && text.ends_with(last) && text.len() > 2;
    if between('<', '>') {
        return Some("XML".to_owned());
    }
    if text.starts_with("PuTTY-User-Key-File") {
        return Some("an SSH key of PuTTY".to_owned());
    }
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let is_remark = |line: &&&str| line.starts_with(['#', ';', '[']);
    let mut settings = lines.iter().filter(|line| !is_remark(line)).peekable();
    let are_settings = settings.peek().is_some() && settings.all(|line| fits(&SETTING, line));
    if lines.len() > 1 {
        if let Some(words) = first(&LOGINS, text) {
            return Some(words.to_owned());
        }
        let what = if are_settings { "lines of settings, `NAME=value`" } else { "a text of several lines" };
        return Some(what.to_owned());
    }
    if fits(&URL, text) {
        let is_seed = text.to_lowercase().starts_with("otpauth");
        return Some(if is_seed { "a seed of one-time passwords (TOTP)" } else { "a URL" }.to_owned());
    }
    if let Some(words) = first(&LOGINS, text) {
        return Some(words.to_owned());
    }
    if envelope::holds_pairs(text) {
        let is_signature = text.contains("&sig=") && !text.contains(';');
        let what = if is_signature { "a shared access signature (SAS)" } else { "a connection string" };
        return Some(what.to_owned());
    }
    if are_settings {
        return Some("a setting, `NAME=value`".to_owned());
    }
    if fits(&LOGIN, text) {
        return Some("a login, `user:password`".to_owned());
    }
    if between('{', '}') && text.contains(['"', '\'', ':']) || between('[', ']') && text.contains(['"', '\'']) {
        return Some("something like JSON".to_owned());
    }
    let is_control = |character: char| character.is_control();
    text.contains(is_control).then(|| "a text with control characters".to_owned())
}

/// What base64 holds, if it is any.
fn encoded(text: &str) -> Option<String> {
    let bare = Zeroizing::new(text.trim_end_matches('=').to_owned());
    let bytes = STANDARD_NO_PAD.decode(bare.as_bytes()).or_else(|_| URL_SAFE_NO_PAD.decode(bare.as_bytes())).ok()?;
    let bytes = Zeroizing::new(bytes);
    match bytes.as_slice() {
        // A sequence that is as long as it says: DER.
        [0x30, 0x82, high, low, inner, ..]
            if usize::from(*high) * 256 + usize::from(*low) + 4 == bytes.len() || [0x02, 0x30].contains(inner) =>
        {
            return Some("a PFX, a certificate or a key (DER in base64)".to_owned());
        }
        [0x30, 0x81, length, ..] if usize::from(*length) + 3 == bytes.len() => {
            return Some("a certificate or a key (DER in base64)".to_owned());
        }
        [0x30, length, rest @ ..] if usize::from(*length) == rest.len() && rest.len() >= 32 => {
            return Some("a key (DER in base64)".to_owned());
        }
        [0xfe, 0xed, 0xfe, 0xed, ..] => return Some("a Java key store in base64".to_owned()),
        [0x1f, 0x8b, ..] | [b'P', b'K', 3, 4, ..] if bytes.len() >= 20 => {
            return Some("a packed file in base64".to_owned());
        }
        _ => {}
    }
    let inner = std::str::from_utf8(&bytes)
        .ok()
        .map(|inner| inner.trim_start_matches('\u{feff}'))
        .filter(|inner| inner.len() >= SHORT);
    let printable =
        |inner: &&str| inner.chars().all(|letter| letter.is_ascii_graphic() || letter.is_ascii_whitespace());
    match inner.filter(printable).and_then(document) {
        Some(words) => Some(format!("{words}, in base64")),
        None => (bytes.len() >= FILE_BYTES).then(|| format!("{} bytes in base64", bytes.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::Form;
    use crate::secret::Secret;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn of(text: &str) -> Form {
        Form::of(Some(&Secret::new(text.to_owned())), None)
    }

    #[test]
    fn what_is_taken_apart_is_told_from_what_only_has_to_be_secret() {
        let long = "Ab1%".repeat(200);
        for (text, words) in [
            ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n", "PEM (private key)"),
            ("-----BEGIN CERTIFICATE-----\\nMIIE\\n-----END CERTIFICATE-----", "PEM (certificate)"),
            ("{\"a\": 1}", "JSON"),
            (" [1, 2]\n", "JSON"),
            ("\"quoted\"", "a text in quotes"),
            ("{'a': 'single quotes'}", "something like JSON"),
            ("<?xml version=\"1.0\"?><a><b>x</b></a>", "XML"),
            ("Server=tcp:db.example.org;User Id=app;Password=S3cret", "a connection string"),
            ("Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessKey=b=", "a connection string"),
            ("host=db user=app password='o ld'", "a connection string"),
            ("cache.example.org:6380,password=abc,ssl=True", "a connection string"),
            ("postgres://app:x@db/orders", "a URL"),
            ("jdbc:oracle:thin:app/x@//db:1521/orders", "a URL"),
            ("DB_USER=app\nDB_PASSWORD=x\n", "lines of settings, `NAME=value`"),
            ("# remark\nuser: app\npassword: x", "lines of settings, `NAME=value`"),
            ("export API_KEY=abcdef", "a setting, `NAME=value`"),
            ("line one\nline two", "a text of several lines"),
            ("app-user:Sup3rSecret", "a login, `user:password`"),
            ("u:p12345678@tcp(h:3306)/db?x=1", "a source of data, `user:password@tcp(host)/database`"),
            ("u:p@ss/w0rd@unix(/run/db.sock)/db", "a source of data, `user:password@tcp(host)/database`"),
            ("u:p12345678@/db", "a source of data, `user:password@/database`"),
            ("u/p12345678@//h:1521/svc", "a login of Oracle, `user/password@service`"),
            ("u/p12345678@h:1521:sid", "a login of Oracle, `user/password@service`"),
            ("scott/tiger12@ORCL", "a login of Oracle, `user/password@service`"),
            ("svc:p12345678@db.example.org:5432/orders", "a login, `user:password@host`"),
            ("machine h login u password p12345678", "a file of logins (netrc)"),
            ("machine h\n  login u\n  password p12345678\n", "a file of logins (netrc)"),
            ("\u{feff}<?xml version=\"1.0\"?><a/>", "XML"),
            ("a:1:{s:1:\"a\";s:1:\"b\";}", "data serialised by PHP"),
            ("O:8:\"stdClass\":1:{s:1:\"a\";i:1;}", "data serialised by PHP"),
            ("otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&issuer=y", "a seed of one-time passwords (TOTP)"),
            ("db:5432:orders:svc:p12345678", "a file of passwords of PostgreSQL"),
            (long.as_str(), "a text of 800 characters"),
        ] {
            assert_eq!(of(text), Form::Document(words.to_owned()), "{text}");
            let in_base64 = STANDARD.encode(text);
            if !text.contains("Ab1%") {
                assert_eq!(of(&in_base64), Form::Document(format!("{words}, in base64")), "{text}");
            }
        }
        let mut der = vec![0x30, 0x82, 0x01, 0x00];
        der.resize(260, 7);
        assert!(matches!(of(&STANDARD.encode(&der)), Form::Document(words) if words.contains("PFX")));
        let mut file = vec![0xff, 0xd8];
        file.resize(300, 0x99);
        assert_eq!(of(&STANDARD.encode(&file)), Form::Document("300 bytes in base64".to_owned()));
    }

    #[test]
    fn tokens_are_known_by_their_form() {
        let storage = format!("{}==", "Ab1/".repeat(21) + "Cd");
        for text in [
            "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
            "xoxb-12345-abcdefghi",
            "AKIAIOSFODNN7EXAMPLE",
            "sk_live_theOldOneThatLeaked0123456789",
            "glpat-abcdefghij0123456789",
            "npm_abcdefghij0123456789abcdefghij012345",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
            "?sv=2022-11-02&ss=b&sig=abc%3D",
            "abc8Q~abcdefghijklmnopqrstuvwxyz01234567",
            storage.as_str(),
            "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
            "$2b$12$abcdefghijklmnopqrstuv",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@host",
            "11111111-2222-4333-8444-555555555555",
            "4711",
            "true",
        ] {
            assert!(matches!(of(text), Form::Issued(_) | Form::Document(_)), "{text}: {:?}", of(text));
        }
    }

    #[test]
    fn a_random_text_fits_where_a_text_was() {
        for text in [
            "correct horse battery staple",
            "p4ssw0rd!with=signs;and",
            "planted+value/0=ü",
            "Zx9_-~vBnM%1",
            "Tr0ub4dor&3",
            "UPPERCASEPASSWORD",
            "me@work:today",
            "a=b;c;longer",
        ] {
            assert_eq!(of(text), Form::Opaque, "{text}");
        }
        assert_eq!(of(&"0f".repeat(32)), Form::Digits(64));
        assert_eq!(of("abc"), Form::Unlike("a text of 3 characters".to_owned()));
        assert_eq!(of(""), Form::Unlike("empty".to_owned()));
        // What stanch draws is a random text, of whatever length it was asked for.
        assert_eq!(of(&"xB3".repeat(16)), Form::Opaque);
    }

    #[test]
    fn a_content_type_is_believed_where_the_text_says_nothing() {
        let of = |text: &str, content_type| Form::of(Some(&Secret::new(text.to_owned())), Some(content_type));
        for content_type in [
            "application/x-pkcs12",
            "application/json; charset=utf-8",
            "application/x-pem-file",
            "text/xml",
            "kubernetes.io/tls",
            "kubernetes.io/service-account-token",
            "application/vnd.example+cbor",
            "helm.sh/release.v1",
            "text/html",
        ] {
            assert!(matches!(of("an opaque text", content_type), Form::Document(_)), "{content_type}");
        }
        for content_type in
            ["text/plain", "text/plain; charset=utf-8", "password", "", "owner/team-a", "https://wiki/secrets"]
        {
            assert_eq!(of("an opaque text", content_type), Form::Opaque, "{content_type}");
        }
        assert!(matches!(Form::of(None, Some("application/x-pkcs12")), Form::Document(_)));
    }
}
