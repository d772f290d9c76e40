//! Text becomes the JSON documents of a report: one, several one after the other, or one a line between lines of a log.
//!
//! What breaks off is read as far as it is whole. Nothing is passed over in silence but what is known to be a log.

use super::log;
use serde_json::Value;

/// What of one report is worth telling apart; more is counted together.
const MOST_TOLD: usize = 8;

/// What a text holds.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub(super) list: Vec<Value>,
    /// What could not be read, in words; nothing of the report stands in them.
    pub(super) unread: Vec<String>,
    /// Where there is no finding: what would be the members of one, which tells whose report it is.
    pub(super) empty: Option<Value>,
    /// The lines that are no JSON, each with the object that stands at its end.
    pub(super) lines: Vec<(String, Option<Value>)>,
    /// What the heads of HTTP answers between them say.
    pub(super) unfinished: Vec<String>,
}

impl Documents {
    /// The JSON documents of a text.
    pub(super) fn of_json(text: &str) -> Self {
        let mut documents = Self::default();
        documents.json(text);
        let more = documents.unread.len().saturating_sub(MOST_TOLD);
        documents.unread.truncate(MOST_TOLD);
        if more > 0 {
            documents.unread.push(format!("{more} more places cannot be read"));
        }
        documents
    }

    pub(super) fn with(list: Vec<Value>, unread: Vec<String>) -> Self {
        Self { list, unread, ..Self::default() }
    }

    fn json(&mut self, text: &str) {
        let mut from = 0;
        while let Some(rest) = text.get(from..).filter(|rest| !rest.trim().is_empty()) {
            let start = from + rest.len() - rest.trim_start().len();
            let rest = text.get(start..).unwrap_or_default();
            let line = rest.lines().next().unwrap_or_default();
            if line.starts_with("HTTP/") {
                from = start + self.head(rest);
                continue;
            }
            if !begins_json(line) {
                self.lines.push((line.to_owned(), object_behind(line)));
                from = start + line.len().max(1);
                continue;
            }
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            match stream.next() {
                Some(Ok(document)) => {
                    self.list.push(document);
                    from = start + stream.byte_offset();
                }
                Some(Err(error)) => from = self.broken(text, start, &error),
                None => return,
            }
        }
    }

    /// The head of an answer, as `gh api --include` and `curl -i` write it. Gives how long it is.
    fn head(&mut self, text: &str) -> usize {
        let length = ["\r\n\r\n", "\n\n"].iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
        let head = text.get(..length).unwrap_or_default();
        let status = head.split_whitespace().nth(1).and_then(|code| code.parse::<u16>().ok()).unwrap_or(0);
        if !(200..300).contains(&status) {
            self.unfinished.push(format!("an answer of it is an error (HTTP {status})"));
        }
        // Each page names the next one; the last names none.
        let more = head.lines().any(|line| line.to_lowercase().starts_with("link:") && line.contains("rel=\"next\""));
        let cut = "there are more pages than it holds: ask with `--paginate`";
        self.unfinished.retain(|told| told != cut);
        self.unfinished.extend(more.then(|| cut.to_owned()));
        length
    }

    /// Keeps what of a document is whole, says where it breaks, and gives the place at which the next may begin.
    fn broken(&mut self, text: &str, start: usize, error: &serde_json::Error) -> usize {
        let rest = text.get(start..).unwrap_or_default();
        let next = next_document(rest);
        let wrong = offset(rest, error.line(), error.column()).min(next.unwrap_or(rest.len()));
        if let Some(whole) = mended(rest.get(..wrong).unwrap_or_default()) {
            self.list.push(whole);
        }
        let above = text.get(..start).unwrap_or_default();
        let column = above.len() - above.rfind('\n').map_or(0, |end| end + 1);
        let column = if error.line() == 1 { column + error.column() } else { error.column() };
        // The reader's own words name a place, and never what stands there.
        let line = above.matches('\n').count() + error.line();
        self.unread.push(format!("line {line}, column {column}: it breaks off, is no JSON, or is nested too deep"));
        start + next.unwrap_or(rest.len())
    }
}

