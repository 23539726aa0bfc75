//! The binary: the arguments of the process in, the exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(matgrad_cli::main(std::env::args_os()))
}
