//! An entry in the one shape that Azure's archive has, borrowed from its bytes.
//!
//! Only this shape is read so fast. A member of another type, or one that is there twice, is an error of the data, and the
//! entry is then read as a row of columns, whose members may be anything.

use super::naming::says_something;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw<'a> {
    #[serde(borrow, default)]
    pub(super) time: Text<'a>,
    #[serde(borrow, default)]
    pub(super) resource_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) category: Text<'a>,
    #[serde(borrow, default)]
    pub(super) operation_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) result_signature: Text<'a>,
    #[serde(borrow, default)]
    pub(super) caller_ip_address: Text<'a>,
    #[serde(borrow, default)]
    pub(super) correlation_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) identity: Object<Identity<'a>>,
    #[serde(borrow, default)]
    pub(super) properties: Object<Properties<'a>>,
}

impl Raw<'_> {
    /// Whether the entry has all that entries have, under the names that Azure gives them. If not, it may have it elsewhere.
    pub(super) fn is_whole(&self) -> bool {
        let Claim { oid, object_identifier, .. } = &self.identity.0.claim.0;
        let properties = &self.properties.0;
        let all = [&self.time, &self.operation_name, &self.caller_ip_address];
        // JSON as text.
        let is_json = |text: &Text<'_>| text.0.contains('"');
        if all.into_iter().chain([oid, object_identifier, &properties.id, &properties.request_uri]).any(is_json) {
            return false;
        }
        all.into_iter().all(|text| !text.0.is_empty())
            && says_something(&self.caller_ip_address.0)
            && (says_something(&oid.0) || says_something(&object_identifier.0))
            && (!properties.id.0.is_empty() || !properties.request_uri.0.is_empty())
    }
}

#[derive(Deserialize, Default)]
pub(super) struct Identity<'a> {
    #[serde(borrow, default)]
    pub(super) claim: Object<Claim<'a>>,
}

#[derive(Deserialize, Default)]
pub(super) struct Claim<'a> {
    #[serde(borrow, default)]
    pub(super) oid: Text<'a>,
    #[serde(borrow, default, rename = "http://schemas.microsoft.com/identity/claims/objectidentifier")]
    pub(super) object_identifier: Text<'a>,
    #[serde(borrow, default)]
    pub(super) appid: Text<'a>,
    #[serde(borrow, default)]
    pub(super) upn: Text<'a>,
    #[serde(borrow, default, rename = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn")]
    pub(super) upn_long: Text<'a>,
    #[serde(borrow, default, rename = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name")]
    pub(super) name_long: Text<'a>,
    #[serde(borrow, default, rename = "xms_mirid")]
    pub(super) resource: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Properties<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) client_info: Text<'a>,
    #[serde(borrow, default)]
    pub(super) request_uri: Text<'a>,
    #[serde(borrow, default)]
    pub(super) http_status_code: Text<'a>,
}

/// Text, or a number read as text. Whatever else it is, is read the slower way.
#[derive(Default)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

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
}

/// A JSON object read as `T`; nothing reads as the empty one, and whatever else is read the slower way.
#[derive(Default)]
pub(super) struct Object<T>(pub(super) T);

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
    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }
}
