//! A cookie jar that keeps what a browser would throw away: cookies without an expiry survive between runs,
//! because Apple's session lives in them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One cookie with the attributes that decide where it goes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cookie {
    pub(super) name: String,
    /// As it came, double quotes included.
    pub(super) value: String,
    /// Lower case, without a leading dot.
    domain: String,
    /// Whether only `domain` itself gets it: the answer named no domain.
    host_only: bool,
    path: String,
    /// `None`: no expiry, kept until replaced.
    pub(super) expires: Option<Timestamp>,
}

/// What a `Set-Cookie` line asks for.
#[derive(PartialEq, Eq)]
pub(super) enum Change {
    Keep(Cookie),
    /// An empty value or a past date.
    Delete {
        name: String,
        domain: String,
        path: String,
    },
}

/// Cookies of all hosts.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Jar(Vec<Cookie>);

impl Jar {
    /// Takes the `Set-Cookie` lines of an answer of `host`. Lines that make no sense, or that speak for a foreign
    /// domain, are left out.
    pub fn absorb<'a>(&mut self, host: &str, lines: impl Iterator<Item = &'a str>, now: Timestamp) {
        for change in lines.filter_map(|line| parse(line, host, now)) {
            let (name, domain, path) = match &change {
                Change::Keep(cookie) => (&cookie.name, &cookie.domain, &cookie.path),
                Change::Delete { name, domain, path } => (name, domain, path),
            };
            self.0.retain(|old| !(old.name == *name && old.domain == *domain && old.path == *path));
            if let Change::Keep(cookie) = change {
                self.0.push(cookie);
            }
        }
    }

    /// The value of the `Cookie` header for a request, if any cookie belongs there.
    pub fn header(&self, host: &str, path: &str, now: Timestamp) -> Option<String> {
        let mut fitting: Vec<&Cookie> =
            self.0.iter().filter(|cookie| cookie.is_alive(now) && cookie.fits(host, path)).collect();
        // Longer paths first, as browsers do; the sort keeps the order of arrival otherwise.
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = fitting.iter().map(|c| format!("{}={}", c.name, c.value)).collect();
        if pairs.is_empty() { None } else { Some(pairs.join("; ")) }
    }

    /// The living cookies whose name begins with `prefix`.
    pub(super) fn named<'a>(&'a self, prefix: &'a str, now: Timestamp) -> impl Iterator<Item = &'a Cookie> {
        self.0.iter().filter(move |cookie| cookie.name.starts_with(prefix) && cookie.is_alive(now))
    }

    /// Drops the cookies of the account services but those whose name begins with `kept`. The sign-in host's stay:
    /// among them is the one by which Apple knows this client again.
    pub(super) fn forget_services(&mut self, kept: &str) {
        self.0.retain(|cookie| !cookie.domain.contains("icloud.com") || cookie.name.starts_with(kept));
    }

    /// Drops the cookies whose name begins with `prefix`.
    pub(super) fn forget(&mut self, prefix: &str) {
        self.0.retain(|cookie| !cookie.name.starts_with(prefix));
    }
}

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jar({} cookies)", self.0.len())
    }
}

impl Cookie {
    fn is_alive(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    fn fits(&self, host: &str, path: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let domain_fits = host == self.domain || (!self.host_only && is_below(&host, &self.domain));
        let path_fits = path
            .strip_prefix(self.path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/'));
        domain_fits && path_fits
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Reads one `Set-Cookie` line of an answer of `host`. Never fails: what is no cookie, is none.
pub(super) fn parse(line: &str, host: &str, now: Timestamp) -> Option<Change> {
    let mut parts = line.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_printable = |text: &str| text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if name.is_empty() || name.contains(char::is_whitespace) || !is_printable(name) || !is_printable(value) {
        return None;
    }
    let host = host.to_ascii_lowercase();
    let (mut domain, mut path, mut expires, mut max_age) = (None, None, None, None);
    for part in parts {
        let (key, text) = part.split_once('=').unwrap_or((part, ""));
        let text = text.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "domain" => domain = Some(text.trim_start_matches('.').to_ascii_lowercase()),
            "path" if text.starts_with('/') => path = Some(text.to_owned()),
            "expires" => expires = parse_date(text),
            "max-age" => max_age = text.parse::<i64>().ok(),
            _ => {}
        }
    }
    let domain = domain.filter(|domain| !domain.is_empty());
    // A host speaks for itself and the domains above it, but not for a bare top level such as `com`.
    if domain.as_ref().is_some_and(|d| !d.contains('.') || !(host == *d || is_below(&host, d))) {
        return None;
    }
    if let Some(seconds) = max_age {
        expires = Some(now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX));
    }
    let host_only = domain.is_none();
    let (domain, path) = (domain.unwrap_or(host), path.unwrap_or_else(|| "/".to_owned()));
    if value.trim_matches('"').is_empty() || expires.is_some_and(|expires| expires <= now) {
        return Some(Change::Delete { name: name.to_owned(), domain, path });
    }
    Some(Change::Keep(Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain,
        host_only,
        path,
        expires,
    }))
}

/// Reads the date of an `Expires`: `Tue, 16 Jan 2024 02:07:19 GMT`, also with dashes and without the space after
/// the comma, as Apple writes it. A date that cannot be read makes a cookie without expiry.
pub(super) fn parse_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let rest = text.split_once(',').map_or(text, |(_, rest)| rest).replace('-', " ");
    let mut words = rest.split_ascii_whitespace();
    let day: i8 = words.next()?.parse().ok()?;
    let month = words.next()?.get(..3)?.to_ascii_lowercase();
    let month = i8::try_from(MONTHS.iter().position(|name| *name == month)? + 1).ok()?;
    let year: i16 = words.next()?.parse().ok()?;
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    };
    let mut clock = words.next()?.splitn(3, ':').map(str::parse::<i8>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let date = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests;
