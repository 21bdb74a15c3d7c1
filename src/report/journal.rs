//! Whether the output goes to the journal.

use std::os::fd::AsFd;

use nix::sys::stat::fstat;

/// Whether `output` is the journal's socket. `$JOURNAL_STREAM` names the socket that systemd connected; who
/// redirects the output, or types a command in a session that inherited the variable, does not mean the journal.
pub(super) fn is_journal(output: impl AsFd, journal_stream: Option<&str>) -> bool {
    let Some((device, inode)) = journal_stream.and_then(|text| text.split_once(':')) else { return false };
    fstat(output).is_ok_and(|stat| device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_file_is_the_journal() {
        let file = tempfile::tempfile().unwrap();
        let stat = fstat(&file).unwrap();
        let stream = format!("{}:{}", stat.st_dev, stat.st_ino);
        assert!(is_journal(&file, Some(&stream)));
        assert!(!is_journal(tempfile::tempfile().unwrap(), Some(&stream)));
        for text in ["", ":", "1", "x:y"] {
            assert!(!is_journal(&file, Some(text)), "{text:?}");
        }
        assert!(!is_journal(&file, None));
    }
}
