//! A row of named columns → the fields of an event.
//!
//! The rows come from a query's answer, an export or an envelope, in the shape of `AZKVAuditLogs`, of `AzureDiagnostics`,
//! or of the archive itself, whose members somebody may have spread over columns. All of them are brought to one form of
//! names: letters and digits in lower case, members after the names of what holds them, without the mark of a type.
//! `identity.claim.oid`, `identity_claim_oid_g` and `Identity: "{\"claim\":{\"oid\":…}}"` are the same then.

use super::json;
use super::spelled;
use super::uri::secret_named;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashMap;

/// Where a field is found, the better place first.
pub(super) const TIME: [&str; 16] = [
    "timegeneratedutc",
    "timeutc",
    "datetimeutc",
    "timestamputc",
    "time",
    "timegenerated",
    "eventtime",
    "eventtimestamp",
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
/// What summaries have in place of entries.
const AGGREGATES: [&str; 5] = ["count", "mintimegenerated", "maxtimegenerated", "entrycount", "events"];
const METRIC: [&str; 1] = ["metricname"];
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
/// Columns that somebody took out of the claims, and named after what they are.
const CALLERS: [&str; 12] = [
    "upn",
    "callerupn",
    "userprincipalname",
    "identityupn",
    "caller",
    "callername",
    "user",
    "username",
    "useremail",
    "objectid",
    "callerobjectid",
    "principalid",
];
const PROPERTIES: &str = "properties";
/// Members that hold others, also where they are written as JSON text. What a caller chose is none of these.
const HOLDERS: [&str; 9] = [
    PROPERTIES,
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
    /// What a metric measures; an entry of a log has none.
    pub(crate) metric: Cow<'a, str>,
    /// An address of a secret that stands where none is looked for, of an entry that names no operation.
    pub(crate) aside: Cow<'a, str>,
    /// Why it cannot be read, although it is an entry: a member that holds what is missing here, and whatever makes it
    /// stand for more than one.
    pub(crate) unread: Option<String>,
}

/// The fields that a row of columns holds.
pub(crate) fn fields(row: &Map<String, Value>) -> Fields<'static> {
    let mut flat = Flat::default();
    flat.take("", row);
    let twofold = flat.twofold();
    let Flat { texts: mut flat, unread, .. } = flat;
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
    let (mut oid, mut appid, mut upn, resource) = (claim(&OID), claim(&APPID), claim(&UPN), claim(&RESOURCE));
    if [&oid, &appid, &upn, &resource].into_iter().all(|id| id.is_empty()) {
        (oid, appid, upn) = (text(&OID), text(&APPID), text(&CALLERS));
    }
    let metric = text(&METRIC);
    let names_a_secret = [&id, &request_uri].into_iter().any(|uri| secret_named(uri).is_some());
    let names_a_caller = [&oid, &appid, &upn, &resource].into_iter().any(|id| !id.is_empty());
    let is_needed = |path: &String| if path == PROPERTIES { !names_a_secret } else { !names_a_caller };
    let unread = unread.into_iter().find(|(path, _)| is_needed(path)).map(|(path, why)| match why {
        Some(why) => format!("in its member `{path}`, {why}"),
        None => format!("its member `{path}` cannot be read"),
    });
    let unread = twofold.map(|name| format!("its members named `{name}` say different things")).or(unread);
    let aside = if operation.is_empty() && !names_a_secret { secret_in(flat.values()) } else { None };
    let is_of_several = |name: &&String| AGGREGATES.contains(&name.as_str()) || name.starts_with("dcount");
    let unread = flat.keys().filter(is_of_several).min().map_or(unread, |name| {
        Some(format!(
            "it stands for several entries, by its column `{name}`: export the entries, not a summary of them"
        ))
    });
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
        metric,
        aside: aside.unwrap_or_default().into(),
        unread,
    }
}

