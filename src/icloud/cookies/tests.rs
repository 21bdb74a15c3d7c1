use proptest::prelude::*;

use super::*;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn jar(host: &str, lines: &[&str]) -> Jar {
    let mut jar = Jar::default();
    jar.absorb(host, lines.iter().copied(), now());
    jar
}

#[test]
fn both_spellings_of_a_date_are_read() {
    let expected: Timestamp = "2027-01-16T02:07:19Z".parse().unwrap();
    for text in
        ["Sat,16-Jan-2027 02:07:19 GMT", "Sat, 16 Jan 2027 02:07:19 GMT", "Sat, 16-Jan-27 02:07:19 GMT"]
    {
        assert_eq!(parse_date(text), Some(expected), "{text}");
    }
    for text in ["", "soon", "Sat, 99 Jan 2027 02:07:19 GMT", "Sat, 16 Jän 2027 02:07:19"] {
        assert_eq!(parse_date(text), None, "{text}");
    }
}

#[test]
fn quoted_values_with_odd_characters_are_kept_as_they_are() {
    let line = "X-APPLE-WEBAUTH-TOKEN=\"v=2:t=EQ==BST_I~~/+\";Expires=Sat,16-Jan-2027 02:07:19 GMT;Path=/;\
                Domain=.icloud.com;Secure;HttpOnly";
    let jar = jar("setup.icloud.com", &[line]);
    assert_eq!(
        jar.header("p61-ckdatabasews.icloud.com", "/database/1", now()).as_deref(),
        Some("X-APPLE-WEBAUTH-TOKEN=\"v=2:t=EQ==BST_I~~/+\"")
    );
}

#[test]
fn cookies_go_to_their_domain_only() {
    let jar = jar("setup.icloud.com", &["a=1; Domain=.icloud.com; Path=/", "b=2; Path=/setup"]);
    assert_eq!(jar.header("setup.icloud.com", "/setup/ws/1/validate", now()).as_deref(), Some("b=2; a=1"));
    assert_eq!(jar.header("www.icloud.com", "/setup", now()).as_deref(), Some("a=1"));
    assert_eq!(jar.header("setup.icloud.com", "/setupx", now()).as_deref(), Some("a=1"));
    for host in ["idmsa.apple.com", "cvws.icloud-content.com", "evilicloud.com", "icloud.com.cn", "com"] {
        assert_eq!(jar.header(host, "/", now()), None, "{host}");
    }
}

#[test]
fn an_empty_value_or_a_past_date_deletes() {
    for line in [
        "a=; Domain=.icloud.com",
        "a=\"\"; Domain=icloud.com",
        "a=1; Domain=.icloud.com; Max-Age=0",
        "a=1;Expires=Thu,01-Jan-1970 00:00:00 GMT;Path=/;Domain=.icloud.com",
    ] {
        let jar = jar("setup.icloud.com", &["a=1; Domain=.icloud.com; Path=/", line]);
        assert_eq!(jar.header("setup.icloud.com", "/", now()), None, "{line}");
    }
}

#[test]
fn a_new_value_replaces_the_old_one() {
    let jar = jar("p1.icloud.com", &["a=1; Domain=.icloud.com; Path=/", "a=2; Domain=.icloud.com; Path=/"]);
    assert_eq!(jar.header("p1.icloud.com", "/", now()).as_deref(), Some("a=2"));
}

#[test]
fn a_host_may_not_speak_for_another() {
    for line in ["a=1; Domain=apple.com", "a=1; Domain=com", "a=1; Domain=idmsa.icloud.com"] {
        assert!(jar("setup.icloud.com", &[line]) == Jar::default(), "{line}");
    }
}

#[test]
fn session_cookies_survive_and_expired_ones_do_not() {
    let jar = jar("idmsa.apple.com", &["aasp=x; Domain=idmsa.apple.com", "b=2; Max-Age=60"]);
    let later = now() + jiff::SignedDuration::from_hours(24 * 400);
    assert_eq!(jar.header("idmsa.apple.com", "/appleauth", later).as_deref(), Some("aasp=x"));
}

#[test]
fn forgetting_the_services_keeps_the_sign_in_host() {
    let mut jar = jar("idmsa.apple.com", &["aasp=x; Domain=idmsa.apple.com"]);
    jar.absorb(
        "setup.icloud.com",
        ["a=1; Domain=.icloud.com", "TRUST-1=1; Domain=.icloud.com"].into_iter(),
        now(),
    );
    jar.forget_services("TRUST");
    assert_eq!(jar.header("setup.icloud.com", "/", now()).as_deref(), Some("TRUST-1=1"));
    assert!(jar.header("idmsa.apple.com", "/", now()).is_some());
}

proptest! {
    #[test]
    fn any_line_is_survived(line in "\\PC*", host in "[a-z.]{0,20}") {
        let mut jar = Jar::default();
        jar.absorb(&host, [line.as_str()].into_iter(), now());
        if let Some(header) = jar.header(&host, "/", now()) {
            prop_assert!(header.bytes().all(|b| (b' '..=b'~').contains(&b)));
        }
    }

    #[test]
    fn any_date_is_survived(text in "\\PC*") {
        let _ = parse_date(&text);
    }
}
