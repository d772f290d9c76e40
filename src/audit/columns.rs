//! A row of named columns → the fields of an event.
//!
//! The rows come from a query's answer, an export or an envelope, in the shape of `AZKVAuditLogs`, of `AzureDiagnostics`,
//! or of the archive itself, whose members somebody may have spread over columns. All of them are brought to one form of
//! names: letters and digits in lower case, members after the names of what holds them, without the mark of a type.
//! `identity.claim.oid`, `identity_claim_oid_g` and `Identity: "{\"claim\":{\"oid\":…}}"` are the same then.

use super::address::is_address;
use super::flat::{Flat, Odd};
use super::naming::PROPERTIES;
use super::roles::{Called, address_rank, called, caller_rank, is_of_application, is_of_several};
use super::uri::secret_named;
use serde_json::{Map, Value};
use std::borrow::Cow;

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
const METRIC: [&str; 1] = ["metricname"];
const REQUEST_URI: [&str; 2] = ["requesturi", "propertiesrequesturi"];
const USER_AGENT: [&str; 2] = ["clientinfo", "propertiesclientinfo"];
/// What claims are members of.
const CLAIMS: [&str; 7] =
    ["identityclaim", "identityclaims", "identity", "claim", "claims", "propertiesidentityclaim", "propertiesclaims"];
const OID: [&str; 4] = ["oid", "httpschemasmicrosoftcomidentityclaimsobjectidentifier", "objectid", "objectidentifier"];
const APPID: [&str; 2] = ["appid", "azp"];
const UPN: [&str; 13] = [
    "upn",
    "httpschemasxmlsoaporgws200505identityclaimsupn",
    "httpschemasxmlsoaporgws200505identityclaimsname",
    "uniquename",
    "preferredusername",
    "httpschemasxmlsoaporgws200505identityclaimsemailaddress",
    "name",
    // Of a token without any of these, the subject still tells its bearers apart.
    "sub",
    "httpschemasxmlsoaporgws200505identityclaimsnameidentifier",
    "puid",
    "altsecid",
    "winaccountname",
    "value",
];
const RESOURCE: [&str; 1] = ["xmsmirid"];
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
    /// Whether the object id stands under a name that somebody gave it, for which no search looks.
    pub(crate) is_renamed: bool,
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
    let mut flat = Flat::of(row);
    let unread = unread_of_all(&flat);
    let [time, resource_id, category, operation] =
        [&TIME[..], &RESOURCE_ID, &CATEGORY, &[OPERATION]].map(|names| flat.text(names));
    let [signature, status, correlation] = [&SIGNATURE[..], &STATUS, &CORRELATION].map(|names| flat.text(names));
    let [id, request_uri, user_agent] = [&ID[..], &REQUEST_URI, &USER_AGENT].map(|names| flat.text(names));
    let metric = flat.text(&METRIC);
    let Who { oid, appid, upn, resource, is_renamed } = who(&mut flat);
    let mut address = flat.text(&ADDRESS);
    if address.is_empty() {
        address = text(flat.best(address_rank, is_address));
    }
    let names_a_secret = [&id, &request_uri].into_iter().any(|uri| secret_named(uri).is_some());
    // All who use one program share its id.
    let names_a_caller = [&oid, &upn].into_iter().any(|id| !id.is_empty());
    let is_needed = |path: &str| if path == PROPERTIES { !names_a_secret } else { !names_a_caller };
    let unread = unread.or_else(|| flat.unread_member(is_needed));
    let aside = if operation.is_empty() && !names_a_secret { secret_in(flat.values()) } else { None };
    let several = flat.first(is_of_several).map(|name| {
        format!("it stands for several entries, by its column `{name}`: export the entries, not a summary of them")
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
        is_renamed,
        appid,
        upn,
        resource,
        id,
        request_uri,
        user_agent,
        metric,
        aside: aside.unwrap_or_default().into(),
        unread: several.or(unread),
    }
}

/// Whoever called, by all that an entry says of it.
struct Who {
    oid: Cow<'static, str>,
    appid: Cow<'static, str>,
    upn: Cow<'static, str>,
    resource: Cow<'static, str>,
    /// Whether the object id stands under a name of its own.
    is_renamed: bool,
}

fn text(found: Option<(String, String)>) -> Cow<'static, str> {
    found.map(|(_, text)| text).unwrap_or_default().into()
}

fn who(flat: &mut Flat) -> Who {
    let mut claim = |names: &[&str]| {
        let places = names.iter().flat_map(|name| CLAIMS.iter().map(move |holder| format!("{holder}{name}")));
        let places: Vec<String> = places.collect();
        flat.text(&places.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let (mut oid, mut appid, mut upn, resource) = (claim(&OID), claim(&APPID), claim(&UPN), claim(&RESOURCE));
    let mut is_renamed = false;
    if appid.is_empty() {
        let is_application = |name: &str| is_of_application(name).then_some(0);
        appid = text(flat.best(is_application, |text| called(text) != Called::No));
    }
    // A claim of the application says nothing of who used it: others may have been named anew.
    if oid.is_empty() && upn.is_empty() {
        oid = flat.text(&OID);
    }
    if oid.is_empty() && upn.is_empty() {
        let is_address = |name: &str| name.ends_with("mail").then_some(0);
        upn = text(flat.best(is_address, |text| called(text) == Called::ByName));
    }
    if oid.is_empty() && upn.is_empty() {
        let by_id = flat.best(caller_rank, |text| called(text) == Called::ById);
        is_renamed = by_id.as_ref().is_some_and(|(name, _)| !OID.iter().any(|known| name.ends_with(known)));
        oid = text(by_id);
        upn = text(flat.best(caller_rank, |text| called(text) == Called::ByName));
    }
    Who { oid, appid, upn, resource, is_renamed }
}

/// Why nothing that a row says is certain, if so: what must be, is there twice or is no text.
fn unread_of_all(flat: &Flat) -> Option<String> {
    let is_of_claim = |name: &str, claims: &[&str]| {
        claims.iter().any(|claim| CLAIMS.iter().any(|holder| name.strip_prefix(holder) == Some(claim)))
    };
    let named = |name: &str| name == OPERATION || [&ID[..], &REQUEST_URI].concat().contains(&name);
    let twofold =
        flat.twofold(|name| named(name) || [&OID[..], &UPN].concat().iter().any(|claim| name.ends_with(claim)));
    if let Some(name) = twofold {
        return Some(format!("its members named `{name}` say different things"));
    }
    let has_id = flat.has(|name| is_of_claim(name, &OID));
    let is_of_who = |name: &str| is_of_claim(name, &OID) || (!has_id && is_of_claim(name, &UPN)) || name == "oid";
    let is_of_where = |name: &str| ADDRESS.contains(&name) || STATUS.contains(&name);
    let is_renamed = |name: &str| caller_rank(name).is_some() || address_rank(name).is_some();
    let odd = flat.odd(|name, odd| {
        named(name) || is_of_who(name) || is_of_where(name) || (odd == Odd::Several && !has_id && is_renamed(name))
    });
    odd.map(|(name, odd)| format!("its member `{name}` {odd}"))
}

/// The first address of a secret that stands in any of these texts, alone or among words.
fn secret_in<'t>(texts: impl Iterator<Item = &'t String>) -> Option<String> {
    let words = texts.flat_map(|text| text.split(|char: char| char.is_whitespace() || "\"',()[]{}".contains(char)));
    let mut addresses = words.filter(|word| word.contains("://"));
    addresses.find(|word| secret_named(word).is_some()).map(str::to_owned)
}
