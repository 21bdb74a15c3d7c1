//! The command line.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::options::{GROUPS, Setting, all};

/// What the program was told to do.
#[derive(Debug)]
pub enum Command {
    /// One sync.
    Sync {
        /// Say what would be done, and do nothing.
        dry_run: bool,
        /// Print the summary as JSON.
        json: bool,
    },
    /// One sync, then turn an album into plain files.
    Archive {
        /// The album.
        path: PathBuf,
    },
    /// Sign in and renew the trust token.
    Token {
        /// Print the token itself.
        print: bool,
    },
    /// Compare every file with the checksum in its name.
    Verify {
        /// Download again what is damaged.
        repair: bool,
        /// Print the report as JSON.
        json: bool,
    },
    /// Talk to the process that waits for a code.
    Mfa(MfaCommand),
    /// Say how things stand.
    Status {
        /// Print it as JSON.
        json: bool,
    },
    /// Ask for what is needed, write it down, sign in.
    Setup,
    /// Explain what replaces the daemon.
    Daemon,
}

/// What to tell the process that waits for a code.
#[derive(Debug)]
pub enum MfaCommand {
    /// The code.
    Code(SecretString),
    /// Ask Apple for a code.
    Resend {
        /// `sms`, `voice` or `device`.
        method: String,
        /// The phone, for SMS and voice.
        phone: Option<u32>,
    },
    /// Nothing: say whether anybody waits.
    Status,
}

/// Values by the long name of their option.
pub(crate) type Values = HashMap<&'static str, Zeroizing<String>>;

/// A command line that was understood.
pub(crate) struct Invocation {
    pub(crate) command: Command,
    pub(crate) values: Values,
}

/// The definition of the command line, from which help, manual page and completions are made.
pub fn definition() -> clap::Command {
    let mut definition = clap::Command::new("icps")
        .about("Backs up an iCloud Photos library to a local disk")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(
            "Values come from the command line, the environment, the configuration file, the default: the first \
             that there is. In the file and in the environment, options have the names in [brackets].",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .propagate_version(false)
        .disable_help_subcommand(true)
        .subcommands([sync(), archive(), token(), mfa(), status(), verify(), setup(), daemon()]);
    for (heading, settings) in GROUPS {
        definition =
            definition.next_help_heading(heading).args(settings.iter().map(|setting| argument(setting)));
    }
    definition
}

fn sync() -> clap::Command {
    clap::Command::new("sync")
        .about("Make the local library mirror the one in iCloud, once")
        .arg(flag("dry-run", "Say what would be done, and change nothing"))
        .arg(flag("json", "Print the summary as JSON on standard output"))
}

fn archive() -> clap::Command {
    clap::Command::new("archive")
        .about("Sync, then replace the links of an album by copies that no later sync touches")
        .after_help(
            "The copies are verified before they take the place of the links, in one step. From then on the album \
             follows its iCloud album's name and place, and its content is yours; when the iCloud album goes, it is \
             moved to _Archive. With --remote-delete, photos and videos whose every file was verified are then moved \
             to Recently Deleted in iCloud, but for favourites and what is in the shared library.",
        )
        .arg(
            Arg::new("PATH")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf))
                .value_hint(clap::ValueHint::DirPath)
                .help("The album, by its name in the library: Trips/Rome. See also --remote-delete"),
        )
}

fn token() -> clap::Command {
    clap::Command::new("token")
        .about("Sign in, renew the trust token, and say where it is stored and until when it is valid")
        .arg(flag("print", "Print the token itself on standard output"))
}

fn mfa() -> clap::Command {
    clap::Command::new("mfa")
        .about("Hand a code to the run that waits for one")
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .arg(Arg::new("CODE").required(true).help("The code that Apple sent"))
        .subcommand(
            clap::Command::new("resend")
                .about("Have the waiting run ask Apple for a code")
                .arg(
                    Arg::new("METHOD")
                        .required(true)
                        .value_parser(["device", "sms", "voice"])
                        .help("Where the code shall go: to the trusted devices, or to a phone"),
                )
                .arg(
                    Arg::new("phone-number-id")
                        .long("phone-number-id")
                        .value_name("N")
                        .value_parser(clap::value_parser!(u32))
                        .help("Which phone, by its id in 'icps mfa status'; needed if there are several"),
                ),
        )
        .subcommand(clap::Command::new("status").about("Say whether a run waits for a code, and until when"))
}

fn status() -> clap::Command {
    clap::Command::new("status")
        .about("Say how the last run went, when the next one comes, and whether a person is needed")
        .arg(flag("json", "Print it as JSON"))
}

