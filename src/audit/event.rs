//! The bytes of one record → one [`Event`], borrowed from them.
//!
//! Every field but the time may be missing or null: it then reads as empty. A member of another type or in another place
//! is looked for there. A record cannot be read that is no value, has no time that is certain, or a member that holds what
//! is needed and stands for nothing known.

use super::columns::{self, Fields};
use super::entries::{Held, entries, row};
use super::json;
use super::operation::{as_azure_spells, is_name, is_of_one_secret};
use super::other_log::{OtherLog, other_log};
use super::partial::Partial;
use super::raw::Raw;
use super::spelled;
use super::status::Status;
use super::times::Times;
use super::uri::{Address, Named};
use crate::clock::Timestamp;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use uuid::Uuid;

/// One entry of the audit log; absent fields are empty.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    /// The time, as it stands in the log.
    pub(crate) time: Cow<'a, str>,
    /// The same, to compare.
    pub(crate) at: Timestamp,
    /// `SecretGet` and the like.
    pub(crate) operation: Cow<'a, str>,
    /// The caller's object id, in lower case; empty in the answers to requests without a token.
    pub(crate) oid: String,
    /// What tells the caller from others, in lower case: its object id, else the next best that the entry has. Empty
    /// where it has nothing but an address.
    pub(crate) caller: String,
    /// The application's id.
    pub(crate) appid: Cow<'a, str>,
    /// The person's sign-in name.
    pub(crate) upn: Cow<'a, str>,
    /// The Azure resource whose managed identity called.
    pub(crate) resource: Cow<'a, str>,
    /// The caller's address, without a port.
    pub(crate) ip: String,
    /// The request id the caller chose.
    pub(crate) correlation: Cow<'a, str>,
    /// The HTTP status, 0 where it is not known.
    pub(crate) status: u16,
    /// What the log has in place of a status, if that is none.
    pub(crate) odd_status: Option<String>,
    /// The caller's user agent.
    pub(crate) user_agent: Cow<'a, str>,
    /// The secret the request asked for.
    pub(crate) asked: Option<Named>,
    /// The secret the result is about.
    pub(crate) returned: Option<Named>,
    /// How many requests this stands for: more than one where a query engine drew them together.
    pub(crate) count: u64,
    /// The last of them, where there are several.
    pub(crate) last: Option<(String, Timestamp)>,
    /// Whether the record it stands in holds the whole batch that it came in, as others do that come from there.
    pub(crate) is_of_batch: bool,
    vault: String,
    host: String,
    /// Of which other log it is, if it is none of what was asked of a vault.
    pub(crate) other_log: Option<OtherLog>,
}

impl<'a> Event<'a> {
    /// # Errors
    /// If there is no time, or none that is certain, or a member that is needed cannot be read.
    pub(crate) fn new(fields: Fields<'a>, times: &Times) -> Result<Self, String> {
        let aside = if fields.operation.is_empty() { fields.aside } else { Cow::Borrowed("") };
        let request_uri = if aside.is_empty() { &fields.request_uri } else { &aside };
        let [request, result] = [request_uri, &fields.id].map(|uri| Address::read(uri));
        let operation = as_azure_spells(fields.operation);
        // Whatever log it says that it is of: what names a secret of a vault's is of nothing else. A subscription's log names
        // what was done there by a path, and has no address of a request.
        let host = request.host.or(result.host);
        let is_of_a_vault = host.is_some() && (request.named.is_some() || result.named.is_some());
        let other_log = other_log(&fields.category, &operation, &fields.metric).filter(|_| !is_of_a_vault);
        if let (None, Some(why)) = (&other_log, fields.unread) {
            return Err(why);
        }
        let (time, at) = times.read(fields.time).map_err(|why| why.to_string())?;
        let status = Status::read(&fields.status, &fields.signature);
        // `POST /secrets/restore` names no secret in its path: only the result does.
        let asked = request.named.filter(|_| operation != "SecretRestore");
        let oid = identifier(fields.oid).to_lowercase();
        let [appid, upn, resource] = [fields.appid, fields.upn, fields.resource].map(identifier);
        let best = [&*oid, &upn, &appid, &resource].into_iter().find(|id| !id.is_empty()).unwrap_or("");
        Ok(Self {
            at,
            time,
            caller: best.to_lowercase(),
            oid,
            appid,
            upn,
            resource,
            ip: address(&fields.address),
            correlation: fields.correlation,
            status: status.code,
            odd_status: status.odd,
            user_agent: fields.user_agent,
            asked,
            returned: result.named,
            count: 1,
            last: None,
            is_of_batch: false,
            vault: fields.resource_id.trim_end_matches('/').rsplit('/').next().unwrap_or("").to_ascii_lowercase(),
            host: host.unwrap_or_default(),
            other_log,
            operation,
        })
    }

