//! What others put before every line of a text, and between the pieces of one: marks of a diff, a quotation or a remark,
//! the times and names of a log, the signs by which a programming language joins strings.

use zeroize::Zeroizing;

/// What is longer belongs to the text.
const LONGEST_PREFIX: usize = 200;
/// Signs that mark some of the lines of a text.
const MARKS: &[char] = &['+', '-', '>', '#', '/', '*', '|', ';', '%', '\'', ':', '!', '<'];
/// A text of more pieces is no value.
const MOST_PIECES: usize = 2_000;
/// More folded values of one text are not looked at.
const MOST_BLOCKS: usize = 64;

/// The text without what stands before each of its lines, if there is something that all of them have in common.
pub(crate) fn without_prefix(text: &str) -> Option<Zeroizing<String>> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let first = lines.first().filter(|_| lines.len() > 1)?;
    let ends = first.char_indices().filter(|(at, letter)| *at < LONGEST_PREFIX && is_end(*letter));
    let ends = ends.map(|(at, letter)| at + letter.len_utf8()).collect::<Vec<usize>>();
    ends.into_iter().rev().find_map(|end| {
        let prefix = first.get(..end).filter(|prefix| !prefix.trim().is_empty())?;
        let bare: Vec<&str> = lines.iter().map(|line| behind(prefix, line)).collect::<Option<_>>()?;
        Some(Zeroizing::new(bare.join("\n"))).filter(|bare| !bare.trim().is_empty())
    })
}

/// Whether a prefix may end with a sign: what is no letter and no digit.
fn is_end(letter: char) -> bool {
    !letter.is_alphanumeric() && !"\"'".contains(letter)
}

/// What stands in a line behind a prefix of its shape: with any other digits and spaces in their places.
fn behind<'a>(prefix: &str, line: &'a str) -> Option<&'a str> {
    let mut rest = line;
    let mut shape = prefix;
    while let Some(letter) = shape.chars().next() {
        let kind: fn(char) -> bool = match letter {
            letter if letter.is_ascii_digit() => |letter| letter.is_ascii_digit(),
            letter if letter.is_whitespace() => char::is_whitespace,
            letter => {
                shape = shape.get(letter.len_utf8()..)?;
                rest = rest.strip_prefix(letter)?;
                continue;
            }
        };
        shape = shape.trim_start_matches(kind);
        let without = rest.trim_start_matches(kind);
        if letter.is_ascii_digit() && without.len() == rest.len() {
            return None;
        }
        rest = without;
    }
    Some(rest)
}

/// The text as it may have been before others wrote something into it.
pub(super) struct Unmarked {
    pub(super) text: Zeroizing<String>,
    /// It is all there was, and no selection of lines.
    pub(super) whole: bool,
}

/// A text without the marks before its lines, in each of the ways in which it may have had some.
pub(super) fn unmarked(text: &str) -> Vec<Unmarked> {
    let mut found: Vec<Unmarked> = Vec::new();
    if !text.trim().contains('\n') {
        return found;
    }
    let marked = MARKS.iter().filter_map(|mark| marked(text, *mark));
    let all = without_prefix(text).map(|text| Unmarked { text, whole: true });
    let keys = keys(text).into_iter().map(|text| Unmarked { text, whole: false });
    for one in all.into_iter().chain(marked).chain(keys) {
        if one.text.as_str() != text && found.iter().all(|known| known.text != one.text) {
            found.push(one);
        }
    }
    found
}

