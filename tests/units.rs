//! The units, the message catalog and the drop-ins of the generator, as systemd reads them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use icps::events;
use icps::exit::Exit;
use icps::generator::{Manager, Scope, generate};

fn systemd() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

fn unit(name: &str) -> String {
    fs::read_to_string(systemd().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn is_unit(path: &Path) -> bool {
    path.extension().is_some_and(|kind| ["service", "socket", "timer"].iter().any(|known| kind == *known))
}

fn units(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| is_unit(path)).collect()
}

/// A copy of the units in which the programs, which may not be installed, are replaced by one that is.
fn with_existing_programs(directory: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for path in units(&systemd().join(directory)) {
        let text = fs::read_to_string(&path).unwrap();
        let text =
            text.replace("/usr/bin/icps", "/bin/true").replace("/usr/libexec/icps/icps-mfa", "/bin/true");
        fs::write(copy.path().join(path.file_name().unwrap()), text).unwrap();
    }
    copy
}

/// What a tool of systemd says; `None` where there is none, which CI must not be.
fn run(command: &mut Command) -> Option<Output> {
    match command.env("LC_ALL", "C.UTF-8").output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI needs {command:?}: {error}");
            eprintln!("SKIPPED: {command:?}: {error}");
            None
        }
    }
}

fn assert_no_complaint(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", output.status);
}

fn verify(directory: &Path, manager: &str) -> Option<Output> {
    run(Command::new("systemd-analyze")
        .env("XDG_RUNTIME_DIR", directory)
        .args([manager, "verify", "--man=no", "--recursive-errors=yes"])
        .args(units(directory)))
}

#[test]
fn systemd_has_nothing_to_complain_about() {
    for (directory, manager) in [("system", "--system"), ("user", "--user")] {
        let copy = with_existing_programs(directory);
        if let Some(output) = verify(copy.path(), manager) {
            assert_no_complaint(&output);
        }
    }
}

#[test]
fn systemd_would_complain_about_a_mistake() {
    let copy = with_existing_programs("system");
    let path = copy.path().join("icps-sync.service");
    let text = fs::read_to_string(&path).unwrap().replace("ProtectSystem=strict", "ProtectSystems=strict");
    fs::write(&path, text).unwrap();
    if let Some(output) = verify(copy.path(), "--system") {
        assert!(String::from_utf8_lossy(&output.stderr).contains("ProtectSystems"), "{output:?}");
    }
}

#[test]
fn services_expose_little() {
    // Ten times the exposure; above that, systemd-analyze fails.
    for (names, threshold) in [
        (
            &[
                "icps-sync",
                "icps-token",
                "icps-archive@",
                "icps-verify",
                "icps-sync@",
                "icps-token@",
                "icps-verify@",
            ][..],
            "12",
        ),
        (&["icps-mfa", "icps-mfa@"], "3"),
        // It is root, but may do nothing that root may do.
        (&["icps-password@"], "6"),
    ] {
        for name in names {
            let output = run(Command::new("systemd-analyze")
                .args(["security", "--offline=yes", "--no-pager", &format!("--threshold={threshold}")])
                .arg(systemd().join(format!("system/{name}.service"))));
            if let Some(output) = output {
                let table = String::from_utf8_lossy(&output.stdout);
                assert!(output.status.success(), "{name}: {}", table.lines().last().unwrap_or_default());
            }
        }
    }
}

/// The values of an assignment in a unit, all in one.
fn values(unit: &str, name: &str) -> Vec<String> {
    let values = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.flat_map(str::split_ascii_whitespace).map(str::to_owned).collect()
}