fn verify() -> clap::Command {
    clap::Command::new("verify")
        .about("Read the library again and say which files are not what their names say")
        .long_about(
            "Read every file of the library and compare it with the checksum in its name. Without --repair nothing \
             in the library is changed, and iCloud is not asked.\n\n\
             The exit code is 0 if all files are intact, 3 if all that were damaged have been repaired or if there \
             is something of note (a file that is not of the library, a checksum of an unknown kind), and 1 if a \
             file is damaged at the end.",
        )
        .arg(flag(
            "repair",
            "Download again what is damaged; the damaged file goes to the trash once its successor is on disk",
        ))
        .arg(flag("json", "Print the report as JSON on standard output"))
}

fn setup() -> clap::Command {
    clap::Command::new("setup").about(
        "Ask for what is needed, write the configuration and the credential, make the library directory, sign in",
    )
}

fn daemon() -> clap::Command {
    clap::Command::new("daemon").about("Explain what replaces the daemon: a systemd timer")
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn argument(setting: &'static Setting) -> Arg {
    let argument =
        Arg::new(setting.long).long(setting.long).global(true).action(ArgAction::Set).help(help(setting));
    let argument = match setting.value {
        Some(name) => argument.value_name(name).allow_hyphen_values(setting.secret),
        // A switch may be turned off again on the command line: --force=false.
        None => {
            argument.value_name("BOOL").num_args(0..=1).require_equals(true).default_missing_value("true")
        }
    };
    match setting.short {
        Some(short) => argument.short(short),
        None => argument,
    }
}

fn help(setting: &Setting) -> String {
    let default = setting.default.map(|value| format!(" (default: {value})"));
    let variable = setting.variable.map(|name| format!(" [{name}]"));
    [Some(setting.help.to_owned()), default, variable].into_iter().flatten().collect()
}

/// Reads a command line, the program's name included. Help and version are errors too; their exit code is 0.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, clap::Error> {
    let mut matches = definition().try_get_matches_from(arguments)?;
    let values = all()
        .filter_map(|setting| {
            let value = matches.remove_one::<String>(setting.long)?;
            Some((setting.long, Zeroizing::new(value)))
        })
        .collect();
    Ok(Invocation { command: command(&mut matches)?, values })
}

fn command(matches: &mut ArgMatches) -> Result<Command, clap::Error> {
    let unknown = || clap::Error::new(clap::error::ErrorKind::InvalidSubcommand);
    let (name, mut matches) = matches.remove_subcommand().ok_or_else(unknown)?;
    Ok(match name.as_str() {
        "sync" => Command::Sync { dry_run: matches.get_flag("dry-run"), json: matches.get_flag("json") },
        "archive" => Command::Archive { path: matches.remove_one("PATH").ok_or_else(unknown)? },
        "token" => Command::Token { print: matches.get_flag("print") },
        "mfa" => Command::Mfa(mfa_command(&mut matches).ok_or_else(unknown)?),
        "status" => Command::Status { json: matches.get_flag("json") },
        "verify" => Command::Verify { repair: matches.get_flag("repair"), json: matches.get_flag("json") },
        "setup" => Command::Setup,
        "daemon" => Command::Daemon,
        _ => return Err(unknown()),
    })
}

fn mfa_command(matches: &mut ArgMatches) -> Option<MfaCommand> {
    match matches.remove_subcommand() {
        None => Some(MfaCommand::Code(matches.remove_one::<String>("CODE")?.into())),
        Some((name, mut matches)) if name == "resend" => Some(MfaCommand::Resend {
            method: matches.remove_one("METHOD")?,
            phone: matches.remove_one("phone-number-id"),
        }),
        Some(_) => Some(MfaCommand::Status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        definition().debug_assert();
    }

    #[test]
    fn options_may_stand_before_and_after_the_command() {
        for line in ["icps -d /x sync", "icps sync -d /x", "icps sync --data-dir=/x"] {
            let invocation = parse(line.split(' ').map(Into::into)).unwrap();
            assert_eq!(invocation.values["data-dir"].as_str(), "/x", "{line}");
        }
    }

    #[test]
    fn a_switch_takes_a_value_only_after_an_equals_sign() {
        let values = |line: &str| parse(line.split(' ').map(Into::into)).unwrap().values;
        assert_eq!(values("icps sync --force")["force"].as_str(), "true");
        assert_eq!(values("icps --force sync")["force"].as_str(), "true");
        assert_eq!(values("icps sync --force=no")["force"].as_str(), "no");
    }

    #[test]
    fn mfa_takes_a_code_or_a_subcommand() {
        let mfa = |line: &str| match parse(line.split(' ').map(Into::into)).map(|i| i.command) {
            Ok(Command::Mfa(command)) => Some(command),
            _ => None,
        };
        assert!(matches!(mfa("icps mfa 123456"), Some(MfaCommand::Code(_))));
        assert!(matches!(mfa("icps mfa status"), Some(MfaCommand::Status)));
        let resend = mfa("icps mfa resend sms --phone-number-id 2");
        assert!(matches!(resend, Some(MfaCommand::Resend { method, phone: Some(2) }) if method == "sms"));
        assert!(mfa("icps mfa").is_none());
        assert!(mfa("icps mfa resend fax").is_none());
    }
}
