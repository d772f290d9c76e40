//! What surrounds the program when it signs in: variables, and what runs other programs.

#![expect(clippy::disallowed_methods, reason = "the environment says how to sign in")]

use super::programs::Programs;
use super::route::CloudFile;
use crate::known;
use azure_identity::Executor;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Why a way to sign in that is real is not taken.
pub(super) const NOT_IN_A_DRILL: &str = "not used in a drill";

/// What surrounds the program: the environment variables that matter here, and what runs other programs.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    executor: Option<Arc<dyn Executor>>,
    /// Set where the process's own is a drill's, and is therefore not used.
    pub(super) drill: Option<DrillsMachine>,
}

/// The machine that a drill is played on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DrillsMachine {
    /// It says nothing of an identity that the official client would take for its own.
    Plain,
    /// It has, or seems to have, a real identity.
    WithIdentity,
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are left out: one of them is a client secret.
        formatter.debug_list().entries(self.variables.keys()).finish()
    }
}

impl Environment {
    /// Those of the process. In a drill none of them is read but the one that says where the drill's own cloud is: they
    /// are real, and what they hold would be sent to whoever listens there.
    pub fn of_process(cloud: Option<&CloudFile>) -> Self {
        let names = [
            "AZURE_TENANT_ID",
            "AZURE_CLIENT_ID",
            "AZURE_CLIENT_SECRET",
            "AZURE_FEDERATED_TOKEN_FILE",
            "IDENTITY_ENDPOINT",
            "IDENTITY_HEADER",
        ];
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(cloud) = cloud else {
            return Self::new(names.iter().filter_map(|name| Some(((*name).to_owned(), set(name)?))));
        };
        if set("IDENTITY_ENDPOINT").is_some_and(|endpoint| cloud.is_at(&endpoint)) {
            let on_app_service = ["IDENTITY_ENDPOINT", "IDENTITY_HEADER"].map(|name| (name.to_owned(), String::new()));
            return Self { drill: Some(DrillsMachine::Plain), ..Self::new(on_app_service) };
        }
        let takes = ["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET"];
        let has_identity = takes.iter().any(|name| std::env::var_os(name).is_some());
        let machine = if has_identity { DrillsMachine::WithIdentity } else { DrillsMachine::Plain };
        Self { drill: Some(machine), ..Self::default() }
    }

    /// These variables and no others.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables: BTreeMap<String, String> = variables.into_iter().collect();
        for name in ["AZURE_CLIENT_SECRET", "IDENTITY_HEADER"] {
            variables.get(name).into_iter().for_each(|value| known::remember(value));
        }
        Self { variables, executor: None, drill: None }
    }

    /// Runs `az` and `azd` by this in place of the system.
    #[must_use]
    pub fn with_executor(mut self, executor: Arc<dyn Executor>) -> Self {
        self.executor = Some(executor);
        self
    }

    pub(super) fn executor(&self) -> Arc<dyn Executor> {
        self.executor.clone().unwrap_or_else(|| Arc::new(Programs))
    }

    /// What is real is not used in a drill.
    pub(super) fn is_real(&self) -> Result<(), String> {
        if self.drill.is_some() { Err(NOT_IN_A_DRILL.to_owned()) } else { Ok(()) }
    }

    pub(super) fn get(&self, name: &str) -> Result<&str, String> {
        self.variables.get(name).map(String::as_str).ok_or_else(|| format!("{name} is not set"))
    }
}
