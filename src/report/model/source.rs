//! What the parts of the report are made from.

use super::words::plain;
use crate::engine::event::RunOpened;
use crate::evidence::{Evidence, Known};
use crate::plan::PlannedStep;

/// What the parts of the report are made from.
pub(super) struct Source<'a> {
    pub(super) known: &'a Known,
    /// The steps of the runbook in its order.
    pub(super) steps: &'a [PlannedStep],
}

impl Source<'_> {
    pub(super) fn opened(&self) -> Option<&RunOpened> {
        self.known.state().opened()
    }

    /// The run's id.
    pub(super) fn run(&self) -> String {
        self.opened().map(|opened| opened.run.clone()).unwrap_or_default()
    }

    /// An input as text; empty where there is none.
    pub(super) fn input(&self, name: &str) -> String {
        self.opened().and_then(|opened| opened.inputs.get(name)).map(plain).unwrap_or_default()
    }

    /// All evidence, in the order in which it was found.
    pub(super) fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        self.known.items().iter().map(|item| &item.evidence)
    }

    /// What the run is about: the secret it was given or found, or the whole vault.
    pub(super) fn secret(&self) -> String {
        let found = || {
            self.evidence().find_map(|evidence| match evidence {
                Evidence::Found { secrets } => secrets.first().cloned(),
                _ => None,
            })
        };
        Some(self.input("secret"))
            .filter(|secret| !secret.is_empty())
            .or_else(found)
            .unwrap_or_else(|| self.input("vault"))
    }

    /// Whether the vault was treated as the issuer although nothing names it.
    pub(super) fn took_the_vault_for_the_issuer(&self) -> bool {
        self.evidence().any(|evidence| matches!(evidence, Evidence::IssuerNamed { assumed: true, .. }))
    }
}
