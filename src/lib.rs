//! stanch stops a leaked secret from bleeding.
pub mod actions;
pub mod audit;
pub mod azure;
pub mod cli;
pub mod clock;
pub mod cloud;
pub mod engine;
pub mod failure;
pub mod journal;
pub mod plan;
pub mod projection;
pub mod providers;
pub mod render;
pub mod runbook;
pub mod secret;
