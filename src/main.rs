//! Turns arguments into an exit code, and nothing else.

use std::alloc::System;
use zeroizing_alloc::ZeroAlloc;

/// Wipes all memory that is given back: the Azure crates hold values as ordinary text, and so does the HTTP client.
#[global_allocator]
static WIPED: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> std::process::ExitCode {
    stanch::cli::main()
}
