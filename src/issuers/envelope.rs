//! The form in which a secret holds a login: the password alone, a URL, a JSON object, or `key=value` pairs.
//!
//! A new version keeps the form of the old one, and everything in it but the login, byte for byte.

use super::json_place;
use crate::secret::Secret;
use serde_json::Value;
use std::ops::Range;
use url::Url;
use zeroize::Zeroizing;

const PASSWORD_KEYS: [&str; 8] =
    ["password", "pwd", "clientsecret", "client_secret", "secret", "accesskey", "token", "api_key"];
const USER_KEYS: [&str; 6] = ["username", "user", "user id", "uid", "role", "login"];
/// All but what stands for itself in a URL.
const IN_URL: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a value holds.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Secret,
    /// Host, port and database, where the value says them.
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) database: Option<String>,
}

impl Login {
    fn bare(password: &str) -> Self {
        let password = Secret::from(Zeroizing::new(password.to_owned()));
        Self { user: None, password, host: None, port: None, database: None }
    }
}

enum Form {
    Bare,
    Url(Url),
    Json(serde_json::Map<String, Value>),
    /// What separates the pairs.
    Pairs(char),
}

fn form(text: &str) -> Form {
    if let Ok(Value::Object(object)) = serde_json::from_str(text) {
        return Form::Json(object);
    }
    if let Ok(url) = Url::parse(text)
        && url.has_host()
        && url.password().is_some()
    {
        return Form::Url(url);
    }
    let holds_login = |separator: &char| {
        pairs(text, *separator).is_some_and(|pairs| pairs.iter().any(|pair| is_one_of(pair.key, &PASSWORD_KEYS)))
    };
    [';', ' '].into_iter().find(holds_login).map_or(Form::Bare, Form::Pairs)
}

/// One `key=value`.
struct Pair<'a> {
    key: &'a str,
    /// Where the value stands, without its quotes.
    value: Range<usize>,
    quote: Option<char>,
}

/// The pairs that a text consists of; nothing where it consists of anything else.
fn pairs(text: &str, separator: char) -> Option<Vec<Pair<'_>>> {
    let mut pairs = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        at += rest.len() - rest.trim_start_matches(|letter: char| letter == separator || letter.is_whitespace()).len();
        let rest = text.get(at..)?;
        if separator == '\n' && rest.starts_with('#') {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        if rest.is_empty() {
            return Some(pairs).filter(|pairs: &Vec<Pair<'_>>| !pairs.is_empty());
        }
        let (key, _) = rest.split_once('=')?;
        let is_key = |letter: char| letter.is_alphanumeric() || " _-.:/".contains(letter);
        if key.trim().is_empty() || key.contains(separator) || !key.chars().all(is_key) {
            return None;
        }
        at += key.len() + 1;
        let (value, quote, end) = pair_value(text, at, separator)?;
        pairs.push(Pair { key: key.trim(), value, quote });
        at = end;
    }
}

/// The value of a pair that begins here, its quote, and where it ends.
fn pair_value(text: &str, at: usize, separator: char) -> Option<(Range<usize>, Option<char>, usize)> {
    let rest = text.get(at..)?;
    let start = at + rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let quoted = text.get(start..)?;
    for (open, close) in [('"', '"'), ('\'', '\''), ('{', '}')] {
        let Some(inside) = quoted.strip_prefix(open) else { continue };
        let mut letters = inside.char_indices().peekable();
        while let Some((place, letter)) = letters.next() {
            let is_escape = separator == ' ' && letter == '\\';
            let is_doubled = letter == close && letters.peek().is_some_and(|(_, next)| *next == close);
            if is_escape || is_doubled {
                letters.next();
            } else if letter == close {
                let end = start + 1 + place;
                let after = text.get(end + 1..)?;
                let ends = after.trim_start_matches([' ', '\t']).chars().next();
                let ends = ends.is_none_or(|next| next == separator || next == '\n' || next == '\r');
                if ends || (separator == ' ' && after.starts_with(' ')) {
                    return Some((start + 1..end, Some(open), end + 1));
                }
                break;
            }
        }
    }
    let end = rest.find(separator).map_or(text.len(), |end| at + end);
    let value = text.get(start.min(end)..end)?.trim_end();
    let start = start.min(end);
    Some((start..start + value.len(), None, end))
}

