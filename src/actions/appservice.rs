//! `appservice/refresh`: finds the sites of App Service and Functions whose settings refer to the secret, and makes them
//! fetch their references anew. A reference that is pinned to a version never follows; it is named with its setting.

use super::action::Action;
use super::plan_line::{PlanLine, Surroundings, early, name};
use crate::actions::context::Context;
use crate::azure::{ConfigReference, ResourceManager, Site};
use crate::durable::{Intent, Stop, Unprobed};
use crate::failure::Failure;
use crate::plan::{Aim, Class, Fact};
use crate::report::fact::counted;
use crate::vault::SecretUrl;
use futures::{StreamExt, TryStreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sites that are asked side by side.
const AT_ONCE: usize = 8;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// The secret, by its URL.
    secret: SecretUrl,
    /// The subscription whose sites are looked through; that of the configuration unless given.
    #[serde(default)]
    subscription: String,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct Outputs {
    /// Sites that were made to fetch anew.
    refreshed: Vec<String>,
    /// Settings that never follow, each with what to change.
    pinned: Vec<Pinned>,
    /// How many sites were looked through.
    sites: usize,
    /// Why none were; empty where they were.
    because: String,
}

/// A setting that is pinned to a version.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Pinned {
    site: String,
    setting: String,
    version: String,
    remedy: String,
}

/// A site with the references that point to the secret.
#[derive(Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) site: Site,
    pub(crate) references: Vec<ConfigReference>,
}

/// What a look through the subscription gave.
#[derive(Serialize, Deserialize)]
pub(crate) struct Look {
    pub(crate) sites: usize,
    pub(crate) found: Vec<Found>,
}

const EXAMPLE: &str = r#"- id: rotate
  uses: keyvault/rotate
  with: { secret: "${{ inputs.secret }}" }
- id: sites
  uses: appservice/refresh
  with: { secret: "${{ inputs.secret }}", subscription: 11111111-2222-4333-8444-555555555555 }
"#;

pub(crate) fn action() -> Action {
    Action::new(
        "appservice/refresh",
        Class::Write,
        "makes the sites that refer to the secret fetch its new version, and names pinned references",
        "sends it again: fetching twice changes nothing",
        run,
    )
    .aim(Aim::RefreshSites)
    .plan(plan)
    .fact(fact)
    .idempotency("sent again at will: fetching twice changes nothing")
    .example(EXAMPLE)
}

early!(Known of Parameters { secret: SecretUrl, subscription: String });

fn plan(known: &Known, surroundings: &Surroundings) -> PlanLine {
    let given = known.subscription.clone().filter(|given| !given.is_empty());
    let refreshes = given.or_else(|| surroundings.subscription.clone());
    let does = match (&known.secret, &refreshes) {
        (Some(_), Some(_)) => format!("makes the sites that refer to {} fetch it anew", name(&known.secret)),
        _ => "nothing: no subscription is named".to_owned(),
    };
    PlanLine { refreshes, ..PlanLine::on(&known.secret).does(does) }
}

fn fact(outputs: &Outputs) -> Fact {
    if !outputs.because.is_empty() {
        return Fact::from(format!("no site was looked at: {}", outputs.because));
    }
    let pinned: Vec<&str> = outputs.pinned.iter().map(|pinned| pinned.site.as_str()).collect();
    let pinned =
        if pinned.is_empty() { String::new() } else { format!("; pinned to an old version: {}", pinned.join(", ")) };
    Fact::from(format!("{} refreshed{pinned}", counted(outputs.refreshed.len() as u64, "site")))
}

async fn run(context: &Context, parameters: Parameters) -> Result<Outputs, Stop> {
    let Parameters { secret, subscription } = parameters;
    let subscription = match subscription.as_str() {
        "" => context.services.config.subscription.clone().unwrap_or_default(),
        _ => subscription,
    };
    if subscription.is_empty() {
        let because = "no subscription is named, by the run or in stanch.yaml".to_owned();
        return Ok(Outputs { refreshed: Vec::new(), pinned: Vec::new(), sites: 0, because });
    }
    let manager = ResourceManager::new(&context.services.azure, &secret.vault);
    context.progress("looking through the sites");
    let look = context.observe("sites", async || look(&manager, &secret, &subscription).await).await?;
    let mut outputs = Outputs { refreshed: Vec::new(), pinned: Vec::new(), sites: look.sites, because: String::new() };
    for Found { site, references } in &look.found {
        for reference in references {
            let Some(version) = &reference.pinned else { continue };
            let setting = &reference.setting;
            outputs.pinned.push(Pinned {
                site: site.name.clone(),
                setting: setting.clone(),
                version: version.clone(),
                remedy: remedy(&secret, site, setting),
            });
        }
        if references.iter().all(|reference| reference.pinned.is_some()) {
            continue;
        }
        context.progress(format!("refreshing {}", site.name));
        let intent =
            Intent::new(format!("refresh {}", site.name), format!("make {} fetch its references anew", site.name));
        let send = async |_: String| manager.refresh_references(site).await;
        context.blind_effect(intent, Unprobed::Repeat, send).await?;
        outputs.refreshed.push(site.name.clone());
    }
    Ok(outputs)
}

/// What takes the version out of a site's setting.
pub(crate) fn remedy(secret: &SecretUrl, site: &Site, setting: &str) -> String {
    let whole = SecretUrl { version: None, ..secret.clone() };
    format!("in the app setting `{setting}` of `{}`, write `@Microsoft.KeyVault(SecretUri={whole})`", site.name)
}

/// Looks for references to the secret; reads only.
pub(crate) async fn look(manager: &ResourceManager, secret: &SecretUrl, subscription: &str) -> Result<Look, Failure> {
    let is_guid = subscription.len() == 36 && subscription.chars().all(|one| one.is_ascii_hexdigit() || one == '-');
    if !is_guid {
        return Err(Failure::refused(format!("`{subscription}` is not the id of a subscription"))
            .help("`az account show --query id` prints it"));
    }
    let sites = manager.sites(subscription).await?;
    let count = sites.len();
    let refers = |reference: &ConfigReference| {
        let is = |said: &Option<String>, name: &str| said.as_ref().is_some_and(|said| said.eq_ignore_ascii_case(name));
        is(&reference.vault, &secret.vault.name) && is(&reference.secret, &secret.name)
    };
    let asked = sites.into_iter().map(async |site| {
        let references = manager.references(&site).await?;
        Ok::<Found, Failure>(Found { site, references: references.into_iter().filter(refers).collect() })
    });
    let found: Vec<Found> = futures::stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    Ok(Look { sites: count, found: found.into_iter().filter(|found| !found.references.is_empty()).collect() })
}
