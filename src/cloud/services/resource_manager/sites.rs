//! Sites of App Service and Functions: which there are, and what their settings refer to.

use crate::cloud::lock::lock;
use crate::cloud::wire::exchange::{Exchange, Reply};
use crate::cloud::world::Cloud;
use crate::cloud::world::sites::{Site, VaultReference};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

const LIST: &str = "/providers/microsoft.web/sites";
const REFERENCES: &str = "/config/configreferences/appsettings";

/// Answers the calls about sites; nothing if the path is none of them.
pub(crate) fn answer(cloud: &Cloud, exchange: &Exchange) -> Option<Reply> {
    let path = percent_decode_str(&exchange.path).decode_utf8_lossy().into_owned();
    let lower = path.to_ascii_lowercase();
    let sites = &mut lock(&cloud.sites).sites;
    if exchange.method == "GET" && lower.ends_with(LIST) {
        return Some(Reply::json(200, &list(sites, lower.trim_end_matches(LIST))));
    }
    let at = lower.find(REFERENCES)?;
    let site = sites.iter_mut().find(|site| path.get(..at).is_some_and(|id| site.id.eq_ignore_ascii_case(id)))?;
    match (exchange.method.as_str(), lower.get(at + REFERENCES.len()..)) {
        ("GET", Some("")) => Some(Reply::json(200, &references(site))),
        ("POST", Some("/refresh")) => {
            site.refresh(&lock(&cloud.vaults));
            Some(Reply::json(200, &references(site)))
        }
        _ => None,
    }
}

fn list(sites: &[Site], scope: &str) -> Value {
    let within = sites.iter().filter(|site| site.id.to_ascii_lowercase().starts_with(scope));
    let shown = |site: &Site| {
        let name = site.id.rsplit('/').next().unwrap_or_default();
        json!({ "id": site.id, "name": name, "type": "Microsoft.Web/sites", "kind": "app" })
    };
    json!({ "value": within.map(shown).collect::<Vec<Value>>(), "nextLink": null })
}

fn references(site: &Site) -> Value {
    let item = |(setting, text): (&String, &String)| {
        let reference = VaultReference::parse(text).unwrap_or_default();
        let active = site.active.get(setting);
        json!({
            "id": format!("{}{REFERENCES}/{setting}", site.id),
            "name": setting,
            "type": "Microsoft.Web/sites/config/configreferences",
            "properties": {
                "reference": text,
                "status": if active.is_some() { "Resolved" } else { "SecretNotFound" },
                "vaultName": reference.vault,
                "secretName": reference.secret,
                "secretVersion": active,
                "activeVersion": active,
                "identityType": "SystemAssigned",
                "details": "Reference has been successfully resolved.",
                "source": "KeyVault",
            },
        })
    };
    json!({ "value": site.settings.iter().map(item).collect::<Vec<Value>>(), "nextLink": null })
}
