//! A caller's identity → words a person can read.

use super::question::Whose;
use std::collections::BTreeMap;

/// Application ids of Microsoft's own that appear in audit logs, and what people call them.
const WELL_KNOWN: [(&str, &str); 8] = [
    ("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "Azure CLI"),
    ("1950a258-227b-4e31-a9cf-717495945fc2", "Azure PowerShell"),
    ("c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "Azure portal"),
    ("509e4652-da8d-478d-a730-e9d4a1996ca4", "Azure Resource Graph"),
    ("8cae6e77-e04e-42ce-b5cb-50d82bce26b1", "Azure Policy insights"),
    ("abfa0a7c-a6b6-4736-8310-5855508787cd", "Azure App Service"),
    ("cfa8b339-82a2-471a-a3c9-0fc0be7a4093", "Azure Key Vault"),
    ("797f4846-ba00-4fd7-ba43-dac1f8f63013", "Azure Resource Manager"),
];

/// A caller in words: the name that the configuration gives it, else its sign-in name, else the last part of the
/// resource whose managed identity it is, else its application, else its object id. `names` is by id in lower case.
pub(crate) fn name_of(names: &BTreeMap<String, String>, upn: &str, resource: &str, appid: &str, oid: &str) -> String {
    let given = [oid, appid].into_iter().find_map(|id| names.get(&id.to_lowercase()));
    let resource = resource.rsplit('/').next().unwrap_or("");
    let application = application(appid);
    let found = [given.map_or("", String::as_str), upn, resource, application, appid, oid];
    found.into_iter().find(|name| !name.is_empty()).unwrap_or("").to_owned()
}

/// The same name, as it is shown beside what was done: our own other runs are no caller whose name matters.
pub(crate) fn shown_as(name: String, whose: Whose) -> String {
    match whose {
        Whose::Others | Whose::ThisRun => name,
        Whose::AnotherRun => "stanch (another run)".to_owned(),
        Whose::Claimed => format!("claims to be stanch (another run): {name}"),
    }
}

/// The name of an application of Microsoft's own; empty for others.
fn application(appid: &str) -> &'static str {
    WELL_KNOWN.iter().find(|(id, _)| id.eq_ignore_ascii_case(appid)).map_or("", |(_, name)| name)
}
