//! Writes records as the database shows them.

use serde_json::{Value, json};

use super::fields::{Fields, Link, Wanted};
use super::place;
use crate::content::url::Signer;
use crate::library::feed::{RecordKey, change_tag};
use crate::library::record::{Album, Asset, Master, Relation, Stamp, State, TRASH_MS};
use crate::library::zone::{Zone, ZoneKind, at};
use crate::library::{File, Form, mix};

/// How long after its deletion a record expires, in ms: 30 days in the trash and 10 more (recorded).
const EXPIRY_MS: i64 = TRASH_MS + 10 * 24 * 3600 * 1000;

/// Writes the records of one zone for one answer.
pub(crate) struct Scribe<'a> {
    pub(crate) zone: &'a Zone,
    pub(crate) wanted: &'a Wanted,
    /// What signs download addresses; `None` leaves them out.
    pub(crate) signer: Option<&'a Signer>,
}

impl Scribe<'_> {
    /// A record as it is now; a tombstone if it is gone.
    pub(crate) fn record(&self, key: RecordKey, sequence: u64) -> Value {
        match key {
            RecordKey::Master(index) => self.master(index),
            RecordKey::Asset(index) => self.asset(index),
            RecordKey::Album(index) => self.album(&self.zone.albums[at(index)]),
            RecordKey::Relation(album, asset) => self.relation(album, asset, sequence),
            RecordKey::Info => self.info(),
            RecordKey::Ancient(index) => tombstone(&self.zone.ancient[at(index)], sequence),
        }
    }

    pub(crate) fn master(&self, index: u32) -> Value {
        let master = &self.zone.masters[at(index)];
        let name = master.original.checksum.to_base64();
        if master.purged {
            return tombstone(&name, master.stamp.sequence);
        }
        let mut fields = Fields::new(self.wanted);
        self.master_fields(&mut fields, master);
        self.envelope(&name, "CPLMaster", fields, master.stamp, master.trashed)
    }

    pub(crate) fn asset(&self, index: u32) -> Value {
        let asset = &self.zone.assets[at(index)];
        let name = asset.uuid.to_string();
        if !asset.exists() {
            return tombstone(&name, asset.stamp.sequence);
        }
        let mut fields = Fields::new(self.wanted);
        self.asset_fields(&mut fields, asset);
        let trashed = match asset.state {
            State::Trashed(since) => Some(since),
            _ => None,
        };
        self.envelope(&name, "CPLAsset", fields, asset.stamp, trashed)
    }

    pub(crate) fn relation(&self, album: u32, asset: u32, sequence: u64) -> Value {
        let (container, item) = (&self.zone.albums[at(album)], &self.zone.assets[at(asset)]);
        let name = format!("{}-IN-{}", item.uuid, container.record);
        match self.zone.relation(album, asset) {
            None => tombstone(&name, sequence),
            Some(Relation { stamp, position }) => {
                let mut fields = Fields::new(self.wanted);
                fields.text("containerId", &container.record);
                fields.put("itemId", "STRING", || item.uuid.to_string().into());
                fields.number("position", *position);
                fields.number("isKeyAsset", 0);
                fields.time("recordModificationDate", stamp.modified);
                self.envelope(&name, "CPLContainerRelation", fields, *stamp, None)
            }
        }
    }

    fn album(&self, album: &Album) -> Value {
        let mut fields = Fields::new(self.wanted);
        fields.name("albumNameEnc", &album.name, "");
        fields.number("albumType", album.kind.code());
        let root = (self.zone.rooted && album.kind != crate::library::record::AlbumKind::Root)
            .then_some("----Root-Folder----");
        let parent = album.parent.map(|parent| &*self.zone.albums[at(parent)].record).or(root);
        if let Some(parent) = parent {
            fields.text("parentId", parent);
        }
        if album.deleted {
            fields.number("isDeleted", 1);
        }
        fields.number("position", album.position);
        fields.number("sortType", 0);
        fields.number("sortTypeExt", 0);
        fields.number("sortAscending", 1);
        fields.time("recordModificationDate", album.stamp.modified);
        self.envelope(&album.record, "CPLAlbum", fields, album.stamp, None)
    }

    fn info(&self) -> Value {
        let mut fields = Fields::new(self.wanted);
        fields.number("itemCount", i64::try_from(self.zone.assets.len()).unwrap_or(0));
        let name = format!("{}-0000-LI", self.zone.name);
        self.envelope(&name, "CPLLibraryInfo", fields, self.zone.info, None)
    }

    fn envelope(
        &self,
        name: &str,
        kind: &str,
        fields: Fields<'_>,
        stamp: Stamp,
        trashed: Option<i64>,
    ) -> Value {
        let zone = self.zone;
        let written = |timestamp: i64| json!({"timestamp": timestamp, "userRecordName": zone.owner, "deviceID": zone.device});
        let mut record = json!({
            "recordName": name,
            "recordType": kind,
            "fields": fields.into_value(),
            "pluginFields": {},
            "recordChangeTag": change_tag(stamp.sequence),
            "created": written(stamp.created),
            "modified": written(stamp.modified),
            "deleted": false,
            "zoneID": zone_id(zone),
        });
        if let Some(since) = trashed {
            record["expirationTime"] = ((since + EXPIRY_MS) / 1000).into();
        }
        record
    }

    fn link(&self) -> Link<'_> {
        self.signer.map(|signer| (signer, self.zone.name.as_str()))
    }

    fn master_fields(&self, fields: &mut Fields<'_>, master: &Master) {
        let (form, link) = (master.form, self.link());
        if !master.typeless {
            fields.text("itemType", master.original.identifier);
        }
        fields.number("dataClassType", if form.is_video() { 2 } else { 1 });
        fields.name("filenameEnc", &master.name, form.extension());
        fields.number("originalOrientation", 1);
        fields.time("originalCreationDate", master.stamp.created);
        if !master.uploading {
            fields.family("resOriginal", &master.original, dimensions(form), link);
        }
        if let Some(movie) = master.movie() {
            fields.family("resOriginalVidCompl", movie, (1308, 980), link);
        }
        if let Some(alternative) = master.alternative() {
            fields.family("resOriginalAlt", alternative, dimensions(form), link);
        }
        self.previews(fields, &master.original);
        if form.is_video() || form.is_live() {
            let video = |number| move || derived(&master.original, number, "public.mpeg-4");
            fields.derivative("resVidMed", video(33), (1280, 720), link);
            fields.derivative("resVidSmall", video(34), (640, 360), link);
        }
        if let Some(since) = master.trashed {
            fields.number("isDeleted", 1);
            fields.time("dateExpunged", since + TRASH_MS);
        }
        if self.zone.kind == ZoneKind::Shared {
            self.contributors(fields);
        }
    }

    fn previews(&self, fields: &mut Fields<'_>, file: &File) {
        let picture = |number| move || derived(file, number, "public.jpeg");
        fields.derivative("resJPEGMed", picture(31), (2048, 1536), self.link());
        fields.derivative("resJPEGThumb", picture(32), (480, 360), self.link());
    }

    fn asset_fields(&self, fields: &mut Fields<'_>, asset: &Asset) {
        let master = &self.zone.masters[at(asset.master)];
        let form = master.form;
        fields.put("masterRef", "REFERENCE", || {
            let name = master.original.checksum.to_base64();
            json!({"recordName": name, "action": "DELETE_SELF", "zoneID": zone_id(self.zone)})
        });
        fields.time("assetDate", asset.date);
        fields.time("addedDate", asset.added);
        fields.number("timeZoneOffset", 7200);
        fields.number("isFavorite", asset.favorite.into());
        fields.number("isHidden", asset.hidden.into());
        fields.number("orientation", 1);
        fields.number("assetHDRType", 0);
        fields.number("customRenderedValue", 0);
        let (subtype, subtype_v2) = form.subtype();
        fields.number("assetSubtype", subtype);
        fields.number("assetSubtypeV2", subtype_v2);
        let milliseconds = 1000 + i64::try_from(master.original.content.key % 60_000).unwrap_or(0);
        fields.number("duration", if form.is_video() { milliseconds } else { 0 });
        burst_fields(fields, form);
        live_fields(fields, form);
        if master.original.content.key % 5 < 3 {
            fields.put("locationEnc", "ENCRYPTED_BYTES", || {
                use base64::Engine as _;
                let list = place::location(47.0, 8.0, 400.0, asset.date);
                base64::engine::general_purpose::STANDARD.encode(list).into()
            });
        }
        self.edit_fields(fields, asset, form);
        self.end_fields(fields, asset);
    }

    fn edit_fields(&self, fields: &mut Fields<'_>, asset: &Asset, form: Form) {
        let Some(edited) = &asset.edited else {
            fields.number("adjustmentRenderType", 0);
            if form == Form::SlowMotion {
                fields.text("adjustmentType", "com.apple.video.slomo");
            }
            return;
        };
        let (adjustment, render_type) = edited.edit.adjustment();
        fields.text("adjustmentType", adjustment);
        fields.number("adjustmentRenderType", render_type);
        if let Some(picture) = &edited.picture {
            fields.family("resJPEGFull", picture, dimensions(form), self.link());
            self.previews(fields, picture);
        }
        if let Some(movie) = &edited.movie {
            fields.family("resVidFull", movie, (1920, 1080), self.link());
        }
    }

    /// What marks an asset that is on its way out.
    fn end_fields(&self, fields: &mut Fields<'_>, asset: &Asset) {
        let shared = self.zone.kind == ZoneKind::Shared;
        if shared {
            self.contributors(fields);
        }
        match asset.state {
            State::Trashed(since) => {
                fields.number("isDeleted", 1);
                fields.number("isExpunged", 0);
                fields.time("dateExpunged", since + TRASH_MS);
                if shared {
                    fields.number("trashReason", 1);
                }
            }
            State::Moved(_) => {
                fields.number("isExpunged", 1);
                fields.number("trashReason", 0);
            }
            State::Live | State::Purged => {}
        }
    }

    fn contributors(&self, fields: &mut Fields<'_>) {
        fields.put(
            "contributors",
            "REFERENCE_LIST",
            || json!([{"recordName": self.zone.owner, "action": "NONE", "zoneID": zone_id(self.zone)}]),
        );
    }
}

