//! The configuration file: `NAME=value` lines.
//!
//! A block `environment:` of a compose file may be pasted as it is, as a list (`- NAME=value`) or as a mapping
//! (`NAME: value`).
//!
//! Lines that are empty or start with `#` are comments. Values may stand in single quotes (taken literally) or
//! in double quotes (a backslash before `"`, `\`, `$` or a backtick is removed); a comment may follow. A value
//! without quotes goes to the end of the line, except in a compose block, where ` #` starts a comment and `$$`
//! is one `$`, as compose has it.

use zeroize::Zeroizing;

/// One assignment of the file.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The name as it is written.
    pub(crate) name: String,
    /// The value without its quotes.
    pub(crate) value: Zeroizing<String>,
}

/// A line that makes no sense. Its text is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadLine {
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// What was expected instead.
    pub(crate) expected: &'static str,
}

const EXPECTED: &str = "expected NAME=value, a comment that starts with #, or an empty line";
const UNCLOSED: &str = "expected a closing quote at the end of the value";
const AFTER_QUOTE: &str = "expected nothing but a comment after the closing quote";
const INTERPOLATION: &str = "expected a plain value: compose's ${VARIABLES} are not known here";

/// Reads the text of a file.
pub(crate) fn parse(text: &str) -> Result<Vec<Assignment>, BadLine> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut assignments = Vec::new();
    for (index, content) in text.lines().enumerate() {
        let line = index + 1;
        if let Some((name, value)) =
            parse_line(content.trim()).map_err(|expected| BadLine { line, expected })?
        {
            assignments.push(Assignment { line, name, value });
        }
    }
    Ok(assignments)
}

fn parse_line(line: &str) -> Result<Option<(String, Zeroizing<String>)>, &'static str> {
    if line.is_empty() || line.starts_with('#') || line == "environment:" {
        return Ok(None);
    }
    if let Some(item) = line.strip_prefix("- ") {
        return list_item(item.trim_start());
    }
    match line.find(['=', ':']).map(|at| (line.split_at(at), line[at..].starts_with(':'))) {
        Some(((name, rest), true)) => mapping(name.trim_end(), &rest[1..]),
        Some(((name, rest), false)) => {
            let name = name.strip_prefix("export ").unwrap_or(name);
            Ok(Some((self::name(name.trim())?, unquote(rest[1..].trim_start(), false)?)))
        }
        None => Err(EXPECTED),
    }
}

/// `NAME=value`, with quotes around the value or around the whole.
fn list_item(item: &str) -> Result<Option<(String, Zeroizing<String>)>, &'static str> {
    let whole = unquote(item, true)?;
    match whole.split_once('=') {
        Some((name, value)) if item.starts_with(['"', '\'']) => {
            Ok(Some((self::name(name)?, Zeroizing::new(value.to_owned()))))
        }
        Some((name, _)) => {
            let value = item.split_once('=').map_or("", |(_, value)| value);
            Ok(Some((self::name(name)?, unquote(value, true)?)))
        }
        // Compose takes the value from its own environment; here there is none.
        None => self::name(&whole).map(|_| None),
    }
}

/// `NAME: value`, where the name may be quoted too.
fn mapping(name: &str, value: &str) -> Result<Option<(String, Zeroizing<String>)>, &'static str> {
    if !value.is_empty() && !value.starts_with([' ', '\t']) {
        return Err(EXPECTED);
    }
    Ok(Some((self::name(name.trim_matches(['"', '\'']))?, unquote(value.trim_start(), true)?)))
}

fn name(text: &str) -> Result<String, &'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.is_empty() || !text.chars().all(allowed) {
        return Err(EXPECTED);
    }
    Ok(text.to_owned())
}

