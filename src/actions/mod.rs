//! What a step can do. One file per action; [`all`] is the list.

mod action;
mod announce;
pub(crate) mod appservice;
mod audit;
mod context;
mod http;
mod human;
mod issuer;
mod keyvault;
mod notify;
mod parameter;
mod plan_line;
mod report;
mod rotation;
mod wait;

use crate::plan::Catalogue;
use std::collections::BTreeMap;

pub use action::Action;
pub(crate) use audit::trail::{Asker, NotKnown, SIGN_IN, Trail};
pub use context::{Context, Services};
pub(crate) use keyvault::await_readers::BASELINE as READERS_BASELINE;
pub(crate) use plan_line::{IssuerSeen, PlanLine, Surroundings};
pub(crate) use rotation::{
    Identified, Standing, Succession, blames_tags, ends, fitting_runbook, identified, identify, standing,
};

/// Every action there is.
pub fn all() -> Vec<Action> {
    let mut actions = vec![
        keyvault::search::action(),
        keyvault::list::action(),
        keyvault::check::action(),
        issuer::identify::action(),
        keyvault::rotate::action(),
        keyvault::await_readers::action(),
        issuer::revoke::action(),
        issuer::prove::action(),
        keyvault::disable_old::action(),
        keyvault::prove_revoked::action(),
        keyvault::reconcile::action(),
        issuer::close::action(),
        appservice::action(),
        audit::blast_radius::action(),
        human::approve::action(),
        human::by_hand::action(),
        wait::action(),
        http::action(),
        report::action(),
    ];
    actions.extend(notify::actions());
    actions
}

/// All of them, by name.
pub fn by_name() -> BTreeMap<&'static str, Action> {
    all().into_iter().map(|action| (action.spec.name, action)).collect()
}

/// Their descriptions, by name.
pub fn catalogue() -> Catalogue {
    all().into_iter().map(|action| (action.spec.name, action.spec)).collect()
}