/// Whether a text of one line is a list of settings, such as a connection string.
pub(super) fn holds_pairs(text: &str) -> bool {
    let is_list = |separator: char| {
        // Some begin with the server, which has no name.
        let rest = text.split_once(separator).filter(|(first, _)| !first.contains('=') && first.contains(':'));
        let many = |text: &str, least| pairs(text, separator).is_some_and(|pairs| pairs.len() >= least);
        many(text, 2) || rest.is_some_and(|(_, rest)| many(rest, 1))
    };
    [';', ',', '&', ' '].into_iter().any(is_list)
}

/// The names of the settings that a text consists of, in lower case.
pub(super) fn names(text: &str) -> Vec<String> {
    let found = ['\n', ';', ',', '&', ' '].into_iter().filter_map(|separator| pairs(text, separator));
    let found = found.max_by_key(Vec::len);
    let name = |pair: &Pair<'_>| pair.key.trim_start_matches("export ").trim().to_lowercase();
    found.unwrap_or_default().iter().map(name).collect()
}

fn is_one_of(key: &str, keys: &[&str]) -> bool {
    keys.contains(&key.trim().to_lowercase().as_str())
}

fn decoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned())
}

/// The login in a value.
pub(super) fn open(value: &Secret) -> Login {
    match form(value.expose()) {
        Form::Bare => Login::bare(value.expose()),
        Form::Url(url) => Login {
            user: Some(decoded(url.username()).to_string()).filter(|user| !user.is_empty()),
            host: url.host_str().map(str::to_owned),
            port: url.port(),
            database: Some(decoded(url.path().trim_start_matches('/')).to_string()).filter(|name| !name.is_empty()),
            ..Login::bare(&decoded(url.password().unwrap_or_default()))
        },
        Form::Json(object) => {
            let text = |keys: &[&str]| {
                object.iter().find(|(key, _)| is_one_of(key, keys)).and_then(|(_, value)| value.as_str())
            };
            let port = object.iter().find(|(key, _)| is_one_of(key, &["port"])).map(|(_, port)| port);
            let port = port.and_then(|port| port.as_u64().or_else(|| port.as_str()?.parse().ok()));
            Login {
                user: text(&USER_KEYS).map(str::to_owned),
                host: text(&["host", "server"]).map(str::to_owned),
                port: port.and_then(|port| u16::try_from(port).ok()),
                database: text(&["database", "dbname", "db"]).map(str::to_owned),
                ..Login::bare(text(&PASSWORD_KEYS).unwrap_or_default())
            }
        }
        Form::Pairs(separator) => {
            let pairs = pairs(value.expose(), separator).unwrap_or_default();
            let text = |keys: &[&str]| {
                let pair = pairs.iter().find(|pair| is_one_of(pair.key, keys))?;
                Some(plain(value.expose().get(pair.value.clone())?, pair.quote, separator))
            };
            Login {
                user: text(&USER_KEYS),
                host: text(&["host", "server"]),
                port: text(&["port"]).and_then(|port| port.parse().ok()),
                database: text(&["database", "dbname"]),
                ..Login::bare(&Zeroizing::new(text(&PASSWORD_KEYS).unwrap_or_default()))
            }
        }
    }
}

/// A quoted value as it is meant.
fn plain(text: &str, quote: Option<char>, separator: char) -> String {
    let doubled = |quote: &str| text.replace(&quote.repeat(2), quote);
    match quote {
        Some('"' | '\'') if separator == ' ' => text.replace("\\\\", "\u{0}").replace('\\', "").replace('\u{0}', "\\"),
        Some('{') => doubled("}"),
        Some(quote) => doubled(&quote.to_string()),
        None => text.to_owned(),
    }
}

