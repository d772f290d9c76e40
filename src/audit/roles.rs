//! The one form of a column's name → what stands in the column, for those who named their columns themselves.
//!
//! The names of Azure's own tables are known (`columns`). A query, a pipeline or a spreadsheet names them anew, so here the
//! words in a name decide, together with what the value looks like. A name of something else never counts.

use super::address::is_address;
use super::times::Times;
use uuid::Uuid;

/// Words in the names of columns that hold who called, the better ones first.
const OF_CALLERS: [&str; 21] = [
    "objectid",
    "oid",
    "principal",
    "caller",
    "upn",
    "user",
    "usr",
    "identity",
    "account",
    "actor",
    "who",
    "requester",
    "requestor",
    "requestedby",
    "subject",
    "login",
    "mail",
    "initiat",
    "accessedby",
    "performedby",
    "readby",
];
/// Words in the names of columns that hold something else of a caller, or of another.
const NOT_OF_CALLERS: [&str; 38] = [
    "agent",
    "addr",
    "tenant",
    "type",
    "kind",
    "appid",
    "application",
    "clientid",
    "version",
    "host",
    "resource",
    "issuer",
    "audience",
    "scope",
    "authorized",
    "role",
    "domain",
    "correlation",
    "requestid",
    "protocol",
    "subscription",
    "session",
    "trace",
    "span",
    "time",
    "status",
    "size",
    "secret",
    "related",
    "claim",
    "properties",
    "group",
    "perimeter",
    "cloud",
    "kubernetes",
    "container",
    "storage",
    "provider",
];
const OF_APPLICATIONS: [&str; 4] = ["appid", "applicationid", "clientid", "azp"];
/// Words in the names of columns that hold the address of whoever called, the better ones first; and how others end.
const OF_ADDRESSES: [&str; 9] = ["caller", "client", "source", "src", "peer", "remote", "origin", "request", "user"];
const ENDS_OF_ADDRESSES: [&str; 6] = ["ip", "ipaddress", "ipaddr", "address", "ipv4", "ipv6"];
/// Words in the names of columns that hold the address of something else. A token's is where it was issued.
const NOT_OF_ADDRESSES: [&str; 22] = [
    "dest",
    "dst",
    "server",
    "host",
    "local",
    "agent",
    "node",
    "pod",
    "vault",
    "private",
    "resource",
    "collector",
    "observer",
    "forwarder",
    "beat",
    "target",
    "related",
    "claim",
    "identity",
    "proxy",
    "gateway",
    "listener",
];

fn has_any(name: &str, words: &[&str]) -> bool {
    words.iter().any(|word| name.contains(word))
}

/// How likely a column holds who called, the best first; none if it holds something else.
pub(super) fn caller_rank(name: &str) -> Option<usize> {
    let is_of_another = has_any(name, &NOT_OF_CALLERS) || ENDS_OF_ADDRESSES.iter().any(|end| name.ends_with(end));
    OF_CALLERS.iter().position(|word| name.contains(word)).filter(|_| !is_of_another)
}

/// Whether a column holds the application that called.
pub(super) fn is_of_application(name: &str) -> bool {
    has_any(name, &OF_APPLICATIONS) && !has_any(name, &["tenant", "resource", "claim", "properties", "identity"])
}

/// How likely a column holds the address of whoever called, the best first; none if it holds none.
pub(super) fn address_rank(name: &str) -> Option<usize> {
    if has_any(name, &NOT_OF_ADDRESSES) {
        return None;
    }
    let by_word = OF_ADDRESSES.iter().position(|word| name.contains(word));
    let by_end = ENDS_OF_ADDRESSES.iter().any(|end| name.ends_with(end)) || name == "addr";
    by_word.or(by_end.then_some(OF_ADDRESSES.len()))
}

/// What a text in a column of callers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called {
    ById,
    ByName,
    /// It names nobody.
    No,
}

