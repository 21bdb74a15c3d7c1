//! A faithful fake of Apple's iCloud Photos servers.