#[test]
fn exit_codes_mean_to_the_units_what_they_mean_to_the_program() {
    let code = |exit: Exit| (exit as u8).to_string();
    // Their names in systemd.
    let final_ones = [
        code(Exit::Usage),
        code(Exit::PersonNeeded),
        code(Exit::DecisionNeeded),
        "NOPERM".into(),
        "CONFIG".into(),
    ];
    assert_eq!((Exit::Refused as u8, Exit::Config as u8), (77, 78));
    for name in ["system/icps-sync.service", "system/icps-sync@.service", "user/icps-sync.service"] {
        let unit = unit(name);
        let prevented = values(&unit, "RestartPreventExitStatus");
        for exit in &final_ones {
            assert!(prevented.contains(exit), "{name}: {exit}");
        }
        for retried in [code(Exit::Failed), code(Exit::TryLater), "TEMPFAIL".into()] {
            assert!(!prevented.contains(&retried), "{name}: {retried}");
        }
    }
    // Reading the library again heals nothing that stayed damaged.
    for name in ["system/icps-verify.service", "system/icps-verify@.service", "user/icps-verify.service"] {
        let prevented = values(&unit(name), "RestartPreventExitStatus");
        for exit in final_ones.iter().chain(&[code(Exit::Failed)]) {
            assert!(prevented.contains(exit), "{name}: {exit}");
        }
        for retried in [code(Exit::TryLater), "TEMPFAIL".into()] {
            assert!(!prevented.contains(&retried), "{name}: {retried}");
        }
    }
    for path in [units(&systemd().join("system")), units(&systemd().join("user"))].concat() {
        let text = fs::read_to_string(&path).unwrap();
        if text.contains("/usr/bin/icps") {
            assert_eq!(values(&text, "SuccessExitStatus"), [code(Exit::Warnings)], "{}", path.display());
        }
    }
}

#[test]
fn retries_are_bounded() {
    let seconds = |unit: &str, name: &str| -> u32 {
        let value = &values(unit, name)[0];
        let (number, unit) = value.split_at(value.find(char::is_alphabetic).unwrap());
        let unit = match unit {
            "min" => 60,
            "h" => 3600,
            "d" => 86400,
            other => panic!("{other}"),
        };
        number.parse::<u32>().unwrap() * unit
    };
    for name in ["icps-sync", "icps-sync@", "icps-verify", "icps-verify@"] {
        let unit = unit(&format!("system/{name}.service"));
        let burst: u32 = values(&unit, "StartLimitBurst")[0].parse().unwrap();
        // Otherwise the limit is never reached, and the retries never end.
        assert!(seconds(&unit, "StartLimitIntervalSec") > seconds(&unit, "RestartSec") * burst, "{name}");
    }
}

/// It is for those who want it: once a month, made up for, not at the hour of everybody else.
#[test]
fn verifying_is_no_burden() {
    for (name, service) in [
        ("system/icps-verify.timer", "icps-verify.service"),
        ("system/icps-verify@.timer", "icps-verify@%i.service"),
        ("user/icps-verify.timer", "icps-verify.service"),
    ] {
        let timer = unit(name);
        assert_eq!(values(&timer, "Unit"), [service]);
        assert!(values(&timer, "OnCalendar")[0].starts_with("*-*-01"), "{name}");
        assert_eq!(values(&timer, "Persistent"), ["yes"]);
        assert!(!values(&timer, "RandomizedDelaySec").is_empty(), "{name}");
    }
    for name in ["system/icps-verify.service", "system/icps-verify@.service", "user/icps-verify.service"] {
        assert_eq!(values(&unit(name), "IOSchedulingClass"), ["idle"], "{name}");
        assert_eq!(values(&unit(name), "Nice"), ["10"], "{name}");
        assert!(values(&unit(name), "ExecStart").contains(&"verify".to_owned()), "{name}");
    }
}

