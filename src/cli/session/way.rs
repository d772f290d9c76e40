//! The way to Azure: the real one, or to the cloud of a drill.

use crate::azure::{Azure, CloudFile, Environment, Identity, Route, Transport};
use crate::cli::exit::CommandError;
use crate::config::Config;

/// Opens it, as the configuration says who goes it.
pub(super) fn open(cloud: Option<&CloudFile>, config: &Config, request_prefix: &str) -> Result<Azure, CommandError> {
    let route = match cloud {
        Some(cloud) => Route::Cloud(Box::new(cloud.clone())),
        None => Route::Real,
    };
    let transport = Transport::limited(route, request_prefix, config.limits).map_err(CommandError::usage)?;
    let environment = Environment::of_process(cloud);
    let identity = Identity::new(config.identity.clone(), transport.clone(), environment);
    Ok(Azure { transport, identity })
}
