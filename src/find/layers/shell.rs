//! Words as a shell puts them together: single quotes keep every sign, double quotes most, and pieces of both stand side by
//! side where a value holds a quote.

use zeroize::Zeroizing;

/// More words of one text are not looked at.
const MOST: usize = 64;

/// A word that was put together from pieces.
pub(super) struct Word<'a> {
    pub(super) text: Zeroizing<String>,
    /// What it is given to: `PW=…`, `curl -u …`.
    pub(super) name: Option<&'a str>,
    /// It is all there is.
    pub(super) whole: bool,
}

/// The words that hold a quote by being put together: `'it'\\''s'`, `'it'"'"'s'`.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    if !text.contains("'\\''") && !text.contains("'\"'\"'") {
        return Vec::new();
    }
    let mut found: Vec<Word<'_>> = Vec::new();
    let (mut rest, mut before) = (text.trim(), "");
    while !rest.is_empty() && found.len() < MOST {
        let (plain, length) = word(rest);
        let raw = rest.get(..length).unwrap_or_default();
        if raw.contains('\'') && raw.contains(['"', '\\']) {
            let named = raw
                .split_once('=')
                .filter(|(name, _)| name.chars().all(|letter| letter.is_alphanumeric() || "_.-".contains(letter)));
            let whole = raw.len() == text.trim().len() && named.is_none();
            let login = plain.split_once(':').filter(|_| before == "-u" || before == "--user");
            match (named, login) {
                (Some((name, _)), _) => {
                    let value = plain.get(name.len() + 1..).unwrap_or_default().to_owned();
                    found.push(Word { text: Zeroizing::new(value), name: Some(name), whole });
                }
                (None, Some((_, password))) => {
                    found.push(Word { text: Zeroizing::new(password.to_owned()), name: Some("password"), whole });
                }
                (None, None) => {
                    let name = Some(before).filter(|before| before.starts_with('-') || before.ends_with([':', '=']));
                    found.push(Word { text: plain, name, whole });
                }
            }
        }
        before = raw;
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    found
}

/// What a word says, and how long it is as it is written.
fn word(text: &str) -> (Zeroizing<String>, usize) {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut letters = text.char_indices().peekable();
    let mut quote = None;
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (None, letter) if letter.is_whitespace() => return (plain, at),
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            (None, '\\') => plain.extend(letters.next().map(|(_, letter)| letter)),
            (Some('"'), '\\') => match letters.next_if(|(_, next)| "$`\"\\".contains(*next)) {
                Some((_, next)) => plain.push(next),
                None => plain.push(letter),
            },
            (_, letter) => plain.push(letter),
        }
    }
    (plain, text.len())
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_word_is_put_together_as_a_shell_does() {
        for (text, name, word) in [
            (r#"'aK9'"'"'x7'"#, None, "aK9'x7"),
            (r"'aK9\n'\''x7'", None, r"aK9\n'x7"),
            (r#"export PW='a b'"'"'c\d'"#, Some("PW"), r"a b'c\d"),
            (r"curl -u 'svc:a'\''b' https://x", Some("password"), "a'b"),
            (r"login --password 'a'\''$b' now", Some("--password"), "a'$b"),
        ] {
            let found = words(text);
            assert!(found.iter().any(|found| found.name == name && found.text.as_str() == word), "{text}");
        }
    }
}
