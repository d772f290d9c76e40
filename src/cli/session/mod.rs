//! What commands work with: the state directory and its runs, runbooks, the configuration, the cloud, the services.

mod configuration;
mod pinned;
mod refused;
mod runbook_file;
mod store;
mod stored;
mod surroundings;
mod way;
mod who;

pub(crate) use pinned::{difference, not_planned, plan_of, start};
pub(crate) use refused::{
    HERE_INSTEAD, cannot_append, cannot_list, cannot_write, held, locked, not_begun, refuse_abandoned, refuse_uploaded,
    unreadable, uploaded,
};
pub use runbook_file::BUILT_IN;
pub(crate) use runbook_file::{fitting_runbook, look_at_runbook, place_of, read_file, read_own_file, read_runbook};
pub(crate) use store::LOCAL;
pub(crate) use stored::{
    existing, existing_in, fingerprints, history, known, not_an_id, opened, own_prefixes, runs, runs_here,
    runs_of_this_machine, runs_to_upload, state,
};
pub(crate) use surroundings::Session;
pub(crate) use who::{check_operator, claimant, host, operator, seen, seen_of};
