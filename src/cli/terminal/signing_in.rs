//! Whoever answers or begins a run shows by their own sign-in who they are, in place of a typed name.

use super::secret_prompt::StandardInput;
use crate::azure::{CloudFile, Route, Transport, token_of_person};
use crate::cli::exit::CommandError;
use crate::cli::options::Common;
use crate::engine::event::{Mode, RunOpened};
use crate::engine::person::Verified;
use crate::failure::Failure;
use crate::secret::SecretPrompt;
use crate::sign_in::{Checker, SignedIn};
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct SigningIn {
    /// Show who you are by your own sign-in (`az login`), which is checked, in place of a typed name
    #[arg(long)]
    signed_in: bool,
    /// The same with a token of yours for Key Vault or storage, which is read from standard input
    #[arg(long)]
    token_stdin: bool,
}

impl SigningIn {
    pub(crate) fn is_asked_for(self) -> bool {
        self.signed_in || self.token_stdin
    }

    /// Signs in, and checks it. `by` is who it is meant to be, if somebody said so; `player` whom a drill's player plays.
    pub(crate) async fn sign_in(
        self,
        transport: &Transport,
        checker: &Checker,
        by: Option<&str>,
        player: &str,
    ) -> Result<SignedIn, Failure> {
        let token = if self.token_stdin {
            let read = StandardInput::default().ask(&|_| ()).await?;
            let help = "`az account get-access-token --resource https://vault.azure.net --query accessToken -o tsv` prints one";
            read.ok_or_else(|| Failure::refused("standard input holds no token").help(help))?
        } else {
            let who = by.unwrap_or(player);
            token_of_person(transport, checker.login(), &checker.pinned().tenant, &checker.scope(), Some(who)).await?
        };
        let signed_in = checker.sign_in(token).await?;
        match by.filter(|by| !is_meant(signed_in.verified(), by, transport.cloud().is_some())) {
            None => Ok(signed_in),
            Some(by) => Err(Failure::refused(format!("`{}` signed in, not `{by}`", signed_in.verified().name()))
                .help("sign in as whoever is to answer, or leave `--by` out")),
        }
    }
}

/// Whether somebody is whom `--by` says; in a drill the first part of a name will do.
fn is_meant(verified: &Verified, by: &str, in_drill: bool) -> bool {
    let name = verified.name();
    let short = name.split('@').next().filter(|_| in_drill).unwrap_or(&name);
    [name.as_str(), short, &verified.oid].iter().any(|known| known.eq_ignore_ascii_case(by.trim()))
}

/// What checks sign-ins for a run that has begun: against the real world, or the cloud that a drill is played on.
pub(crate) fn checker(common: &Common, opened: &RunOpened) -> Result<(Transport, Checker), CommandError> {
    let route = match opened.mode {
        Mode::Real if common.cloud.is_some() => {
            let failure = Failure::refused("a run against the real world takes no sign-in of a cloud on this machine");
            return Err(CommandError::refused(failure.help("leave `--cloud` out, and unset STANCH_CLOUD")));
        }
        Mode::Real => Route::Real,
        Mode::Drill => {
            let path = common.cloud.clone().or_else(|| opened.cloud.as_ref().map(PathBuf::from)).unwrap_or_default();
            Route::Cloud(Box::new(CloudFile::read(&path).map_err(CommandError::usage)?))
        }
    };
    let pinned = opened.sign_ins.clone().ok_or_else(|| {
        let failure = Failure::refused("this run was begun without knowing whose sign-ins count");
        CommandError::refused(
            failure.help("answer with `--by NAME`; `tenant` in stanch.yaml lets people of it sign in to later runs"),
        )
    })?;
    let transport = Transport::new(route, &opened.request_prefix).map_err(CommandError::usage)?;
    let checker = Checker::new(transport.clone(), pinned, opened).map_err(CommandError::refused)?;
    Ok((transport, checker))
}