/// A text as it is written in a pair: in the quotes of the former one, or in such as it needs.
fn in_pair(text: &str, quote: Option<char>, separator: char) -> Zeroizing<String> {
    let escaped = |quote: char| match (quote, separator) {
        ('{', _) => text.replace('}', "}}"),
        (quote, ' ') => text.replace('\\', "\\\\").replace(quote, &format!("\\{quote}")),
        (quote, _) => text.replace(quote, &quote.to_string().repeat(2)),
    };
    let needs_quotes = text.contains([separator, '"', '\'']) || text.starts_with('{') || text.trim() != text;
    Zeroizing::new(match quote {
        Some(quote) => escaped(quote),
        None if needs_quotes && separator == '&' => percent_encoding::utf8_percent_encode(text, IN_URL).to_string(),
        None if needs_quotes => {
            let quote = if separator == ' ' { '\'' } else { '"' };
            format!("{quote}{}{quote}", escaped(quote))
        }
        None => text.to_owned(),
    })
}

fn in_url(text: &str) -> Zeroizing<String> {
    Zeroizing::new(percent_encoding::utf8_percent_encode(text, IN_URL).to_string())
}

fn in_json(text: &str) -> Zeroizing<String> {
    Zeroizing::new(Value::from(text).to_string())
}

/// Texts that take the place of others.
type Edits = Vec<(Range<usize>, Zeroizing<String>)>;

/// The text with these edits, and otherwise as it was.
fn edited(text: &str, mut edits: Edits) -> Option<Secret> {
    edits.sort_by_key(|(range, _)| range.start);
    let added: usize = edits.iter().map(|(_, new)| new.len()).sum();
    // At its full size from the start, so that no copy is left behind by a growing buffer.
    let mut whole = Zeroizing::new(String::with_capacity(text.len() + added));
    let mut at = 0;
    for (range, new) in &edits {
        whole.push_str(text.get(at..range.start)?);
        whole.push_str(new);
        at = range.end;
    }
    whole.push_str(text.get(at..)?);
    Some(Secret::from(whole))
}

/// Where a URL holds its user and its password.
fn user_info(text: &str) -> Option<(Range<usize>, Range<usize>)> {
    let start = text.find("://")? + 3;
    let rest = text.get(start..)?;
    let authority = rest.get(..rest.find(['/', '?', '#']).unwrap_or(rest.len()))?;
    let end = start + authority.rfind('@')?;
    let colon = start + text.get(start..end)?.find(':')?;
    Some((start..colon, colon + 1..end))
}

/// Whether a text has the form of another one, so that it stands for the whole of it.
pub(super) fn is_alike(one: &Secret, other: &Secret) -> bool {
    let (one, other) = (form(one.expose()), form(other.expose()));
    !matches!(one, Form::Bare) && std::mem::discriminant(&one) == std::mem::discriminant(&other)
}

/// The value with another login in it, and otherwise as it was; nothing where its form has no place for one.
pub(super) fn with(value: &Secret, user: Option<&str>, password: &Secret) -> Option<Secret> {
    let text = value.expose();
    let wanted = [Some((&PASSWORD_KEYS[..], password.expose())), user.map(|user| (&USER_KEYS[..], user))];
    let wanted = wanted.into_iter().flatten();
    match form(text) {
        Form::Bare if user.is_some() => None,
        Form::Bare => Some(Secret::new(password.expose().to_owned())),
        Form::Url(_) => {
            let (user_at, password_at) = user_info(text)?;
            let mut edits = vec![(password_at, in_url(password.expose()))];
            edits.extend(user.map(|user| (user_at, in_url(user))));
            edited(text, edits)
        }
        Form::Json(_) => {
            let place = |(keys, new): (&[&str], &str)| {
                Some((json_place::member(text, |name| is_one_of(name, keys))?, in_json(new)))
            };
            edited(text, wanted.map(place).collect::<Option<Edits>>()?)
        }
        Form::Pairs(separator) => {
            let pairs = pairs(text, separator)?;
            let place = |(keys, new): (&[&str], &str)| {
                let pair = pairs.iter().find(|pair| is_one_of(pair.key, keys))?;
                Some((pair.value.clone(), in_pair(new, pair.quote, separator)))
            };
            edited(text, wanted.map(place).collect::<Option<Edits>>()?)
        }
    }
}

