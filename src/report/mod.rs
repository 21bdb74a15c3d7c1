//! What the outside hears: log, progress, summary, status.
