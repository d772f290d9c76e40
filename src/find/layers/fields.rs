//! What stands beside a name, around a value and between signs: connection strings, addresses, lines of settings in many
//! languages, pairs, and texts in quotes.

use super::lines::closing;
use super::logins::{Pairs, address, login, pair, password_file};
use super::names::{bare_name, known_name};
use super::part::Part;

/// More values in quotes or braces of one connection string are not looked at.
const MOST_ENCLOSED: usize = 16;

/// Everything in a text that may be a value, named ones first.
pub(super) fn parts(text: &str, pairs: Pairs) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    connection(text, &mut parts);
    address(text, &mut parts);
    login(text, &mut parts);
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
    if text.matches('=').count() > 1 && !text.contains('\n') {
        enclosed(text, parts);
    }
}

/// Values in quotes or braces, which hold the sign between fields as well: `Pwd={a;b}}c}`, `password='a b\'c'`.
fn enclosed<'a>(text: &'a str, parts: &mut Vec<Part<'a>>) {
    let pairs = [("=\"", '"'), ("='", '\''), ("={", '}'), ("= \"", '"'), ("= '", '\''), ("= {", '}')];
    for (begin, close) in pairs {
        for (at, _) in text.match_indices(begin).take(MOST_ENCLOSED) {
            let before = text.get(..at).unwrap_or_default();
            let name = before.rsplit([';', '&', ',', '\'', '"', '}']).next().unwrap_or_default();
            let inside = text.get(at + begin.len()..).unwrap_or_default();
            // A backslash stands for itself in one program, and not in another.
            let ends = [undoubled(inside, close), closing(inside, close)];
            for inside in ends.into_iter().flatten().filter_map(|end| inside.get(..end)) {
                parts.push(Part::named(inside, "a connection string", bare_name(name)));
            }
        }
    }
}

/// Where a sign stands alone: what is written twice is meant.
fn undoubled(text: &str, sign: char) -> Option<usize> {
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == sign && letters.next_if(|(_, next)| *next == sign).is_none() {
            return Some(at);
        }
    }
    None
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
        // `PGPASSWORD=… psql -h db`: what the shell takes it with.
        if let Some(word) = value.split_whitespace().next().filter(|word| separator == "=" && word.len() < value.len())
        {
            parts.push(Part::named(word, part_of, bare_name(name)));
        }
    }
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