    fn from_raw(raw: Raw<'a>, times: &Times) -> Result<Self, String> {
        let claim = raw.identity.0.claim.0;
        let properties = raw.properties.0;
        let fields = Fields {
            time: raw.time.0,
            resource_id: raw.resource_id.0,
            category: raw.category.0,
            operation: raw.operation_name.0,
            signature: raw.result_signature.0,
            status: properties.http_status_code.0,
            address: raw.caller_ip_address.0,
            correlation: raw.correlation_id.0,
            oid: first_of([claim.oid.0, claim.object_identifier.0]),
            appid: claim.appid.0,
            upn: first_of([claim.upn.0, claim.upn_long.0, claim.name_long.0]),
            resource: claim.resource.0,
            id: properties.id.0,
            request_uri: properties.request_uri.0,
            user_agent: properties.client_info.0,
            metric: Cow::Borrowed(""),
            aside: Cow::Borrowed(""),
            unread: None,
        };
        Self::new(fields, times)
    }

    /// Whether the request or the result names `secret` (lower case).
    pub(crate) fn names(&self, secret: &str) -> bool {
        [&self.asked, &self.returned].into_iter().flatten().any(|named| named.secret == secret)
    }

    pub(crate) fn names_no_secret(&self) -> bool {
        self.asked.is_none() && self.returned.is_none()
    }

    /// Whether it is of something that was done to one secret, and does not say to which.
    fn leaves_secret_open(&self) -> bool {
        let is_open = self.names_no_secret();
        // The request to restore a secret names none; its result does, if there is one.
        let names_none = || self.operation == "SecretRestore" && self.status >= 300;
        is_open && is_of_one_secret(self.operation.as_bytes()) && !names_none()
    }

    /// What must be known of it and is not: which secret it is about, or what was done to it.
    pub(crate) fn leaves_open(&self) -> Option<String> {
        if self.leaves_secret_open() {
            return Some("it does not say which secret it is about".to_owned());
        }
        if !columns::says_something(&self.operation) {
            return Some("it does not say what was done".to_owned());
        }
        let shown: String = self.operation.chars().filter(|char| !char.is_control()).take(60).collect();
        (!is_name(&self.operation)).then(|| format!("its operation `{shown}` is none of a vault's"))
    }

    /// The version that was returned, else the one that was asked for, else empty.
    pub(crate) fn version_of(&self, secret: &str) -> &str {
        let of_secret = |named: &&Named| named.secret == secret;
        let returned = self.returned.as_ref().filter(of_secret).and_then(|named| named.version.as_deref());
        let asked = self.asked.as_ref().filter(of_secret).and_then(|named| named.version.as_deref());
        returned.or(asked).unwrap_or("")
    }

    /// Whether the request itself named the version, rather than taking the newest.
    pub(crate) fn asked_by_number(&self) -> bool {
        self.asked.as_ref().is_some_and(|named| named.version.is_some())
    }

    /// The same, borrowed from nothing.
    pub(crate) fn to_owned_event(&self) -> Event<'static> {
        let owned = |text: &Cow<'_, str>| Cow::Owned(text.clone().into_owned());
        Event {
            time: owned(&self.time),
            at: self.at,
            operation: owned(&self.operation),
            oid: self.oid.clone(),
            caller: self.caller.clone(),
            appid: owned(&self.appid),
            upn: owned(&self.upn),
            resource: owned(&self.resource),
            ip: self.ip.clone(),
            correlation: owned(&self.correlation),
            status: self.status,
            odd_status: self.odd_status.clone(),
            user_agent: owned(&self.user_agent),
            asked: self.asked.clone(),
            returned: self.returned.clone(),
            count: self.count,
            last: self.last.clone(),
            is_of_batch: self.is_of_batch,
            vault: self.vault.clone(),
            host: self.host.clone(),
            other_log: self.other_log.clone(),
        }
    }

    /// The folder of a vault speaks for an entry that does not say itself of which one it is.
    pub(crate) fn lies_in_folder_of(&mut self, vault: &str) {
        if !self.names_vault() {
            vault.clone_into(&mut self.vault);
        }
    }

    /// Tells it from others, in little room.
    pub(crate) fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let named = [&self.asked, &self.returned].map(|named| named.as_ref().map(|named| &named.secret));
        (self.at.timestamp_millis(), &self.operation, &self.correlation, named, self.status, &self.caller)
            .hash(&mut hasher);
        hasher.finish()
    }

    /// The vault it says that it is of, by its resource, else by its host; empty where it says neither.
    pub(crate) fn vault_said(&self) -> &str {
        if self.vault.is_empty() { self.host.split('.').next().unwrap_or_default() } else { &self.vault }
    }

    /// Whether this entry says itself of which vault it is.
    pub(crate) fn names_vault(&self) -> bool {
        !self.vault.is_empty() || !self.host.is_empty()
    }

    /// Whether this entry is of `vault` (lower case), going by its resource, else by its host. An entry that says
    /// neither counts: the folder it lies in has spoken for it.
    pub(crate) fn is_of_vault(&self, vault: &str, vault_host: &str) -> bool {
        let in_another_cloud = cloud(&self.host).zip(cloud(vault_host)).is_some_and(|(own, other)| own != other);
        if self.other_log.is_some() || in_another_cloud {
            return false;
        }
        let host_matches = self.host == vault_host
            || self.host.split('.').next().is_some_and(|label| !label.is_empty() && label == vault);
        self.vault == vault || host_matches || !self.names_vault()
    }
}

