//! From options to the things a command works with: the state directory, the configuration, the cloud, the services.

#![expect(clippy::disallowed_methods, reason = "the command line is where the environment and named files are read")]

use super::Common;
use super::exit::{CommandError, Exit};
use super::run::cannot_write;
use crate::actions;
use crate::actions::Services;
use crate::azure::{Azure, CloudFile, Environment, Identity, Route, Transport};
use crate::config::{Config, USUAL_RUNBOOK};
use crate::correlation::Prefix;
use crate::engine::event::{Event, Mode, RunOpened};
use crate::failure::Failure;
use crate::journal::{Claimant, Damage, DamageKind, Journal, ReadError, Record, RunFolder, Runs, Targets};
use crate::plan::Plan;
use crate::runbook::RunbookSource;
use crate::runbook::diagnostic::nearest;
use crate::runbook::source::LARGEST_RUNBOOK;
use crate::runbook::source::{Fragment, Library};
use crate::secret::{FingerprintKey, Nobody, SecretPrompt};
use crate::vault::{SecretUrl, VaultUrl};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The runbooks that the program brings along.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("secret-exposure", include_str!("../../runbooks/secret-exposure.yaml")),
    ("leaked-value", include_str!("../../runbooks/leaked-value.yaml")),
    ("whole-vault", include_str!("../../runbooks/whole-vault.yaml")),
    ("storage-account-key", include_str!("../../runbooks/storage-account-key.yaml")),
    ("entra-app-secret", include_str!("../../runbooks/entra-app-secret.yaml")),
    ("database-credential", include_str!("../../runbooks/database-credential.yaml")),
    ("third-party-api-key", include_str!("../../runbooks/third-party-api-key.yaml")),
];

/// The runbook that fits a secret: the one that is named for it, else the one for its issuer, else the usual one.
pub(crate) fn fitting_runbook(config: &Config, secret: &SecretUrl, tags: &BTreeMap<String, String>) -> String {
    let facts = config.inventory.facts(&secret.vault.name, &secret.name, tags);
    let of_issuer = || actions::fitting_runbook(config, secret, tags).map(str::to_owned);
    facts.runbook.or_else(of_issuer).unwrap_or_else(|| USUAL_RUNBOOK.to_owned())
}

/// The fragments that built-in runbooks may include, by their path.
const BUILT_IN_FRAGMENTS: &[(&str, &str)] = &[];

/// A runbook's text, and where the fragments that it includes lie.
#[derive(Debug)]
pub(crate) struct RunbookFile {
    name: String,
    text: String,
    shelf: Shelf,
}

/// Where fragments lie.
#[derive(Debug)]
enum Shelf {
    /// Beside the runbook.
    Folder(PathBuf),
    /// In the program. There is no way out of it.
    BuiltIn,
}

impl RunbookFile {
    pub(crate) fn source(&self) -> RunbookSource<'_> {
        RunbookSource { name: &self.name, text: &self.text, library: &self.shelf }
    }
}

impl Library for Shelf {
    fn fragment(&self, path: &str) -> Result<Fragment, String> {
        match self {
            Self::BuiltIn => match BUILT_IN_FRAGMENTS.iter().find(|(name, _)| *name == path) {
                Some((_, text)) => Ok(Fragment { name: format!("built-in {path}"), text: (*text).to_owned() }),
                None => Err("the program brings no such fragment along".to_owned()),
            },
            Self::Folder(folder) => {
                let path = folder.join(path);
                let text = std::fs::File::open(&path).and_then(bounded).map_err(|error| error.to_string())?;
                Ok(Fragment { name: path.display().to_string(), text })
            }
        }
    }
}

