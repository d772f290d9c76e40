//! The bytes of one record → one [`Event`], borrowed from them.
//!
//! Every field but the time may be missing, null or of another type: it then reads as empty. The only record that
//! cannot be read is one that is not JSON, or has no time.

use super::columns::{self, Fields};
use super::uri::{Named, host_of, secret_named};
use crate::clock::Timestamp;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;

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
    /// The HTTP status, 0 where the log has none.
    pub(crate) status: u16,
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
    vault: String,
    host: String,
}

impl<'a> Event<'a> {
    /// # Errors
    /// If there is no time that can be read.
    pub(crate) fn new(fields: Fields<'a>) -> Result<Self, &'static str> {
        let at = DateTime::parse_from_rfc3339(fields.time.trim()).map_err(|_| "it has no time that can be read")?;
        // `POST /secrets/restore` names no secret in its path: only the result does.
        let asked = if fields.operation == "SecretRestore" { None } else { secret_named(&fields.request_uri) };
        let host = host_of(&fields.request_uri).or_else(|| host_of(&fields.id)).unwrap_or("");
        Ok(Self {
            at: at.with_timezone(&Utc),
            time: fields.time,
            oid: fields.oid.to_lowercase(),
            appid: fields.appid,
            upn: fields.upn,
            resource: fields.resource,
            ip: without_port(&fields.address),
            correlation: fields.correlation,
            status: status_of(&fields.status, &fields.signature),
            user_agent: fields.user_agent,
            asked,
            returned: secret_named(&fields.id),
            count: 1,
            last: None,
            vault: fields.resource_id.rsplit('/').next().unwrap_or("").to_lowercase(),
            host: host.to_lowercase(),
            operation: fields.operation,
        })
    }

    fn from_raw(raw: Raw<'a>) -> Result<Self, &'static str> {
        let claim = raw.identity.0.claim.0;
        let properties = raw.properties.0;
        Self::new(Fields {
            time: raw.time.0,
            resource_id: raw.resource_id.0,
            operation: raw.operation_name.0,
            signature: raw.result_signature.0,
            status: properties.http_status_code.0,
            address: raw.caller_ip_address.0,
            correlation: raw.correlation_id.0,
            oid: first_of([claim.oid, claim.object_identifier]),
            appid: claim.appid.0,
            upn: first_of([claim.upn, claim.upn_long, claim.name_long]),
            resource: claim.resource.0,
            id: properties.id.0,
            request_uri: properties.request_uri.0,
            user_agent: properties.client_info.0,
        })
    }

    /// Whether the request or the result names `secret` (lower case).
    pub(crate) fn names(&self, secret: &str) -> bool {
        [&self.asked, &self.returned].into_iter().flatten().any(|named| named.secret == secret)
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
            appid: owned(&self.appid),
            upn: owned(&self.upn),
            resource: owned(&self.resource),
            ip: self.ip.clone(),
            correlation: owned(&self.correlation),
            status: self.status,
            user_agent: owned(&self.user_agent),
            asked: self.asked.clone(),
            returned: self.returned.clone(),
            count: self.count,
            last: self.last.clone(),
            vault: self.vault.clone(),
            host: self.host.clone(),
        }
    }

    /// Whether this entry is of `vault` (lower case), going by its resource, else by its host. An entry that says
    /// neither counts: the folder it lies in has spoken for it.
    pub(crate) fn is_of_vault(&self, vault: &str, vault_host: &str) -> bool {
        let host_matches = self.host == vault_host
            || self.host.split('.').next().is_some_and(|label| !label.is_empty() && label == vault);
        self.vault == vault || host_matches || (self.vault.is_empty() && self.host.is_empty())
    }
}

/// Gives every event in `record` to `take`: usually one, more where entries were appended without a line break.
///
/// # Errors
/// Says in a few words why the record, or what is left of it, cannot be read; the events before were given.
pub(crate) fn read_events(record: &[u8], take: &mut impl FnMut(&Event<'_>)) -> Result<u64, String> {
    if let Ok(text) = std::str::from_utf8(record) {
        return read_text(text, take);
    }
    // A caller chooses some of these bytes: bytes that are no text must not hide the rest of the entry.
    read_text(&String::from_utf8_lossy(record), take)
}

fn read_text(text: &str, take: &mut impl FnMut(&Event<'_>)) -> Result<u64, String> {
    let mut count = 0;
    let mut entries = serde_json::Deserializer::from_str(text).into_iter::<Raw<'_>>();
    loop {
        let start = entries.byte_offset();
        match entries.next() {
            None => return Ok(count),
            Some(Ok(raw)) if !raw.time.0.is_empty() => take(&Event::from_raw(raw)?),
            // Named twice, or in a table's shape: read again, slower, from there on.
            Some(Ok(_)) => {
                let end = entries.byte_offset();
                read_odd(text.get(start..end).unwrap_or_default(), take)?;
            }
            Some(Err(error)) if error.is_data() => {
                return read_odd(text.get(start..).unwrap_or_default(), take).map(|more| count + more);
            }
            Some(Err(error)) => return Err(describe_error(&error)),
        }
        count += 1;
    }
}

/// Reads entries that repeat a name (the last one counts) or are rows of a table.
fn read_odd(text: &str, take: &mut impl FnMut(&Event<'_>)) -> Result<u64, String> {
    let mut count = 0;
    for row in serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>() {
        let row = row.map_err(|error| describe_error(&error))?;
        let serde_json::Value::Object(row) = row else { return Err("it is not an entry of the log".into()) };
        take(&Event::new(columns::fields(&row))?);
        count += 1;
    }
    Ok(count)
}

fn describe_error(error: &serde_json::Error) -> String {
    if error.is_eof() {
        "it is cut off".into()
    } else {
        format!("it is not an entry of the log, at column {}", error.column())
    }
}

fn first_of<'a, const N: usize>(texts: [Text<'a>; N]) -> Cow<'a, str> {
    texts.into_iter().map(|text| text.0).find(|text| !text.is_empty()).unwrap_or_default()
}

fn without_port(address: &str) -> String {
    let address = address.trim();
    if let Ok(socket) = address.parse::<SocketAddr>() {
        return socket.ip().to_string();
    }
    address.trim_start_matches('[').trim_end_matches(']').to_owned()
}

fn status_of(code: &str, signature: &str) -> u16 {
    code.trim().parse().unwrap_or(match signature {
        "OK" => 200,
        "Unauthorized" => 401,
        "Forbidden" => 403,
        "Not Found" => 404,
        _ => 0,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow, default)]
    time: Text<'a>,
    #[serde(borrow, default)]
    resource_id: Text<'a>,
    #[serde(borrow, default)]
    operation_name: Text<'a>,
    #[serde(borrow, default)]
    result_signature: Text<'a>,
    #[serde(borrow, default)]
    caller_ip_address: Text<'a>,
    #[serde(borrow, default)]
    correlation_id: Text<'a>,
    #[serde(borrow, default)]
    identity: Object<Identity<'a>>,
    #[serde(borrow, default)]
    properties: Object<Properties<'a>>,
}

#[derive(Deserialize, Default)]
struct Identity<'a> {
    #[serde(borrow, default)]
    claim: Object<Claim<'a>>,
}

