//! A rotation, whoever issues the credential: what is done before, while and after a new version takes the place of the
//! old ones. The actions in the vault and at the issuer are made of these parts.

mod entered;
mod identified;
mod late;
mod naming;
mod publication;
mod stages;
mod standing;
mod succession;
mod values;
mod versions;
mod withdrawn;

pub(crate) use entered::ask;
pub(crate) use identified::{Identified, identified, identify};
pub(crate) use late::{Late, put_right};
pub(crate) use naming::{
    Issued, blames_tags, blaming_tags, fitting_runbook, issued_by, issuer_of, open as open_issuer, providers, reopen,
};
pub(crate) use publication::{PREDECESSOR, confirm, predecessor};
pub(crate) use stages::Rotation;
pub(crate) use standing::{Standing, standing};
pub(crate) use succession::{Succession, ends};
pub(crate) use values::Values;
pub(crate) use versions::history;
pub(crate) use withdrawn::{Asked, is_disabled, refused};
