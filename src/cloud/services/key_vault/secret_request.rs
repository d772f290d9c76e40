//! Request bodies → what a set, an update or a restore asks for, checked against the service's limits.
//!
//! Unknown members are ignored, as Azure ignores them; a member of the wrong type is a bad parameter.

use super::refusal::Refusal;
use serde_json::{Map, Value};

const LARGEST_VALUE_BYTES: usize = 25 * 1024;
const LONGEST_CONTENT_TYPE: usize = 255;
const MOST_TAGS: usize = 15;
const LONGEST_TAG_TEXT: usize = 512;

/// The attributes a client may set; recovery level and days are the vault's and ignored.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) enabled: Option<bool>,
    pub(crate) not_before: Option<i64>,
    pub(crate) expires: Option<i64>,
}

/// The body of a set.
pub(crate) struct SetRequest {
    pub(crate) value: String,
    pub(crate) content_type: Option<String>,
    pub(crate) attributes: Attributes,
    pub(crate) tags: Option<Map<String, Value>>,
}

/// The body of an update: what is absent stays as it is.
#[derive(Debug)]
pub(crate) struct UpdateRequest {
    pub(crate) content_type: Option<String>,
    pub(crate) attributes: Attributes,
    pub(crate) tags: Option<Map<String, Value>>,
}

impl SetRequest {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let mut members = object(body)?;
        let value = text(&mut members, "value")?.ok_or_else(|| Refusal::bad_parameter("The value is missing."))?;
        if value.len() > LARGEST_VALUE_BYTES {
            let message = format!("The value has {} bytes; the most allowed is {LARGEST_VALUE_BYTES}.", value.len());
            return Err(Refusal::bad_parameter(message));
        }
        let UpdateRequest { content_type, attributes, tags } = UpdateRequest::from_members(&mut members)?;
        Ok(Self { value, content_type, attributes, tags })
    }
}

impl UpdateRequest {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        Self::from_members(&mut object(body)?)
    }

    fn from_members(members: &mut Map<String, Value>) -> Result<Self, Refusal> {
        let content_type = text(members, "contentType")?;
        if content_type.as_ref().is_some_and(|text| text.chars().count() > LONGEST_CONTENT_TYPE) {
            return Err(Refusal::bad_parameter("The contentType is longer than 255 characters."));
        }
        Ok(Self {
            content_type,
            attributes: attributes(members.get("attributes"))?,
            tags: tags(members.remove("tags"))?,
        })
    }
}

/// The blob of a restore.
pub(crate) fn backup_blob(body: &[u8]) -> Result<String, Refusal> {
    text(&mut object(body)?, "value")?.ok_or_else(Refusal::malformed_backup)
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Refusal::bad_parameter("The request body is not a JSON object.")),
    }
}

fn wrong_type(member: &str) -> Refusal {
    Refusal::bad_parameter(format!("The member {member} has the wrong type."))
}

fn text(members: &mut Map<String, Value>, member: &str) -> Result<Option<String>, Refusal> {
    match members.remove(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong_type(member)),
    }
}

fn attributes(value: Option<&Value>) -> Result<Attributes, Refusal> {
    let members = match value {
        None | Some(Value::Null) => return Ok(Attributes::default()),
        Some(Value::Object(members)) => members,
        Some(_) => return Err(wrong_type("attributes")),
    };
    let seconds = |member: &str| match members.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| wrong_type(member)),
    };
    let enabled = match members.get("enabled") {
        None | Some(Value::Null) => None,
        Some(value) => Some(value.as_bool().ok_or_else(|| wrong_type("enabled"))?),
    };
    Ok(Attributes { enabled, not_before: seconds("nbf")?, expires: seconds("exp")? })
}

fn tags(value: Option<Value>) -> Result<Option<Map<String, Value>>, Refusal> {
    let tags = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(tags)) => tags,
        Some(_) => return Err(wrong_type("tags")),
    };
    if tags.len() > MOST_TAGS {
        return Err(Refusal::bad_parameter("There are more than 15 tags."));
    }
    for (name, value) in &tags {
        let value = value.as_str().ok_or_else(|| wrong_type("tags"))?;
        if name.chars().count() > LONGEST_TAG_TEXT || value.chars().count() > LONGEST_TAG_TEXT {
            return Err(Refusal::bad_parameter("A tag is longer than 512 characters."));
        }
    }
    Ok(Some(tags))
}
