//! Logins as programs take them: addresses, sources of data, files of passwords, and pairs of a user and a password.

use super::lines::closing;
use super::part::Part;
use super::telling::is_host;
use percent_encoding::percent_decode_str;
use url::Url;
use zeroize::Zeroizing;

pub(super) fn address<'a>(text: &'a str, parts: &mut Vec<Part<'a>>) {
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

/// A line of PostgreSQL's file of passwords: `host:port:database:user:password`, where the first may be `*`.
pub(super) fn password_file<'a>(line: &str, parts: &mut Vec<Part<'a>>) {
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

/// Schemes before an address that lets nobody in, and what else is no user.
const NO_USERS: &[&str] = &["mailto", "sip", "sips", "acct", "xmpp", "jdbc", "npm", "http", "https"];

/// A password holds no more signs than this that could be the end of it.
const MOST_ENDS: usize = 8;

/// `user:password@tcp(host:3306)/database`, as Go takes the source of data; `user:password@host/database`;
/// `user/password@//host:1521/service`, as Oracle does, also behind `jdbc:oracle:thin:`.
pub(super) fn login<'a>(text: &'a str, parts: &mut Vec<Part<'a>>) {
    let text = text.trim();
    let mut ends = text.rmatch_indices('@').take(MOST_ENDS).map(|(at, _)| at).peekable();
    let last = ends.peek().copied();
    let Some(at) = ends.find(|at| is_network(text.get(at + 1..).unwrap_or_default())).or(last) else { return };
    let (before, to) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
    if before.contains("://") || before.contains(['\n', '=', '{', '<']) || !(is_network(to) || is_destination(to)) {
        return;
    }
    let is_user = |user: &str| {
        user.len() < 65
            && !NO_USERS.contains(&user)
            && user.chars().all(|letter| letter.is_alphanumeric() || "_.-+$#%\\".contains(letter))
    };
    if let Some((_, password)) = before.split_once(':').filter(|(user, _)| is_user(user)) {
        parts.push(Part::named(password, "a login", "password"));
    }
    let oracle = before.strip_prefix("jdbc:oracle:").and_then(|rest| rest.split_once(':')).map(|(_, rest)| rest);
    let is_service = to.starts_with("//") || to.starts_with('(') || to.contains(':') || is_alias(to);
    if let Some((_, password)) = oracle.unwrap_or(before).split_once('/').filter(|(user, _)| is_user(user))
        && (oracle.is_some() || is_service)
    {
        parts.push(Part::named(password, "a login", "password"));
    }
}

/// `tcp(host:3306)/…`, `unix(/run/mysqld.sock)/…`, `/database`, `//host`.
fn is_network(to: &str) -> bool {
    let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let closed =
        |inside: &str| inside.split_once(')').is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('/'));
    to.split_once('(').is_some_and(|(word, inside)| is_word(word) && closed(inside))
        || to.strip_prefix('/').is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace))
}

/// The name or the number of a host, perhaps with a port, a path and options behind it.
fn is_destination(to: &str) -> bool {
    let is_digest = |to: &str| ["sha1:", "sha256:", "sha512:"].iter().any(|name| to.starts_with(name));
    let end = to.find(|letter: char| !letter.is_ascii_alphanumeric() && !"._-".contains(letter)).unwrap_or(to.len());
    let (host, rest) = to.split_at(end);
    let is_number = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    !is_digest(to)
        && host.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && (!is_number || host.split('.').count() == 4)
        && (rest.is_empty() || rest.starts_with([':', '/', '?', ',', '(']))
}

/// What Oracle's own files call a database.
fn is_alias(to: &str) -> bool {
    to.len() > 1 && to.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"_.".contains(&byte))
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
pub(super) fn pair<'a>(text: &'a str, pairs: Pairs, parts: &mut Vec<Part<'a>>) {
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