/// In which of Azure's clouds a vault of this host is. The same name may be another's vault in each.
fn cloud(host: &str) -> Option<&'static str> {
    const CLOUDS: [&str; 4] = [".azure.net", ".azure.cn", ".usgovcloudapi.net", ".microsoftazure.de"];
    CLOUDS.into_iter().find(|cloud| host.ends_with(cloud))
}

/// Gives every event in `record` to `take`: usually one, more where entries were appended without a line break, or lie in
/// an envelope, which may say that it is not whole. A row of a table is a list of cells, for the columns that were given
/// before.
///
/// # Errors
/// Says in a few words why the record, or what is left of it, cannot be read; the events before were given.
pub(crate) fn read_events(
    record: &[u8],
    columns: &[String],
    times: &Times,
    take: &mut impl FnMut(Event<'_>),
) -> Result<Option<Partial>, String> {
    if let Ok(text) = std::str::from_utf8(record) {
        return read_text(text, columns, times, take);
    }
    // A caller chooses some of these bytes: bytes that are no text must not hide the rest of the entry.
    read_text(&String::from_utf8_lossy(record), columns, times, take)
}

fn read_text(
    text: &str,
    columns: &[String],
    times: &Times,
    take: &mut impl FnMut(Event<'_>),
) -> Result<Option<Partial>, String> {
    if !text.starts_with('{') {
        return read_odd(text, columns, times, take);
    }
    let mut raws = serde_json::Deserializer::from_str(text).into_iter::<Raw<'_>>();
    let mut partial = None;
    loop {
        let start = raws.byte_offset();
        match raws.next() {
            None => return Ok(partial),
            Some(Ok(raw)) if raw.is_whole() => take(Event::from_raw(raw, times)?),
            // In another shape: read again, slower.
            Some(Ok(_)) => {
                let end = raws.byte_offset();
                partial = read_odd(text.get(start..end).unwrap_or_default(), columns, times, take)?;
            }
            // In another spelling, perhaps: nothing of it was read.
            Some(Err(error)) if error.is_data() || start == 0 => {
                return read_odd(text.get(start..).unwrap_or_default(), columns, times, take);
            }
            Some(Err(error)) => return Err(describe_error(&error)),
        }
    }
}

/// Reads whatever holds entries, or is one in another shape: a name twice, members of other types,
/// other spellings of the whole.
fn read_odd(
    text: &str,
    columns: &[String],
    times: &Times,
    take: &mut impl FnMut(Event<'_>),
) -> Result<Option<Partial>, String> {
    let (values, error) = values(text);
    let mut said = None;
    for value in values {
        let Held { rows, unread, partial, of_batch } = match value {
            Value::Array(cells) if !columns.is_empty() => Held::of(row(columns, cells)?),
            value => entries(value),
        };
        if rows.is_empty() && unread.is_none() && partial.is_none() {
            return Err(NO_ENTRY.into());
        }
        for row in rows {
            let mut event = Event::new(columns::fields(&row), times)?;
            event.is_of_batch = of_batch;
            take(event);
        }
        unread.map_or(Ok(()), Err)?;
        said = partial;
    }
    error.map_or(Ok(said), Err)
}

/// The values in a text, and why the rest of it cannot be read.
fn values(text: &str) -> (Vec<Value>, Option<String>) {
    let mut values = Vec::new();
    let mut error = None;
    if text.starts_with(['{', '[', '"']) {
        let (read, why) = json::values(text);
        let twice = why.as_ref().and_then(json::twice);
        let is_settled = why.is_none() || twice.is_some() || !read.is_empty();
        (values, error) = (read, twice.or_else(|| why.as_ref().map(describe_error)));
        if is_settled {
            return (values, error);
        }
    }
    if let Some(decoded) = spelled::from_base64(text) {
        return (vec![Value::String(decoded)], None);
    }
    let begins_itself = text.starts_with('{');
    let behind_words = || spelled::behind_words(text).filter(|_| !begins_itself);
    match spelled::value(text).or_else(behind_words) {
        Some(value) => (vec![value], None),
        None => {
            let why = error.or_else(|| json::twice_in(text));
            (values, Some(why.unwrap_or_else(|| NO_ENTRY.to_owned())))
        }
    }
}

/// Why what was read whole stands for nothing.
pub(super) const NO_ENTRY: &str = "it is not an entry of the log";

fn describe_error(error: &serde_json::Error) -> String {
    if error.is_eof() {
        "it is cut off".into()
    } else {
        format!("it is not an entry of the log, at column {}", error.column())
    }
}

fn first_of<const N: usize>(texts: [Cow<'_, str>; N]) -> Cow<'_, str> {
    texts.into_iter().find(|text| columns::says_something(text)).unwrap_or_default()
}

/// An id or a name that an entry gives a caller; empty where a word stands for none. An id of the directory comes out in its
/// one spelling.
fn identifier(text: Cow<'_, str>) -> Cow<'_, str> {
    if is_plain_id(&text) || is_plain_name(&text) {
        return text;
    }
    let trimmed = text.trim();
    if is_partly_masked(trimmed) {
        return Cow::Borrowed("");
    }
    // What a template left, and what is cut off, tell nobody from others.
    let is_template = trimmed.starts_with("${") || trimmed.starts_with("{{");
    if !columns::says_something(trimmed) || is_template || trimmed.contains("...") || trimmed.contains('\u{2026}') {
        return Cow::Borrowed("");
    }
    let bare = trimmed.trim_start_matches('(').trim_end_matches(')');
    match Uuid::try_parse(bare) {
        Ok(id) => Cow::Owned(id.hyphenated().to_string()),
        _ if trimmed.len() == text.len() => text,
        _ => Cow::Owned(trimmed.to_owned()),
    }
}

/// Whether somebody hid a part of an id, so that several callers share what is left of it.
fn is_partly_masked(id: &str) -> bool {
    let longest = |of: fn(char) -> bool| id.split(|char| !of(char)).map(str::len).max().unwrap_or_default();
    let is_of_id = id.len() == 36 && id.matches('-').count() == 4;
    longest(|char| matches!(char, '*' | '#' | '\u{2022}' | '\u{25cf}')) > 2
        || (is_of_id && longest(|char| matches!(char, 'x' | 'X')) > 3)
}

/// Whether an id is spelled as nearly all are, and is not the one of nobody.
fn is_plain_id(id: &str) -> bool {
    let is_of_id = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    id.len() == 36 && id.bytes().enumerate().all(is_of_id) && id.bytes().any(|byte| byte != b'0' && byte != b'-')
}

/// Whether a long name is a path or of a person, and holds nothing that ids, masks, templates and words for nothing have.
fn is_plain_name(name: &str) -> bool {
    const LONGER_THAN_AN_ID: usize = 48;
    let is_of_names = |byte: &u8| byte.is_ascii_alphanumeric() || b"/@.-_".contains(byte);
    let has_marks = || name.starts_with('/') || name.contains('@');
    name.len() > LONGER_THAN_AN_ID && has_marks() && name.as_bytes().iter().all(is_of_names) && !name.contains("..")
}

/// An address in its one spelling, without a port: of IPv6 the short form, of an IPv4 address inside of one that itself.
fn address(text: &str) -> String {
    let text = text.trim();
    // An IPv4 address has one spelling only.
    if text.parse::<Ipv4Addr>().is_ok() {
        return text.to_owned();
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let without_zone = bare.split_once('%').map_or(bare, |(address, _)| address);
    let socket = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    match without_zone.parse::<IpAddr>().ok().or_else(socket) {
        Some(address) => address.to_canonical().to_string(),
        None if columns::says_something(bare) => bare.to_owned(),
        None => String::new(),
    }
}
