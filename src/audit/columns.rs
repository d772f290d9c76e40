//! A row of named columns → the fields of an event.
//!
//! The rows come from a query's answer, an export or an envelope, in the shape of `AZKVAuditLogs`, of `AzureDiagnostics`,
//! or of the archive itself, whose members somebody may have spread over columns. All of them are brought to one form of
//! names: letters and digits in lower case, members after the names of what holds them, without the mark of a type.
//! `identity.claim.oid`, `identity_claim_oid_g` and `Identity: "{\"claim\":{\"oid\":…}}"` are the same then.

use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashMap;

/// Where a field is found, the better place first.
pub(super) const TIME: [&str; 11] = [
    "time",
    "timegenerated",
    "eventtime",
    "timestamp",
    "datetime",
    "timeunixnano",
    "observedtimeunixnano",
    "observedtimestamp",
    "enqueuedtimeutc",
    "enqueuedtime",
    "date",
];
pub(super) const OPERATION: &str = "operationname";
const RESOURCE_ID: [&str; 3] = ["resourceid", "cloudresourceid", "resource"];
const CATEGORY: [&str; 2] = ["category", "categoryvalue"];
const SIGNATURE: [&str; 1] = ["resultsignature"];
const STATUS: [&str; 3] = ["httpstatuscode", "propertieshttpstatuscode", "httpresponsestatuscode"];
const ADDRESS: [&str; 5] =
    ["calleripaddress", "propertiescalleripaddress", "netsockpeeraddr", "sourceaddress", "clientip"];
const CORRELATION: [&str; 2] = ["correlationid", "propertiescorrelationid"];
const ID: [&str; 2] = ["propertiesid", "id"];
const REQUEST_URI: [&str; 2] = ["requesturi", "propertiesrequesturi"];
const USER_AGENT: [&str; 2] = ["clientinfo", "propertiesclientinfo"];
/// What claims are members of.
const CLAIMS: [&str; 7] =
    ["identityclaim", "identityclaims", "identity", "claim", "claims", "propertiesidentityclaim", "propertiesclaims"];
const OID: [&str; 2] = ["oid", "httpschemasmicrosoftcomidentityclaimsobjectidentifier"];
const APPID: [&str; 2] = ["appid", "azp"];
const UPN: [&str; 5] = [
    "upn",
    "httpschemasxmlsoaporgws200505identityclaimsupn",
    "httpschemasxmlsoaporgws200505identityclaimsname",
    "uniquename",
    "preferredusername",
];
const RESOURCE: [&str; 1] = ["xmsmirid"];
/// Members that hold others, also where they are written as JSON text. What a caller chose is none of these.
const HOLDERS: [&str; 9] = [
    "properties",
    "identity",
    "identityclaim",
    "identityclaims",
    "claim",
    "claims",
    "propertiesidentity",
    "propertiesidentityclaim",
    "propertiesclaims",
];
/// Members that add nothing to the names of what they hold. A table with too many columns keeps the last ones in one.
const TRANSPARENT: [&str; 3] = ["additionalfields", "azure", "platformlogs"];

/// What an entry says, whatever shape it came in. What it does not say is empty.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) time: Cow<'a, str>,
    pub(crate) resource_id: Cow<'a, str>,
    pub(crate) category: Cow<'a, str>,
    pub(crate) operation: Cow<'a, str>,
    pub(crate) signature: Cow<'a, str>,
    pub(crate) status: Cow<'a, str>,
    pub(crate) address: Cow<'a, str>,
    pub(crate) correlation: Cow<'a, str>,
    pub(crate) oid: Cow<'a, str>,
    pub(crate) appid: Cow<'a, str>,
    pub(crate) upn: Cow<'a, str>,
    pub(crate) resource: Cow<'a, str>,
    pub(crate) id: Cow<'a, str>,
    pub(crate) request_uri: Cow<'a, str>,
    pub(crate) user_agent: Cow<'a, str>,
}

/// The fields that a row of columns holds.
pub(crate) fn fields(row: &Map<String, Value>) -> Fields<'static> {
    let mut flat = HashMap::new();
    flatten("", row, &mut flat);
    let mut text = |names: &[&str]| -> Cow<'static, str> {
        names.iter().find_map(|name| flat.remove(*name)).unwrap_or_default().into()
    };
    let (time, resource_id, category, operation) =
        (text(&TIME), text(&RESOURCE_ID), text(&CATEGORY), text(&[OPERATION]));
    let (signature, status, address, correlation) =
        (text(&SIGNATURE), text(&STATUS), text(&ADDRESS), text(&CORRELATION));
    let (id, request_uri, user_agent) = (text(&ID), text(&REQUEST_URI), text(&USER_AGENT));
    let mut claim = |names: &[&str]| {
        let places = names.iter().flat_map(|name| CLAIMS.iter().map(move |holder| format!("{holder}{name}")));
        let places: Vec<String> = places.collect();
        text(&places.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let (oid, appid, upn, resource) = (claim(&OID), claim(&APPID), claim(&UPN), claim(&RESOURCE));
    Fields {
        time,
        resource_id,
        category,
        operation,
        signature,
        status,
        address,
        correlation,
        oid,
        appid,
        upn,
        resource,
        id,
        request_uri,
        user_agent,
    }
}

/// The one form of a name, without what a portal adds in brackets and without the type that a table adds.
pub(super) fn plain_name(name: &str) -> String {
    let name = name.trim();
    let name = name.find(['[', '(']).filter(|at| *at > 0).and_then(|at| name.get(..at)).unwrap_or(name).trim_end();
    let untyped = name.len().checked_sub(2).and_then(|at| name.split_at_checked(at));
    let name =
        untyped.filter(|(_, mark)| matches!(*mark, "_s" | "_g" | "_d" | "_b" | "_t")).map_or(name, |(bare, _)| bare);
    let mut plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect();
    for holder in ["azure", "platformlogs"] {
        if plain.len() > holder.len() && plain.starts_with(holder) {
            plain.drain(..holder.len());
        }
    }
    plain
}

/// Whether a text says something: tools write words where there is nothing.
pub(super) fn says_something(text: &str) -> bool {
    const NOTHING: [&str; 15] = [
        "",
        "-",
        "--",
        "none",
        "null",
        "nil",
        "n/a",
        "na",
        "undefined",
        "unknown",
        "(null)",
        "<null>",
        "(none)",
        "not available",
        "00000000-0000-0000-0000-000000000000",
    ];
    let text = text.trim();
    text.len() > 36 || !NOTHING.iter().any(|nothing| nothing.eq_ignore_ascii_case(text))
}

fn flatten(above: &str, row: &Map<String, Value>, flat: &mut HashMap<String, String>) {
    for (key, value) in row {
        let name = plain_name(key);
        let path = if TRANSPARENT.contains(&name.as_str()) { above.to_owned() } else { format!("{above}{name}") };
        let held = path == above || HOLDERS.contains(&path.as_str());
        match only(value) {
            Value::Object(inner) => flatten(&path, inner, flat),
            Value::String(text) if held && text.trim_start().starts_with(['{', '[']) => {
                let inner = serde_json::from_str(text).ok();
                if let Some(Value::Object(inner)) = inner.as_ref().map(only) {
                    flatten(&path, inner, flat);
                }
            }
            scalar => {
                let text = plain(scalar);
                if says_something(&text) {
                    flat.entry(path).or_insert(text);
                }
            }
        }
    }
}

/// What a list of one holds: some tools make a list of everything.
fn only(value: &Value) -> &Value {
    match value {
        Value::Array(values) => match values.as_slice() {
            [one] => one,
            _ => &Value::Null,
        },
        one => one,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}
