use std::fs;

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;
use crate::exit::Exit;

/// A command line, an environment and a configuration file of a test's own.
struct Setup {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

impl Setup {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let home = directory.path().display().to_string();
        Self { directory, environment: Vec::new() }.with("HOME", &home).with("STATE_DIRECTORY", "/state")
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn file(&self, text: &str) -> String {
        let path = self.directory.path().join("icps.conf");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    fn load(&self, file: &str, arguments: &[&str]) -> Result<Loaded, Error> {
        let file = self.file(file);
        let arguments = ["icps", "sync", "--config", &file].into_iter().chain(arguments.iter().copied());
        let arguments = arguments.map(OsString::from);
        let environment = |name: &str| {
            self.environment.iter().find(|(key, _)| key == name).map(|(_, value)| OsString::from(value))
        };
        load(arguments, &environment)
    }

    fn settings(&self, file: &str, arguments: &[&str]) -> Settings {
        self.load(file, arguments).unwrap_or_else(|error| panic!("{error}")).settings
    }
}

#[test]
fn defaults_are_those_of_the_interface() {
    let settings = Setup::new().settings("", &[]);
    assert_eq!(settings.library.data_dir, Path::new("/opt/icloud-photos-library"));
    assert_eq!(settings.library.max_delete, MaxDelete::Percent(20));
    assert_eq!(settings.library.keep_deleted, Duration::from_secs(30 * 86400));
    assert_eq!(settings.library.min_free, 1 << 30);
    assert_eq!(settings.network.max_retries, Limit::AtMost(10));
    assert_eq!(settings.network.threads, Threads::Auto);
    assert_eq!(settings.network.download_timeout, Some(Duration::from_secs(600)));
    assert_eq!(settings.network.metadata_rate, Rate { requests: Limit::Infinite, interval: Duration::ZERO });
    assert_eq!(settings.sign_in.mfa_timeout, Duration::from_secs(600));
    assert_eq!(settings.sign_in.mfa_push, MfaPush::Auto);
    assert_eq!(settings.sign_in.region, Region::World);
    assert_eq!(settings.logging.level, LogLevel::Info);
    let off = [
        settings.library.force,
        settings.library.adopt,
        settings.library.remote_delete,
        settings.library.skip_live_photos,
        settings.library.skip_alternatives,
        settings.sign_in.refresh_token,
        settings.sign_in.legacy,
        settings.network.capture,
        settings.logging.silent,
        settings.logging.to_terminal,
        settings.logging.suppress_warnings,
        settings.reporting.metrics,
        settings.reporting.crash_reports,
    ];
    assert_eq!(off, [false; 13]);
}

#[test]
fn the_command_line_wins_over_the_environment_over_the_file() {
    let retries =
        |setup: &Setup, file, arguments: &[&str]| setup.settings(file, arguments).network.max_retries;
    let plain = Setup::new();
    assert_eq!(retries(&plain, "MAX_RETRIES=3", &[]), Limit::AtMost(3));
    let environment = Setup::new().with("MAX_RETRIES", "2");
    assert_eq!(retries(&environment, "MAX_RETRIES=3", &[]), Limit::AtMost(2));
    assert_eq!(retries(&environment, "MAX_RETRIES=3", &["-r", "1"]), Limit::AtMost(1));
    let empty = Setup::new().with("MAX_RETRIES", "");
    assert_eq!(retries(&empty, "MAX_RETRIES=3", &[]), Limit::AtMost(3), "empty is unset");
    assert_eq!(retries(&empty, "MAX_RETRIES=", &[]), Limit::AtMost(10), "empty is unset");
}

#[test]
fn switches_know_yes_and_no_and_can_be_turned_off_again() {
    for (text, on) in
        [("true", true), ("YES", true), ("1", true), ("False", false), ("no", false), ("0", false)]
    {
        assert_eq!(Setup::new().with("FORCE", text).settings("", &[]).library.force, on, "{text}");
        assert_eq!(Setup::new().settings(&format!("FORCE={text}"), &[]).library.force, on, "{text}");
    }
    assert!(!Setup::new().with("FORCE", "true").settings("", &["--force=false"]).library.force);
    assert!(Setup::new().with("FORCE", "false").settings("", &["--force"]).library.force);
}

#[test]
fn a_bad_value_that_loses_is_no_error() {
    assert_eq!(Setup::new().settings("MAX_RETRIES=many", &["-r", "1"]).network.max_retries, Limit::AtMost(1));
}

/// Every option with a value that it refuses.
const BAD: &[(&str, &str)] = &[
    ("data-dir", "photos"),
    ("max-retries", "-1"),
    ("max-retries", "many"),
    ("download-threads", "0"),
    ("download-timeout", "0"),
    ("download-timeout", "1.5"),
    ("mfa-timeout", "601"),
    ("mfa-timeout", "0"),
    ("mfa-push", "sometimes"),
    ("region", "mars"),
    ("log-level", "loud"),
    ("metadata-rate", "5"),
    ("metadata-rate", "0/20"),
    ("max-delete", "101%"),
    ("max-delete", "-5"),
    ("keep-deleted", "a month"),
    ("min-free", "1 GHz"),
    ("min-free", "99999999999T"),
    ("port", "70000"),
    ("port", "0"),
    ("health-check-url", "hc-ping.com/1"),
    ("health-check-url", "https:///"),
    ("sentry-dsn", "https://sentry.io/1"),
    ("sentry-dsn", "https://key@/1"),
    ("sentry-dsn", "ftp://key@host/1"),
    ("force", "perhaps"),
    ("silent", "2"),
];

#[test]
fn every_bad_value_is_named_with_its_place() {
    for (option, bad) in BAD {
        let setting = options::all().find(|setting| setting.long == *option).unwrap();
        let name = setting.variable.unwrap();

        let error = Setup::new().with(name, bad).load("", &[]).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("--{option}: bad value {bad:?} in the environment")), "{text}");
        assert!(text.contains(name) && text.contains(": expected "), "{text}");
        assert_eq!(error.exit(), Exit::Config, "{text}");