/// The first address of a secret that stands in any of these texts, alone or among words.
fn secret_in<'t>(texts: impl Iterator<Item = &'t String>) -> Option<String> {
    let words = texts.flat_map(|text| text.split(|char: char| char.is_whitespace() || "\"',()[]{}".contains(char)));
    let mut addresses = words.filter(|word| word.contains("://"));
    addresses.find(|word| secret_named(word).is_some()).map(str::to_owned)
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
    const NOTHING: [&str; 24] = [
        "none",
        "null",
        "nil",
        "n/a",
        "na",
        "n.a.",
        "nan",
        "undefined",
        "unknown",
        "unset",
        "redacted",
        "empty",
        "not available",
        "not set",
        "missing",
        "blank",
        "tbd",
        "anonymous",
        "object object",
        "%!s(<nil",
        "dynamic(null",
        "00000000-0000-0000-0000-000000000000",
        "00000000000000000000000000000000",
        "urn:uuid:00000000-0000-0000-0000-000000000000",
    ];
    let text = text.trim();
    if !text.contains(char::is_alphanumeric) {
        return false;
    }
    if text.len() > 48 {
        return true;
    }
    // They come in brackets and quotes of all kinds, and spreadsheets put a `#` before what they cannot show.
    let bare = text.trim_matches(|char| "<>()[]{}\"'`\\*".contains(char)).trim();
    !NOTHING.iter().any(|nothing| nothing.eq_ignore_ascii_case(bare)) && !is_error_of_a_sheet(bare) && !is_masked(bare)
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` and the like.
fn is_masked(text: &str) -> bool {
    text.len() > 2 && text.bytes().all(|byte| matches!(byte, b'x' | b'X' | b'-'))
}

fn is_error_of_a_sheet(text: &str) -> bool {
    const ERRORS: [&str; 8] = ["#n/a", "#null!", "#ref!", "#value!", "#name?", "#num!", "#div/0!", "#nv"];
    ERRORS.iter().any(|error| error.eq_ignore_ascii_case(text))
}

/// The members of a row under one form of their names.
#[derive(Default)]
struct Flat {
    texts: HashMap<String, String>,
    /// Members that hold others, and in which none could be made out; and why, where that is known.
    unread: Vec<(String, Option<String>)>,
    /// Members under names of one form that say different things.
    twofold: Vec<String>,
}

impl Flat {
    fn take(&mut self, above: &str, row: &Map<String, Value>) {
        for (key, value) in row {
            let name = plain_name(key);
            let is_transparent = TRANSPARENT.contains(&name.as_str());
            let path = if is_transparent { above.to_owned() } else { format!("{above}{name}") };
            let text = text_of(value);
            if is_transparent || HOLDERS.contains(&path.as_str()) {
                let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
                let is_there = !is_empty && text.as_deref().is_none_or(says_something);
                match spelled::members(value) {
                    Some(inner) => self.take(&path, &inner),
                    None if is_there && !is_transparent => {
                        let why = text.as_deref().and_then(json::twice_in);
                        self.unread.push((path, why));
                    }
                    None => {}
                }
            } else if let Some(text) = text {
                if says_something(&text) {
                    let is_twofold = |present: &String| !present.eq_ignore_ascii_case(&text);
                    if self.texts.get(&path).is_some_and(is_twofold) {
                        self.twofold.push(path);
                    } else {
                        self.texts.entry(path).or_insert(text);
                    }
                }
            } else if let Value::Object(inner) = only(value) {
                self.take(&path, inner);
            }
        }
    }
}

impl Flat {
    /// The first name of what must be certain of an entry, and stands for different things.
    fn twofold(&self) -> Option<String> {
        let is_of_claim = |name: &str| [&OID[..], &UPN].concat().iter().any(|claim| name.ends_with(claim));
        let matters = |name: &&String| {
            let name = name.as_str();
            name == OPERATION || [&ID[..], &REQUEST_URI].concat().contains(&name) || is_of_claim(name)
        };
        self.twofold.iter().find(matters).cloned()
    }
}

/// What a member says by itself: a text, a number, a truth, also as the only one of a list, or with its translation beside it.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match only(value) {
        Value::String(text) if text.trim_start().starts_with('{') => {
            let inner: Option<Value> = json::value(text).ok();
            inner.as_ref().and_then(translated).and_then(text_of).or_else(|| Some(text.clone()))
        }
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        value @ Value::Object(_) => translated(value).and_then(text_of),
        Value::Null | Value::Array(_) => None,
    }
}

/// Azure Monitor gives some members a translation: `{"value": "SecretGet", "localizedValue": "Get secret"}`.
fn translated(value: &Value) -> Option<&Value> {
    let members = value.as_object()?;
    let value = |name: &str| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    value("localizedValue").and(value("value"))
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
