//! The commands: one file each, and what they share.

mod archive;
mod daemon;
mod failure;
mod identity;
mod ledger;
mod mfa;
mod occasion;
mod open;
mod output;
mod run;
mod setup;
mod sign_in;
mod status;
mod sync;
mod token;
mod verify;
mod watch;

use std::ffi::OsString;

use crate::exit::Exit;
use crate::settings::{self, Command, Loaded};
use failure::Failure;
use run::Run;

/// Does what the command line says. Everything that has to be said has been said when it returns.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let environment = |name: &str| std::env::var_os(name);
    let Loaded { command, settings, answers, warnings } = match settings::load(arguments, &environment) {
        Ok(loaded) => loaded,
        Err(settings::Error::CommandLine(answer)) => {
            // Help and version go to standard output, mistakes to standard error; a closed one is no matter.
            let _ = answer.print();
            return settings::Error::CommandLine(answer).exit();
        }
        Err(error) => return Failure::from(error).say(),
    };
    let result = match command {
        Command::Daemon => return daemon::run(),
        Command::Mfa(command) => mfa::run(&settings, command),
        Command::Status { json } => status::run(&settings, json),
        Command::Setup => {
            return setup::run(&settings, &answers, &warnings)
                .unwrap_or_else(|failure| failure.of(settings.account.as_ref()).say());
        }
        Command::Archive { path } => {
            return Run::carry_out("archive", true, settings, &warnings, async |run| {
                archive::story(run, &path).await
            });
        }
        Command::Token { print } => {
            return Run::carry_out("token", false, settings, &warnings, async |run| {
                token::story(run, print).await
            });
        }
        Command::Verify { repair, json } => {
            let wish = verify::Wish { repair, json };
            return Run::carry_out("verify", false, settings, &warnings, async |run| {
                verify::story(run, wish).await
            });
        }
        Command::Sync { dry_run, json } => {
            let wish = sync::Wish { dry_run, json };
            return Run::carry_out("sync", !dry_run, settings, &warnings, async |run| {
                sync::story(run, wish).await
            });
        }
    };
    match result {
        Ok(()) => Exit::Done,
        Err(failure) => failure.of(settings.account.as_ref()).say(),
    }
}