        let error = Setup::new().load(&format!("# comment\n{name}={bad}"), &[]).unwrap_err();
        assert!(error.to_string().contains("icps.conf, line 2: expected "), "{error}");
        assert_eq!(error.exit(), Exit::Config, "{error}");

        if *option == "data-dir" {
            continue; // On the command line a relative path is fine.
        }
        let error = Setup::new().load("", &[&format!("--{option}={bad}")]).unwrap_err();
        assert!(error.to_string().contains("on the command line: expected "), "{error}");
        assert_eq!(error.exit(), Exit::Usage, "{error}");
    }
}

#[test]
fn all_bad_values_are_reported_at_once() {
    let error = Setup::new().with("REGION", "mars").load("PORT=x\nMAX_RETRIES=y", &[]).unwrap_err();
    assert_eq!(error.to_string().lines().count(), 3, "{error}");
}

#[test]
fn every_default_is_accepted_and_every_name_is_unique() {
    let mut names: Vec<_> = options::all().filter_map(|setting| setting.variable).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
    Setup::new().settings("", &[]);
}

#[test]
fn unknown_and_repeated_names_are_warnings() {
    let loaded = Setup::new().load("TZ=Europe/Berlin\nMAX_RETRIES=1\nMAX_RETRIES=2", &[]).unwrap();
    assert_eq!(loaded.settings.network.max_retries, Limit::AtMost(2));
    let [unknown, repeated] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    assert!(unknown.ends_with("icps.conf, line 1: unknown name TZ is ignored"), "{unknown}");
    assert!(repeated.ends_with("icps.conf, line 3: MAX_RETRIES replaces the value of line 2"), "{repeated}");
}

#[test]
fn what_only_units_use_is_a_warning() {
    let loaded = Setup::new().load("PORT=80\nWEB_BASE_PATH=/icps\nSCHEDULE=0 3 * * *", &[]).unwrap();
    assert_eq!(loaded.warnings.len(), 2, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].contains("--port") && loaded.warnings[0].contains("line 1"));
}

#[test]
fn a_named_file_must_exist() {
    let arguments = ["icps", "sync", "--config", "/nonexistent/icps.conf"].map(OsString::from);
    let error = load(arguments, &|name| (name == "HOME").then(|| "/nonexistent".into())).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/icps.conf (given on the command line)"), "{error}");
    assert_eq!(error.exit(), Exit::Usage);
}

#[test]
fn an_account_needs_a_harmless_name_and_a_file() {
    let environment = |name: &str| (name == "HOME").then(|| OsString::from("/nonexistent"));
    for name in ["../x", "", "mfa", "a b", "icps", "."] {
        let arguments = ["icps", "--account", name, "status"].map(OsString::from);
        let error = load(arguments, &environment).unwrap_err();
        assert!(matches!(error, Error::BadValues(_)), "{name}: {error}");
    }
    let arguments = ["icps", "--account", "surely-nobody", "status"].map(OsString::from);
    let error = load(arguments, &environment).unwrap_err();
    assert!(error.to_string().contains("/etc/icps/surely-nobody.conf"), "{error}");
}

