//! The embedded cloud: Key Vault, identities, the audit trail, notification sinks, and faults on demand, over HTTP.
//!
//! [`serve`] turns [`Options`] into a [`Running`] cloud on a loopback port. It is what a drill plays against and what
//! tests call, and it knows nothing of runbooks: its only interface is HTTP, as the real cloud's is. How it behaves
//! was read off recordings of the real service, and the replay suite holds it to them.
//!
//! ```text
//!  server: listener (tls, cut) ─► dispatcher ─┬─► control ───────┐
//!                                             └─► services ──────┤   one file or folder each: key_vault,
//!                                                                │   token_endpoints, resource_manager, graph,
//!                                                                ▼   issuers, sinks
//!  actors (consumers, attackers)        scenario ─► seeding ─► world (Cloud) ─► audit trail (files)
//!    └─► the cloud, over HTTP like everybody else
//! ```
//!
//! `world` knows no service and no HTTP; a service knows `world` and `wire`; only `server` knows all of them.

mod actors;
mod control;
mod faults;
mod lock;
pub mod scenario;
mod server;
mod services;
mod times;
mod wire;
mod world;

pub use server::{Error, Options, Ready, Running, serve};
pub use world::limits::Limits;
pub use world::sink_credentials::{SigningKey, SinkCredentials};
pub use world::vault::VisibilityDelays;
