//! The systemd generator of icps; see systemd.generator(7).

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use icps::generator::{Manager, generate, report};

fn main() -> ExitCode {
    // The manager passes three directories. The first is for what stands behind the administrator's own files.
    let Some(output) = env::args_os().nth(1) else {
        report(
            "expected a directory for the drop-ins; systemd runs this program at boot and at daemon-reload",
        );
        return ExitCode::from(2);
    };
    if let Some(manager) = Manager::of(|name| env::var_os(name).map(PathBuf::from)) {
        for error in generate(&manager, Path::new(&output)) {
            report(&error);
        }
    }
    // A wrong configuration is no reason for a failed generator.
    ExitCode::SUCCESS
}
