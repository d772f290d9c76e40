//! What stands beside a name, around a value and between signs: connection strings, addresses, lines of settings in many
//! languages, pairs, and texts in quotes.

use super::lines::closing;
use super::telling::is_host;
use percent_encoding::percent_decode_str;
use url::Url;
use zeroize::Zeroizing;

/// Names of fields that may be said: they say what a thing is, not what it holds. The longer before what it holds.
const NAMES: &[&str] = &[
    "AccountKey",
    "SharedAccessSignature",
    "SharedAccessKey",
    "AccessKey",
    "connection_string",
    "connectionString",
    "client_secret",
    "clientSecret",
    "private_key",
    "privateKey",
    "secretKey",
    "api_key",
    "apiKey",
    "passphrase",
    "password",
    "passwd",
    "secret",
    "credentials",
    "credential",
    "Authorization",
    "token",
    "bearer",
    "passcode",
    "pass",
    "Pwd",
    "pin",
    "pat",
    "pw",
    "sig",
    "key",
    "value",
];
/// How a name ends that holds one of those words and yet names no secret.
const NO_SECRETS: &[&str] = &[
    "name",
    "id",
    "url",
    "uri",
    "file",
    "path",
    "type",
    "version",
    "vault",
    "expiry",
    "expires",
    "length",
    "policy",
    "endpoint",
    "host",
    "user",
    "username",
    "algorithm",
    "alg",
    "format",
    "hint",
    "lifetime",
    "ttl",
    "scope",
];

/// Further names of what stands in every secret of one server or account.
const COMMON_GROUND: &[&str] = &[
    "account",
    "accountname",
    "server",
    "source",
    "address",
    "database",
    "catalog",
    "hub",
    "queue",
    "topic",
    "container",
    "bucket",
    "tenant",
    "subscription",
    "client",
    "app",
    "kid",
    "thumbprint",
    "fingerprint",
    "hash",
    "sha",
    "commit",
    "digest",
    "checksum",
    "etag",
    "issuer",
    "audience",
    "region",
    "protocol",
    "suffix",
    "sv",
    "sr",
    "sp",
    "se",
    "st",
    "spr",
    "srt",
    "ss",
    "skn",
    "date",
    "time",
    "port",
    "domain",
    "login",
    "role",
    "schema",
    "image",
    "tag",
    "branch",
    "build",
    "repository",
    "project",
    "authentication",
    "mechanism",
    "mode",
    "intent",
    "info",
    "charset",
    "email",
    "mail",
    "encoding",
];

/// Whether a text can be a name: what holds the signs between fields is more than one.
pub(super) fn is_name(text: &str) -> bool {
    text.chars().all(|letter| letter.is_alphanumeric() || " _-.:/[]@$~".contains(letter))
}

/// Whether a field's name says that it holds no secret.
pub(super) fn is_innocent(name: &str) -> bool {
    if name.is_empty() || !is_name(name) {
        return false;
    }
    let words = words(name);
    let is_certificate = |words: &[String]| {
        matches!(words, [.., kind, last] if ["authority", "certificate", "cert", "ca"].contains(&kind.as_str())
            && ["data", "pem", "crt"].contains(&last.as_str()))
    };
    words.iter().any(|word| word == "public")
        || is_certificate(&words)
        || words
            .last()
            .is_some_and(|last| [NO_SECRETS, COMMON_GROUND].iter().any(|names| names.contains(&last.as_str())))
}

/// A text in a text.
pub(super) struct Part<'a> {
    pub(super) text: Zeroizing<String>,
    pub(super) part_of: &'static str,
    pub(super) name: &'a str,
    /// It stands there without a name, and may be anything.
    pub(super) loose: bool,
    /// It stands in quotes.
    pub(super) quoted: bool,
}

impl<'a> Part<'a> {
    fn named(text: &str, part_of: &'static str, name: &'a str) -> Self {
        Self { text: Zeroizing::new(text.to_owned()), part_of, name, loose: false, quoted: false }
    }

    fn loose(text: &str) -> Self {
        Self { text: Zeroizing::new(text.to_owned()), part_of: "a text", name: "", loose: true, quoted: false }
    }
}

