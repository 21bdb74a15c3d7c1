//! Makes manual pages and completions out of the definition of the command line.
//!
//! ```text
//! icps-generate DIRECTORY
//! ```
//!
//! The package's build runs it; it is not part of the package.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;
use clap::builder::Resettable;
use clap_complete::{Shell, generate_to};

/// What a definition of options cannot say, in the language of manual pages.
const PROGRAM: &str = include_str!("../pages/program.roff");
/// The beginning of the page of the configuration file.
const CONFIGURATION: &str = include_str!("../pages/configuration.roff");
const UNITS: &str = include_str!("../pages/units.roff");
/// The unit under whose name the page of all units is.
const UNITS_PAGE: &str = "icps.timer";

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
    let manual = directory.join("man");
    program_pages(definition, &manual)?;
    configuration_page(&manual)?;
    unit_pages(&manual)
}

/// A page for the program and one for each command; the options that all share are only on the first.
fn program_pages(definition: Command, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for command in definition.get_subcommands() {
        command_page("icps", command, directory)?;
    }
    // What it adds to the help is said better in the sections.
    page(definition.after_help(Resettable::Reset), PROGRAM, directory, "icps")
}

fn command_page(parent: &str, command: &Command, directory: &Path) -> io::Result<()> {
    let name = format!("{parent}-{}", command.get_name());
    for subcommand in command.get_subcommands() {
        command_page(&name, subcommand, directory)?;
    }
    let command = command.clone().display_name(&name).bin_name(name.replace('-', " "));
    page(command, ".SH SEE ALSO\n.BR icps (1),\nwhose options apply too\n", directory, &name)
}

/// The page of the configuration file: a name for each option that has one there.
fn configuration_page(directory: &Path) -> io::Result<()> {
    let mut text = format!("{}{CONFIGURATION}", title("icps.conf", 5));
    for icps::settings::Variable { name, value, default, help } in icps::settings::variables() {
        let value = value.unwrap_or("BOOL");
        let default = default.map(|default| format!(" The default is {default}.")).unwrap_or_default();
        let meaning = roff(&format!("{help}.{default}"));
        // Writing to a string cannot fail.
        let _ = write!(text, ".TP\n.BR {} = \\fI{}\\fR\n{meaning}\n", roff(name), roff(value));
    }
    text += ".SH SEE ALSO\n.BR icps (1),\n.BR icps.timer (8)\n";
    fs::write(directory.join("icps.conf.5"), text)
}

/// One page for all units, under the name of each.
fn unit_pages(directory: &Path) -> io::Result<()> {
    let page = format!("{UNITS_PAGE}.8");
    fs::write(directory.join(&page), format!("{}{UNITS}", title(UNITS_PAGE, 8)))?;
    for unit in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../systemd/system"))? {
        let name = unit?.file_name().to_string_lossy().into_owned();
        if name != UNITS_PAGE {
            fs::write(directory.join(format!("{name}.8")), format!(".so man8/{page}\n"))?;
        }
    }
    Ok(())
}

fn title(name: &str, section: u8) -> String {
    format!(".TH {name} {section} \" \" \"icps {}\" icps\n", env!("CARGO_PKG_VERSION"))
}

/// Text that means nothing to a formatter.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
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
