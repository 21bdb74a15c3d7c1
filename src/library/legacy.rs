//! What the TypeScript program `icloud-photos-sync` left in a library: its resource file.

use std::io::Read as _;
use std::path::Path;

use secrecy::SecretString;
use serde_json::Value;

use super::Error;
use super::dir::Dir;
use super::layout::LEGACY;

/// The library version whose layout is the one described here.
const SUPPORTED: u64 = 1;

/// The trust token that the TypeScript program stored in the library, if it did. To be used while there is no
/// token of our own; we never write a secret into the library.
pub fn legacy_trust_token(root: &Path) -> Option<SecretString> {
    let resources = read(&Dir::open_root(root).ok()?)?;
    let token = resources.get("trustToken")?.as_str().filter(|token| !token.is_empty())?;
    Some(SecretString::from(token))
}

/// Refuses a library whose layout may differ.
pub(crate) fn check_version(root: &Dir) -> Result<(), Error> {
    match read(root).as_ref().and_then(|resources| resources.get("libraryVersion")) {
        None => Ok(()),
        Some(version) if version.as_u64() == Some(SUPPORTED) => Ok(()),
        Some(version) => Err(Error::LibraryVersion {
            path: root.path_of(LEGACY),
            found: version.to_string().chars().take(40).collect(),
            supported: SUPPORTED,
        }),
    }
}

/// The resource file, as far as it can be read: nothing of ours depends on it.
fn read(root: &Dir) -> Option<Value> {
    let mut text = String::new();
    let file = root.read_file(LEGACY).ok()??;
    let read = file.take(1024 * 1024).read_to_string(&mut text);
    let parsed = read.map_err(|error| error.to_string()).and_then(|_| {
        // The parser's own message may quote the content, and with it the token.
        serde_json::from_str(&text).map_err(|error| format!("no JSON at line {}", error.line()))
    });
    match parsed {
        Ok(resources) => Some(resources),
        Err(reason) => {
            tracing::warn!(path = %root.path_of(LEGACY).display(), reason, "ignored");
            None
        }
    }
}
