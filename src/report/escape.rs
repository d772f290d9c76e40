//! Text that stays text, whatever it is put into.

use crate::visible::{self, is_hidden};

/// For HTML, inside elements and quoted attributes.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // A browser shows the same; whoever looks at the text sees no line that is not ours.
            '\n' => out.push_str("&#10;"),
            character if is_hidden(character) => out.push('\u{fffd}'),
            character => out.push(character),
        }
    }
    out
}

/// For Markdown, inside paragraphs and table cells: one line without marks.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '>' | '!' => {
                out.push('\\');
                out.push(character);
            }
            character if is_hidden(character) => out.push('\u{fffd}'),
            character => out.push(character),
        }
    }
    // What would begin a list, or make a heading of the line above.
    if out.starts_with(['-', '+', '=']) {
        out.insert(0, '\\');
    }
    // A link that is recognised by itself.
    out.replace("://", "&#58;//")
}

/// For the inside of a Markdown code span, which knows no escapes: without back-ticks and line ends.
pub(super) fn code(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '`' => '\'',
            '\n' | '\r' | '\t' => ' ',
            character if is_hidden(character) => '\u{fffd}',
            character => character,
        })
        .collect()
}

/// For one field of a CSV line.
pub(super) fn csv(text: &str) -> String {
    let text = visible::cell(text);
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}
