//! From options to the things a command works with: who is at work, the configuration, the cloud, the services.

use super::configuration::Configuration;
use super::stored::{fingerprints, not_an_id, own_prefixes};
use super::way;
use crate::actions::{self, Services};
use crate::azure::{Azure, CloudFile};
use crate::cli::exit::CommandError;
use crate::cli::options::Common;
use crate::config::Config;
use crate::correlation::Prefix;
use crate::engine::event::{Mode, RunOpened};
use crate::failure::Failure;
use crate::journal::{RunFolder, Runs, Targets};
use crate::plan::Plan;
use crate::secret::{Nobody, SecretPrompt};
use crate::vault::VaultUrl;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The surroundings of a run or a question: real or drill, with the configuration that goes with it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) cloud: Option<CloudFile>,
    pub(crate) cloud_path: Option<PathBuf>,
    pub(crate) configuration: Configuration,
    /// Who is asked for values.
    pub(crate) secret_prompt: Arc<dyn SecretPrompt>,
}

impl Session {
    /// Reads the cloud file and the configuration. `pinned` are the paths of an earlier life of the run.
    pub(crate) fn open(common: &Common, pinned: Option<&RunOpened>) -> Result<Self, CommandError> {
        Self::with(common, pinned, None)
    }

    /// The same for a run that goes on. One that was begun on another machine takes its configuration along; paths in it are
    /// looked for where they were.
    pub(crate) fn of_run(common: &Common, opened: &RunOpened, folder: &RunFolder) -> Result<Self, CommandError> {
        let is_elsewhere = folder.is_shared() && opened.config.as_ref().is_some_and(|path| !Path::new(path).exists());
        let copy = is_elsewhere.then(|| folder.configuration().ok()).flatten();
        let sha256 = |text: &String| hex::encode(Sha256::digest(text));
        let copy = copy.filter(|text| opened.config_sha256 == Some(sha256(text)));
        Self::with(common, Some(opened), copy)
    }

    fn with(common: &Common, pinned: Option<&RunOpened>, copy: Option<String>) -> Result<Self, CommandError> {
        let pinned_path = |path: Option<&String>| path.map(PathBuf::from);
        let cloud_path = common.cloud.clone().or_else(|| pinned_path(pinned?.cloud.as_ref()));
        let cloud_path = cloud_path.map(|path| std::path::absolute(&path).unwrap_or(path));
        let cloud = cloud_path.as_deref().map(CloudFile::read).transpose().map_err(CommandError::usage)?;
        let mut configuration = Configuration::open(common, cloud.as_ref(), pinned, copy)?;
        if let Some(archive) = cloud.as_ref().and_then(|cloud| cloud.archive.clone()) {
            configuration.config.set_archive(archive);
        }
        let secret_prompt = Arc::new(Nobody);
        Ok(Self { cloud, cloud_path, configuration, secret_prompt })
    }

    /// What the configuration says.
    pub(crate) fn config(&self) -> &Config {
        &self.configuration.config
    }

    /// Real, or a drill.
    pub(crate) fn mode(&self) -> Mode {
        if self.cloud.is_some() { Mode::Drill } else { Mode::Real }
    }

    /// The vaults that were named, each once; without any, those that the configuration speaks of.
    pub(crate) fn vaults(&self, named: &[String]) -> Result<Vec<VaultUrl>, CommandError> {
        let configured = self.config().named_vaults.iter();
        let configured = configured.map(|name| format!("https://{}.vault.azure.net", name.to_lowercase()));
        let urls: Vec<String> = if named.is_empty() { configured.collect() } else { named.to_vec() };
        if urls.is_empty() {
            let failure = Failure::refused("no vault is given to look in");
            return Err(CommandError::usage(
                failure.help("add `--vault https://VAULT.vault.azure.net`, once for each"),
            ));
        }
        let mut vaults: Vec<VaultUrl> = Vec::new();
        for url in &urls {
            let vault = VaultUrl::parse(url).map_err(CommandError::usage)?;
            if !vaults.contains(&vault) {
                vaults.push(vault);
            }
        }
        Ok(vaults)
    }

    /// Opens the way to Azure.
    pub(crate) fn azure(&self, request_prefix: &str) -> Result<Azure, CommandError> {
        way::open(self.cloud.as_ref(), self.config(), request_prefix)
    }

    /// Everything that the actions of a run share.
    pub(crate) fn services(
        self,
        plan: &Plan,
        opened: &RunOpened,
        operator: &str,
        runs: &Runs,
        targets: Targets,
    ) -> Result<Services, CommandError> {
        let fingerprints = fingerprints(runs)?;
        let mut own_prefixes = own_prefixes(runs);
        own_prefixes.push(Prefix { text: opened.request_prefix.clone(), run: Some(opened.run.clone()) });
        Ok(Services {
            run: opened.run.clone(),
            runbook: opened.runbook.clone(),
            operator: operator.to_owned(),
            mode: opened.mode,
            request_prefix: opened.request_prefix.clone(),
            own_prefixes,
            inputs: opened.inputs.clone(),
            plan_digest: plan.digest(),
            steps: plan.planned(&actions::catalogue()),
            azure: self.azure(&opened.request_prefix)?,
            config: self.configuration.config,
            secret_prompt: self.secret_prompt,
            fingerprints,
            report_folder: runs.folder(&opened.run).map_err(|error| not_an_id(&error))?.report(),
            targets,
        })
    }
}
