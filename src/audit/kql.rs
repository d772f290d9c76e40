//! Questions → KQL, for each shape of table that Key Vault's logs come in.
//!
//! The query engine filters and counts; which secret an entry names is decided here afterwards, as for files, so the
//! filter is generous. Names are bound by `let` and hold letters, digits and dashes only, times are written by us: nothing
//! that a caller or a log says becomes part of a query. A column exists only once a row had it, hence `column_ifexists`.

use super::question::{Question, VaultName};
use crate::clock::Timestamp;
use crate::correlation::MARK;
use std::collections::{BTreeMap, BTreeSet};

/// More rows than this are not taken at once: the stretch of time is halved instead.
pub(super) const MOST_ROWS: usize = 20_000;
/// As many beginnings of own request ids are put into a query, the latest ones.
pub(super) const MOST_PREFIXES: usize = 2_000;

/// A shape of table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// `AZKVAuditLogs`: the resource-specific table, claims in a dynamic column.
    Specific,
    /// `AzureDiagnostics`: one table for all services, claims spread over columns.
    Diagnostics,
}

pub(super) const SHAPES: [Shape; 2] = [Shape::Specific, Shape::Diagnostics];

/// A table, as it is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub(super) shape: Shape,
    /// Whether the workspace may hold the same entries in the resource-specific table, which is asked as well.
    pub(super) beside_specific: bool,
}

impl Shape {
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Specific => "AZKVAuditLogs",
            Self::Diagnostics => "AzureDiagnostics",
        }
    }

    /// The table, brought into the one shape that all questions are asked of.
    fn normalised(self) -> &'static str {
        match self {
            Self::Specific => SPECIFIC,
            Self::Diagnostics => DIAGNOSTICS,
        }
    }
}

const SPECIFIC: &str = r#"| extend entry_resource = tostring(column_ifexists("_ResourceId", "")), entry_uri = tostring(column_ifexists("RequestUri", "")), entry_id = tostring(column_ifexists("Id", "")), entry_agent = tostring(column_ifexists("ClientInfo", "")), entry_status = toint(column_ifexists("HttpStatusCode", int(null))), entry_signature = tostring(column_ifexists("ResultSignature", "")), entry_ip = tostring(column_ifexists("CallerIpAddress", "")), entry_correlation = tostring(column_ifexists("CorrelationId", "")), entry_operation = tostring(column_ifexists("OperationName", "")), entry_identity = todynamic(column_ifexists("Identity", dynamic(null)))
| extend entry_claim = entry_identity.claim
| extend oid_1 = tostring(entry_claim.oid), oid_2 = tostring(entry_claim["http://schemas.microsoft.com/identity/claims/objectidentifier"]), entry_appid = tostring(entry_claim.appid), upn_1 = tostring(entry_claim.upn), upn_2 = tostring(entry_claim["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"]), upn_3 = tostring(entry_claim["http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"]), entry_principal = tostring(entry_claim.xms_mirid)
"#;

const DIAGNOSTICS: &str = r#"| where column_ifexists("ResourceType", "VAULTS") =~ "VAULTS"
| extend entry_resource = tostring(column_ifexists("ResourceId", column_ifexists("_ResourceId", ""))), entry_uri = tostring(column_ifexists("requestUri_s", "")), entry_id = tostring(column_ifexists("id_s", "")), entry_agent = tostring(column_ifexists("clientInfo_s", "")), entry_status = toint(column_ifexists("httpStatusCode_d", real(null))), entry_signature = tostring(column_ifexists("ResultSignature", "")), entry_ip = tostring(column_ifexists("CallerIPAddress", "")), entry_correlation = tostring(column_ifexists("CorrelationId", "")), entry_operation = tostring(column_ifexists("OperationName", ""))
| extend oid_1 = tostring(column_ifexists("identity_claim_oid_g", "")), oid_2 = tostring(column_ifexists("identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g", "")), entry_appid = tostring(column_ifexists("identity_claim_appid_g", "")), upn_1 = tostring(column_ifexists("identity_claim_upn_s", "")), upn_2 = tostring(column_ifexists("identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s", "")), upn_3 = tostring(column_ifexists("identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_name_s", "")), entry_principal = tostring(column_ifexists("identity_claim_xms_mirid_s", ""))
"#;

const CLAIMS: &str = r#"| extend entry_oid = tolower(iff(isempty(oid_1), oid_2, oid_1)), entry_upn = iff(isempty(upn_1), iff(isempty(upn_2), upn_3, upn_2), upn_1)
"#;

/// The columns that make a row of a summary.
const BY: &str = "entry_resource, entry_oid, entry_appid, entry_upn, entry_principal, entry_ip, entry_operation, entry_path, entry_id, entry_status, entry_signature, entry_agent, entry_own";

/// How many entries the vault has in each hour.
pub(super) fn hours(shape: Shape, question: &Question, from: Timestamp, to: Timestamp) -> String {
    format!(
        "{}| summarize entry_count = count(), first_seen = min(TimeGenerated), last_seen = max(TimeGenerated) by entry_hour = bin(TimeGenerated, 1h)\n{}",
        entries(shape, &[&question.vault], Some((from, to))),
        take()
    )
}

/// Since when the table holds any entry of the vault.
pub(super) fn begins(shape: Shape, question: &Question) -> String {
    format!(
        "{}| summarize entry_count = count(), first_seen = min(TimeGenerated)",
        entries(shape, &[&question.vault], None)
    )
}

/// Which of the vaults the table holds anything of.
pub(super) fn vaults(shape: Shape, question: &Question, from: Timestamp, to: Timestamp) -> String {
    let vaults: Vec<&VaultName> = question.vaults().collect();
    format!(
        "{}| summarize entry_count = count() by entry_resource\n{}",
        entries(shape, &vaults, Some((from, to))),
        take()
    )
}