#[test]
fn secrets_are_in_no_error_and_no_debug_output() {
    let setup = Setup::new().with("APPLE_ID_PWD", "hush-hush").with("TRUST_TOKEN", "tok-tok");
    let loaded = setup.load("", &[]).unwrap();
    let shown = format!("{loaded:?}");
    assert!(!shown.contains("hush-hush") && !shown.contains("tok-tok"), "{shown}");
    let error = Setup::new().load("APPLE_ID_PWD=\"hush-hush", &[]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
}

#[test]
fn a_file_with_a_password_must_not_be_readable_by_all() {
    let setup = Setup::new();
    let path = setup.file("APPLE_ID_PWD=secret\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let arguments = ["icps", "sync", "--config", &path].map(OsString::from);
    let loaded = load(arguments, &|name| (name == "HOME").then(|| "/h".into())).unwrap();
    assert!(loaded.warnings.iter().any(|warning| warning.contains("chmod o-r")), "{:?}", loaded.warnings);
}

fn password(setup: &Setup, arguments: &[&str]) -> String {
    let settings = setup.settings("", arguments);
    settings.sign_in.credentials.password("a@example.org").unwrap().expose_secret().to_owned()
}

#[test]
fn the_password_comes_from_the_first_source_that_has_one() {
    let setup = Setup::new();
    let directory = setup.directory.path().to_owned();
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
    write("file", "from the file\nsecond line\n");
    let file = directory.join("file").display().to_string();
    let by_file = ["--password-file", file.as_str()];
    assert_eq!(password(&setup, &by_file), "from the file");

    let setup = setup.with("CREDENTIALS_DIRECTORY", &directory.display().to_string());
    assert_eq!(password(&setup, &by_file), "from the file");
    write("icps.password.enc", "from the encrypted credential\n");
    assert_eq!(password(&setup, &by_file), "from the encrypted credential");
    write("icps.password", "from the credential");
    assert_eq!(password(&setup, &by_file), "from the credential");

    let setup = setup.with("APPLE_ID_PWD", "from the environment");
    assert_eq!(password(&setup, &by_file), "from the environment");
    assert_eq!(password(&setup, &["-p", "-from the command line"]), "-from the command line");
    let loaded = setup.load("", &["-p", "x"]).unwrap();
    assert!(loaded.warnings[0].contains("process list"), "{:?}", loaded.warnings);
}

#[test]
fn accounts_have_credentials_of_their_own() {
    let setup = Setup::new();
    let directory = setup.directory.path().to_owned();
    fs::write(directory.join("icps.alice.password"), "alice's\n").unwrap();
    fs::write(directory.join("icps.password"), "somebody's").unwrap();
    fs::write(directory.join("icps.alice.username"), "alice@example.org\n").unwrap();
    let setup = setup.with("CREDENTIALS_DIRECTORY", &directory.display().to_string());
    assert_eq!(password(&setup, &["--account", "alice"]), "alice's");
    assert_eq!(password(&setup, &[]), "somebody's");
    let alice = setup.settings("", &["--account", "alice"]);
    assert_eq!(alice.sign_in.credentials.username().unwrap(), "alice@example.org");
}

#[test]
fn an_unreadable_or_empty_credential_is_an_error_with_its_path() {
    let missing = Setup::new().settings("", &["--password-file", "/nonexistent/password"]);
    let error = missing.sign_in.credentials.password("a").unwrap_err();
    assert!(error.to_string().contains("/nonexistent/password"), "{error}");
    let empty = Setup::new().settings("", &["--password-file", "/dev/null"]);
    assert!(matches!(
        empty.sign_in.credentials.password("a"),
        Err(CredentialError::Missing { what: "password" })
    ));
}

#[test]
fn a_sentry_dsn_says_where_and_for_whom() {
    for (text, endpoint, key) in [
        ("https://abc@o1.ingest.sentry.io/42", "https://o1.ingest.sentry.io/api/42/envelope/", "abc"),
        ("http://abc:old@host:9000/errors/7", "http://host:9000/errors/api/7/envelope/", "abc"),
    ] {
        let dsn: SentryDsn = text.parse().unwrap();
        assert_eq!((dsn.endpoint.as_str(), dsn.key.as_str()), (endpoint, key));
    }
}
