//! Bytes become the JSON documents of a report.

use crate::failure::Failure;
use serde_json::Value;
use zeroize::Zeroizing;

/// The report as text. A shell may have written it as UTF-16.
pub(super) fn decode(bytes: &[u8]) -> Result<Zeroizing<String>, Failure> {
    let wide = |rest: &[u8], join: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).filter_map(|pair| Some(join(pair.try_into().ok()?))).collect();
        String::from_utf16(&units).ok()
    };
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => std::str::from_utf8(rest).ok().map(str::to_owned),
        bytes => std::str::from_utf8(bytes).ok().map(str::to_owned),
    };
    text.map(Zeroizing::new).ok_or_else(|| Failure::refused("the report is not text"))
}

/// The JSON documents in a text: one, or one a line. Lines of a log between them are passed over.
pub(super) fn documents(text: &str) -> Result<Vec<Value>, Failure> {
    if text.trim().is_empty() {
        return Err(Failure::refused("the report is empty").help("a scanner that found nothing leaves nothing to do"));
    }
    let whole = match serde_json::from_str(text) {
        Ok(document) => return Ok(vec![document]),
        Err(error) => error,
    };
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with('{'));
    let documents: Vec<Value> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    if documents.is_empty() {
        // The reader's own words name a place, and never what stands there.
        let why = format!(
            "line {}, column {}: it breaks off, is no JSON, or is nested too deep",
            whole.line(),
            whole.column()
        );
        return Err(Failure::refused("the report cannot be read").because(why).help("write it anew with the scanner"));
    }
    Ok(documents)
}