/// The text of a runbook: a file, standard input as `-`, or a built-in where no such file is meant.
pub(crate) fn read_runbook(name: &str) -> Result<RunbookFile, CommandError> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return Ok(RunbookFile { name: name.to_owned(), text: (*text).to_owned(), shelf: Shelf::BuiltIn });
    }
    let (text, called, folder) = match name {
        "-" => (bounded(std::io::stdin()), "standard input", PathBuf::new()),
        path => {
            let folder = Path::new(path).parent().map(Path::to_path_buf).unwrap_or_default();
            (std::fs::File::open(path).and_then(bounded), path, folder)
        }
    };
    let text = text.map_err(|error| {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("give a path, or the name of a built-in: {}", names.join(", ")),
        };
        CommandError::usage(
            Failure::refused(format!("the runbook `{name}` cannot be read")).because(error.to_string()).help(help),
        )
    })?;
    Ok(RunbookFile { name: called.to_owned(), text, shelf: Shelf::Folder(folder) })
}

/// A text, read no further than it takes to see that it is too large.
fn bounded(from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    from.take(LARGEST_RUNBOOK as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// The text of a file that the user named.
pub(crate) fn read_file(path: &Path, what: &str) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|error| {
        let summary = format!("{what} `{}` cannot be read", path.display());
        CommandError::usage(Failure::refused(summary).because(error.to_string()).help("give the path of a file"))
    })
}

/// All runs of this user.
pub(crate) fn runs(common: &Common) -> Result<Runs, CommandError> {
    let state = match &common.state_dir {
        Some(folder) => folder.clone(),
        None => platform_state_dir().ok_or_else(|| {
            let failure = Failure::refused("there is no home directory to keep runs in");
            CommandError::usage(failure.help("name a place with `--state-dir` or STANCH_STATE_DIR"))
        })?,
    };
    Ok(Runs::new(std::path::absolute(&state).unwrap_or(state)))
}

fn platform_state_dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_STATE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("stanch"))
}

/// The key of the fingerprints of this state directory.
pub(crate) fn fingerprints(runs: &Runs) -> Result<FingerprintKey, CommandError> {
    runs.fingerprint_key().map_err(|error| cannot_write(runs.state(), &error))
}

/// A run that exists.
pub(crate) fn existing(common: &Common, run: &str) -> Result<RunFolder, CommandError> {
    let runs = runs(common)?;
    let folder = runs.folder(run);
    if folder.exists() {
        return Ok(folder);
    }
    let known = runs.list().unwrap_or_default();
    let help = match nearest(run, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? `stanch runs` lists them all"),
        None => "`stanch runs` lists them all".to_owned(),
    };
    let summary = format!("there is no run `{run}` in `{}`", runs.state().display());
    Err(CommandError::usage(Failure::refused(summary).help(help)))
}

/// A run's journal, whole and verified but for a torn last line.
pub(crate) fn journal(folder: &RunFolder) -> Result<Journal, CommandError> {
    folder.read().map_err(|error| unreadable(&folder.journal(), &error))
}

/// Why a journal cannot be used.
pub(crate) fn unreadable(path: &Path, error: &ReadError) -> CommandError {
    match error {
        ReadError::Io(error) => {
            let summary = format!("the journal `{}` cannot be read", path.display());
            CommandError::usage(Failure::refused(summary).because(error.to_string()))
        }
        ReadError::Damaged(damage) => damaged(path, damage),
    }
}

/// A journal that was changed.
pub(crate) fn damaged(path: &Path, damage: &Damage) -> CommandError {
    let help = match damage.kind {
        DamageKind::NewerFormat(_) => "go on with the stanch that wrote it, or a newer one\nnothing was changed",
        _ => {
            "nothing after the line before it can be trusted; compare with a copy or with a head that was sent off the machine"
        }
    };
    let place = format!("{}:{}", path.display(), damage.line);
    CommandError::refused(Failure::refused(damage.to_string()).because(place).help(help))
}