/// The lines that begin with a mark, without it; of a diff also those that stayed.
fn marked(text: &str, mark: char) -> Option<Unmarked> {
    // A key begins and ends with dashes itself.
    let is_frame = |line: &str| mark == '-' && (line.starts_with("-----B") || line.starts_with("-----E"));
    let without = |line: &'_ str| line.trim_start().strip_prefix(mark).is_some() && !is_frame(line.trim_start());
    if text.lines().filter(|line| without(line)).count() < 2 {
        return None;
    }
    // A diff has one mark and no space behind it: what follows may begin with the same sign.
    let is_diff = matches!(mark, '+' | '-');
    let bare = text.lines().filter_map(|line| match line.trim_start().strip_prefix(mark).filter(|_| without(line)) {
        Some(rest) if is_diff => Some(rest),
        Some(rest) => Some(rest.trim_start_matches(mark)).map(|rest| rest.strip_prefix(' ').unwrap_or(rest)),
        None => line.strip_prefix(' ').filter(|_| is_diff),
    });
    // The end of a remark in C is none of it.
    let bare: Vec<&str> = bare.filter(|line| mark != '*' || line.trim() != "/").collect();
    let says = |line: &&str| line.contains(char::is_alphanumeric);
    let has_head = text.lines().any(|line| line.starts_with("@@ ") || line.starts_with("diff --git "));
    let whole = (is_diff && has_head) || text.lines().filter(says).all(without);
    Some(Unmarked { text: Zeroizing::new(bare.join("\n")), whole })
}

/// The keys in PEM among other lines: what stands before the first line of one stands before the others as well.
fn keys(text: &str) -> Vec<Zeroizing<String>> {
    let lines: Vec<&str> = text.lines().collect();
    let begins = lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.find("-----BEGIN ")?)));
    let begins = begins.filter(|(_, column)| *column > 0).take(8);
    begins
        .filter_map(|(at, column)| {
            let prefix = lines.get(at)?.get(..column)?;
            let rest = lines.get(at..)?;
            let end = rest.iter().position(|line| line.contains("-----END ")).unwrap_or(rest.len().saturating_sub(1));
            let block = rest.get(..=end)?.iter();
            // What cannot be told by its shape ends with the last space: base64 has none.
            let bare = block.map(|line| match behind(prefix, line) {
                Some(rest) => rest,
                None if line.contains("-----") => line.get(line.find("-----").unwrap_or(0)..).unwrap_or_default(),
                None => line.trim_end().rsplit(char::is_whitespace).next().unwrap_or_default(),
            });
            Some(Zeroizing::new(bare.collect::<Vec<&str>>().join("\n")))
        })
        .collect()
}

/// Values that go on in lines that are further in than their name, as YAML folds them. Each with its name.
pub(super) fn blocks(text: &str) -> Vec<(&str, Zeroizing<String>)> {
    let lines: Vec<&str> = text.lines().collect();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().take(MOST_PIECES) {
        let Some((name, begin)) = line.split_once(':').filter(|(name, _)| !name.trim().is_empty()) else { continue };
        let further = |next: &&&str| next.trim().is_empty() || depth(next) > depth(line);
        let rest: Vec<&str> = lines.iter().skip(at + 1).take_while(further).map(|next| next.trim()).collect();
        if rest.iter().all(|next| next.is_empty()) || rest.len() > MOST_PIECES {
            continue;
        }
        // `|`, `>-` and the like say how it goes on.
        let begin = begin.trim();
        let begin = if begin.len() < 4 && begin.starts_with(['|', '>']) { "" } else { begin };
        let block = Zeroizing::new([begin].into_iter().chain(rest).collect::<Vec<&str>>().join("\n"));
        let block = block.trim().trim_matches(['"', '\'']).to_owned();
        found.push((name, Zeroizing::new(block)));
        if found.len() >= MOST_BLOCKS {
            break;
        }
    }
    found
}

/// What a program makes of several strings.
pub(super) struct Joined<'a> {
    /// What it is given to.
    pub(super) name: &'a str,
    pub(super) text: Zeroizing<String>,
    /// There is nothing else.
    pub(super) whole: bool,
}