/// Whether a line can be the begin of a document: a log may begin its lines with `[INFO]`.
fn begins_json(line: &str) -> bool {
    let mut letters = line.chars();
    match letters.next() {
        Some('{') => true,
        Some('[') => {
            letters.as_str().trim_start().chars().next().is_none_or(|next| "{[]\"-0123456789ntf".contains(next))
                && !log::is_line(line)
        }
        _ => line.trim() == "null",
    }
}

/// The object that a line ends with: what collects logs writes a time and a name before each line.
fn object_behind(line: &str) -> Option<Value> {
    let object = line.get(line.find('{')?..)?.trim_end();
    serde_json::from_str(object).ok().filter(Value::is_object)
}

/// Where behind the first line another document begins at the begin of a line.
fn next_document(text: &str) -> Option<usize> {
    let mut at = text.find('\n')? + 1;
    while let Some(rest) = text.get(at..) {
        let line = rest.lines().next()?;
        if line.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok() {
            return Some(at);
        }
        at += rest.find('\n')? + 1;
    }
    None
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (before + column).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A document that breaks off, up to the last entry of a list that is whole.
fn mended(text: &str) -> Option<Value> {
    let (mut open, mut last): (Vec<u8>, Option<(usize, Vec<u8>)>) = (Vec::new(), None);
    let (mut in_text, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' => {
                if open.pop() != Some(byte) {
                    break;
                }
                if byte == b'}' && open.last() == Some(&b']') {
                    last = Some((at + 1, open.clone()));
                }
            }
            _ => {}
        }
        // Nobody's report is nested deeper, and the lists of what is open would grow with its square.
        if open.len() > 128 {
            return None;
        }
    }
    let (end, open) = last?;
    let ends: String = open.into_iter().rev().map(char::from).collect();
    serde_json::from_str(&(text.get(..end)?.to_owned() + &ends)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_stand_one_after_the_other_and_between_lines_of_a_log() {
        for text in [
            "[{\"a\":1}][{\"a\":2}]",
            "{\"a\":1}\n{\"a\":2}\n",
            "{\n \"a\": 1\n}\n{\n \"a\": 2\n}",
            "🐷🔑🐷  TruffleHog. Unearth your secrets. 🐷🔑🐷\n{\"a\":1}\r\n[INFO] done\n{\"a\":2}\r\n2026-11-23T03:01:12Z\tinfo-0\tend\n",
            "11:37AM INF x\n{\"a\":1} {\"a\":2}",
        ] {
            let documents = Documents::of_json(text);
            let flat: Vec<&Value> = documents
                .list
                .iter()
                .flat_map(|document| match document {
                    Value::Array(list) => list.iter().collect(),
                    one => vec![one],
                })
                .collect();
            assert_eq!(flat, [&json!({"a": 1}), &json!({"a": 2})], "{text}");
            assert!(documents.unread.is_empty(), "{text}: {:?}", documents.unread);
        }
    }

    #[test]
    fn what_breaks_is_read_as_far_as_it_is_whole_and_said() {
        for (text, whole) in [
            ("[{\"a\":1},{\"a\":2},{\"a\":", json!([{"a": 1}, {"a": 2}])),
            ("[\n {\n  \"a\": 1\n },\n {\n  \"a\": 2\n }\n", json!([{"a": 1}, {"a": 2}])),
            ("{\"runs\":[{\"results\":[{\"x\":[]},{\"x\":", json!({"runs": [{"results": [{"x": []}]}]})),
            ("[{\"a\":1}]]", json!([{"a": 1}])),
            ("[{\"a\":1}] and more", json!([{"a": 1}])),
        ] {
            let documents = Documents::of_json(text);
            assert_eq!(documents.list, [whole], "{text}");
            assert_eq!(documents.unread.len() + documents.lines.len(), 1, "{text}: {:?}", documents.unread);
        }
        let lines = Documents::of_json("{\"a\":1}\n{\"a\":\n{\"a\":3}\n{\"a\":\"4\n{\"a\":5}\n");
        assert_eq!(lines.list, [json!({"a": 1}), json!({"a": 3}), json!({"a": 5})]);
        assert_eq!(lines.unread.len(), 2, "{:?}", lines.unread);
    }
}
