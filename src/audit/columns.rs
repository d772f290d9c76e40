//! A row of named columns → the fields of an event.
//!
//! The rows come from a query's answer or an export, in the shape of `AZKVAuditLogs` or of `AzureDiagnostics`, or are
//! entries of the archive whose JSON names something twice. Columns are compared without case: portals, command lines
//! and tables spell them differently (`CallerIPAddress`, `CallerIpAddress`).

use serde_json::{Map, Value};
use std::borrow::Cow;

/// Where a field is found, the better place first. Claims are looked up in the identity as well.
const TIME: [&str; 3] = ["TimeGenerated", "TimeGenerated [UTC]", "time"];
const RESOURCE_ID: [&str; 2] = ["_ResourceId", "ResourceId"];
const OPERATION: [&str; 1] = ["OperationName"];
const SIGNATURE: [&str; 1] = ["ResultSignature"];
const STATUS: [&str; 2] = ["HttpStatusCode", "httpStatusCode_d"];
const ADDRESS: [&str; 1] = ["CallerIPAddress"];
const CORRELATION: [&str; 1] = ["CorrelationId"];
const ID: [&str; 2] = ["Id", "id_s"];
const REQUEST_URI: [&str; 2] = ["RequestUri", "requestUri_s"];
const USER_AGENT: [&str; 2] = ["ClientInfo", "clientInfo_s"];
const OID: [&str; 3] = [
    "identity_claim_oid_g",
    "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g",
    "identity_claim_oid_s",
];
const OID_CLAIMS: [&str; 2] = ["oid", "http://schemas.microsoft.com/identity/claims/objectidentifier"];
const APPID: [&str; 2] = ["identity_claim_appid_g", "identity_claim_appid_s"];
const APPID_CLAIMS: [&str; 1] = ["appid"];
const UPN: [&str; 3] = [
    "identity_claim_upn_s",
    "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s",
    "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_name_s",
];
const UPN_CLAIMS: [&str; 3] = [
    "upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
];
const RESOURCE: [&str; 1] = ["identity_claim_xms_mirid_s"];
const RESOURCE_CLAIMS: [&str; 1] = ["xms_mirid"];

/// What an entry says, whatever shape it came in. What it does not say is empty.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) time: Cow<'a, str>,
    pub(crate) resource_id: Cow<'a, str>,
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
    let identity = object(get(row, "Identity"));
    let claims = object(identity.as_ref().and_then(|identity| get(identity, "claim")));
    // In the archive's own shape, what the table spreads over columns lies below `properties`.
    let properties = object(get(row, "properties"));
    let text = |names: &[&str]| -> Cow<'static, str> {
        let places = [Some(row), properties.as_ref()];
        first(places.into_iter().flatten(), names).into()
    };
    let claim = |columns: &[&str], names: &[&str]| -> Cow<'static, str> {
        let column = first([row], columns);
        if column.is_empty() { first(claims.as_ref(), names).into() } else { column.into() }
    };
    Fields {
        time: moment(&text(&TIME)).into(),
        resource_id: text(&RESOURCE_ID),
        operation: text(&OPERATION),
        signature: text(&SIGNATURE),
        status: whole(text(&STATUS)),
        address: text(&ADDRESS),
        correlation: text(&CORRELATION),
        oid: claim(&OID, &OID_CLAIMS),
        appid: claim(&APPID, &APPID_CLAIMS),
        upn: claim(&UPN, &UPN_CLAIMS),
        resource: claim(&RESOURCE, &RESOURCE_CLAIMS),
        id: text(&ID),
        request_uri: text(&REQUEST_URI),
        user_agent: text(&USER_AGENT),
    }
}

fn get<'r>(row: &'r Map<String, Value>, name: &str) -> Option<&'r Value> {
    row.get(name).or_else(|| row.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The first place that says something.
fn first<'r>(places: impl IntoIterator<Item = &'r Map<String, Value>>, names: &[&str]) -> String {
    let places: Vec<&Map<String, Value>> = places.into_iter().collect();
    let found = names.iter().flat_map(|name| places.iter().filter_map(|place| get(place, name)));
    found.map(plain).find(|text| !text.is_empty()).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// An object, also one that a query's answer or a CSV file carries as text.
fn object(value: Option<&Value>) -> Option<Map<String, Value>> {
    match value? {
        Value::Object(object) => Some(object.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// A status without the fraction that a column of reals gives it.
fn whole(status: Cow<'static, str>) -> Cow<'static, str> {
    match status.split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|byte| byte == b'0') => whole.to_owned().into(),
        _ => status,
    }
}

/// A time as RFC 3339 has it: the portal's CSV writes `11/20/2026, 10:00:05.123 AM`, always in UTC; some clients leave
/// the zone out.
fn moment(text: &str) -> String {
    let text = text.trim();
    for format in
        ["%m/%d/%Y, %I:%M:%S%.f %p", "%m/%d/%Y %I:%M:%S%.f %p", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
    {
        if let Ok(at) = chrono::NaiveDateTime::parse_from_str(text, format) {
            return at.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string();
        }
    }
    text.to_owned()
}
