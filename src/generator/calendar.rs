//! Calendar expressions of systemd, as in `OnCalendar=`.

use super::cron::{Cron, Set};

/// In systemd's order of the week, with cron's numbers.
const WEEK: [(u32, &str); 7] =
    [(1, "Mon"), (2, "Tue"), (3, "Wed"), (4, "Thu"), (5, "Fri"), (6, "Sat"), (0, "Sun")];

const EVERY_DAY: Set = span(1, 31);
const EVERY_WEEKDAY: Set = span(0, 6);

const fn span(first: u32, last: u32) -> Set {
    (1 << (last + 1)) - (1 << first)
}

/// The calendar expressions that together mean what the cron expression means.
///
/// There are two if a day may match by its date or by its weekday, because one calendar expression demands both.
pub(super) fn expressions(cron: &Cron) -> Vec<String> {
    if cron.any_day_field {
        vec![expression(cron, cron.days, EVERY_WEEKDAY), expression(cron, EVERY_DAY, cron.weekdays)]
    } else {
        vec![expression(cron, cron.days, cron.weekdays)]
    }
}

fn expression(cron: &Cron, days: Set, weekdays: Set) -> String {
    format!(
        "{}*-{}-{} {}:{}:00",
        week(weekdays),
        list(cron.months, 1, 12),
        list(days, 1, 31),
        list(cron.hours, 0, 23),
        list(cron.minutes, 0, 59),
    )
}

fn week(weekdays: Set) -> String {
    if weekdays == EVERY_WEEKDAY {
        return String::new();
    }
    let names: Vec<&str> =
        WEEK.iter().filter(|(day, _)| weekdays & (1 << day) != 0).map(|&(_, name)| name).collect();
    names.join(",") + " "
}

/// `*`, or numbers and ranges.
fn list(set: Set, first: u32, last: u32) -> String {
    if set == span(first, last) {
        return "*".to_owned();
    }
    let mut parts = Vec::new();
    let mut from = first;
    while from <= last {
        let length = (set >> from).trailing_ones();
        match length {
            0 => {}
            1 => parts.push(format!("{from:02}")),
            _ => parts.push(format!("{from:02}..{:02}", from + length - 1)),
        }
        from += length.max(1);
    }
    parts.join(",")
}
