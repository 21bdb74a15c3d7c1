//! The fields of a record, as far as the client wants them.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::content::url::{Signer, reference_checksum, wrapping_key_text};
use crate::library::{File, Name};

/// The fields that a client asked for (`desiredKeys`); all, if it did not say.
#[derive(Debug, Clone)]
pub(crate) struct Wanted(Option<HashSet<String>>);

impl Wanted {
    pub(crate) fn of(body: &Value) -> Self {
        let names = body["desiredKeys"].as_array();
        Self(names.map(|names| names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()))
    }

    fn has(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(name))
    }
}

/// Collects fields; what is not wanted is not even made.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    wanted: &'a Wanted,
    map: Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(wanted: &'a Wanted) -> Self {
        Self { wanted, map: Map::new() }
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.map)
    }

    pub(crate) fn put(&mut self, name: &str, kind: &str, value: impl FnOnce() -> Value) {
        if self.wanted.has(name) {
            self.map.insert(name.to_owned(), json!({"value": value(), "type": kind}));
        }
    }

    pub(crate) fn number(&mut self, name: &str, value: i64) {
        self.put(name, "INT64", || value.into());
    }

    pub(crate) fn time(&mut self, name: &str, value: i64) {
        self.put(name, "TIMESTAMP", || value.into());
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.put(name, "STRING", || value.into());
    }

    pub(crate) fn encrypted(&mut self, name: &str, value: &[u8]) {
        self.put(name, "ENCRYPTED_BYTES", || STANDARD.encode(value).into());
    }

    /// A name in the spelling that its record has.
    pub(crate) fn name(&mut self, field: &str, name: &Name, extension: &str) {
        let Some(text) = name.resolve(extension) else { return };
        match name {
            Name::Plain(_) => self.text(field, &text),
            _ => self.encrypted(field, text.as_bytes()),
        }
    }

    /// A resource family: the file, its type, checksum and dimensions. Without a signer it lacks its address.
    pub(crate) fn family(&mut self, family: &str, file: &File, (width, height): (i64, i64), link: Link<'_>) {
        self.put(&format!("{family}Res"), "ASSETID", || resource(file, link));
        self.text(&format!("{family}FileType"), file.identifier);
        self.put(&format!("{family}Fingerprint"), "STRING", || file.checksum.to_base64().into());
        self.number(&format!("{family}Width"), width);
        self.number(&format!("{family}Height"), height);
    }

    /// A derived picture or video. It is made up only when it is wanted.
    pub(crate) fn derivative(
        &mut self,
        family: &str,
        file: impl FnOnce() -> File,
        size: (i64, i64),
        link: Link<'_>,
    ) {
        let parts = ["Res", "FileType", "Fingerprint", "Width", "Height"];
        if parts.iter().any(|part| self.wanted.has(&format!("{family}{part}"))) {
            self.family(family, &file(), size, link);
        }
    }
}

/// What makes the download addresses of an answer, with the zone's name; `None` leaves them out.
pub(crate) type Link<'a> = Option<(&'a Signer, &'a str)>;

fn resource(file: &File, link: Link<'_>) -> Value {
    let mut value = json!({
        "fileChecksum": file.checksum.to_base64(),
        "size": file.content.size,
        "wrappingKey": wrapping_key_text(file),
        "referenceChecksum": reference_checksum(file).to_base64(),
    });
    if let Some((signer, zone)) = link {
        value["downloadURL"] = signer.address(file, zone).into();
    }
    value
}
