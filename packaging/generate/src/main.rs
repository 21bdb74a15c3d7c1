//! Makes manual pages and completions out of the definition of the command line.
//!
//! ```text
//! icps-generate DIRECTORY
//! ```
//!
//! The package's build runs it; it is not part of the package.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap::builder::Resettable;
use clap_complete::{Shell, generate_to};

/// What a definition of options cannot say, in the language of manual pages.
const SECTIONS: &str = include_str!("../sections.roff");

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return fail("expected the directory to write to");
    };
    match generate(&directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("cannot write to {}: {error}", directory.display())),
    }
}

#[allow(clippy::print_stderr, reason = "the program of a build")]
fn fail(message: &str) -> ExitCode {
    eprintln!("icps-generate: {message}");
    ExitCode::FAILURE
}

fn generate(directory: &Path) -> io::Result<()> {
    let definition = icps::settings::definition();
    for (shell, name) in [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")] {
        let directory = directory.join(name);
        fs::create_dir_all(&directory)?;
        generate_to(shell, &mut definition.clone(), "icps", directory)?;
    }
    // Where bash looks for it.
    fs::rename(directory.join("bash/icps.bash"), directory.join("bash/icps"))?;
    manual(definition, &directory.join("man"))
}

/// A page for the program and one for each command; the options that all share are only on the first.
fn manual(definition: Command, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for command in definition.get_subcommands() {
        command_page("icps", command, directory)?;
    }
    // What it adds to the help is said better in the sections.
    page(definition.after_help(Resettable::Reset), SECTIONS, directory, "icps")
}

fn command_page(parent: &str, command: &Command, directory: &Path) -> io::Result<()> {
    let name = format!("{parent}-{}", command.get_name());
    for subcommand in command.get_subcommands() {
        command_page(&name, subcommand, directory)?;
    }
    let command = command.clone().display_name(&name).bin_name(name.replace('-', " "));
    page(command, ".SH SEE ALSO\n.BR icps (1),\nwhose options apply too\n", directory, &name)
}

fn page(command: Command, sections: &str, directory: &Path, name: &str) -> io::Result<()> {
    let mut text = Vec::new();
    let version = format!("icps {}", env!("CARGO_PKG_VERSION"));
    let command = command.disable_help_subcommand(true);
    // Without a date, so that the same source always makes the same page.
    clap_mangen::Man::new(command).source(version).manual("icps").date(" ").render(&mut text)?;
    text.extend_from_slice(sections.as_bytes());
    fs::write(directory.join(name).with_extension("1"), text)
}
