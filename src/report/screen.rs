//! Standard error, shared by log lines, the summary and progress bars.

use std::io::{self, IsTerminal, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Standard error. Lines never tear a progress bar.
#[derive(Debug, Clone)]
pub struct Screen {
    bars: MultiProgress,
    silent: bool,
    terminal: bool,
}

impl Screen {
    /// Standard error, or nothing at all if the user wants silence.
    pub fn new(silent: bool) -> Self {
        let terminal = !silent && io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), silent, terminal }
    }

    /// Whether a person can see it.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether colours are wanted.
    pub(super) fn colours(&self) -> bool {
        self.terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// Writes a line above the progress bars.
    pub fn line(&self, line: &str) {
        if self.silent {
            return;
        }
        // Nobody is left to hear that standard error is closed.
        self.bars.suspend(|| {
            let mut output = io::stderr().lock();
            let _ = writeln!(output, "{line}");
        });
    }

    /// A progress bar below everything else; invisible where nobody can see it.
    pub(super) fn bar(&self, style: ProgressStyle) -> ProgressBar {
        self.bars.add(ProgressBar::hidden().with_style(style))
    }
}
