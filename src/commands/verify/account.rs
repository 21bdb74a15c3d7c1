//! What a verification found and what became of it: for people, for programs, for the state directory.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::library::{Damage, Damaged, Findings};
use crate::model::FileKey;
use crate::report::{LastVerification, bytes, count, number};

/// The account of a verification.
pub(super) struct Account {
    pub(super) findings: Findings,
    /// The files that were repaired; `None` if nobody tried.
    pub(super) repaired: Option<BTreeSet<FileKey>>,
}

impl Account {
    pub(super) fn of(findings: Findings) -> Self {
        Self { findings, repaired: None }
    }

    fn is_repaired(&self, damaged: &Damaged) -> bool {
        self.repaired.as_ref().is_some_and(|repaired| repaired.contains(&damaged.key))
    }

    fn repaired(&self) -> u64 {
        self.findings.damaged.iter().filter(|damaged| self.is_repaired(damaged)).count() as u64
    }

    /// Files that are damaged at the end.
    pub(super) fn remaining(&self) -> u64 {
        self.findings.damaged.len() as u64 - self.repaired()
    }

    /// Whether there is nothing of note.
    pub(super) fn is_spotless(&self) -> bool {
        let Findings { damaged, strays, unverifiable, .. } = &self.findings;
        damaged.is_empty() && strays.is_empty() && *unverifiable == 0
    }

    /// All of it in one sentence.
    pub(super) fn sentence(&self) -> String {
        let Findings { files, damaged, strays, unverifiable, .. } = &self.findings;
        let all = count(*files, "file");
        let how_far = if self.findings.complete {
            all
        } else {
            format!("{} of {all}", number(self.findings.examined()))
        };
        let damaged = damaged.len() as u64;
        let mut parts = Vec::new();
        match (damaged, *unverifiable) {
            (0, 0) => parts.push("all of them are intact".to_owned()),
            (0, _) => parts.push("none of them is damaged".to_owned()),
            _ => parts.push(format!("{} of them damaged", number(damaged))),
        }
        if self.repaired.is_some() {
            parts.push(format!("{} repaired", number(self.repaired())));
            parts.push(format!("{} still damaged", number(self.remaining())));
        }
        if *unverifiable > 0 {
            let number = number(*unverifiable);
            parts.push(format!("{number} not verified because their checksums are of an unknown kind"));
        }
        if !strays.is_empty() {
            parts.push(format!("beside them {} not of the library", number(strays.len() as u64)));
        }
        format!("{how_far} verified, {}: {}.", bytes(self.findings.bytes), parts.join(", "))
    }

    /// Everything, for `--json`.
    pub(super) fn report(&self) -> Value {
        let Findings { files, intact, bytes, unverifiable, damaged, strays, complete } = &self.findings;
        let strays = strays.iter().map(|stray| stray.to_string_lossy());
        json!({
            "complete": complete,
            "files": files,
            "bytes_read": bytes,
            "intact": intact,
            "unverifiable": unverifiable,
            "damaged": damaged.iter().map(|damaged| self.damaged(damaged)).collect::<Vec<_>>(),
            "repaired": self.repaired.as_ref().map(|_| self.repaired()),
            "still_damaged": self.remaining(),
            "strays": strays.collect::<Vec<_>>(),
        })
    }

    fn damaged(&self, damaged: &Damaged) -> Value {
        let kind = match &damaged.damage {
            Damage::Empty => "empty",
            Damage::Foreign { .. } => "foreign",
            Damage::Content { .. } => "content",
            Damage::Unreadable { .. } => "unreadable",
        };
        json!({
            "file": damaged.key.path(),
            "damage": kind,
            "detail": damaged.damage.to_string(),
            "size": damaged.size,
            "repaired": self.is_repaired(damaged),
        })
    }

    /// What the state directory keeps.
    pub(super) fn record(&self, started: Timestamp) -> LastVerification {
        LastVerification {
            started,
            finished: Timestamp::now(),
            files: self.findings.files,
            bytes: self.findings.bytes,
            damaged: self.findings.damaged.len() as u64,
            repaired: self.repaired(),
            unverifiable: self.findings.unverifiable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Zone;

    fn key(name: &str) -> FileKey {
        FileKey::from_file_name(Zone::Primary, name).unwrap()
    }

    fn account(damaged: &[FileKey]) -> Account {
        let damaged = damaged.iter().map(|key| Damaged { key: *key, size: 0, damage: Damage::Empty });
        Account::of(Findings {
            files: 1200,
            intact: 1198,
            bytes: 1 << 20,
            damaged: damaged.collect(),
            complete: true,
            ..Findings::default()
        })
    }

    #[test]
    fn the_sentence_mentions_only_what_there_is() {
        let (one, two) = (key("Abv-EeVEGAQ0o5_2szwFFOVX1ICw.jpeg"), key("AW2cWT2PxzWixMKuuNMTHJ8CJ3sH.mov"));
        let mut account = account(&[]);
        assert_eq!(account.sentence(), "1,200 files verified, 1.0 MiB: all of them are intact.");
        assert!(account.is_spotless());
        account.findings.unverifiable = 2;
        account.findings.strays = vec!["_All-Photos/x".into()];
        assert_eq!(
            account.sentence(),
            "1,200 files verified, 1.0 MiB: none of them is damaged, 2 not verified because their checksums are \
             of an unknown kind, beside them 1 not of the library."
        );
        assert!(!account.is_spotless());

        let mut account = self::account(&[one, two]);
        assert_eq!(account.sentence(), "1,200 files verified, 1.0 MiB: 2 of them damaged.");
        account.repaired = Some([two].into());
        assert_eq!(
            account.sentence(),
            "1,200 files verified, 1.0 MiB: 2 of them damaged, 1 repaired, 1 still damaged."
        );
        account.findings.complete = false;
        assert!(account.sentence().starts_with("1,200 of 1,200 files verified"), "{}", account.sentence());
        let report = account.report();
        assert_eq!((&report["still_damaged"], &report["repaired"]), (&json!(1), &json!(1)));
        assert_eq!(report["damaged"][1]["file"], json!(two.path()));
        assert_eq!(report["damaged"][1]["repaired"], json!(true));
    }
}