/// `zoneID` in full.
pub(crate) fn zone_id(zone: &Zone) -> Value {
    json!({"zoneName": zone.name, "ownerRecordName": zone.owner, "zoneType": "REGULAR_CUSTOM_ZONE"})
}

/// What the change feed says of a record that is gone: not even its type.
pub(crate) fn tombstone(name: &str, sequence: u64) -> Value {
    json!({"recordName": name, "recordType": null, "deleted": true, "recordChangeTag": change_tag(sequence)})
}

/// A small picture or video made from another.
fn derived(file: &File, number: u64, identifier: &'static str) -> File {
    let key = mix(file.content.key ^ number);
    File::new(key, 100 + key % 300, identifier)
}

fn dimensions(form: Form) -> (i64, i64) {
    match form {
        Form::Screenshot => (750, 1334),
        Form::Panorama => (12_000, 3000),
        _ if form.is_video() => (1920, 1080),
        _ => (4032, 3024),
    }
}

fn burst_fields(fields: &mut Fields<'_>, form: Form) {
    if let Form::Burst { number, pick } = form {
        fields.number("burstFlags", if pick { 5 } else { 1 });
        fields.number("burstFlagsExt", 0);
        fields.put("burstId", "STRING", || format!("B0000000-0000-4000-8000-{number:012X}").into());
    } else {
        fields.number("burstFlags", 0);
    }
}

fn live_fields(fields: &mut Fields<'_>, form: Form) {
    let (length, moment, scale) =
        if form.is_live() { (2_768_333_333, 1_200_880_290, 1_000_000_000) } else { (0, 0, 0) };
    fields.number("vidComplDurValue", length);
    fields.number("vidComplDurScale", scale);
    fields.number("vidComplDispValue", moment);
    fields.number("vidComplDispScale", scale);
    fields.number("vidComplVisibilityState", 0);
}
