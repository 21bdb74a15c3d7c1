//! The exchange of second-factor requests and answers through runtime files.
