//! A library is recognised, not assumed: a disk that is not mounted must not look like one that was emptied.

use std::fs::File;
use std::io::{Read as _, Write as _};

use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

use super::Error;
use super::dir::Dir;
use super::layout::OWN;

const FILE: &str = "library.json";

#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    /// Random, in hexadecimal.
    id: String,
}

/// Reads the library's id and compares it with the one that the state knows. Changes nothing.
///
/// `None`: there is no library yet, and one may be begun. With `adopt`, whatever is found is accepted.
pub(crate) fn recognise(root: &Dir, known: Option<&str>, adopt: bool) -> Result<Option<String>, Error> {
    let found = read(root)?;
    let path = || root.path().to_owned();
    match (found, known) {
        (None, Some(known)) if !adopt => Err(Error::NoLibrary { path: path(), known: known.to_owned() }),
        (Some(found), Some(known)) if !adopt && found != known => {
            Err(Error::OtherLibrary { path: path(), found, known: known.to_owned() })
        }
        (found, _) => Ok(found),
    }
}

fn read(root: &Dir) -> Result<Option<String>, Error> {
    let Some(own) = root.find(OWN)? else { return Ok(None) };
    let Some(file) = own.read_file(FILE)? else { return Ok(None) };
    let mut text = String::new();
    file.take(64 * 1024).read_to_string(&mut text).map_err(|e| Error::io("read", own.path_of(FILE), e))?;
    match serde_json::from_str::<Identity>(&text) {
        Ok(identity) if !identity.id.is_empty() => Ok(Some(identity.id)),
        Ok(_) => Err(Error::Unreadable { path: own.path_of(FILE), reason: "its id is empty".to_owned() }),
        Err(error) => Err(Error::Unreadable { path: own.path_of(FILE), reason: error.to_string() }),
    }
}

/// Gives a new library its id.
pub(crate) fn begin(own: &Dir) -> Result<String, Error> {
    const TEMPORARY: &str = "library.json.new";
    let failed = |error: std::io::Error| Error::io("write", own.path_of(FILE), error);
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| failed(std::io::Error::other(error.to_string())))?;
    let identity = Identity { id: format!("{:032x}", u128::from_ne_bytes(random)) };
    let text = serde_json::to_string(&identity).map_err(|error| failed(error.into()))?;

    own.unlink(TEMPORARY)?;
    let mut file: File = own.open_file(TEMPORARY, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    own.rename(TEMPORARY, own, FILE)?;
    own.sync()?;
    Ok(identity.id)
}
