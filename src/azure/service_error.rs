//! What an Azure service says is wrong: the body `{"error": {"code": …, "message": …}}`, read in one place.

use crate::told::told;
use serde::Deserialize;
use serde_json::Value;

/// An error in a service's own words, as far as they may be repeated. What it leaves out, or leaves empty, is nothing
/// here.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Value")]
pub(super) struct ServiceError {
    pub(super) code: Option<String>,
    message: Option<String>,
    inner: Option<Box<ServiceError>>,
    details: Vec<ServiceError>,
}

impl From<Value> for ServiceError {
    fn from(value: Value) -> Self {
        Self::of(&value)
    }
}

impl ServiceError {
    fn of(value: &Value) -> Self {
        let text = |name| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(told);
        let inner = value.get("innererror").or_else(|| value.get("innerError")).filter(|inner| inner.is_object());
        let details = value.get("details").and_then(Value::as_array);
        Self {
            code: text("code"),
            message: text("message"),
            inner: inner.map(|inner| Box::new(Self::of(inner))),
            details: details.into_iter().flatten().map(Self::of).collect(),
        }
    }

    /// Reads a body; nothing if it is none of this form.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        body.get("error").filter(|error| error.is_object()).map(Self::of)
    }

    /// The code that tells most: the inner one, where there is one. The outer one is generic.
    pub(super) fn precise_code(&self) -> Option<&str> {
        self.inner.as_ref().and_then(|inner| inner.code.as_deref()).or(self.code.as_deref())
    }

    /// The first line of its message.
    pub(super) fn first_line(&self) -> Option<&str> {
        self.message.as_ref()?.lines().next().map(str::trim).filter(|line| !line.is_empty())
    }

    /// What follows these words in one of its message's lines: an address, nothing else.
    pub(super) fn address(&self, begins: &str) -> Option<String> {
        let said = self.message.as_ref()?.lines().find_map(|line| line.trim().strip_prefix(begins))?;
        let is_address = |letter: char| letter.is_ascii_hexdigit() || ".:/".contains(letter);
        Some(said.trim().to_owned()).filter(|said| !said.is_empty() && said.len() <= 50 && said.chars().all(is_address))
    }

    /// Every code and message, the outer ones first.
    pub(super) fn told(&self) -> Vec<String> {
        let own = match (&self.code, &self.message) {
            (Some(code), Some(message)) => Some(format!("{code}: {message}")),
            (Some(only), None) | (None, Some(only)) => Some(only.clone()),
            (None, None) => None,
        };
        let inner = self.inner.iter().flat_map(|inner| inner.told());
        own.into_iter().chain(inner).chain(self.details.iter().flat_map(Self::told)).collect()
    }

    /// Whether one of these words stands in anything of it.
    pub(super) fn says(&self, words: &[&str]) -> bool {
        self.told().iter().any(|text| words.iter().any(|word| text.contains(word)))
    }
}

/// An answer in short: `403 ForbiddenByRbac`.
pub(super) fn in_short(status: u16, code: Option<&str>) -> String {
    code.map_or_else(|| status.to_string(), |code| format!("{status} {code}"))
}
