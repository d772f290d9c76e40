//! The one integration test binary: transcripts of the program, and its parts over real connections.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends at the first surprise, and sets its own stage"
)]

/// As in the program itself: memory that is given back is wiped.
#[global_allocator]
static WIPED: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

mod adoption;
mod architecture;
mod asked_again;
mod audit;
mod bounds;
mod cloud;
mod completed;
mod config;
mod contended;
mod crash;
mod damage;
mod disk;
mod documents;
mod doors;
mod drills;
mod engine;
mod find;
mod identity;
mod intake;
mod inventory;
mod issuers;
mod journal;
mod language;
mod late;
mod limits;
mod locks;
mod many;
mod people;
mod plan;
mod printing;
mod repeated;
mod replay;
mod report;
mod run;
mod runbooks;
mod secrecy;
mod signed_in;
mod slack;
mod slack_channel;
mod stage;
mod steps;
mod store;
mod succession;
mod surroundings;
mod taking_over;
mod terminal;
mod time_stamps;
mod trust;
mod upload;
mod vault;
mod verdict;
mod war_room;
mod who;
mod whole;
mod words;
mod wrong_input;