/// What was done to the secret and to its vault, drawn together by minutes where it was refused, else by ten minutes.
pub(super) fn accesses(table: Table, question: &Question, span: (Timestamp, Timestamp)) -> String {
    let wanted = "| where entry_uri contains secret or entry_id contains secret or entry_uri contains \"%\" or (entry_operation startswith \"Vault\" and entry_operation != \"VaultGet\")\n";
    format!(
        "let secret = \"{}\";\n{}{}{}",
        question.secret,
        once(table, &[&question.vault], span, wanted),
        own(question),
        summary("iff(entry_status >= 400, bin(TimeGenerated, 1m), bin(TimeGenerated, 10m))"),
    )
}

/// What was done to the secret, entry by entry.
pub(super) fn events(table: Table, question: &Question, span: (Timestamp, Timestamp)) -> String {
    let wanted = "| where entry_uri contains secret or entry_id contains secret or entry_uri contains \"%\"\n";
    format!(
        "let secret = \"{}\";\n{}{}{}",
        question.secret,
        once(table, &[&question.vault], span, wanted),
        own(question),
        summary("TimeGenerated"),
    )
}

/// What these callers did in all vaults.
pub(super) fn reach(
    table: Table,
    question: &Question,
    callers: &BTreeSet<String>,
    span: (Timestamp, Timestamp),
) -> String {
    let vaults: Vec<&VaultName> = question.vaults().collect();
    let callers: Vec<String> = callers.iter().filter(|id| can_be_quoted(id)).map(|id| format!("\"{id}\"")).collect();
    let callers = callers.join(", ");
    // Whose object id is missing is known by something else; which of them tells, is decided here, as for files.
    let wanted = format!(
        "| where entry_oid in ({callers}) or entry_upn in~ ({callers}) or entry_appid in~ ({callers}) or entry_principal in~ ({callers})\n"
    );
    format!("{}{}{}", once(table, &vaults, span, &wanted), own(question), summary("bin(TimeGenerated, 10m)"))
}

/// Whether an id may stand in a query as it is: that of a person is an address.
pub(super) fn can_be_quoted(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@+/#".contains(&byte))
}

/// The wanted entries of a table. What a vault logs to both tables is an entry of the first one alone: the same moment
/// (in ten millionths of a second), the same request, the same operation.
fn once(table: Table, vaults: &[&VaultName], span: (Timestamp, Timestamp), wanted: &str) -> String {
    let key = "entry_request = tolower(entry_correlation)";
    let these = entries(table.shape, vaults, Some(span));
    if !table.beside_specific {
        return format!("{these}{wanted}");
    }
    let others = entries(Shape::Specific, vaults, Some(span));
    format!(
        "{these}{wanted}| extend {key}\n| join kind=leftanti ({others}{wanted}| extend {key}\n| project TimeGenerated, entry_request, entry_operation) on TimeGenerated, entry_request, entry_operation\n"
    )
}

/// The entries of the vaults in a stretch of time, normalised.
fn entries(shape: Shape, vaults: &[&VaultName], span: Option<(Timestamp, Timestamp)>) -> String {
    let moment = |at: Timestamp| at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let span = span.map(|(from, to)| {
        format!("| where TimeGenerated >= datetime({}) and TimeGenerated < datetime({})\n", moment(from), moment(to))
    });
    // Hosts are names, dots and a port; a vault's name was checked when the question was.
    let is_host = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
    let of_vault = |vault: &&VaultName| {
        let by_host = if is_host(&vault.host) && !vault.host.is_empty() {
            format!(" or (isempty(entry_resource) and entry_uri startswith \"https://{}\")", vault.host)
        } else {
            String::new()
        };
        format!("entry_resource endswith \"/vaults/{}\"{by_host}", vault.name)
    };
    let of_vaults: Vec<String> = vaults.iter().map(of_vault).collect();
    format!(
        "{}\n{}{}{CLAIMS}| where {}\n",
        shape.table(),
        span.unwrap_or_default(),
        shape.normalised(),
        of_vaults.join(" or ")
    )
}

/// The beginning of each request's id, as far as it may make it ours; whose it is, is decided here, as for files.
fn own(question: &Question) -> String {
    let is_id = |prefix: &&str| prefix.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    // The present run's stands last.
    let latest = question.own.prefixes.iter().rev().take(MOST_PREFIXES).map(|prefix| prefix.text.as_str());
    let mut by_length: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    latest.filter(is_id).for_each(|text| by_length.entry(text.len()).or_default().push(format!("\"{text}\"")));
    let of_length = |(length, prefixes): (usize, Vec<String>)| {
        let beginning = format!("tolower(substring(entry_correlation, 0, {length}))");
        format!("{beginning} in ({}), {beginning}", prefixes.join(", "))
    };
    // The longest first: a whole beginning says more than the mark that all of them have.
    let mark = (MARK.len(), vec![format!("\"{MARK}\"")]);
    let own: Vec<String> = by_length.into_iter().rev().chain([mark]).map(of_length).collect();
    format!("| extend entry_own = case({}, \"\"), entry_path = tostring(split(entry_uri, \"?\")[0])\n", own.join(", "))
}

fn summary(slot: &str) -> String {
    format!(
        "| summarize entry_count = count(), first_seen = min(TimeGenerated), last_seen = max(TimeGenerated) by {BY}, entry_slot = {slot}\n{}",
        take()
    )
}

/// One row more than is taken: it tells that there are more.
fn take() -> String {
    format!("| take {}", MOST_ROWS + 1)
}
