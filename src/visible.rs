//! What others wrote, fit to be seen: no character of it acts in place of being seen.
//!
//! A terminal, a chat, a mail reader and a browser obey some characters: escapes move the cursor and colour what stands
//! there, marks of direction turn a line around, characters without width hide in a name, a line end begins a line that
//! looks like one of ours. [`is_hidden`] is the one answer to which these are; whoever shows text goes through it.

/// Whether a reader would not see it for what it is: controls (7 and 8 bits), format characters with all marks of
/// direction, separators of lines and paragraphs, whatever Unicode lets a display leave out, and what is no character.
pub fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            // Braille without a dot: a letter that nobody sees.
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    ) || u32::from(character) & 0xfffe == 0xfffe
}

/// One line, whatever stands in it: line ends are written as `\n` and `\r`, a tab is a space, and every other hidden
/// character is seen as U+FFFD.
pub fn line(text: &str) -> String {
    if !text.contains(is_hidden) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push(' '),
            hidden if is_hidden(hidden) => shown.push('\u{fffd}'),
            seen => shown.push(seen),
        }
    }
    shown
}

/// JSON of the same meaning, in which nothing but its own line ends is hidden.
pub fn json(text: &str) -> String {
    if !text.contains(|character| is_hidden(character) && character != '\n') {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 32);
    for character in text.chars() {
        if is_hidden(character) && character != '\n' {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A text as a cell of a table that a spreadsheet may open: one that would be a formula there, after spaces or in wide
/// letters too, is a text.
pub fn cell(text: &str) -> String {
    let begins = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let is_formula = begins || text.starts_with(['\t', '\r', '\n']);
    let clean = line(text);
    if is_formula { format!("'{clean}") } else { clean }
}

#[cfg(test)]
mod tests {
    use super::{is_hidden, json, line};
    use proptest::prelude::*;
    use regex::Regex;

    #[test]
    fn hidden_is_what_unicode_says_and_no_letter() {
        let unicode = Regex::new(r"^[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]$").unwrap();
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let number = u32::from(character);
            let is_none = number == 0x2800 || (0xfdd0..=0xfdef).contains(&number) || number & 0xfffe == 0xfffe;
            let expected = is_none || unicode.is_match(character.encode_utf8(&mut [0; 4]));
            assert_eq!(is_hidden(character), expected, "U+{number:04X}");
        }
    }

    #[test]
    fn the_words_of_all_languages_stay() {
        for own in ["✓ ✗ ‼ … ━─ ╭│╰ ×", "Müller, Ελένη, Иван, 王伟, みさき, محمد, שרה", "a b\u{a0}c"]
        {
            assert_eq!(line(own), own);
        }
        assert_eq!(line("x\nerror: \u{1b}[31m\u{9b}2J\u{202e}\t"), "x\\nerror: \u{fffd}[31m\u{fffd}2J\u{fffd} ");
    }

    proptest! {
        #[test]
        fn nothing_hidden_comes_through(text in any::<String>()) {
            prop_assert!(!line(&text).contains(is_hidden));
            prop_assert!(!line(&line(&text)).contains(is_hidden));
            let seen: String = text.chars().filter(|character| !is_hidden(*character)).collect();
            prop_assert_eq!(line(&seen), seen);
        }

        #[test]
        fn json_keeps_its_meaning(text in any::<String>(), key in any::<String>()) {
            let value = serde_json::json!({ key: [text, 1, null] });
            let shown = json(&serde_json::to_string_pretty(&value).unwrap());
            prop_assert!(!shown.contains(|character| is_hidden(character) && character != '\n'));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }
}
