//! `icps setup`: asks for what is needed, writes it down, and signs in as the runs to come will.
//!
//! Everything is asked and checked before anything is written. The sign-in is a process of its own, `icps token`,
//! so that it sees just what the service will see, and so that this one can still write when Apple refuses the
//! password.

mod credential;
mod disk;
mod error;
mod place;
mod questions;
mod token;

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use super::failure::Failure;
use super::output::complain;
use crate::exit::Exit;
use crate::generator;
use crate::icloud::StateDir;
use crate::settings::{Answers, Region, Settings, edit, options};
use credential::Store;
use disk::Undisturbed;
use error::Error;
use place::Place;
use questions::Questions;

/// How often a password that Apple refused may be typed anew. After a few more Apple would lock the account.
const SECOND_TRIES: u32 = 2;

/// What will be written down.
struct Plan {
    username: String,
    password: SecretString,
    /// The credential that is there already.
    stored: Option<SecretString>,
    data_dir: String,
    schedule: String,
    region: String,
}

/// Sets up. Ends as the sign-in ends.
pub(super) fn run(settings: &Settings, answers: &Answers, warnings: &[String]) -> Result<Exit, Failure> {
    for warning in warnings {
        complain(&format!("Warning: {warning}"));
    }
    let place = Place::find(settings.account.as_ref(), answers)?;
    let mut questions = Questions::new();
    let plan = ask(&mut questions, settings, answers, &place)?;
    complain(&plan.summary(&place, settings));
    questions.confirm()?;
    write_down(&plan, settings, answers, &place)?;
    let exit = sign_in(plan, &questions, settings, answers, &place)?;
    complain(&match exit {
        Exit::Done | Exit::Warnings => place.next_steps(),
        // A unit or a setup has the password; `icps token` by hand would have to ask for it.
        _ => format!("All is written down, but the sign-in is left to do: {}", place.command("setup")),
    });
    Ok(exit)
}

fn ask(
    questions: &mut Questions,
    settings: &Settings,
    answers: &Answers,
    place: &Place,
) -> Result<Plan, Failure> {
    let known = answers.username.text.as_deref();
    let username = questions.value(&options::USERNAME, "Apple ID", &answers.username, None, apple_id)?;
    let stored = place.store.as_ref().map(Store::stored).transpose()?.flatten();
    let credentials = &settings.sign_in.credentials;
    let at_hand = credentials.known_password()?.or_else(|| stored.clone());
    // Another account has another password.
    let at_hand = at_hand.filter(|_| answers.password_given || known == Some(username.as_str()));
    let password = questions.password(at_hand, answers.password_given)?;
    let data_dir = questions.value(
        &options::DATA_DIR,
        "Library directory",
        &answers.data_dir,
        Some(place.library.clone()),
        |text| data_dir(text, place),
    )?;
    let default = |setting: &options::Setting| setting.default.map(str::to_owned);
    let schedule = questions.value(
        &options::SCHEDULE,
        "When to sync, as cron says it",
        &answers.schedule,
        default(&options::SCHEDULE),
        |text| generator::check_schedule(text).map(|()| text.to_owned()),
    )?;
    let region = questions.value(
        &options::REGION,
        "Region of the account, world or china",
        &answers.region,
        default(&options::REGION),
        |text| text.parse::<Region>().map(|_| text.to_owned()).map_err(str::to_owned),
    )?;
    questions.finish()?;
    Ok(Plan { username, password, stored, data_dir, schedule, region })
}

fn apple_id(text: &str) -> Result<String, String> {
    let is_number = text.trim_start_matches('+').bytes().all(|byte| byte.is_ascii_digit());
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("expected an Apple ID without blanks".to_owned());
    }
    if !text.contains('@') && !is_number {
        return Err("expected an e-mail address or a telephone number".to_owned());
    }
    Ok(text.to_owned())
}

fn data_dir(text: &str, place: &Place) -> Result<String, String> {
    generator::check_data_dir(text)?;
    disk::check_library(Path::new(text), place.owner)?;
    Ok(text.to_owned())
}