/// The value with another text at a place in it, and otherwise as it was; or why there is no such place.
///
/// A place is a member of JSON (`password`, or `/db/password` for one that lies deeper), a setting of a connection string
/// or of a line `NAME=value`, or a URL's `password` or parameter.
pub(super) fn with_within(value: &Secret, place: &str, fresh: &Secret) -> Result<Secret, String> {
    let (text, new) = (value.expose(), fresh.expose());
    let no_place = || format!("the value has no place `{place}`");
    let put = |range: Range<usize>, new: Zeroizing<String>| edited(text, vec![(range, new)]).ok_or_else(no_place);
    if let Ok(Value::Object(_) | Value::Array(_)) = serde_json::from_str(text) {
        let range = json_place::at(text, place).ok_or_else(|| format!("the value is JSON, and holds no `{place}`"))?;
        if text.get(range.start..range.start + 1) != Some("\"") {
            return Err(format!("`{place}` in the value is no text"));
        }
        return put(range, in_json(new));
    }
    if text.contains("://") && Url::parse(text.trim()).is_ok() {
        if let Some((_, password)) = user_info(text).filter(|_| place.eq_ignore_ascii_case("password")) {
            return put(password, in_url(new));
        }
        let query = text.find('?').ok_or_else(no_place)? + 1;
        let rest = text.get(query..).unwrap_or_default();
        let end = query + rest.find('#').unwrap_or(rest.len());
        let mut at = query;
        for part in text.get(query..end).unwrap_or_default().split('&') {
            if let Some((_, old)) = part.split_once('=').filter(|(name, _)| *name == place) {
                let start = at + part.len() - old.len();
                return put(start..start + old.len(), in_url(new));
            }
            at += part.len() + 1;
        }
        return Err(no_place());
    }
    for separator in [';', '\n', ',', '&', ' '] {
        let rest = text.split_once(separator).filter(|(first, _)| separator == ',' && !first.contains('='));
        let start = rest.map_or(0, |(first, _)| first.len() + 1);
        let pairs = pairs(text.get(start..).unwrap_or_default(), separator).unwrap_or_default();
        if let Some(pair) = pairs.iter().find(|pair| is_named(pair.key, place)) {
            return put(pair.value.start + start..pair.value.end + start, in_pair(new, pair.quote, separator));
        }
    }
    Err(no_place())
}

/// Whether a pair's key is this one; a shell's `export` stands before it.
fn is_named(key: &str, place: &str) -> bool {
    key.strip_prefix("export ").map_or(key, str::trim).eq_ignore_ascii_case(place)
}

#[cfg(test)]
mod tests {
    use super::{open, with, with_within};
    use crate::secret::Secret;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn every_form_gives_its_login_and_takes_another_one() {
        for (old, new) in [
            (
                "postgres://app_a:o%20ld@db:5433/orders?sslmode=require",
                "postgres://app_b:n%26w%2F@db:5433/orders?sslmode=require",
            ),
            (
                r#"{"host":"db","username":"app_a","password":"o ld","n":1}"#,
                r#"{"host":"db","username":"app_b","password":"n&w/","n":1}"#,
            ),
            ("Host=db;Username=app_a;Password=o ld;Pooling=true", "Host=db;Username=app_b;Password=n&w/;Pooling=true"),
        ] {
            let login = open(&secret(old));
            assert_eq!(login.user.as_deref(), Some("app_a"), "{old}");
            assert_eq!(login.password.expose(), "o ld");
            assert_eq!(login.host.as_deref(), Some("db"));
            let changed = with(&secret(old), Some("app_b"), &secret("n&w/")).unwrap();
            assert_eq!(changed.expose(), new);
            assert_eq!(open(&changed).password.expose(), "n&w/");
        }
    }

