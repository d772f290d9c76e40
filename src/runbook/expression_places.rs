//! Where the parts of an expression stand in its source. The parser does not say, so the words of the source are held
//! against the names and values of the parsed expression, both in the order in which they are written.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use std::collections::HashMap;
use std::ops::Range;

/// The place of every part that was found again, by the part's number.
#[derive(Debug)]
pub(super) struct Places(HashMap<u64, Range<usize>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Text,
    Number,
}

struct Finder<'a> {
    source: &'a str,
    tokens: Vec<(Token<'a>, Range<usize>)>,
    /// The first token that was not met yet.
    next: usize,
    found: HashMap<u64, Range<usize>>,
}

impl Places {
    pub(super) fn find(source: &str, tree: &IdedExpr) -> Self {
        let mut finder = Finder { source, tokens: tokens(source), next: 0, found: HashMap::new() };
        finder.walk(tree);
        Self(finder.found)
    }

    pub(super) fn of(&self, part: &IdedExpr) -> Option<Range<usize>> {
        self.0.get(&part.id).cloned()
    }
}

impl Finder<'_> {
    /// The next token of a kind; those before it are passed over.
    fn advance(&mut self, wanted: Token<'_>) -> Option<Range<usize>> {
        let rest = self.tokens.get(self.next..)?;
        let at = rest.iter().position(|(token, _)| *token == wanted)?;
        let place = rest.get(at).map(|(_, place)| place.clone());
        self.next += at + 1;
        place
    }

    fn walk(&mut self, part: &IdedExpr) -> Option<Range<usize>> {
        let place = match &part.expr {
            Expr::Ident(name) if name.starts_with('@') => None,
            Expr::Ident(name) => self.advance(Token::Word(name)),
            Expr::Literal(literal) => self.advance(match literal {
                LiteralValue::Boolean(value) => Token::Word(if *value.inner() { "true" } else { "false" }),
                LiteralValue::Null => Token::Word("null"),
                LiteralValue::String(_) | LiteralValue::Bytes(_) => Token::Text,
                LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Token::Number,
            }),
            Expr::Select(select) => {
                let owner = self.walk(&select.operand);
                joined(owner, self.advance(Token::Word(&select.field)))
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(parts) => {
                let range = self.walk(&parts.iter_range);
                let step = self.walk(&parts.loop_step);
                self.closed(joined(range, step))
            }
            Expr::List(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                let mut place = None;
                for child in children(part) {
                    place = joined(place, self.walk(child));
                }
                place
            }
        };
        if let Some(place) = &place {
            self.found.insert(part.id, place.clone());
        }
        place
    }

    fn call(&mut self, call: &CallExpr) -> Option<Range<usize>> {
        if is_counting(call) {
            return None;
        }
        let mut place = call.target.as_ref().and_then(|target| self.walk(target));
        let is_operator = !call.func_name.starts_with(|first: char| first.is_ascii_alphabetic());
        if !is_operator {
            place = joined(place, self.advance(Token::Word(&call.func_name)));
        }
        for argument in &call.args {
            place = joined(place, self.walk(argument));
        }
        if is_operator { place } else { self.closed(place) }
    }

    /// A place with the bracket that closes it.
    fn closed(&self, place: Option<Range<usize>>) -> Option<Range<usize>> {
        let place = place?;
        let rest = self.source.get(place.end..).unwrap_or_default();
        let closing = ["()", ")"].into_iter().find(|closing| rest.starts_with(closing)).map_or(0, str::len);
        Some(place.start..place.end + closing)
    }
}

/// What `exists_one` counts with, which nobody wrote.
fn is_counting(call: &CallExpr) -> bool {
    let (Some(first), Some(second)) = (call.args.first(), call.args.get(1)) else { return false };
    call.func_name == operators::ADD
        && matches!(&first.expr, Expr::Ident(name) if name.starts_with('@'))
        && matches!(second.expr, Expr::Literal(_))
}

fn joined(one: Option<Range<usize>>, other: Option<Range<usize>>) -> Option<Range<usize>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.start.min(other.start)..one.end.max(other.end)),
        (one, other) => one.or(other),
    }
}

/// The words, texts and numbers of a source.
fn tokens(source: &str) -> Vec<(Token<'_>, Range<usize>)> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut found = Vec::new();
    let mut at = 0;
    let mut raw = false;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or_default();
        let length = match first {
            '"' | '\'' => text_length(rest, first, raw),
            _ if is_word(first) => rest.find(|letter: char| !is_word(letter)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let piece = rest.get(..length).unwrap_or_default();
        let token = match first {
            '"' | '\'' => Some(Token::Text),
            _ if first.is_ascii_digit() => Some(Token::Number),
            _ if is_word(first) => Some(Token::Word(piece)),
            _ => None,
        };
        raw = matches!(piece, "r" | "R" | "br" | "rb" | "bR" | "Br" | "BR" | "Rb" | "rB" | "RB");
        found.extend(token.map(|token| (token, at..at + length)));
        at += length;
    }
    // `1.5` was read as two numbers; the second is a part of the first.
    found.dedup_by(|later, earlier| {
        let joins = later.0 == Token::Number && earlier.0 == Token::Number && later.1.start == earlier.1.end + 1;
        if joins {
            earlier.1.end = later.1.end;
        }
        joins
    });
    found
}

/// How long a quoted text is, its quotes included.
fn text_length(text: &str, quote: char, raw: bool) -> usize {
    let three: String = std::iter::repeat_n(quote, 3).collect();
    let (open, close) = if text.starts_with(&three) { (3, three.as_str()) } else { (1, &three[..1]) };
    let mut at = open;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(close) {
            return at + close.len();
        }
        let escaped = !raw && rest.starts_with('\\');
        let skipped = if escaped { 2 } else { 1 };
        at += rest.chars().take(skipped).map(char::len_utf8).sum::<usize>();
    }
    text.len()
}

/// The parts of an expression, one level down.
pub(super) fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    fn entry(entry: &EntryExpr) -> Vec<&IdedExpr> {
        match entry {
            EntryExpr::StructField(field) => vec![&field.value],
            EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
        }
    }
    match &expression.expr {
        Expr::Select(select) => vec![&select.operand],
        Expr::Call(call) => call.target.iter().map(AsRef::as_ref).chain(&call.args).collect(),
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|part| entry(&part.expr)).collect(),
        Expr::Struct(fields) => fields.entries.iter().flat_map(|part| entry(&part.expr)).collect(),
        Expr::Comprehension(parts) => {
            vec![&parts.iter_range, &parts.accu_init, &parts.loop_cond, &parts.loop_step, &parts.result]
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Vec::new(),
    }
}
