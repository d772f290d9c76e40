//! Turns arguments into an exit code, and nothing else.

fn main() -> std::process::ExitCode {
    stanch::cli::main()
}
