//! A text of JSON → its value, unless a name stands twice in an object with different content.
//!
//! JSON leaves open which of the two counts, and readers differ: whoever writes both shows each reader another entry.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// A value in which every name stands once, or says the same each time.
pub(super) struct Once(pub(super) Value);

/// The one value that a text is.
///
/// # Errors
/// If it is none. [`twice`] tells those that have a name twice.
pub(super) fn value(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).map(|Once(value)| value)
}

/// The values that stand behind each other in a text, and the error that ends them.
pub(super) fn values(text: &str) -> (Vec<Value>, Option<serde_json::Error>) {
    let mut read = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Once>() {
        match value {
            Ok(Once(value)) => read.push(value),
            Err(why) => return (read, Some(why)),
        }
    }
    (read, None)
}

/// Why a text is no value, if that is a name that stands twice.
pub(super) fn twice(error: &serde_json::Error) -> Option<String> {
    // No other error of the data can come up where any value is taken.
    let text = error.is_data().then(|| error.to_string())?;
    Some(text.rsplit_once(" at line ").map_or(text.clone(), |(why, _)| why.to_owned()))
}

/// Why the object in a text is no value, if that is a name that stands twice.
pub(super) fn twice_in(text: &str) -> Option<String> {
    let object = text.find('{').and_then(|at| text.get(at..))?;
    values(object).1.as_ref().and_then(twice)
}

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Once)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }
    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Once(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Once(value))) = object.next_entry::<String, Once>()? {
            match members.get(&name) {
                Some(present) if *present != value => {
                    let name: String = name.chars().filter(|char| !char.is_control()).take(60).collect();
                    return Err(A::Error::custom(format!("the name `{name}` stands twice, with different content")));
                }
                Some(_) => {}
                None => drop(members.insert(name, value)),
            }
        }
        Ok(Value::Object(members))
    }
}
