//! Cron the slow way: looks at one day and one minute after the other, straight from the text of the fields. It
//! shares nothing with the parser that it checks.

use jiff::civil::{Date, date};

/// The next times after (and not at) the minute before `from`.
pub(super) fn next(cron: &str, from: (i16, i8, i8, i8, i8), count: usize) -> Vec<String> {
    let cron = match cron {
        "@weekly" => "0 0 * * 0",
        "@yearly" => "0 0 1 1 *",
        other => other,
    };
    let fields: Vec<&str> = cron.split(' ').collect();
    let (year, month, day, hour, minute) = from;
    let first = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}");
    let mut found = Vec::new();
    for day in date(year, month, day).series(jiff::Span::new().days(1)).take(50 * 366) {
        if !day_matches(&fields, day) {
            continue;
        }
        for hour in (0..24).filter(|hour| matches(fields[1], *hour, 0, 23)) {
            for minute in (0..60).filter(|minute| matches(fields[0], *minute, 0, 59)) {
                let time = format!("{day} {hour:02}:{minute:02}");
                if time >= first {
                    found.push(time);
                }
                if found.len() == count {
                    return found;
                }
            }
        }
    }
    found
}

fn day_matches(fields: &[&str], day: Date) -> bool {
    let by_date = matches(fields[2], u32::try_from(day.day()).unwrap(), 1, 31);
    let weekday = u32::try_from(day.weekday().to_sunday_zero_offset()).unwrap();
    let by_weekday = match fields[4] {
        "mon" => weekday == 1,
        field => {
            matches(field, weekday, 0, 6)
                || (weekday == 0 && !field.starts_with('*') && matches(field, 7, 0, 6))
        }
    };
    let star = fields[2].starts_with('*') || fields[4].starts_with('*');
    matches(fields[3], u32::try_from(day.month()).unwrap(), 1, 12)
        && if star { by_date && by_weekday } else { by_date || by_weekday }
}

fn matches(field: &str, value: u32, first: u32, last: u32) -> bool {
    field.split(',').any(|part| {
        let mut halves = part.split('/');
        let range = halves.next().unwrap();
        let step: u32 = halves.next().map_or(1, |step| step.parse().unwrap());
        let mut ends = range.split('-').map(str::parse::<u32>);
        let (from, to) = match (ends.next().unwrap(), ends.next()) {
            (Err(_), _) => (first, last),
            (Ok(from), None) => (from, from),
            (Ok(from), Some(to)) => (from, to.unwrap()),
        };
        value >= from && value <= to && (value - from) % step == 0
    })
}