#[derive(Deserialize, Default)]
struct Claim<'a> {
    #[serde(borrow, default)]
    oid: Text<'a>,
    #[serde(borrow, default, rename = "http://schemas.microsoft.com/identity/claims/objectidentifier")]
    object_identifier: Text<'a>,
    #[serde(borrow, default)]
    appid: Text<'a>,
    #[serde(borrow, default)]
    upn: Text<'a>,
    #[serde(borrow, default, rename = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn")]
    upn_long: Text<'a>,
    #[serde(borrow, default, rename = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name")]
    name_long: Text<'a>,
    #[serde(borrow, default, rename = "xms_mirid")]
    resource: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    client_info: Text<'a>,
    #[serde(borrow, default)]
    request_uri: Text<'a>,
    #[serde(borrow, default)]
    http_status_code: Text<'a>,
}

/// Text, or a number or truth value read as text; anything else reads as empty.
#[derive(Default)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Cow<'de, str> = deserializer.deserialize_any(TextVisitor)?;
        Ok(Text(text))
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text")
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_string()))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_string()))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_string()))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_string()))
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cow::Borrowed(""))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cow::Borrowed(""))
    }
}

/// A JSON object read as `T`; anything else reads as the empty one.
#[derive(Default)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor(PhantomData)).map(Object)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<T, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }
}
