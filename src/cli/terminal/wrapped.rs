//! Texts that are read whole, however narrow the terminal is.

/// A text in lines of at most so many columns, each below the first word of its own: no terminal cuts it.
pub(super) fn wrapped(text: &str, columns: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len() + 2;
        let mut column = columns;
        for word in line.split_whitespace() {
            let length = word.chars().count();
            // What is longer than a line begins where it stands, and is left to the terminal, so that it can be copied.
            let fits = column + 1 + length < columns;
            if column == columns || !fits && indent + length < columns {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column = (column + length) % columns.max(1);
        }
        if column == columns {
            out.push('\n');
        }
    }
    out
}