/// How the ids of all requests begin that runs and searches of this state directory sent. A secret that was worked on before is
/// not read by a stranger because of that.
pub(crate) fn own_prefixes(runs: &Runs) -> Vec<Prefix> {
    let prefix = |record: Record| match record.event {
        Event::RunOpened(opened) => Some(Prefix { text: opened.request_prefix, run: Some(opened.run) }),
        _ => None,
    };
    let ids = runs.list().unwrap_or_default();
    let key = runs.known_fingerprint_key();
    let searches = key.iter().flat_map(|key| [key.former_request_prefix(), key.request_prefix()]).map(Prefix::from);
    ids.iter().filter_map(|run| runs.folder(run).first_record()).filter_map(prefix).chain(searches).collect()
}

/// Who is at work, and where.
pub(crate) fn operator() -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    set("STANCH_OPERATOR")
        .or_else(|| set("USER"))
        .or_else(|| set("LOGNAME"))
        .unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
}

/// The machine's name.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Who wants to work on a run.
pub(crate) fn claimant() -> Claimant {
    Claimant { operator: operator(), host: host(), takes_over: false }
}

/// The surroundings of a run or a question: real or drill, with the configuration that goes with it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) cloud: Option<CloudFile>,
    pub(crate) cloud_path: Option<PathBuf>,
    pub(crate) config: Config,
    pub(crate) config_path: Option<PathBuf>,
    /// Who is asked for values.
    pub(crate) secret_prompt: Arc<dyn SecretPrompt>,
}

impl Session {
    /// Reads the cloud file and the configuration. `pinned` are the paths of an earlier life of the run.
    pub(crate) fn open(common: &Common, pinned: Option<&RunOpened>) -> Result<Self, CommandError> {
        let pinned_path = |path: Option<&String>| path.map(PathBuf::from);
        let cloud_path = common.cloud.clone().or_else(|| pinned_path(pinned?.cloud.as_ref()));
        let cloud_path = cloud_path.map(|path| std::path::absolute(&path).unwrap_or(path));
        let cloud = cloud_path.as_deref().map(CloudFile::read).transpose().map_err(CommandError::usage)?;
        let config_path = common
            .config
            .clone()
            .or_else(|| cloud.as_ref().and_then(|cloud| cloud.config.clone()))
            .or_else(|| pinned_path(pinned?.config.as_ref()))
            .or_else(|| Some(PathBuf::from("stanch.yaml")).filter(|path| cloud.is_none() && path.is_file()));
        let config_path = config_path.map(|path| std::path::absolute(&path).unwrap_or(path));
        let mut config = match &config_path {
            Some(path) => Config::read(path).map_err(|error| CommandError::text(Exit::Usage, error.to_string()))?,
            None => Config::default(),
        };
        if let Some(archive) = cloud.as_ref().and_then(|cloud| cloud.archive.clone()) {
            config.set_archive(archive);
        }
        let secret_prompt = Arc::new(Nobody);
        Ok(Self { cloud, cloud_path, config, config_path, secret_prompt })
    }

    /// The configuration's text, if there is one.
    pub(crate) fn config_text(&self) -> Option<&str> {
        self.config.text()
    }

    /// Real, or a drill.
    pub(crate) fn mode(&self) -> Mode {
        if self.cloud.is_some() { Mode::Drill } else { Mode::Real }
    }

    /// The vaults that were named, each once; without any, those that the configuration speaks of.
    pub(crate) fn vaults(&self, named: &[String]) -> Result<Vec<VaultUrl>, CommandError> {
        let configured = self.config.named_vaults.iter();
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
        let route = match &self.cloud {
            Some(cloud) => Route::Cloud(Box::new(cloud.clone())),
            None => Route::Real,
        };
        let transport = Transport::limited(route, request_prefix, self.config.limits).map_err(CommandError::usage)?;
        let identity = Identity::new(self.config.identity.clone(), transport.clone(), Environment::of_process());
        Ok(Azure { transport, identity })
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
            config: self.config,
            secret_prompt: self.secret_prompt,
            fingerprints,
            report_folder: runs.folder(&opened.run).report(),
            targets,
        })
    }
}
