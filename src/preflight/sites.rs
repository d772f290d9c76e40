//! Sites of App Service and Functions whose settings refer to what would be replaced.

use super::findings::{Broken, Check, CheckResult};
use crate::actions::appservice;
use crate::azure::{Azure, ResourceManager};
use crate::vault::SecretUrl;

/// Looks through the sites of a subscription for settings that refer to the secret.
pub(super) async fn look(secret: &SecretUrl, subscription: &str, azure: &Azure) -> (Check, Vec<Broken>) {
    let manager = ResourceManager::new(azure, &secret.vault);
    let look = match appservice::look(&manager, secret, subscription).await {
        Ok(look) => look,
        Err(failure) => return (Check::of(CheckResult::Warning, &failure), Vec::new()),
    };
    let mut broken = Vec::new();
    let mut following: Vec<&str> = Vec::new();
    for appservice::Found { site, references } in &look.found {
        for reference in references {
            match &reference.pinned {
                Some(version) => broken.push(Broken {
                    consumer: site.name.clone(),
                    version: version.clone(),
                    because: format!("the app setting `{}` of the site {} names it", reference.setting, site.name),
                    help: appservice::remedy(secret, site, &reference.setting),
                }),
                None if !following.contains(&site.name.as_str()) => following.push(&site.name),
                None => {}
            }
        }
    }
    let what = match following.as_slice() {
        [] => format!("none of {} sites follows `{}` by a reference", look.sites, secret.name),
        names => format!("{} of {} sites follow `{}`: {}", names.len(), look.sites, secret.name, names.join(", ")),
    };
    (Check::fine(what), broken)
}