/// The units of further accounts do what those of the account without a name do.
#[test]
fn accounts_are_treated_alike() {
    for (template, plain) in [
        ("system/icps-sync@.service", "system/icps-sync.service"),
        ("system/icps-token@.service", "system/icps-token.service"),
        ("system/icps-mfa@.service", "system/icps-mfa.service"),
        ("system/icps-verify@.service", "system/icps-verify.service"),
        ("system/icps@.timer", "system/icps.timer"),
        ("system/icps-verify@.timer", "system/icps-verify.timer"),
    ] {
        let mut text = unit(template).replace("LogExtraFields=ICPS_ACCOUNT=%i\n", "");
        for instance in [" of %i", " --account %i", "/%i", ".%i", "@%i"] {
            text = text.replace(instance, "");
        }
        assert_eq!(text, unit(plain), "{template}");
    }
}

#[test]
fn sandboxes_are_the_same() {
    let sandbox = |name: &str| unit(name).split_once("# Sandbox.").unwrap().1.to_owned();
    assert_eq!(sandbox("system/icps-token.service"), sandbox("system/icps-sync.service"));
    assert_eq!(sandbox("system/icps-archive@.service"), sandbox("system/icps-sync.service"));
    assert_eq!(sandbox("system/icps-verify.service"), sandbox("system/icps-sync.service"));
}

#[test]
fn the_catalog_explains_every_event() {
    let catalog = unit("catalog/icps.catalog");
    let explained: BTreeSet<&str> = catalog.lines().filter_map(|line| line.strip_prefix("-- ")).collect();
    let known: BTreeSet<&str> = events::ALL.iter().map(|(_, id)| *id).collect();
    assert_eq!(explained, known);
    for entry in catalog.split("\n-- ").skip(1) {
        let (head, text) = entry.split_once("\n\n").unwrap();
        for header in ["Subject: ", "Defined-By: icps", "Documentation: "] {
            assert!(head.contains(header), "{head}");
        }
        assert!(text.len() > 80, "{head}");
        assert!(text.lines().all(|line| line.len() <= 78), "{text}");
    }
}

#[test]
fn the_catalog_can_be_compiled() {
    let root = tempfile::tempdir().unwrap();
    let catalogs = root.path().join("usr/lib/systemd/catalog");
    fs::create_dir_all(&catalogs).unwrap();
    fs::create_dir_all(root.path().join("var/lib/systemd/catalog")).unwrap();
    fs::copy(systemd().join("catalog/icps.catalog"), catalogs.join("icps.catalog")).unwrap();
    let journalctl = |what: &str| {
        let root = format!("--root={}", root.path().display());
        run(Command::new("journalctl").args([root.as_str(), what]))
    };
    let Some(update) = journalctl("--update-catalog") else { return };
    assert_no_complaint(&update);
    let dump = String::from_utf8(journalctl("--dump-catalog").unwrap().stdout).unwrap();
    for (name, id) in events::ALL {
        assert!(dump.contains(&format!("-- {id}")), "{name}");
    }
}

#[test]
fn systemd_understands_the_generated_drop_ins() {
    let etc = tempfile::tempdir().unwrap();
    let path = r#"/srv/my "photos", 100% of \ 'them': ünï"#;
    fs::write(
        etc.path().join("icps.conf"),
        format!("DATA_DIR={path}\nSCHEDULE=*/7 3-5 13 * fri\nPORT=8081\nWEB_BASE_PATH=/a b%\n"),
    )
    .unwrap();
    fs::write(etc.path().join("alice.conf"), "DATA_DIR=/home/alice/My Pictures\nSCHEDULE=*/5 * * * *\n")
        .unwrap();
    let copy = with_existing_programs("system");
    let manager = Manager { scope: Scope::System, configuration: etc.path().to_owned() };
    assert_eq!(generate(&manager, copy.path()), [""; 0]);
    for template in ["icps-sync@.service", "icps-verify@.service", "icps@.timer"] {
        let instance = copy.path().join(template.replace('@', "@alice"));
        fs::copy(copy.path().join(template), instance).unwrap();
    }
    if let Some(output) = verify(copy.path(), "--system") {
        assert_no_complaint(&output);
    }
}
