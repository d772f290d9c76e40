//! The bytes of one record → one [`Event`], borrowed from them.
//!
//! Every field but the time may be missing, null or of another type: it then reads as empty. The only record that
//! cannot be read is one that is not JSON, or has no time.

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
    vault: String,
    host: String,
}

impl<'a> Event<'a> {
    fn from_raw(raw: Raw<'a>) -> Result<Self, &'static str> {
        let time = raw.time.0;
        let at = DateTime::parse_from_rfc3339(time.trim()).map_err(|_| "it has no time that can be read")?;
        let claim = raw.identity.0.claim.0;
        let properties = raw.properties.0;
        let operation = raw.operation_name.0;
        // `POST /secrets/restore` names no secret in its path: only the result does.
        let asked = if operation == "SecretRestore" { None } else { secret_named(&properties.request_uri.0) };
        let host = host_of(&properties.request_uri.0).or_else(|| host_of(&properties.id.0)).unwrap_or("");
        Ok(Self {
            at: at.with_timezone(&Utc),
            time,
            oid: first_of([claim.oid, claim.object_identifier]).to_lowercase(),
            appid: claim.appid.0,
            upn: first_of([claim.upn, claim.upn_long, claim.name_long]),
            resource: claim.resource.0,
            ip: without_port(&raw.caller_ip_address.0),
            correlation: raw.correlation_id.0,
            status: status_of(&properties.http_status_code.0, &raw.result_signature.0),
            user_agent: properties.client_info.0,
            asked,
            returned: secret_named(&properties.id.0),
            vault: raw.resource_id.0.rsplit('/').next().unwrap_or("").to_lowercase(),
            host: host.to_lowercase(),
            operation,
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
    for raw in serde_json::Deserializer::from_str(text).into_iter::<Raw<'_>>() {
        let raw = raw.map_err(|error| describe_error(&error))?;
        take(&Event::from_raw(raw)?);
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