pub(super) fn called(text: &str) -> Called {
    let text = text.trim();
    if Uuid::try_parse(text.trim_matches(['(', ')'])).is_ok() {
        return Called::ById;
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_truth = ["true", "false"].iter().any(|truth| truth.eq_ignore_ascii_case(text));
    let is_other = is_number || is_truth || text.starts_with(['{', '[']) || text.contains("://") || is_address(text);
    if is_other { Called::No } else { Called::ByName }
}

/// Whether a text that stands where members should names a caller by itself: by an id, or by a name to sign in with.
pub(super) fn names_a_caller(text: &str) -> bool {
    let is_sign_in_name = || {
        let (user, domain) = text.trim().split_once('@').unwrap_or_default();
        let is_of_name = |char: char| char.is_alphanumeric() || "._-#+".contains(char);
        !user.is_empty() && domain.contains('.') && [user, domain].iter().all(|part| part.chars().all(is_of_name))
    };
    called(text) == Called::ById || is_sign_in_name()
}

/// Whether a column says that its row stands for several entries: it counts them, gathers what they have, or tells the
/// first or the last of their times.
pub(super) fn is_of_several(name: &str, text: &str) -> bool {
    is_gathered(name)
        || is_list_of_several(name, text)
        || (is_count(name) && is_small_number(text))
        || (is_end(name) && (name.ends_with("timegenerated") || Times::is_time(text.trim())))
}

/// Callers or addresses that somebody gathered under a name of their own.
fn is_list_of_several(name: &str, text: &str) -> bool {
    let is_list = text.trim_start().starts_with('[') && text.contains(',');
    is_list && name.ends_with('s') && (caller_rank(name).is_some() || address_rank(name).is_some())
}

/// As a query engine calls what it makes of many rows, where nobody called it otherwise.
fn is_gathered(name: &str) -> bool {
    const MADE: [&str; 9] =
        ["dcount", "countif", "makeset", "makelist", "argmax", "argmin", "avg", "percentile", "stdev"];
    const OF: [&str; 5] = ["calleripaddress", "identity", "timegenerated", "oid", "clientinfo"];
    let of = name.strip_prefix("set").or(name.strip_prefix("list")).unwrap_or_default();
    MADE.iter().any(|made| name.starts_with(made)) || OF.iter().any(|column| of.starts_with(column))
}

/// Names of counts, in the languages that portals and spreadsheets have.
const COUNTS: [&str; 22] = [
    "numberof",
    "numof",
    "nombre",
    "counts",
    "count",
    "cnt",
    "totals",
    "total",
    "sum",
    "quantity",
    "qty",
    "frequency",
    "freq",
    "aantal",
    "anzahl",
    "cantidad",
    "conteggio",
    "antal",
    "liczba",
    "quantidade",
    "num",
    "n",
];
/// What is counted, in the singular.
const COUNTED: [&str; 13] = [
    "accesse",
    "access",
    "event",
    "read",
    "entrie",
    "entry",
    "request",
    "record",
    "row",
    "hit",
    "call",
    "operation",
    "occurrence",
];

fn is_count(name: &str) -> bool {
    // Of several such words, and no other: `access_count`, `numberOfReads`, `hits`.
    let (mut rest, mut counts) = (name, false);
    while !rest.is_empty() {
        // Behind what is counted, a number tells which one it is.
        let mut counting = COUNTS.iter().filter(|word| **word != "num" || rest == name);
        let count = counting.find_map(|word| rest.strip_prefix(word));
        let several = COUNTED.iter().find_map(|word| rest.strip_prefix(word)?.strip_prefix('s'));
        let one = COUNTED.iter().find_map(|word| rest.strip_prefix(word));
        counts |= count.is_some() || several.is_some();
        let Some(behind) = several.or(one).or(count) else { return false };
        rest = behind;
    }
    counts
}

/// More entries than this are no group that anybody counts; a time since 1970 is a greater number.
fn is_small_number(text: &str) -> bool {
    const MOST: f64 = 500_000_000.0;
    text.trim().parse::<f64>().is_ok_and(|number| number.fract() == 0.0 && (1.0..MOST).contains(&number))
}

fn is_end(name: &str) -> bool {
    const ENDS: [&str; 8] = ["min", "max", "first", "last", "earliest", "latest", "oldest", "newest"];
    const OF: [&str; 8] = ["time", "seen", "access", "read", "event", "date", "generated", "used"];
    let of = ENDS.iter().find_map(|end| name.strip_prefix(end));
    of.is_some_and(|of| of.is_empty() || OF.iter().any(|word| of.contains(word)))
}
