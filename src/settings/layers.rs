//! The layers that a value may come from, and which of them wins.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use zeroize::Zeroizing;

use super::Lookup;
use super::cli::Values;
use super::error::{BadValue, Error, Origin};
use super::file::{self, Assignment};
use super::options::{Setting, all};
use super::values::Switch;

/// A configuration file that was read.
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    assignments: HashMap<String, Assignment>,
}

impl ConfigFile {
    /// Understands the text of a file; adds to `warnings` what is odd about it.
    pub(crate) fn parse(path: &Path, text: &str, warnings: &mut Vec<String>) -> Result<Self, Error> {
        let parsed = file::parse(text).map_err(|bad| Error::Line {
            path: path.to_owned(),
            line: bad.line,
            expected: bad.expected,
        })?;
        let mut assignments: HashMap<String, Assignment> = HashMap::new();
        for assignment in parsed {
            let (name, line) = (assignment.name.clone(), assignment.line);
            if !all().any(|setting| setting.variable == Some(&name)) {
                warnings.push(format!("{}, line {line}: unknown name {name} is ignored", path.display()));
            } else if let Some(earlier) = assignments.insert(name.clone(), assignment) {
                let place = path.display();
                warnings.push(format!(
                    "{place}, line {line}: {name} replaces the value of line {}",
                    earlier.line
                ));
            }
        }
        Ok(Self { path: path.to_owned(), assignments })
    }
}

/// Command line over environment over file over default.
pub(crate) struct Layers<'a> {
    pub(crate) command_line: Values,
    pub(crate) environment: &'a Lookup<'a>,
    pub(crate) file: Option<ConfigFile>,
    /// The values that were refused so far, so that all are reported at once.
    pub(crate) refused: RefCell<Vec<BadValue>>,
}

impl Layers<'_> {
    /// The text of a value and its origin. Empty is unset, except on the command line.
    pub(crate) fn text(&self, setting: &Setting) -> Option<(Zeroizing<String>, Origin)> {
        if let Some(value) = self.command_line.get(setting.long) {
            return Some((value.clone(), Origin::CommandLine));
        }
        setting.variable.and_then(|name| self.variable(setting, name)).or_else(|| {
            let default = setting.default?;
            Some((Zeroizing::new(default.to_owned()), Origin::Default))
        })
    }

    fn variable(&self, setting: &Setting, name: &'static str) -> Option<(Zeroizing<String>, Origin)> {
        if let Some(value) = (self.environment)(name).filter(|value| !value.is_empty()) {
            match value.into_string() {
                Ok(value) => return Some((Zeroizing::new(value), Origin::Environment(name))),
                Err(value) => self.refuse(BadValue {
                    option: setting.long,
                    value: (!setting.secret).then(|| value.to_string_lossy().into_owned()),
                    origin: Origin::Environment(name),
                    expected: "expected text in UTF-8",
                }),
            }
        }
        let file = self.file.as_ref()?;
        let assignment = file.assignments.get(name).filter(|assignment| !assignment.value.is_empty())?;
        Some((assignment.value.clone(), Origin::File(file.path.clone(), assignment.line)))
    }

    /// The value and its origin, if there is one and its option accepts it; else it is noted as refused.
    pub(crate) fn value<T: FromStr<Err = &'static str>>(&self, setting: &Setting) -> Option<(T, Origin)> {
        let (text, origin) = self.text(setting)?;
        match text.parse() {
            Ok(value) => Some((value, origin)),
            Err(expected) => {
                self.refuse_text(setting, &text, origin, expected);
                None
            }
        }
    }

    /// Whether a switch is on.
    pub(crate) fn switch(&self, setting: &Setting) -> bool {
        self.value::<Switch>(setting).is_some_and(|(Switch(on), _)| on)
    }

    /// Notes that `text` is no value for the option.
    pub(crate) fn refuse_text(&self, setting: &Setting, text: &str, origin: Origin, expected: &'static str) {
        let value = (!setting.secret).then(|| text.to_owned());
        self.refuse(BadValue { option: setting.long, value, origin, expected });
    }

    fn refuse(&self, bad: BadValue) {
        let mut refused = self.refused.borrow_mut();
        if !refused.contains(&bad) {
            refused.push(bad);
        }
    }
}