impl Plan {
    fn summary(&self, place: &Place, settings: &Settings) -> String {
        let Self { username, data_dir, schedule, region, .. } = self;
        let library = if Path::new(data_dir).exists() { "" } else { " (will be made)" };
        let password = match &place.store {
            Some(_) if self.is_stored() => "as it is stored already".to_owned(),
            Some(store) => format!("as the credential {}", store.name()),
            None => format!("in {}, for you alone", place.file.display()),
        };
        format!(
            "\n{whom}\n  Configuration:  {file}\n  Apple ID:       {username} ({region})\n  \
             Password:       {password}\n  Library:        {data_dir}{library}\n  Schedule:       {schedule}\n  \
             State:          {state}\n",
            whom = place.whom(),
            file = place.file.display(),
            state = settings.directories.state.display(),
        )
    }

    fn is_stored(&self) -> bool {
        self.stored.as_ref().is_some_and(|stored| stored.expose_secret() == self.password.expose_secret())
    }

    /// The values for the file. A credential and a password in the file would contradict each other.
    fn wishes(&self, answers: &Answers, place: &Place) -> Vec<(&'static str, &str)> {
        let password = if place.store.is_some() { "" } else { self.password.expose_secret() };
        let mut wishes = vec![
            ("APPLE_ID_USER", self.username.as_str()),
            ("APPLE_ID_PWD", password),
            ("DATA_DIR", &self.data_dir),
        ];
        // What is said nowhere and is the default needs no line.
        for (setting, name, value, answer) in [
            (&options::SCHEDULE, "SCHEDULE", &self.schedule, &answers.schedule),
            (&options::REGION, "REGION", &self.region, &answers.region),
        ] {
            if answer.text.is_some() || setting.default != Some(value) {
                wishes.push((name, value));
            }
        }
        wishes
    }
}

fn write_down(plan: &Plan, settings: &Settings, answers: &Answers, place: &Place) -> Result<(), Failure> {
    let undisturbed = Undisturbed::begin();
    disk::make_library(Path::new(&plan.data_dir), place.owner)?;
    if let Some(owner) = place.owner {
        disk::make_state(&settings.directories.state, owner)?;
    }
    // The credential first: the file may still hold the only copy of the password.
    if let Some(store) = place.store.as_ref().filter(|_| !plan.is_stored()) {
        if let Some(notice) = store.keep(&plan.password)? {
            complain(&notice);
        }
    }
    write_configuration(plan, answers, place)?;
    place.reload_units();
    drop(undisturbed);
    Ok(())
}

fn write_configuration(plan: &Plan, answers: &Answers, place: &Place) -> Result<(), Error> {
    let path = &place.file;
    let text = disk::read(path)?;
    let edited = edit::edit(&text, &plan.wishes(answers, place)).map_err(|bad| Error::Line {
        path: path.clone(),
        line: bad.line,
        expected: bad.expected,
    })?;
    if *edited == *text && path.exists() {
        return Ok(());
    }
    disk::replace(path, edited.as_bytes(), place.owner)
}

/// Signs in; whoever mistyped the password may type it anew.
fn sign_in(
    mut plan: Plan,
    questions: &Questions,
    settings: &Settings,
    answers: &Answers,
    place: &Place,
) -> Result<Exit, Failure> {
    for _ in 0..SECOND_TRIES {
        let exit = token::sign_in(answers, place, &plan.password)?;
        if exit != Exit::Refused || !questions.on_terminal() || !is_about_password(settings)? {
            return Ok(exit);
        }
        let Some(password) = questions::another_password(&plan.password)? else { return Ok(exit) };
        plan.password = password;
        write_down(&plan, settings, answers, place)?;
    }
    Ok(token::sign_in(answers, place, &plan.password)?)
}

/// Whether it is the password that was refused, and not the account that is locked.
fn is_about_password(settings: &Settings) -> Result<bool, Failure> {
    let overview = StateDir::open(&settings.directories.state)?.overview()?;
    Ok(overview.credentials_refused && overview.next_attempt.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apple_id_is_an_address_or_a_number() {
        for good in ["jane@example.com", "+491701234567", "13800138000"] {
            assert_eq!(apple_id(good).as_deref(), Ok(good));
        }
        for bad in ["", "jane", "jane@example.com x", "a\u{7}@b"] {
            assert!(apple_id(bad).is_err(), "{bad:?}");
        }
    }
}