    #[test]
    fn a_bare_password_has_no_place_for_a_user() {
        assert_eq!(open(&secret("a=b;c")).password.expose(), "a=b;c");
        assert!(with(&secret("old"), Some("app_b"), &secret("new")).is_none());
        assert_eq!(with(&secret("old"), None, &secret("new")).unwrap().expose(), "new");
    }

    #[test]
    fn everything_but_the_login_stays_byte_for_byte() {
        for (old, new) in [
            (
                "{ \"pwd\" : \"o\\u0041\",\n  \"z\": 1.50, \"user\":\"a\\/b\" }\n",
                "{ \"pwd\" : \"n;'\\\"\",\n  \"z\": 1.50, \"user\":\"a\\/b\" }\n",
            ),
            ("Server=db; Password = old ;Encrypt=true;;", "Server=db; Password = \"n;'\"\"\" ;Encrypt=true;;"),
            ("host=db  password='o\\'ld' port=1", "host=db  password='n;\\'\"' port=1"),
            ("Driver={x};PWD={a}}b;c};UID=app", "Driver={x};PWD={n;'\"};UID=app"),
            ("amqp://App:old@HOST:5671/%2Fv?x=A%20b", "amqp://App:n%3B%27%22@HOST:5671/%2Fv?x=A%20b"),
        ] {
            let changed = with(&secret(old), None, &secret("n;'\"")).unwrap();
            assert_eq!(changed.expose(), new);
            assert_eq!(open(&changed).password.expose(), "n;'\"", "{new}");
        }
    }

    #[test]
    fn a_place_in_a_value_is_named_and_nothing_else_changes() {
        for (old, place, new) in [
            (
                r#"{"db":{"password":"old","n":1e3},"a":[1,"x"]}"#,
                "/db/password",
                r#"{"db":{"password":"NEW","n":1e3},"a":[1,"x"]}"#,
            ),
            (r#"{"a": [ 1, "x" ]}"#, "/a/1", r#"{"a": [ 1, "NEW" ]}"#),
            (r#"{"a/b~c":"x", "a":"y"}"#, "/a~1b~0c", r#"{"a/b~c":"NEW", "a":"y"}"#),
            (r#"{"token":"first","token":"second"}"#, "token", r#"{"token":"first","token":"NEW"}"#),
            (
                "Server=db;User Id=app;Password=old;Encrypt=true",
                "Password",
                "Server=db;User Id=app;Password=NEW;Encrypt=true",
            ),
            ("AccountName=a;AccountKey=ab==;Suffix=c", "AccountKey", "AccountName=a;AccountKey=NEW;Suffix=c"),
            (
                "# remark\nDB_USER=app\r\nexport DB_PASSWORD=\"old\"\nX=1\n",
                "DB_PASSWORD",
                "# remark\nDB_USER=app\r\nexport DB_PASSWORD=\"NEW\"\nX=1\n",
            ),
            ("host:6380,password=old,ssl=True", "password", "host:6380,password=NEW,ssl=True"),
            ("https://a.example/x?b=1&code=old#f", "code", "https://a.example/x?b=1&code=NEW#f"),
            ("redis://:old@cache:6379/0", "password", "redis://:NEW@cache:6379/0"),
        ] {
            assert_eq!(with_within(&secret(old), place, &secret("NEW")).unwrap().expose(), new, "{old}");
        }
        for (old, place) in [
            (r#"{"db":{"password":"old"}}"#, "password"),
            (r#"{"port":1}"#, "port"),
            ("Server=db;User Id=app", "Password"),
            ("a plain text", "Password"),
            ("https://a.example/x", "code"),
        ] {
            assert!(with_within(&secret(old), place, &secret("NEW")).is_err(), "{old}");
        }
    }
}
