//! The emulator as a program, for demonstrations and for clients that are not tests.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the edge to the terminal")]

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use icloud_emulator::library::{LibrarySpec, Rng};
use icloud_emulator::{
    AccountOptions, Channel, Emulator, LibraryHandle, SentCode, StartError, Strictness, SubmitAnswer,
};
use tokio::signal::unix::{SignalKind, signal};

/// A faithful fake of Apple's iCloud Photos servers.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve one account until interrupted; print what a client has to have in its environment. A line
    /// `change N` on standard input makes N changes to the library.
    Serve(Serve),
}

#[derive(Debug, Args)]
struct Serve {
    /// Seed of the generated library.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of assets in the library.
    #[arg(long, default_value_t = 100)]
    assets: usize,
    /// What the library is like.
    #[arg(long, value_enum, default_value_t = Mixture::Family)]
    library: Mixture,
    /// Address for clients of the proxy, and for clients that speak TLS directly because their name resolution
    /// leads Apple's hosts here (those need port 443). May be given several times; the first one is announced.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: Vec<SocketAddr>,
    /// The account name.
    #[arg(long, default_value = "jane.doe@example.com")]
    account: String,
    /// The password of the account.
    #[arg(long, default_value = "Correct-Horse-7!")]
    password: String,
    /// Where to write the certificate that clients have to trust; without it, a temporary file.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Where to write the latest verification code. Each code is printed to standard error in any case.
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
    /// Sign-ins with a password within an hour before they are blocked; 0 for any number.
    #[arg(long, default_value_t = 10, value_name = "NUMBER")]
    sign_ins: u32,
    /// Answer a right code with 204 or 200 as until May 2026, not with 409: older clients know nothing else.
    #[arg(long)]
    plain_success: bool,
    /// Refuse outdated nonces and missing headers, which the real servers put up with.
    #[arg(long)]
    strict: bool,
}

/// Mixtures of items.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mixture {
    /// What an ordinary family has.
    Family,
    /// Nothing but stills with tiny contents: for large numbers.
    Plain,
    /// Every kind of oddity, over and over.
    Oddities,
}

impl Mixture {
    fn specification(self, assets: usize) -> LibrarySpec {
        match self {
            Self::Family => LibrarySpec { assets, ..LibrarySpec::small() },
            Self::Plain => LibrarySpec::plain(assets),
            Self::Oddities => LibrarySpec::every_oddity(assets),
        }
    }
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(tracing::Level::INFO).init();
    let Command::Serve(options) = Cli::parse().command;
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: Serve) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stop = runtime.block_on(async {
        Ok::<_, io::Error>((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    });
    let (mut interrupt, mut terminate) = stop?;
    let seed = options.seed;
    let emulator = start(options)?;
    announce(&emulator)?;
    let library = emulator.library().clone();
    std::thread::spawn(move || obey(&library, seed));
    runtime.block_on(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    eprintln!("{} requests answered", emulator.statistics().total());
    Ok(())
}

fn start(options: Serve) -> Result<Emulator, StartError> {
    let account = AccountOptions {
        name: options.account.to_lowercase(),
        password: options.password,
        sign_in_budget: (options.sign_ins > 0).then_some(options.sign_ins),
        submit: if options.plain_success { SubmitAnswer::Success } else { SubmitAnswer::default() },
        strictness: if options.strict { Strictness::default() } else { Strictness::lenient() },
        ..AccountOptions::default()
    };
    let library = options.library.specification(options.assets).seeded(options.seed);
    let mut builder = Emulator::builder()
        .account(account)
        .library(library)
        .tolerate_unexpected()
        .on_code(move |code| tell(code, options.code_file.as_deref()));
    if let Some(path) = options.ca {
        builder = builder.ca_file(path);
    }
    options.listen.into_iter().fold(builder, icloud_emulator::Builder::listen).start()
}

/// Follows the lines of standard input: `change N` makes N changes to the library, as its owner would.
fn obey(library: &LibraryHandle, seed: u64) {
    let mut rng = Rng::new(seed);
    for line in io::stdin().lines().map_while(Result::ok) {
        match line.strip_prefix("change ").map(str::parse::<u32>) {
            Some(Ok(times)) => {
                for _ in 0..times {
                    eprintln!("{}", library.mutate(&mut rng));
                }
                eprintln!("changed {times}");
            }
            _ => eprintln!("not understood: {line:?}; expected: change NUMBER"),
        }
    }
}

/// Prints the environment as lines for a shell.
fn announce(emulator: &Emulator) -> io::Result<()> {
    let ca_file = emulator.ca_file().display().to_string();
    // Python's, Node's and curl's names for what others call SSL_CERT_FILE.
    let aliases =
        ["REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE"].map(|name| (name, ca_file.clone()));
    let mut out = io::stdout().lock();
    for (name, value) in emulator.environment().into_iter().chain(aliases) {
        writeln!(out, "export {name}='{}'", value.replace('\'', r"'\''"))?;
    }
    out.flush()
}

/// Passes a code on to the owner of the account.
fn tell(code: &SentCode, file: Option<&Path>) {
    let way = match code.channel {
        Channel::Device => "on the devices".to_owned(),
        Channel::Sms(id) => format!("as a text message to phone {id}"),
        Channel::Voice(id) => format!("by a call to phone {id}"),
    };
    eprintln!("verification code {} arrived {way}", code.code);
    if let Some(file) = file {
        if let Err(error) = write_whole(file, &code.code) {
            eprintln!("cannot write the code to {}: {error}", file.display());
        }
    }
}

/// Writes a file that others wait for: it is there with all of its content or not at all.
fn write_whole(path: &Path, content: &str) -> io::Result<()> {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, format!("{content}\n"))?;
    std::fs::rename(partial, path)
}
