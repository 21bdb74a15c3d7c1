//! Apple's servers: sign-in, the photos database, downloads.
