//! Cookies as Apple writes them: values in quotes, dates in two odd forms, deletion by an empty value.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::account::Region;
use crate::reply::{Reply, add_header};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// The cookies that an answer sets.
#[derive(Debug)]
pub(super) struct CookieJar {
    domain: &'static str,
    lines: Vec<String>,
}

impl CookieJar {
    /// Cookies for all hosts on the side of `host`.
    pub(super) fn for_host(host: &str) -> Self {
        let domain = match Region::of(host) {
            Region::World => ".icloud.com",
            Region::China => ".icloud.com.cn",
        };
        Self { domain, lines: Vec::new() }
    }

    /// A cookie for the session of the browser.
    pub(super) fn session(&mut self, name: &str, value: &str) {
        let line = format!("{name}=\"{value}\";Path=/;Domain={};Secure;HttpOnly", self.domain);
        self.lines.push(line);
    }

    /// A cookie with an end, in the form without a space (`Tue,16-Jan-2024 02:07:19 GMT`).
    pub(super) fn until(&mut self, name: &str, value: &str, expires: SystemTime) {
        let line = format!(
            "{name}=\"{value}\";Expires={};Path=/;Domain={};Secure;HttpOnly",
            date(expires, ","),
            self.domain
        );
        self.lines.push(line);
    }

    /// A cookie that lasts so many days, in the form with a space (`Fri, 12-Jan-2024 05:06:31 GMT`).
    pub(super) fn days(&mut self, name: &str, value: &str, now: SystemTime, days: u64) {
        let expires = now + Duration::from_secs(days * SECONDS_PER_DAY);
        let line = format!(
            "{name}=\"{value}\";Expires={};Path=/;Domain={};Secure;HttpOnly",
            date(expires, ", "),
            self.domain
        );
        self.lines.push(line);
    }

    /// Takes a cookie away.
    pub(super) fn remove(&mut self, name: &str) {
        let line = format!(
            "{name}=;Expires={};Path=/;Domain={};Secure;HttpOnly",
            date(UNIX_EPOCH, ", "),
            self.domain
        );
        self.lines.push(line);
    }

    pub(super) fn add_to(&self, reply: &mut Reply) {
        for line in &self.lines {
            add_header(reply, "set-cookie", line);
        }
    }
}

/// A date with dashes, as Apple's cookies have it.
fn date(time: SystemTime, after_weekday: &str) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
    let (year, month, day) = civil(days);
    format!(
        "{}{after_weekday}{day:02}-{}-{year} {:02}:{:02}:{:02} GMT",
        WEEKDAYS[(days % 7) as usize],
        MONTHS[month],
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Year, month (from 0) and day of a day since 1970.
fn civil(mut days: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    while days >= days_of(year) {
        days -= days_of(year);
        year += 1;
    }
    let february = if days_of(year) == 366 { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    (year, month, days + 1)
}

fn days_of(year: u64) -> u64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn dates_are_right_in_both_forms() {
        assert_eq!(date(at(0), ", "), "Thu, 01-Jan-1970 00:00:00 GMT");
        assert_eq!(date(at(1_705_370_839), ","), "Tue,16-Jan-2024 02:07:19 GMT");
        assert_eq!(date(at(1_709_164_800), ", "), "Thu, 29-Feb-2024 00:00:00 GMT");
        assert_eq!(date(at(4_102_444_799), ","), "Thu,31-Dec-2099 23:59:59 GMT");
    }

    #[test]
    fn cookies_belong_to_their_side_and_are_quoted() {
        let mut jar = CookieJar::for_host("setup.icloud.com.cn");
        jar.session("A", "v=1:t=~~");
        jar.remove("B");
        assert_eq!(
            jar.lines,
            [
                "A=\"v=1:t=~~\";Path=/;Domain=.icloud.com.cn;Secure;HttpOnly",
                "B=;Expires=Thu, 01-Jan-1970 00:00:00 GMT;Path=/;Domain=.icloud.com.cn;Secure;HttpOnly"
            ]
        );
    }
}
