//! What the name of a field says: that a secret stands behind it, that none does, or nothing.

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

/// The last word of what stands before a sign: `export DB_PASSWORD`, `- "password"`, `const string Password`.
pub(super) fn bare_name(name: &str) -> &str {
    let name = name.trim().trim_end_matches([':', '?', '+', ' ']);
    let name = name.rsplit(char::is_whitespace).next().unwrap_or_default();
    name.trim_matches(|letter: char| !letter.is_alphanumeric())
}
