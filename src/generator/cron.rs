//! Cron expressions: five fields, or a name such as `@daily`.

use thiserror::Error;

/// A set of numbers from 0 to 63: bit *n* stands for *n*.
pub(super) type Set = u64;

/// When a cron expression fires, in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cron {
    pub(super) minutes: Set,
    pub(super) hours: Set,
    pub(super) days: Set,
    pub(super) months: Set,
    /// 0 is Sunday.
    pub(super) weekdays: Set,
    /// Cron's odd rule: if both day fields are restricted, a day needs to match only one of them.
    pub(super) any_day_field: bool,
}

/// Why a text is no cron expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Error {
    /// Neither five fields nor a name.
    #[error(
        "expected five fields (minute, hour, day of month, month, day of week) or a name such as @daily, found {0}"
    )]
    Fields(usize),
    /// An unknown `@name`.
    #[error("expected one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually, found {0}")]
    Name(String),
    /// A field with something else than numbers, names, ranges, lists and steps.
    #[error("expected numbers from {first} to {last}, ranges, lists or steps as the {field}, found {found}")]
    Field {
        /// Which field.
        field: &'static str,
        /// The smallest number.
        first: u32,
        /// The largest number.
        last: u32,
        /// What was there.
        found: String,
    },
    /// Such as the 31st of February.
    #[error("expected a day that exists: none of the months has such a day")]
    Never,
}

struct Field {
    title: &'static str,
    first: u32,
    last: u32,
    /// Names of the numbers from `first` on.
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const MINUTE: Field = Field { title: "minute", first: 0, last: 59, names: &[] };
const HOUR: Field = Field { title: "hour", first: 0, last: 23, names: &[] };
const DAY: Field = Field { title: "day of month", first: 1, last: 31, names: &[] };
const MONTH: Field = Field { title: "month", first: 1, last: 12, names: MONTHS };
const WEEKDAY: Field = Field { title: "day of week", first: 0, last: SUNDAY_AGAIN, names: WEEKDAYS };

/// Both 0 and 7 are Sunday.
const SUNDAY_AGAIN: u32 = 7;

impl std::str::FromStr for Cron {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let text = if text.starts_with('@') { named(text)? } else { text };
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(Error::Fields(fields.len()));
        };
        let cron = Self {
            minutes: MINUTE.parse(minute)?,
            hours: HOUR.parse(hour)?,
            days: DAY.parse(day)?,
            months: MONTH.parse(month)?,
            weekdays: fold_sunday(WEEKDAY.parse(weekday)?),
            // As in Vixie's cron, a step over everything (`*/2`) does not count as a restriction here.
            any_day_field: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        if cron.has_a_day() { Ok(cron) } else { Err(Error::Never) }
    }
}

impl Cron {
    /// How often it fires on a day on which it fires.
    pub(super) fn times_a_day(&self) -> u32 {
        self.minutes.count_ones() * self.hours.count_ones()
    }

    fn has_a_day(&self) -> bool {
        const LONGEST: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let longest = LONGEST
            .iter()
            .zip(1..)
            .filter(|&(_, month)| self.months & (1 << month) != 0)
            .map(|(&days, _)| days);
        self.any_day_field || longest.max().is_some_and(|longest| self.days.trailing_zeros() <= longest)
    }
}

fn named(name: &str) -> Result<&'static str, Error> {
    match name.to_ascii_lowercase().as_str() {
        "@hourly" => Ok("0 * * * *"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@monthly" => Ok("0 0 1 * *"),
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        _ => Err(Error::Name(name.to_owned())),
    }
}

fn fold_sunday(weekdays: Set) -> Set {
    let again = 1 << SUNDAY_AGAIN;
    if weekdays & again == 0 { weekdays } else { weekdays & !again | 1 }
}

impl Field {
    fn parse(&self, text: &str) -> Result<Set, Error> {
        text.split(',').try_fold(0, |set, part| Ok(set | self.part(part).ok_or_else(|| self.error(text))?))
    }

    /// `*`, `number` or `from-to`, each perhaps with `/step`.
    fn part(&self, text: &str) -> Option<Set> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step).filter(|step| *step > 0)?)),
            None => (text, None),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (self.value(from)?, self.end_of_range(to)?),
            None if range == "*" => (self.first, self.last),
            // `5/15` begins at 5, as in cronie.
            None if step.is_some() => (self.value(range)?, self.last),
            None => (self.value(range)?, self.value(range)?),
        };
        let to = if to == SUNDAY_AGAIN && range.starts_with('*') { to - 1 } else { to };
        if from > to {
            return None;
        }
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        Some((from..=to).step_by(step).fold(0, |set, value| set | 1 << value))
    }

    /// A week may end on Sunday: `fri-sun`.
    fn end_of_range(&self, text: &str) -> Option<u32> {
        let value = self.value(text)?;
        let named_sunday = value == 0 && number(text).is_none();
        Some(if named_sunday { SUNDAY_AGAIN } else { value })
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = || self.names.iter().zip(self.first..).find(|(name, _)| text.eq_ignore_ascii_case(name));
        let value = number(text).or_else(|| named().map(|(_, value)| value))?;
        (self.first..=self.last).contains(&value).then_some(value)
    }

    fn error(&self, found: &str) -> Error {
        Error::Field { field: self.title, first: self.first, last: self.last, found: found.to_owned() }
    }
}

/// Digits only: `+5` is a number for Rust, but not for cron.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
