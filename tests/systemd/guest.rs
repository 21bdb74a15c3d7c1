//! A booted system, and an administrator at its console.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::image::Release;
use crate::process::{run, said};

/// Nothing that is waited for may take longer; the machine may be slow and busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What `systemd-nspawn --keep-unit` ends with when the system inside wants to be started again.
const REBOOT: i32 = 133;

/// A system of its own, which is shut down in the end.
pub(crate) struct Guest {
    release: &'static Release,
    directory: TempDir,
    container: Child,
}

impl Guest {
    /// Boots a fresh copy of a release and waits until it is up.
    pub(crate) fn boot(release: &'static Release) -> Self {
        // Not in /tmp, which may be small.
        let directory = tempfile::Builder::new().prefix("icps-systemd-").tempdir_in("/var/tmp").unwrap();
        release.copy_to(&directory.path().join("root"));
        let container = start(release, directory.path());
        let guest = Self { release, directory, container };
        guest.wait_until_up();
        guest
    }

    /// Its file system, seen from outside.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.directory.path().join("root").join(inside.trim_start_matches('/'))
    }

    /// Writes a file as an editor would, the directories before it included.
    pub(crate) fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What a command of the administrator prints; it has to succeed.
    pub(crate) fn shell(&self, script: &str) -> String {
        let output = self.try_shell(script);
        assert!(output.status.success(), "{script}: {}\n{}", output.status, said(&output));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// The same for one that may fail.
    pub(crate) fn try_shell(&self, script: &str) -> Output {
        run(&mut self.command(script))
    }

    /// The same as another user.
    pub(crate) fn try_shell_as(&self, user: &str, script: &str) -> Output {
        run(self
            .enter(&["setpriv", "--reuid", user, "--regid", user, "--init-groups", "bash", "-c"])
            .arg(script))
    }

    /// A command of the administrator, to be run.
    pub(crate) fn command(&self, script: &str) -> Command {
        let mut command = self.enter(&["bash", "-euc"]);
        command.arg(script);
        command
    }

    fn enter(&self, arguments: &[&str]) -> Command {
        let leader = leader(self.container.id()).expect("the system runs");
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &leader.to_string(), "--all", "--", "env", "--chdir=/root"])
            .args(arguments);
        command.env_clear().envs([
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/root"),
            ("LC_ALL", "C.UTF-8"),
            ("DEBIAN_FRONTEND", "noninteractive"),
            ("SYSTEMD_COLORS", "0"),
            ("SYSTEMD_PAGER", ""),
        ]);
        command
    }

    /// One property of a unit.
    pub(crate) fn property(&self, unit: &str, name: &str) -> String {
        self.shell(&format!("systemctl show --property={name} --value '{unit}'"))
    }

    /// Waits for something that nothing announces.
    pub(crate) fn wait_until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < deadline, "waited in vain until {what}\n{}", self.last_words());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until a unit has come to rest, and tells how its last run ended: `success`, `exit-code`…
    pub(crate) fn result(&self, unit: &str) -> String {
        // One that will be tried again later rests too.
        self.wait_until(&format!("{unit} has ended"), || {
            ["dead", "failed", "auto-restart"].contains(&self.property(unit, "SubState").as_str())
        });
        self.property(unit, "Result")
    }

    /// The exit status of a service's last run.
    pub(crate) fn exit_status(&self, unit: &str) -> String {
        self.property(unit, "ExecMainStatus")
    }

    /// Starts a unit, and fails with what it said if it does.
    pub(crate) fn start_and_succeed(&self, unit: &str) {
        let output = self.try_shell(&format!("systemctl start '{unit}'"));
        assert!(output.status.success(), "{unit}: {}\n{}", said(&output), self.last_words());
    }

    /// What the journal said last, for those who have to find out what went wrong.
    pub(crate) fn last_words(&self) -> String {
        said(&self.try_shell(
            "journalctl --unit='icps*' --lines=40 --output=short-precise
             journalctl --boot --priority=warning --lines=10
             systemctl --failed --no-legend",
        ))
    }

    /// Restarts the system the way that `reboot` does.
    pub(crate) fn reboot(&mut self) {
        // The command may be cut off by what it brings about.
        self.try_shell("systemctl --no-block reboot");
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.container.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "the system does not go down");
            std::thread::sleep(Duration::from_millis(100));
        };
        assert_eq!(status.code(), Some(REBOOT), "{status}, signal {:?}", status.signal());
        self.container = start(self.release, self.directory.path());
        self.wait_until_up();
    }

    fn wait_until_up(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if leader(self.container.id()).is_some() {
                let output = self.try_shell("systemctl is-system-running --wait");
                match String::from_utf8_lossy(&output.stdout).trim() {
                    "running" => return,
                    "degraded" => panic!("a unit failed at boot\n{}", self.last_words()),
                    _ => {}
                }
            }
            let log = || fs::read_to_string(self.directory.path().join("console")).unwrap_or_default();
            assert!(Instant::now() < deadline, "the system does not come up:\n{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn start(release: &Release, directory: &Path) -> Child {
    let console = File::options().create(true).append(true).open(directory.join("console")).unwrap();
    Command::new("systemd-nspawn")
        .args(["--quiet", "--register=no", "--keep-unit", "--boot"])
        .arg(format!("--machine=icps-{}", release.codename))
        .arg(format!("--directory={}", directory.join("root").display()))
        .envs(release.environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(console.try_clone().unwrap())
        .stderr(console)
        .spawn()
        .expect("systemd-nspawn is installed")
}

/// The first process of the system, as the host counts.
fn leader(container: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{container}/task/{container}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

impl Drop for Guest {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let container = Pid::from_raw(i32::try_from(self.container.id()).unwrap());
        // Shuts the system down in order; the second signal is for one that hangs.
        let _ = kill(container, Signal::SIGTERM);
        while let Ok(None) = self.container.try_wait() {
            if Instant::now() > deadline {
                let _ = self.container.kill();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
