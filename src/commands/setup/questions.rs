//! Asking a person at a terminal, or making do with what the options say.

use std::io::{self, Write};

use secrecy::{ExposeSecret, SecretString};

use super::error::Error;
use crate::commands::output::complain;
use crate::settings::options::Setting;
use crate::settings::{Answer, on_terminal, prompt_hidden};

/// The questions of a setup.
pub(super) struct Questions {
    terminal: bool,
    asked: bool,
    /// The options that would have answered what nobody could be asked.
    unanswered: Vec<String>,
}

impl Questions {
    pub(super) fn new() -> Self {
        Self { terminal: on_terminal(), asked: false, unanswered: Vec::new() }
    }

    /// Whether a person can be asked.
    pub(super) fn on_terminal(&self) -> bool {
        self.terminal
    }

    /// A value that `check` accepts. What was given just now is not asked; what is written down is offered.
    pub(super) fn value(
        &mut self,
        setting: &Setting,
        question: &str,
        known: &Answer,
        default: Option<String>,
        check: impl Fn(&str) -> Result<String, String>,
    ) -> Result<String, Error> {
        let offer = known.text.clone().or(default);
        if known.given || !self.terminal {
            let Some(value) = offer else {
                self.unanswered.push(option(setting));
                return Ok(String::new());
            };
            let (option, given) = (setting.long, known.given);
            return check(&value).map_err(|expected| Error::BadValue { option, value, expected, given });
        }
        self.begin();
        let brackets = offer.as_ref().map(|offer| format!(" [{offer}]")).unwrap_or_default();
        loop {
            let typed = line(&format!("{question}{brackets}: "))?;
            let value = if typed.is_empty() { offer.clone().unwrap_or_default() } else { typed };
            match check(&value) {
                Ok(value) => return Ok(value),
                Err(expected) => complain(&format!("That does not do: {expected}.")),
            }
        }
    }

    /// The password, without echo. One that was `given` is not asked; another one at hand is offered.
    pub(super) fn password(
        &mut self,
        at_hand: Option<SecretString>,
        given: bool,
    ) -> Result<SecretString, Error> {
        if given || !self.terminal {
            return Ok(at_hand.unwrap_or_else(|| {
                self.unanswered.push("the password (--password-file FILE)".to_owned());
                SecretString::default()
            }));
        }
        self.begin();
        let question = match at_hand {
            Some(_) => "Password (Enter keeps the stored one): ",
            None => "Password (it is not shown): ",
        };
        loop {
            match (hidden(question)?, &at_hand) {
                (Some(password), _) => return Ok(password),
                (None, Some(password)) => return Ok(password.clone()),
                (None, None) => complain("That does not do: expected the password of the Apple ID."),
            }
        }
    }

    /// To be called after the last question.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        let unanswered = std::mem::take(&mut self.unanswered);
        if unanswered.is_empty() { Ok(()) } else { Err(Error::Unanswered(unanswered)) }
    }

    /// Whether all is right as it is shown; whoever was asked nothing has said so already.
    pub(super) fn confirm(&self) -> Result<(), Error> {
        if !self.asked {
            return Ok(());
        }
        loop {
            match line("Write this down and sign in? [Y/n]: ")?.to_ascii_lowercase().as_str() {
                "" | "y" | "yes" => return Ok(()),
                "n" | "no" => return Err(Error::Declined),
                _ => {}
            }
        }
    }

    fn begin(&mut self) {
        if !self.asked {
            complain("Enter takes what stands in brackets; nothing is written before you have seen it all.");
            self.asked = true;
        }
    }
}

/// Another password than the one that Apple refused; `None` if the person gives up.
pub(super) fn another_password(refused: &SecretString) -> Result<Option<SecretString>, Error> {
    loop {
        match hidden("Password, once more (Enter gives up): ")? {
            Some(again) if again.expose_secret() == refused.expose_secret() => {
                complain("Apple refused just this one; it is not sent again.");
            }
            other => return Ok(other),
        }
    }
}

fn option(setting: &Setting) -> String {
    format!("--{} {}", setting.long, setting.value.unwrap_or_default())
}

/// A line from the terminal. Whoever closes the input does not want to go on.
fn line(question: &str) -> Result<String, Error> {
    let mut output = io::stderr().lock();
    let mut typed = String::new();
    let read = output
        .write_all(question.as_bytes())
        .and_then(|()| output.flush())
        .and_then(|()| io::stdin().read_line(&mut typed));
    match read {
        Ok(1..) => Ok(typed.trim().to_owned()),
        Ok(0) | Err(_) => Err(Error::Declined),
    }
}

/// A line that is not shown; `None` if it is empty.
fn hidden(question: &str) -> Result<Option<SecretString>, Error> {
    let typed = prompt_hidden(question).map_err(|_| Error::Declined)?;
    Ok((!typed.is_empty()).then(|| SecretString::from(typed.as_str())))
}