/// The word of [`NAMES`] that a field's name is, or holds: `DB_PASSWORD` is a `password`, `key_id` is nothing.
pub(super) fn known_name(name: &str) -> Option<&'static str> {
    if let Some(known) = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        return Some(known);
    }
    if name.is_empty() || !is_name(name) || is_innocent(name) {
        return None;
    }
    let words = words(name);
    let joined = words.concat();
    let long = |known: &&&str| known.len() > 5 && joined.contains(&known.replace('_', "").to_lowercase());
    let word = |known: &&&str| **known != "value" && words.iter().any(|word| word.eq_ignore_ascii_case(known));
    NAMES.iter().find(long).or_else(|| NAMES.iter().find(word)).copied()
}

/// `DbPassword`, `db_password` and `DB-PASSWORD` are two words.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars().take(200) {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = letter.is_lowercase() || letter.is_ascii_digit();
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Everything in a text that may be a value, named ones first.
pub(super) fn parts(text: &str, pairs: Pairs) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    connection(text, &mut parts);
    address(text, &mut parts);
    let lines = text.lines().count();
    for line in text.lines() {
        settings(line, if lines > 1 { "lines of settings" } else { "a setting" }, &mut parts);
    }
    for line in text.lines() {
        password_file(line, &mut parts);
    }
    pair(text, pairs, &mut parts);
    parts.extend(pieces(text));
    parts
}

/// `Server=…;Password=…`, `host:6380,password=…`, `host=… password=…`, and `?sv=…&sig=…`.
fn connection<'a>(text: &'a str, parts: &mut Vec<Part<'a>>) {
    for (separator, part_of) in
        [(';', "a connection string"), ('&', "a query"), (',', "a connection string"), (' ', "a connection string")]
    {
        let several = text.contains(separator) && (matches!(separator, ';' | '&') || text.matches('=').count() > 1);
        if !several || text.contains('\n') {
            continue;
        }
        for field in text.split(separator) {
            let (name, value) = field.split_once('=').unwrap_or(("", field));
            let name = name.trim().trim_start_matches('?');
            if separator == ';' || !name.is_empty() {
                parts.push(Part::named(value.trim(), part_of, name));
            }
        }
    }
}

fn address<'a>(text: &'a str, parts: &mut Vec<Part<'a>>) {
    let text = text.trim();
    let Some((_, rest)) = text.split_once("://").filter(|_| !text.contains(char::is_whitespace)) else { return };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    // A password may hold signs that belong to none, so the last `@` is the end of it.
    // Behind the name of a host it belongs to the path.
    let is_path = |inside: &&str| inside.split_once('/').is_some_and(|(host, _)| is_host(host));
    let around = rest.rsplit_once('@').map(|(inside, _)| inside).filter(|inside| !is_path(inside));
    if let Some((user, password)) = around.and_then(|inside| inside.split_once(':')) {
        parts.push(Part::named(&decoded(password), "a URL", "password"));
        parts.push(Part::named(password, "a URL", "password"));
        parts.push(Part::named(&decoded(user), "a URL", "user"));
    } else if let Some(inside) = around {
        // `https://TOKEN@host`
        parts.push(Part::named(&decoded(inside), "a URL", "token"));
    }
    // `jdbc:` and the like stand before the address itself.
    let begin = text.find("://").and_then(|at| text.get(..at)?.rfind(':')).map_or(0, |at| at + 1);
    if let Some(url) = text.get(begin..).and_then(|text| Url::parse(text).ok()) {
        parts.push(Part::named(&decoded(url.password().unwrap_or_default()), "a URL", "password"));
    }
    for field in text.split_once('?').into_iter().flat_map(|(_, query)| query.split('&')) {
        let (name, value) = field.split_once('=').unwrap_or(("", field));
        let plain = percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned();
        parts.push(Part::named(value, "a URL", name));
        parts.push(Part::named(&decoded(value), "a URL", name));
        parts.push(Part::named(&plain, "a URL", name));
    }
}