/// Strings that a program joins: `"…\n" + "…"`, `"…" "…"`, `'…' . '…'`, `["…", "…"].join("")`.
pub(super) fn joined(text: &str) -> Vec<Joined<'_>> {
    let mut found = Vec::new();
    for quote in ['"', '\'', '`'] {
        let mut pieces: Vec<&str> = Vec::new();
        let (mut before, mut rest) = ("", text);
        let mut count = 0;
        while let Some((between, behind)) = rest.split_once(quote).filter(|_| count < MOST_PIECES) {
            let Some(end) = closing(behind, quote) else { break };
            if pieces.is_empty() || !joins(between) {
                push(&mut found, before, &mut pieces);
                before = between;
            }
            rest = behind.get(end + quote.len_utf8()..).unwrap_or_default();
            count += 1;
            // The name of a member belongs to what follows it.
            if rest.trim_start().starts_with([':', '=']) {
                push(&mut found, before, &mut pieces);
            } else {
                pieces.extend(behind.get(..end));
            }
        }
        push(&mut found, before, &mut pieces);
        if let Some(only) = found.last_mut().filter(|_| text.trim().starts_with(quote)) {
            only.whole = is_all(text.trim(), quote);
        }
    }
    found
}

/// Whether everything in a text is strings and what joins them.
fn is_all(text: &str, quote: char) -> bool {
    let mut rest = text;
    while let Some(behind) = rest.strip_prefix(quote) {
        let Some(end) = closing(behind, quote) else { return false };
        rest = behind.get(end + quote.len_utf8()..).unwrap_or_default();
        let next = rest.find(quote).unwrap_or(rest.len());
        let (between, more) = rest.split_at(next);
        if !joins(between.trim_end_matches(';')) {
            return false;
        }
        rest = more;
    }
    rest.is_empty()
}

fn push<'a>(found: &mut Vec<Joined<'a>>, before: &'a str, pieces: &mut Vec<&str>) {
    if pieces.len() > 1 {
        let line = before.trim_end().rsplit('\n').next().unwrap_or_default();
        let name = line.trim_end_matches(['(', '[', '{', ' ']).trim_end_matches(['=', ':', '>', ' ', '+']);
        found.push(Joined { name, text: Zeroizing::new(pieces.concat()), whole: false });
    }
    pieces.clear();
}

/// Where a string ends that has begun.
pub(super) fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let end = text.char_indices().find(|(_, letter)| {
        let is_end = *letter == quote && !escaped;
        escaped = *letter == '\\' && !escaped;
        is_end
    });
    end.map(|(end, _)| end)
}

/// Whether what stands between two strings makes one of them.
fn joins(between: &str) -> bool {
    // A line may have a mark before it, and what begins a raw or formatted string.
    let signs = |letter: char| letter.is_whitespace() || "+.,&_\\|<>()*#/-".contains(letter);
    let words = between.split(signs).filter(|word| !word.is_empty());
    let known = ["r", "f", "b", "u", "R", "L", "@", "$", "append", "concat", "StringUtils"];
    between.len() < 80 && words.into_iter().all(|word| known.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_what_all_lines_have_in_common() {
        for (text, bare) in [
            ("> one\n> two", "one\ntwo"),
            ("> > one\n> > two\n", "one\ntwo"),
            ("// one\n// two", "one\ntwo"),
            ("  9: one\n 10: two\n", "one\ntwo"),
            ("2026-11-23T03:12:09.1Z stdout F {\n2026-11-23T03:12:10.22Z stdout F }", "{\n}"),
            ("Nov 23 03:12:09 host app[12]: one\nNov 23 03:12:10 host app[123]: two", "one\ntwo"),
            ("app-1  | one\napp-1  | two", "one\ntwo"),
        ] {
            assert_eq!(without_prefix(text).as_ref().map(|bare| bare.as_str()), Some(bare), "{text}");
        }
        assert!(without_prefix("one\ntwo").is_none() && without_prefix("> one").is_none());
    }

    #[test]
    fn strings_are_joined_as_programs_join_them() {
        for text in [
            "const key = \"ab\" +\n  \"cd\";",
            "key = (\"ab\"\n       \"cd\")",
            "$key = 'ab' . 'cd';",
            "String key = \"ab\"\n    + \"cd\";",
            "key := `ab` + `cd`",
            "key = \"ab\" & _\n  \"cd\"",
            "key = [\"ab\", \"cd\"].join(\"\")",
        ] {
            let found = joined(text);
            assert!(
                found.iter().any(|found| found.name.trim().ends_with("key") && found.text.as_str() == "abcd"),
                "{text}"
            );
        }
    }
}