fn unquote(text: &str, compose: bool) -> Result<Zeroizing<String>, &'static str> {
    let (value, rest) = match text.chars().next() {
        Some('\'') => {
            let (value, rest) = text[1..].split_once('\'').ok_or(UNCLOSED)?;
            (Zeroizing::new(value.to_owned()), rest)
        }
        Some('"') => double_quoted(&text[1..])?,
        _ if compose => (Zeroizing::new(without_comment(text).trim_end().to_owned()), ""),
        _ => (Zeroizing::new(text.trim_end().to_owned()), ""),
    };
    if !rest.trim().is_empty() && !rest.trim_start().starts_with('#') {
        return Err(AFTER_QUOTE);
    }
    if !compose {
        return Ok(value);
    }
    if value.replace("$$", "").contains("${") {
        return Err(INTERPOLATION);
    }
    Ok(Zeroizing::new(value.replace("$$", "$")))
}

fn without_comment(text: &str) -> &str {
    if text.starts_with('#') {
        return "";
    }
    text.find(" #").map_or(text, |at| &text[..at])
}

/// The value up to the closing quote, and what follows it.
fn double_quoted(text: &str) -> Result<(Zeroizing<String>, &str), &'static str> {
    let mut value = Zeroizing::new(String::with_capacity(text.len()));
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\' | '$' | '`')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    Err(UNCLOSED)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(text: &str) -> Vec<(usize, String, String)> {
        let assignments = parse(text).unwrap_or_else(|bad| panic!("{text:?}: {bad:?}"));
        assignments.into_iter().map(|a| (a.line, a.name, a.value.to_string())).collect()
    }

    #[test]
    fn every_way_to_write_an_assignment() {
        for (line, value) in [
            ("A=b", "b"),
            ("  A = b  ", "b"),
            ("export A=b", "b"),
            ("A=b c # d", "b c # d"),
            ("A=", ""),
            ("A=b=c:d", "b=c:d"),
            ("A=/srv/photos", "/srv/photos"),
            ("A='b \"c\" \\' # comment", "b \"c\" \\"),
            (r#"A="b \"c\" \\ \n \$d" # comment"#, r#"b "c" \ \n $d"#),
            ("A=$$", "$$"),
            ("- A=b", "b"),
            ("- A=b # comment", "b"),
            ("- A=b#c", "b#c"),
            ("- \"A=b # c\"", "b # c"),
            ("- 'A=0 2 * * *'", "0 2 * * *"),
            ("- A=\"b c\"", "b c"),
            ("- A=pa$$word", "pa$word"),
            ("A: b", "b"),
            ("A: \"b: c\"", "b: c"),
            ("\"A\": 'b'", "b"),
            ("A: true # comment", "true"),
            ("A:", ""),
            ("A: # comment", ""),
            ("A: http://localhost:80", "http://localhost:80"),
        ] {
            assert_eq!(pairs(line), [(1, "A".to_owned(), value.to_owned())], "{line:?}");
        }
    }

    #[test]
    fn comments_and_headings_are_skipped_and_lines_counted() {
        let text = "\u{feff}# first\r\n\r\nA=b\r\n    environment:\r\n      - C=d\r\n      - E\r\n";
        assert_eq!(pairs(text), [(3, "A".into(), "b".into()), (5, "C".into(), "d".into())]);
    }

    #[test]
    fn bad_lines_are_named() {
        for (line, expected) in [
            ("nonsense", EXPECTED),
            ("=b", EXPECTED),
            ("A B=c", EXPECTED),
            ("A:b", EXPECTED),
            ("- A B", EXPECTED),
            ("A=\"b", UNCLOSED),
            ("A='b", UNCLOSED),
            ("A=\"b\" c", AFTER_QUOTE),
            ("- A=${B}", INTERPOLATION),
        ] {
            let bad = parse(&format!("# comment\n{line}")).err();
            assert_eq!(bad, Some(BadLine { line: 2, expected }), "{line:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_text_makes_it_panic(text in "([A-Z_=:#\"'\\\\$ -]|\\PC|\n){0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn single_quotes_carry_everything_but_themselves(value in "[^'\r\n]*") {
            prop_assert_eq!(pairs(&format!("A='{value}'")), [(1, "A".to_owned(), value)]);
        }
    }
}
