//! Where a listing goes on: the `$skiptoken` of a next link, and the link itself.
//!
//! The token names the first row of the next page, not a number of rows, so a page can be empty and still have a
//! next link. It is opaque to clients; its form is Azure's all the same, because scanners and logs meet it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Value, json};

const NEVER: &str = "9999-12-31T23:59:59.9999999Z";

/// The first row of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// The row: `NAME` or `NAME/VERSION`, upper-cased.
    pub(crate) row: String,
    /// The empty page in front of this one has been given out.
    pub(crate) after_empty_page: bool,
}

impl Marker {
    pub(crate) fn encode(&self) -> String {
        let row = format!("secret/{}", self.row);
        let inner = STANDARD.encode(format!("{:06}!{row}!{:06}!{NEVER}!", row.len(), NEVER.len())).replace('=', "-");
        let outer = json!({
            "NextMarker": format!("2!{}!{inner}", inner.len()),
            "TargetLocation": u8::from(self.after_empty_page),
        });
        STANDARD_NO_PAD.encode(outer.to_string())
    }

    /// Reads a token back; nothing if it is not one of ours.
    pub(crate) fn decode(token: &str) -> Option<Self> {
        let outer: Value = serde_json::from_slice(&STANDARD_NO_PAD.decode(token).ok()?).ok()?;
        let inner = outer.get("NextMarker")?.as_str()?.splitn(3, '!').nth(2)?.replace('-', "=");
        let text = String::from_utf8(STANDARD.decode(inner).ok()?).ok()?;
        let row = text.split('!').nth(1)?.strip_prefix("secret/")?.to_owned();
        let after_empty_page = outer.get("TargetLocation").and_then(Value::as_u64) == Some(1);
        Some(Self { row, after_empty_page })
    }
}

/// What a client asked of a listing.
#[derive(Clone, Debug)]
pub(crate) struct PageRequest {
    /// `https://kv-drill.vault.azure.net:443/secrets`: what the next link starts with.
    pub(crate) link_base: String,
    pub(crate) api_version: String,
    /// Rows a page, if the client said so.
    pub(crate) asked_size: Option<usize>,
    pub(crate) marker: Option<Marker>,
}

/// The most rows a page can have, and its size where nothing is asked.
pub(crate) const LARGEST_PAGE: usize = 25;

impl PageRequest {
    pub(crate) fn size(&self) -> usize {
        self.asked_size.unwrap_or(LARGEST_PAGE)
    }

    /// The empty page that comes before the asked one, if the vault is set to give such pages and this one was not
    /// given yet.
    pub(crate) fn empty_page(&self, wanted: bool, first_row: Option<String>) -> Option<Value> {
        let given = self.marker.as_ref().is_some_and(|marker| marker.after_empty_page);
        let row = first_row.filter(|_| wanted && !given)?;
        Some(self.page(Vec::new(), Some(&Marker { row, after_empty_page: true })))
    }

    /// A page: both members are always there.
    pub(crate) fn page(&self, rows: Vec<Value>, next: Option<&Marker>) -> Value {
        json!({ "value": rows, "nextLink": next.map(|marker| self.link(marker)) })
    }

    fn link(&self, marker: &Marker) -> String {
        let mut link = format!("{}?api-version={}&$skiptoken={}", self.link_base, self.api_version, marker.encode());
        if let Some(size) = self.asked_size {
            link.push_str(&format!("&maxresults={size}"));
        }
        link
    }
}
