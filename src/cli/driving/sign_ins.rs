//! Whose sign-ins count in a run is pinned before it begins: the configured tenant, else that of the identity which the
//! run signs in with itself.

use super::prepare::Prepared;
use crate::actions;
use crate::azure::{Authority, Azure};
use crate::cli::exit::CommandError;
use crate::engine::person::{self, Listed, SignIns};
use crate::failure::Failure;
use crate::plan::{Aim, Class};
use crate::runbook::model::Step;
use crate::sign_in::Checker;
use crate::vault::SecretUrl;
use serde_json::Value;

/// Pins whose sign-ins count, where somebody asks for one, and who the requester is, where they sign in.
pub(super) async fn pin(mut prepared: Prepared) -> Result<Prepared, CommandError> {
    let config = prepared.session.config();
    let (required, tenant) = (config.verified_only, config.tenant.clone());
    let signs_in = prepared.signing_in.is_asked_for();
    let asked = required || signs_in || asks_for_sign_ins(&prepared);
    if !asked && tenant.is_none() && !may_ask_for_sign_ins(&prepared) {
        return Ok(prepared);
    }
    if required {
        must_be_able(&prepared)?;
    }
    let authority = authority(&prepared);
    let azure = prepared.session.azure(&prepared.opened.request_prefix)?;
    let tenant = match tenant {
        Some(tenant) => tenant,
        None => match tenant_of(&azure, authority).await {
            Ok(tenant) => tenant,
            Err(_) if !asked => return Ok(prepared),
            Err(error) => return Err(error),
        },
    };
    let pinned = SignIns { tenant, login: authority.login.to_owned(), required };
    if signs_in {
        let checker = Checker::new(azure.transport.clone(), pinned.clone(), &prepared.opened);
        let checker = checker.map_err(CommandError::refused)?;
        let player = prepared.opened.operator.clone();
        let signed_in = prepared.signing_in.sign_in(&azure.transport, &checker, None, &player).await;
        let verified = signed_in.map_err(CommandError::refused)?.verified().clone().for_those(&[]);
        prepared.opened.operator = verified.name();
        prepared.opened.seen.get_or_insert_default().verified = Some(verified);
    }
    prepared.opened.sign_ins = Some(pinned);
    Ok(prepared)
}

async fn tenant_of(azure: &Azure, authority: Authority) -> Result<String, CommandError> {
    azure.identity.tenant(&format!("{}/.default", authority.vault)).await.map_err(|failure| {
        let unknown = Failure::refused("whose sign-ins count is not known: answers count from those alone who sign in");
        let unknown =
            failure.reasons.iter().fold(unknown.because(failure.summary), |unknown, why| unknown.because(why));
        CommandError::refused(
            unknown.help("write the tenant's id as `tenant` into stanch.yaml").and("nothing was changed"),
        )
    })
}

/// The authority of the cloud whose vault the run works on.
fn authority(prepared: &Prepared) -> Authority {
    let texts = prepared.plan.inputs.values().flat_map(|value| match value {
        Value::Array(items) => items.iter().collect(),
        value => vec![value],
    });
    let host = texts.filter_map(Value::as_str).find_map(|text| Some(SecretUrl::parse(text).ok()?.vault.host));
    Authority::of_vault(&host.unwrap_or_default())
}

/// The steps that ask people.
fn asking(prepared: &Prepared) -> Vec<&Step> {
    let catalogue = actions::catalogue();
    let asks = |step: &&Step| {
        let spec = catalogue.get(step.uses.value.as_str());
        spec.is_some_and(|spec| spec.aim == Aim::Gate || spec.class == Class::Human)
    };
    prepared.plan.steps().filter(asks).collect()
}

/// Those whom a step, or else the configuration, lists, as far as they are written down.
fn listed(prepared: &Prepared) -> Vec<String> {
    let written = asking(prepared).into_iter().flat_map(|step| &step.with).filter(|given| given.name == "from");
    let written = written.filter_map(|given| given.value.value.literal());
    let entries = written.filter_map(|list| list.as_array().cloned()).flatten();
    let entries = entries.filter_map(|entry| entry.as_str().map(str::to_owned));
    entries.chain(prepared.session.config().approvers.clone()).collect()
}

fn asks_for_sign_ins(prepared: &Prepared) -> bool {
    let says = |step: &&Step| step.with.iter().any(|given| given.name == "approvals");
    asking(prepared).iter().any(says) || listed(prepared).iter().any(|entry| Listed::of(entry).may_be_many())
}

/// Who may answer is told by the run: it may be somebody of whom only the object id is known.
fn may_ask_for_sign_ins(prepared: &Prepared) -> bool {
    let mut listed = asking(prepared).into_iter().flat_map(|step| &step.with).filter(|given| given.name == "from");
    listed.any(|given| given.value.value.literal().is_none())
}

/// Nobody could answer for a name that nobody signs in by: said now, not when the gate asks.
fn must_be_able(prepared: &Prepared) -> Result<(), CommandError> {
    person::can_all_sign_in(&listed(prepared))
        .map_err(|failure| CommandError::usage(failure.and("nothing was changed")))
}