/// `export NAME="…"  # …`, `name: …`, `"name": "…",`, `ENV NAME …`, `PASSWORD = '…';`, `NAME := …`, `--name …`.
fn settings<'a>(line: &'a str, part_of: &'static str, parts: &mut Vec<Part<'a>>) {
    let line = line.trim();
    for separator in ["=", ": ", ":", "=>", " "] {
        let Some((name, value)) = line.split_once(separator) else { continue };
        // A scheme is no name.
        if separator == ":" && value.starts_with("//") {
            continue;
        }
        let (name, value) = if separator == " " {
            // `ENV NAME value`, `machine … password …`, `--password value`: words after words.
            let words: Vec<&str> = line.split_whitespace().collect();
            for pair in words.windows(2) {
                if let [name, value] = pair
                    && !name.contains(['=', ';'])
                    && known_name(bare_name(name)).is_some()
                {
                    named(bare_name(name), value, part_of, parts);
                }
            }
            let name = words.get(1).copied().filter(|name| !name.contains(['=', ';'])).unwrap_or_default();
            (name, line.splitn(3, char::is_whitespace).nth(2).unwrap_or_default())
        } else {
            (name, value)
        };
        named(bare_name(name), value, part_of, parts);
    }
}

/// The last word of what stands before a sign: `export DB_PASSWORD`, `- "password"`, `const string Password`.
pub(super) fn bare_name(name: &str) -> &str {
    let name = name.trim().trim_end_matches([':', '?', '+', ' ']);
    let name = name.rsplit(char::is_whitespace).next().unwrap_or_default();
    name.trim_matches(|letter: char| !letter.is_alphanumeric())
}

/// A value as it stands there, without what belongs to the line, and in its quotes.
fn named<'a>(name: &'a str, value: &str, part_of: &'static str, parts: &mut Vec<Part<'a>>) {
    let value = value.trim().trim_start_matches(['=', '>', ':']).trim();
    if value.is_empty() {
        return;
    }
    // What follows a string belongs to the line, not to the value.
    let value = string(value).unwrap_or(value);
    for text in [value, uncommented(value)] {
        parts.push(Part::named(text, part_of, name));
        parts.push(Part::named(text.trim_end_matches([',', ';']).trim_end(), part_of, name));
    }
    for quoted in quoted(value).into_iter().take(1) {
        parts.push(Part::named(quoted, part_of, name));
    }
    // `Authorization: Bearer …`
    if let Some((_, rest)) = value.split_once(' ').filter(|(scheme, _)| is_scheme(scheme)) {
        parts.push(Part::named(rest.trim(), part_of, name));
    }
}

/// The string that a value is, in its quotes, where the language goes on behind it.
fn string(value: &str) -> Option<&str> {
    let quote = value.chars().next().filter(|quote| ['"', '\'', '`'].contains(quote))?;
    let end = 1 + closing(value.get(1..)?, quote)?;
    let behind = value.get(end + 1..)?.trim_start();
    let goes_on = behind.starts_with([',', ';', ')', '}', ']', '#']) || behind.starts_with("//");
    goes_on.then(|| value.get(..=end)).flatten()
}

fn is_scheme(word: &str) -> bool {
    let word = word.trim_start_matches(['"', '\'']);
    ["bearer", "basic", "token", "sharedaccesssignature", "apikey", "digest"]
        .iter()
        .any(|scheme| scheme.eq_ignore_ascii_case(word))
}

/// Without the comment behind it.
fn uncommented(value: &str) -> &str {
    let ends = [" #", "\t#", " //", " --", " ;", " /*"].iter().filter_map(|comment| value.find(comment));
    ends.min().and_then(|end| value.get(..end)).unwrap_or(value).trim_end()
}

/// The texts in quotes.
fn quoted(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for quote in ['"', '\'', '`'] {
        let mut rest = text;
        while let Some((_, behind)) = rest.split_once(quote) {
            let Some(end) = closing(behind, quote) else { break };
            found.push(behind.get(..end).unwrap_or_default());
            rest = behind.get(end + 1..).unwrap_or_default();
        }
    }
    found
}

