//! A dictionary or list as Python prints it → the JSON value it stands for, where that is certain.
//!
//! Scripts that print an entry instead of writing JSON leave this behind. Whatever else Python prints, objects of classes
//! and the like, stands for nothing here.

use serde_json::{Map, Number, Value};

/// As deep as anything that an entry holds.
const DEEPEST: usize = 32;

/// The value, if the text is one and nothing more.
pub(super) fn value(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text.trim() };
    let value = reader.value(DEEPEST)?;
    reader.rest.trim_start().is_empty().then_some(value)
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn value(&mut self, deeper: usize) -> Option<Value> {
        let deeper = deeper.checked_sub(1)?;
        self.rest = self.rest.trim_start();
        for (word, value) in [("None", Value::Null), ("True", Value::Bool(true)), ("False", Value::Bool(false))] {
            if self.takes(word) {
                return Some(value);
            }
        }
        match self.rest.chars().next()? {
            '{' => self.dictionary(deeper).map(Value::Object),
            '[' => self.list(']', deeper).map(Value::Array),
            '(' => self.list(')', deeper).map(Value::Array),
            '\'' | '"' | 'u' => self.text().map(Value::String),
            _ => self.number().map(Value::Number),
        }
    }

    fn dictionary(&mut self, deeper: usize) -> Option<Map<String, Value>> {
        let mut members = Map::new();
        self.takes("{");
        while !self.takes("}") {
            let name = self.text()?;
            self.takes(":").then_some(())?;
            let value = self.value(deeper)?;
            let earlier = members.insert(name, value.clone());
            // No dictionary of Python's has a name twice.
            earlier.is_none_or(|earlier| earlier == value).then_some(())?;
            self.ends_item("}")?;
        }
        Some(members)
    }

    fn list(&mut self, end: char, deeper: usize) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        self.rest = self.rest.get(1..)?;
        let end = end.to_string();
        while !self.takes(&end) {
            values.push(self.value(deeper)?);
            self.ends_item(&end)?;
        }
        Some(values)
    }

    /// A comma, or the end, which is left where it is.
    fn ends_item(&mut self, end: &str) -> Option<()> {
        (self.takes(",") || self.rest.starts_with(end)).then_some(())
    }

    fn text(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start();
        self.rest = self.rest.strip_prefix('u').unwrap_or(self.rest);
        let quote = self.rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, char)) = chars.next() {
            match char {
                '\\' => text.push(match chars.next()?.1 {
                    char @ ('\\' | '\'' | '"') => char,
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    // What else Python escapes is no character of an address or an id: something else wrote this.
                    _ => return None,
                }),
                char if char == quote => {
                    self.rest = self.rest.get(at + 1..)?;
                    return Some(text);
                }
                char => text.push(char),
            }
        }
        None
    }

    fn number(&mut self) -> Option<Number> {
        let end = self.rest.find([',', '}', ']', ')', ':']).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at_checked(end)?;
        let number = number.trim().parse().ok()?;
        self.rest = rest;
        Some(number)
    }

    /// Passes over what is awaited, and the white space before it, if it is there.
    fn takes(&mut self, awaited: &str) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(awaited);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}
