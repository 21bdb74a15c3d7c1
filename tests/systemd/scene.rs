//! The scene of the story: a system, and Apple outside of it.

use std::path::{Path, PathBuf};

use icloud_emulator::library::{Form, LibrarySpec, NewAsset, ZoneKind};
use icloud_emulator::{
    AccountOptions, Channel, Effect, Emulator, Fault, Kind, Phone, SecondFactor, Selector, When,
};

use crate::guest::Guest;
use crate::image::Release;
use crate::library;
use crate::process::said;

/// Where the administrator puts the authority of the company's proxy.
const AUTHORITY: &str = "/usr/local/share/ca-certificates/company.crt";

/// Size of a large file.
pub(crate) const LARGE: u64 = 6_000_000;
/// As much of it comes before its download hangs.
pub(crate) const HALF: u64 = LARGE / 2;
/// Nothing comes any more when half is there.
pub(crate) const HANGS: Effect = Effect::Hang(HALF);

/// An account with Apple, and its library on the disk.
pub(crate) struct Account {
    pub(crate) apple: Emulator,
    /// Empty for the unnamed one.
    pub(crate) name: &'static str,
    pub(crate) data_dir: &'static str,
}

/// A booted system, and the accounts that it backs up.
pub(crate) struct Scene {
    pub(crate) guest: Guest,
    pub(crate) jane: Account,
    pub(crate) alice: Account,
}

impl Scene {
    pub(crate) fn set(release: &'static Release) -> Self {
        let jane = AccountOptions::default();
        let alice = AccountOptions {
            name: "alice@example.com".to_owned(),
            password: "Battery%Staple 8".to_owned(),
            second_factor: SecondFactor::Codes {
                devices: true,
                phones: vec![Phone::new(1, "11"), Phone::new(2, "22")],
            },
            ..AccountOptions::default()
        };
        Self {
            guest: Guest::boot(release),
            jane: Account {
                apple: apple(jane, LibrarySpec::small()),
                name: "",
                data_dir: "/srv/icloud-photos-library",
            },
            alice: Account {
                apple: apple(alice, LibrarySpec::small().seeded(8)),
                name: "alice",
                data_dir: "/srv/photos of alice",
            },
        }
    }

    /// Where the library of an account is, seen from outside.
    pub(crate) fn library(&self, account: &Account) -> PathBuf {
        self.guest.path(account.data_dir)
    }

    /// Waits until a large file has come in part and all others as a whole.
    pub(crate) fn wait_for_the_middle(&self, account: &Account) {
        let root = self.library(account);
        let small = library::expected(account.apple.library()).len() - 1;
        self.guest.wait_until("the download is in its middle", || {
            library::partial(&root) == HALF && library::present(&root).len() == small
        });
    }

    /// Leads services to Apple the way an administrator leads them through a proxy, with a drop-in.
    pub(crate) fn lead_to_apple(&self, account: &Account, drop_in: &str) {
        let authority = std::fs::read_to_string(account.apple.ca_file()).unwrap();
        self.guest.write(&account.authority(), &authority);
        let text = format!("[Service]\nEnvironment={}\n", account.environment());
        self.guest.write(&format!("/etc/systemd/system/{drop_in}"), &text);
    }
}

/// Asks a receiver of codes; the status of its answer is in a line of its own.
pub(crate) fn curl(socket: &str, method: &str, path: &str) -> String {
    format!(
        "curl -sS -m 20 -w '\\n%{{http_code}}' --unix-socket {socket} -X {method} 'http://localhost{path}'"
    )
}

fn apple(account: AccountOptions, library: LibrarySpec) -> Emulator {
    Emulator::builder().account(account).library(library).start().unwrap()
}

impl Account {
    fn socket(&self) -> String {
        Path::new("/run/icps").join(self.name).join("mfa.sock").display().to_string()
    }

    /// Where the administrator puts the authority of the proxy that leads there.
    fn authority(&self) -> String {
        let suffix = if self.name.is_empty() { "" } else { "." };
        format!("{AUTHORITY}{suffix}{}", self.name)
    }

    /// Asks the receiver with curl, as a user of the system: its answer, and the status of it.
    pub(crate) fn ask(&self, guest: &Guest, user: &str, method: &str, path: &str) -> (String, String) {
        let answer = guest.try_shell_as(user, &self.curl(method, path));
        assert!(answer.status.success(), "{}\n{}", said(&answer), guest.last_words());
        let text = String::from_utf8(answer.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (body.to_owned(), status.to_owned())
    }

    pub(crate) fn curl(&self, method: &str, path: &str) -> String {
        curl(&self.socket(), method, path)
    }

    /// The code that arrives there, as one more than so many have arrived before.
    pub(crate) fn code(&self, guest: &Guest, before: usize, channel: Channel) -> String {
        let account = self.apple.account();
        guest.wait_until("a code has arrived", || {
            account.codes_arrived() > before && account.last_code(channel).is_some()
        });
        account.last_code(channel).unwrap()
    }

    /// Adds small photos and a large one, whose download has something wrong with it, so that it can be caught in
    /// the middle.
    pub(crate) fn add_photos(&self, wrong: Effect) {
        let library = self.apple.library();
        for size in 1..6 {
            library.add(ZoneKind::Primary, &NewAsset::new(Form::Heic).sized(size * 1000));
        }
        let large = library.add(ZoneKind::Primary, &NewAsset::new(Form::Jpeg).sized(LARGE));
        let address = format!("/B/{}", library::stem(&library.asset(large).files[0].checksum));
        self.apple.faults().add(Fault {
            on: Selector::matching(move |request| request.path.starts_with(&address)),
            when: When::Always,
            what: wrong,
        });
    }

    /// The environment of a command by hand, which no drop-in reaches.
    pub(crate) fn environment(&self) -> String {
        format!("HTTPS_PROXY={} SSL_CERT_FILE={}", self.apple.proxy_url(), self.authority())
    }

    /// How many files have been fetched from Apple since the statistics were reset.
    pub(crate) fn fetched(&self) -> u64 {
        self.apple.statistics().count(Kind::Content)
    }
}
