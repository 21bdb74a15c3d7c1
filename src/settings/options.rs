//! The options: where each may come from, what it defaults to, what it means.
//!
//! The command line, its help, the manual page, the names known in the file and the defaults are all made from
//! this table.

/// One option.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its name on the command line, without dashes; also its identity.
    pub(crate) long: &'static str,
    /// Its short form.
    pub(crate) short: Option<char>,
    /// Its name in the environment and in the file.
    pub(crate) variable: Option<&'static str>,
    /// What the value is called in help; `None` for a switch.
    pub(crate) value: Option<&'static str>,
    /// The value if nothing else gives one.
    pub(crate) default: Option<&'static str>,
    /// Whether the value must never be shown.
    pub(crate) secret: bool,
    /// What it means.
    pub(crate) help: &'static str,
}

impl Setting {
    const fn text(long: &'static str, value: &'static str, help: &'static str) -> Self {
        Self { long, short: None, variable: None, value: Some(value), default: None, secret: false, help }
    }

    const fn switch(long: &'static str, help: &'static str) -> Self {
        Self { long, short: None, variable: None, value: None, default: None, secret: false, help }
    }

    const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    const fn variable(mut self, name: &'static str) -> Self {
        self.variable = Some(name);
        self
    }

    const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

pub(crate) const CONFIG: Setting =
    Setting::text("config", "FILE", "Read this configuration file instead of /etc/icps/icps.conf");

pub(crate) const ACCOUNT: Setting = Setting::text(
    "account",
    "NAME",
    "Work for a further account: its configuration is /etc/icps/NAME.conf, its credentials are icps.NAME.*, and \
     it keeps a state of its own",
);

pub(crate) const USERNAME: Setting =
    Setting::text("username", "APPLE_ID", "The Apple ID; asked for on a terminal if missing")
        .short('u')
        .variable("APPLE_ID_USER");

pub(crate) const PASSWORD: Setting = Setting::text(
    "password",
    "PASSWORD",
    "The password. Everybody on this machine can read it in the process list: prefer the systemd credential \
     icps.password or --password-file",
)
.short('p')
.variable("APPLE_ID_PWD")
.secret();

pub(crate) const PASSWORD_FILE: Setting =
    Setting::text("password-file", "FILE", "Read the password from the first line of this file");

pub(crate) const TRUST_TOKEN: Setting =
    Setting::text("trust-token", "TOKEN", "A trust token to use instead of the stored one")
        .short('T')
        .variable("TRUST_TOKEN")
        .secret();

pub(crate) const REFRESH_TOKEN: Setting =
    Setting::switch("refresh-token", "Forget the stored trust token first, so that a new one is made")
        .variable("REFRESH_TOKEN");

pub(crate) const REGION: Setting =
    Setting::text("region", "REGION", "Where the account lives: world or china")
        .variable("REGION")
        .default("world");

pub(crate) const LEGACY_LOGIN: Setting =
    Setting::switch("legacy-login", "Without effect since Apple switched off that way to sign in")
        .variable("LEGACY_LOGIN");

pub(crate) const MFA_TIMEOUT: Setting = Setting::text(
    "mfa-timeout",
    "SECONDS",
    "How long to wait for a code, or for an approval on a device, at most 600",
)
.variable("MFA_TIMEOUT")
.default("600");

pub(crate) const MFA_PUSH: Setting = Setting::text(
    "mfa-push",
    "WHEN",
    "Who asks Apple for a code. auto: a run that a person started asks at once, a timer's run waits until told \
     (icps mfa resend device); always: ask at once; never: only when told. The same holds for the approval on a \
     device that Advanced Data Protection wants, which only a run that may ask for it can get",
)
.variable("MFA_PUSH")
.default("auto");

pub(crate) const DATA_DIR: Setting =
    Setting::text("data-dir", "DIRECTORY", "The directory of the library, an absolute path")
        .short('d')
        .variable("DATA_DIR")
        .default("/opt/icloud-photos-library");

pub(crate) const FORCE: Setting =
    Setting::switch("force", "Take the library's lock from its holder").variable("FORCE");

pub(crate) const ADOPT_LIBRARY: Setting = Setting::switch(
    "adopt-library",
    "Accept, this once, a library directory that is not the one of the last runs",
);

pub(crate) const SKIP_LIVE_PHOTOS: Setting =
    Setting::switch("skip-live-photos", "Leave out the videos of Live Photos").variable("SKIP_LIVE_PHOTOS");

pub(crate) const SKIP_ALTERNATIVES: Setting =
    Setting::switch("skip-alternatives", "Leave out alternative originals, such as the RAW beside a JPEG")
        .variable("SKIP_ALTERNATIVES");

pub(crate) const MAX_DELETE: Setting = Setting::text(
    "max-delete",
    "LIMIT",
    "Delete nothing if a run would delete more than this: a number of files, or a percentage of the library \
     (100 files are then always allowed)",
)
.variable("MAX_DELETE")
.default("20%");

pub(crate) const KEEP_DELETED: Setting =
    Setting::text("keep-deleted", "DAYS", "How long deleted files stay in the library's trash; 0 keeps none")
        .variable("KEEP_DELETED")
        .default("30");

pub(crate) const MIN_FREE: Setting =
    Setting::text("min-free", "SIZE", "How much space to leave free on the library's disk")
        .variable("MIN_FREE")
        .default("1GiB");

pub(crate) const REMOTE_DELETE: Setting = Setting::switch(
    "remote-delete",
    "When archiving an album, delete its photos from iCloud once their copies are verified",
)
.variable("REMOTE_DELETE");

pub(crate) const DOWNLOAD_THREADS: Setting = Setting::text(
    "download-threads",
    "NUMBER",
    "How many downloads at once: a number, Infinity, or auto (4 to 32, as the network allows)",
)
.short('t')
.variable("DOWNLOAD_THREADS")
.default("auto");

pub(crate) const DOWNLOAD_TIMEOUT: Setting = Setting::text(
    "download-timeout",
    "MINUTES",
    "Give up a download after this long without progress: minutes, or Infinity",
)
.variable("DOWNLOAD_TIMEOUT")
.default("10");

pub(crate) const MAX_RETRIES: Setting = Setting::text(
    "max-retries",
    "NUMBER",
    "How often a failed request is tried again: a number, or Infinity",
)
.short('r')
.variable("MAX_RETRIES")
.default("10");

pub(crate) const METADATA_RATE: Setting = Setting::text(
    "metadata-rate",
    "REQUESTS/MS",
    "At most so many metadata requests in so many milliseconds, for example 1/20",
)
.variable("METADATA_RATE")
.default("Infinity/0");

pub(crate) const NETWORK_CAPTURE: Setting = Setting::switch(
    "enable-network-capture",
    "Write the traffic, without secrets, into a HAR file in the state directory",
)
.variable("ENABLE_NETWORK_CAPTURE");

pub(crate) const SCHEDULE: Setting = Setting::text(
    "schedule",
    "CRON",
    "When the timer syncs: a cron expression, read by the systemd generator",
)
.short('S')
.variable("SCHEDULE")
.default("0 2 * * *");

pub(crate) const PORT: Setting =
    Setting::text("port", "PORT", "The port of the optional HTTP socket; only the socket unit uses it")
        .variable("PORT");

pub(crate) const WEB_BASE_PATH: Setting =
    Setting::text("web-base-path", "PATH", "The path below which the optional HTTP socket answers")
        .variable("WEB_BASE_PATH");

pub(crate) const LOG_LEVEL: Setting =
    Setting::text("log-level", "LEVEL", "How much to log: debug, info, warn or error")
        .short('l')
        .variable("LOG_LEVEL")
        .default("info");

pub(crate) const SILENT: Setting =
    Setting::switch("silent", "Print nothing on the terminal").short('s').variable("SILENT");

pub(crate) const LOG_TO_CLI: Setting =
    Setting::switch("log-to-cli", "Log to the terminal also when the log goes to the journal")
        .variable("LOG_TO_CLI");

pub(crate) const SUPPRESS_WARNINGS: Setting =
    Setting::switch("suppress-warnings", "Keep warnings in the journal and off the terminal")
        .variable("SUPPRESS_WARNINGS");

pub(crate) const HEALTH_CHECK_URL: Setting = Setting::text(
    "health-check-url",
    "URL",
    "Tell this address when a run starts, succeeds and fails (healthchecks.io protocol)",
)
.variable("HEALTH_CHECK_URL");

pub(crate) const EXPORT_METRICS: Setting = Setting::switch(
    "export-metrics",
    "Write metrics: InfluxDB lines into the library directory, Prometheus text into the state directory",
)
.variable("EXPORT_METRICS");

pub(crate) const CRASH_REPORTING: Setting =
    Setting::switch("enable-crash-reporting", "Write a report without secrets when the program crashes")
        .variable("ENABLE_CRASH_REPORTING");

pub(crate) const SENTRY_DSN: Setting = Setting::text(
    "sentry-dsn",
    "DSN",
    "Send such reports to this Sentry project, or to one that speaks like it",
)
.variable("SENTRY_DSN");

/// All options, under the headings of the help.
pub(crate) const GROUPS: &[(&str, &[&Setting])] = &[
    ("Configuration", &[&CONFIG, &ACCOUNT]),
    (
        "Sign-in",
        &[
            &USERNAME,
            &PASSWORD,
            &PASSWORD_FILE,
            &TRUST_TOKEN,
            &REFRESH_TOKEN,
            &REGION,
            &LEGACY_LOGIN,
            &MFA_TIMEOUT,
            &MFA_PUSH,
        ],
    ),
    (
        "Library",
        &[
            &DATA_DIR,
            &FORCE,
            &ADOPT_LIBRARY,
            &SKIP_LIVE_PHOTOS,
            &SKIP_ALTERNATIVES,
            &MAX_DELETE,
            &KEEP_DELETED,
            &MIN_FREE,
            &REMOTE_DELETE,
        ],
    ),
    ("Network", &[&DOWNLOAD_THREADS, &DOWNLOAD_TIMEOUT, &MAX_RETRIES, &METADATA_RATE, &NETWORK_CAPTURE]),
    ("Units", &[&SCHEDULE, &PORT, &WEB_BASE_PATH]),
    (
        "Log and reports",
        &[
            &LOG_LEVEL,
            &SILENT,
            &LOG_TO_CLI,
            &SUPPRESS_WARNINGS,
            &HEALTH_CHECK_URL,
            &EXPORT_METRICS,
            &CRASH_REPORTING,
            &SENTRY_DSN,
        ],
    ),
];

/// All options.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    GROUPS.iter().flat_map(|(_, settings)| settings.iter().copied())
}

/// An option as the configuration file knows it.
#[derive(Debug)]
pub struct Variable {
    /// Its name in the file and in the environment.
    pub name: &'static str,
    /// What its value is called; `None` for a switch.
    pub value: Option<&'static str>,
    /// The value if nothing else gives one.
    pub default: Option<&'static str>,
    /// What it means, as a phrase.
    pub help: &'static str,
}

/// All options that the configuration file knows.
pub fn variables() -> impl Iterator<Item = Variable> {
    all().filter_map(|Setting { variable, value, default, help, .. }| {
        Some(Variable { name: (*variable)?, value: *value, default: *default, help })
    })
}
