//! Changing values in the text of a configuration file, and nothing else in it.

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::file::{self, Assignment, BadLine};

/// Gives names their values. Lines that need no change, comments and unknown ones stay as they are; a new line goes
/// behind a comment that shows the name, else to the end. An empty value unsets a name, and writes no new line.
///
/// Values must not contain line breaks. Fails if the text is no configuration file.
pub(crate) fn edit(text: &str, wishes: &[(&str, &str)]) -> Result<Zeroizing<String>, BadLine> {
    // The last of several assignments is the one that counts.
    let assigned: HashMap<String, Assignment> =
        file::parse(text)?.into_iter().map(|found| (found.name.clone(), found)).collect();
    let mut replaced: HashMap<usize, Zeroizing<String>> = HashMap::new();
    let mut added: Vec<(Option<usize>, Zeroizing<String>)> = Vec::new();
    for &(name, value) in wishes {
        let written = || Zeroizing::new([name, "=", &quoted(value)].concat());
        match assigned.get(name) {
            Some(now) if now.value.as_str() == value => {}
            Some(now) => drop(replaced.insert(now.line, written())),
            None if value.is_empty() => {}
            None => added.push((example(text, name), written())),
        }
    }
    Ok(assemble(text, &replaced, &added))
}

/// The line of a comment such as `#NAME=value`, counted from 1.
fn example(text: &str, name: &str) -> Option<usize> {
    let shows = |line: &str| {
        let comment = line.trim_start().strip_prefix('#').map(str::trim_start);
        comment
            .and_then(|comment| comment.strip_prefix(name))
            .is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.lines().position(shows).map(|index| index + 1)
}

fn assemble(
    text: &str,
    replaced: &HashMap<usize, Zeroizing<String>>,
    added: &[(Option<usize>, Zeroizing<String>)],
) -> Zeroizing<String> {
    let (mark, body) = text.strip_prefix('\u{feff}').map_or(("", text), |body| ("\u{feff}", body));
    let ending = if body.contains("\r\n") { "\r\n" } else { "\n" };
    let longer = replaced.values().chain(added.iter().map(|(_, line)| line)).map(|line| line.len() + 2);
    // Never grown later: that would leave copies of a password behind.
    let mut edited = Zeroizing::new(String::with_capacity(text.len() + 2 + longer.sum::<usize>()));
    edited.push_str(mark);
    for (index, line) in body.split_inclusive('\n').enumerate() {
        match replaced.get(&(index + 1)) {
            Some(written) => {
                let indentation = line.len() - line.trim_start().len();
                edited.push_str(&line[..indentation]);
                edited.push_str(written);
                edited.push_str(&line[line.trim_end_matches(['\r', '\n']).len()..]);
            }
            None => edited.push_str(line),
        }
        for (_, written) in added.iter().filter(|(after, _)| *after == Some(index + 1)) {
            push_line(&mut edited, written, ending);
        }
    }
    for (_, written) in added.iter().filter(|(after, _)| after.is_none()) {
        push_line(&mut edited, written, ending);
    }
    edited
}

fn push_line(text: &mut String, line: &str, ending: &str) {
    if !text.is_empty() && !text.ends_with(['\n', '\u{feff}']) {
        text.push_str(ending);
    }
    text.push_str(line);
    text.push_str(ending);
}

/// A value as the file wants it after `NAME=`.
fn quoted(value: &str) -> Zeroizing<String> {
    if value.trim() == value && !value.starts_with(['"', '\'']) {
        return Zeroizing::new(value.to_owned());
    }
    if !value.contains('\'') {
        return Zeroizing::new(["'", value, "'"].concat());
    }
    let mut text = Zeroizing::new(String::with_capacity(2 * value.len() + 2));
    text.push('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edited(text: &str, wishes: &[(&str, &str)]) -> String {
        edit(text, wishes).unwrap_or_else(|bad| panic!("{text:?}: {bad:?}")).to_string()
    }

    fn values(text: &str) -> HashMap<String, String> {
        file::parse(text).unwrap().into_iter().map(|found| (found.name, found.value.to_string())).collect()
    }

    #[test]
    fn only_what_differs_is_written() {
        let text = "# mine\nDATA_DIR = '/a b' # disk\n\n#REGION=world\nREGION_X=1\n";
        assert_eq!(edited(text, &[("DATA_DIR", "/a b")]), text);
        assert_eq!(
            edited(text, &[("DATA_DIR", "/c"), ("REGION", "china"), ("SCHEDULE", "0 3 * * *")]),
            "# mine\nDATA_DIR=/c\n\n#REGION=world\nREGION=china\nREGION_X=1\nSCHEDULE=0 3 * * *\n"
        );
    }

    #[test]
    fn a_pasted_block_and_foreign_line_endings_stay() {
        let text = "\u{feff}environment:\r\n  - APPLE_ID_USER=a@b.c # me\r\n  - TZ=UTC";
        assert_eq!(
            edited(text, &[("APPLE_ID_USER", "d@e.f"), ("REGION", "china")]),
            "\u{feff}environment:\r\n  APPLE_ID_USER=d@e.f\r\n  - TZ=UTC\r\nREGION=china\r\n"
        );
    }

    #[test]
    fn an_empty_value_unsets() {
        assert_eq!(edited("A=b\n", &[("A", "")]), "A=\n");
        assert_eq!(edited("#A=b\n", &[("A", "")]), "#A=b\n");
    }

    #[test]
    fn of_several_assignments_the_last_one_is_changed() {
        assert_eq!(edited("A=1\nA=2\n", &[("A", "1")]), "A=1\nA=1\n");
    }

    #[test]
    fn what_is_no_configuration_is_left_alone() {
        assert_eq!(edit("A=b\nnonsense\n", &[("A", "c")]).unwrap_err().line, 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn the_wishes_come_true_and_nothing_else_changes(
            lines in proptest::collection::vec(
                prop_oneof![
                    Just(String::new()),
                    "#[A-D]?=?[ -~]{0,8}",
                    " {0,2}[A-F]=[ -~&&[^\"']]{0,6}",
                    "- [A-F]=[a-z#]{0,6}",
                    "[A-F]: '[a-z #]{0,6}' # x",
                ],
                0..8,
            ),
            ending in prop_oneof![Just("\n"), Just("\r\n")],
            last in any::<bool>(),
            a in "\\PC{0,8}",
            b in "[\"'\\\\$` a=#]{0,8}",
        ) {
            let mut text = lines.join(ending);
            if last { text.push_str(ending) }
            let wishes = [("A", a.as_str()), ("B", b.as_str())];
            let before = values(&text);
            let after = edited(&text, &wishes);
            let found = values(&after);
            for (name, value) in wishes {
                prop_assert_eq!(found.get(name).map_or("", String::as_str), value, "{}", after);
            }
            for name in ["C", "D", "E", "F"] {
                prop_assert_eq!(found.get(name), before.get(name));
            }
            // Comments and other names: every line is still there, in its order.
            let mut rest = after.lines();
            for line in text.lines().filter(|line| {
                let content = line.trim_start().trim_start_matches("- ");
                !content.starts_with(['A', 'B'])
            }) {
                prop_assert!(rest.any(|kept| kept == line), "{:?} in {}", line, after);
            }
            prop_assert_eq!(edited(&after, &wishes), after);
        }
    }
}
