//! The password of the service, as a credential that systemd hands to its units.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};

use super::disk;
use super::error::Error;
use crate::settings::credential_ids;

const PLAIN: &str = "/etc/credstore";
const ENCRYPTED: &str = "/etc/credstore.encrypted";

/// Where one account's password is kept. The units read both files, and take the plain one if there are two.
pub(super) struct Store {
    plain: PathBuf,
    encrypted: PathBuf,
    /// The id of the encrypted one, which is part of what is encrypted.
    id: String,
}

impl Store {
    pub(super) fn of(account: Option<&str>) -> Self {
        let [plain, encrypted] = credential_ids(account, "password");
        Self {
            plain: Path::new(PLAIN).join(plain),
            encrypted: Path::new(ENCRYPTED).join(&encrypted),
            id: encrypted,
        }
    }

    /// The id under which it will be found, if it can be encrypted.
    pub(super) fn name(&self) -> &str {
        &self.id
    }

    /// The password that is stored. One that cannot be decrypted any more is as good as none.
    pub(super) fn stored(&self) -> Result<Option<SecretString>, Error> {
        match fs::read(&self.plain).map(Zeroizing::new) {
            Ok(bytes) => return Ok(first_line(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", &self.plain)(error)),
        }
        if !self.encrypted.exists() {
            return Ok(None);
        }
        let decrypted =
            self.creds("decrypt", &self.encrypted, None).map(|output| Zeroizing::new(output.stdout));
        Ok(decrypted.ok().and_then(|bytes| first_line(&bytes)))
    }

    /// Stores a password: encrypted with a key of this machine, or, where that is not possible, plain; then the
    /// result says so.
    pub(super) fn keep(&self, password: &SecretString) -> Result<Option<String>, Error> {
        let (path, other, content, notice) = match self.creds("encrypt", Path::new("-"), Some(password)) {
            Ok(output) => (&self.encrypted, &self.plain, Zeroizing::new(output.stdout), None),
            Err(reason) => {
                let place = self.plain.display();
                let notice = format!(
                    "Notice: the password cannot be encrypted here (systemd-creds: {reason}); it is in {place}, for root alone."
                );
                let content = Zeroizing::new(password.expose_secret().as_bytes().to_vec());
                (&self.plain, &self.encrypted, content, Some(notice))
            }
        };
        disk::replace(path, &content, None)?;
        match fs::remove_file(other) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", other)(error)),
            _ => Ok(notice),
        }
    }

    /// Runs `systemd-creds` from `input` to its standard output. The secret never is an argument.
    fn creds(&self, verb: &str, input: &Path, secret: Option<&SecretString>) -> io::Result<Output> {
        let mut child = Command::new("systemd-creds")
            .arg(verb)
            .arg(format!("--name={}", self.id))
            .args([input, Path::new("-")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let (Some(mut stdin), Some(secret)) = (child.stdin.take(), secret) {
            // If it does not want to hear, its exit code tells.
            let _ = stdin.write_all(secret.expose_secret().as_bytes());
        }
        let mut output = child.wait_with_output()?;
        if output.status.success() && !output.stdout.is_empty() {
            return Ok(output);
        }
        output.stdout.zeroize();
        let complaint = String::from_utf8_lossy(&output.stderr);
        let reason = complaint.lines().last().unwrap_or("systemd-creds fails").trim();
        Err(io::Error::other(reason.to_owned()))
    }
}

fn first_line(bytes: &[u8]) -> Option<SecretString> {
    let line = std::str::from_utf8(bytes).ok()?.lines().next()?;
    (!line.is_empty()).then(|| SecretString::from(line))
}