/// A line of PostgreSQL's file of passwords: `host:port:database:user:password`, where the first may be `*`.
fn password_file<'a>(line: &str, parts: &mut Vec<Part<'a>>) {
    let mut fields = Vec::new();
    let mut rest = line.trim();
    while fields.len() < 4 {
        let Some(end) = closing(rest, ':') else { return };
        fields.extend(rest.get(..end));
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    let is_port = |port: &&str| *port == "*" || port.parse::<u16>().is_ok();
    let is_word = |field: &&str| {
        !field.is_empty() && !field.contains(|letter: char| letter.is_whitespace() || "=\"'{}".contains(letter))
    };
    if fields.get(1).is_some_and(is_port) && fields.iter().all(is_word) && !rest.is_empty() {
        let password = Zeroizing::new(rest.replace("\\:", ":").replace("\\\\", "\\"));
        parts.push(Part::named(&password, "a file of passwords", "password"));
    }
}

/// Whether a text may be two in one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairs {
    /// It is all there is, and its second half the secret.
    Sure,
    /// It stands among others.
    Loose,
    /// It stood behind base64, as a header and a registry's settings have a login: the password may hold any sign.
    Login,
    /// It has a name of its own.
    No,
}

/// `id:secret`, as scanners write credentials of two parts, and `user:password`.
fn pair<'a>(text: &'a str, pairs: Pairs, parts: &mut Vec<Part<'a>>) {
    if pairs == Pairs::Login {
        let is_user = |user: &str| {
            user.len() < 65 && !user.contains(|letter: char| letter.is_whitespace() || "={}[]\"'/".contains(letter))
        };
        if let Some((_, secret)) = text.split_once(':').filter(|(user, _)| is_user(user)) {
            parts.push(Part::named(secret, "a pair", "password"));
        }
        return;
    }
    let text = text.trim();
    if pairs == Pairs::No || text.contains(char::is_whitespace) || text.contains("://") {
        return;
    }
    for separator in [':', '|'] {
        let Some((id, secret)) = text.split_once(separator) else { continue };
        let is_pair = !id.is_empty()
            && !id.contains(['=', '"', '{', '[', '/', '('])
            && !secret.starts_with('/')
            && !is_host(secret);
        // A port has no more than five digits.
        if is_pair && !(secret.len() < 6 && secret.bytes().all(|byte| byte.is_ascii_digit())) {
            parts.push(Part::named(secret, "a pair", if pairs == Pairs::Sure { "secret" } else { "" }));
        }
    }
}

/// What is shorter is no secret without a name.
const SHORTEST_WORD: usize = 8;

/// Whatever stands between white space, quotes and the signs of a language.
pub(super) fn pieces(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for quoted in quoted(text) {
        parts.push(Part { quoted: true, ..Part::loose(quoted) });
    }
    // `<password>…</password>`
    for inside in text.split('>').skip(1).filter_map(|rest| rest.split_once('<')) {
        parts.push(Part::loose(inside.0.trim()));
    }
    let signs = |letter: char| letter.is_whitespace() || "\"'`<>()[]{},;".contains(letter);
    if text.contains(signs) {
        text.split(signs).filter(|piece| piece.len() >= SHORTEST_WORD).for_each(|piece| parts.push(Part::loose(piece)));
    }
    parts
}

/// Whatever in a text may be a word that somebody chose: what stands between white space and the signs around words, and
/// inside of it between the signs of settings, pairs and options.
pub(crate) fn single_words(text: &str) -> impl Iterator<Item = &str> {
    let around = |letter: char| letter.is_whitespace() || "\"'`<>()[]{},;".contains(letter);
    text.split(around).filter(|word| word.len() >= SHORTEST_WORD).flat_map(|word| {
        // `-pWORD`, and what stands in bold or ends a sentence.
        let option = word.strip_prefix('-').and_then(|rest| rest.get(1..));
        let bare = word.trim_matches(['*', '_', '.', '!', '?', ':', '|']);
        let inside = word.split(['=', ':', '@', '|', '/', '&']);
        [Some(word), option, Some(bare)].into_iter().flatten().chain(inside).filter(|word| word.len() >= SHORTEST_WORD)
    })
}
