//! Exit codes, named after sysexits where one fits, so that a unit can list them.

/// How the program ends. The numbers are part of the interface: units and monitors rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done, or stopped on request after saying how far it came.
    Done = 0,
    /// Failed for a reason that is none of the others.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Completed, with warnings.
    Warnings = 3,
    /// A person is needed: a code, an approval on a device, terms to accept.
    PersonNeeded = 4,
    /// A decision is needed: deletion guard, other or missing library disk.
    DecisionNeeded = 5,
    /// Try later: library locked, indexing, throttled, no network (`EX_TEMPFAIL`).
    TryLater = 75,
    /// Sign-in refused or account locked (`EX_NOPERM`).
    Refused = 77,
    /// The configuration is wrong (`EX_CONFIG`).
    Config = 78,
}

impl Exit {
    /// The end of another process of this program.
    pub(crate) fn from_code(code: i32) -> Option<Self> {
        use Exit::{Config, DecisionNeeded, Done, Failed, PersonNeeded, Refused, TryLater, Usage, Warnings};
        [Done, Failed, Usage, Warnings, PersonNeeded, DecisionNeeded, TryLater, Refused, Config]
            .into_iter()
            .find(|exit| i32::from(*exit as u8) == code)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
