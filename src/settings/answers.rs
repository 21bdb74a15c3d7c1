//! What `icps setup` writes down, as far as it is known before anybody is asked.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::Origin;
use super::layers::Layers;
use super::options::{self, CONFIG, DATA_DIR, PASSWORD, PASSWORD_FILE, REGION, SCHEDULE, Setting, USERNAME};

/// The answers that the command line, the environment and the existing file give.
#[derive(Debug)]
pub struct Answers {
    /// The configuration file to write.
    pub file: PathBuf,
    /// Whether the user named that file, so that it is not the one that the units read.
    pub named: bool,
    /// The Apple ID.
    pub username: Answer,
    /// The directory of the library.
    pub data_dir: Answer,
    /// `world` or `china`.
    pub region: Answer,
    /// A cron expression.
    pub schedule: Answer,
    /// Whether the user gives a password, and does not only keep one in the file.
    pub password_given: bool,
    /// The other options of the command line, by their names in the environment.
    pub others: Vec<(&'static str, Zeroizing<String>)>,
}

/// One answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The value; `None` if only the default says something.
    pub text: Option<String>,
    /// Whether the user gave it just now: then there is nothing to ask.
    pub given: bool,
}

/// What a setup writes into the file.
const WRITTEN: [&Setting; 5] = [&USERNAME, &PASSWORD, &DATA_DIR, &REGION, &SCHEDULE];

/// The names in the environment of what a setup writes.
pub(crate) fn written_variables() -> impl Iterator<Item = &'static str> {
    WRITTEN.iter().filter_map(|setting| setting.variable)
}

impl Answers {
    /// `paths` are those of the configuration; `data_dir` is the library's root, made absolute.
    pub(super) fn new(layers: &Layers<'_>, paths: Vec<PathBuf>, data_dir: &Path) -> Self {
        let mut known_dir = answer(layers, &DATA_DIR);
        if known_dir.text.is_some() {
            known_dir.text = Some(data_dir.display().to_string());
        }
        let given = |setting| layers.text(setting).is_some_and(|(_, origin)| is_given(&origin));
        let file = paths.into_iter().next().unwrap_or_default();
        Self {
            // A relative path is meant from where the command is typed.
            file: std::path::absolute(&file).unwrap_or(file),
            named: given(&CONFIG),
            username: answer(layers, &USERNAME),
            data_dir: known_dir,
            region: answer(layers, &REGION),
            schedule: answer(layers, &SCHEDULE),
            password_given: given(&PASSWORD) || given(&PASSWORD_FILE),
            others: others(layers),
        }
    }
}

fn answer(layers: &Layers<'_>, setting: &Setting) -> Answer {
    match layers.text(setting) {
        None | Some((_, Origin::Default)) => Answer::default(),
        Some((text, origin)) => Answer { text: Some(text.trim().to_owned()), given: is_given(&origin) },
    }
}

fn is_given(origin: &Origin) -> bool {
    matches!(origin, Origin::CommandLine | Origin::Environment(_))
}

fn others(layers: &Layers<'_>) -> Vec<(&'static str, Zeroizing<String>)> {
    options::all()
        .filter(|setting| !WRITTEN.iter().any(|written| written.long == setting.long))
        .filter_map(|setting| Some((setting.variable?, layers.command_line.get(setting.long)?.clone())))
        .collect()
}
