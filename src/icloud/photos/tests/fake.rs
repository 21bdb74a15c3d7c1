//! A database in memory with the habits of Apple's: ranks count assets, masters come once a page, answers are
//! capped.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::icloud::photos::Wanted;
use crate::icloud::photos::database::Database;
use crate::icloud::{Area, Error};
use crate::model::{Checksum, RecordName};

pub(in crate::icloud::photos) const ALL: Wanted = Wanted { live_photos: true, alternatives: true };

pub(in crate::icloud::photos) fn name(text: &str) -> RecordName {
    RecordName::new(text).unwrap()
}

pub(in crate::icloud::photos) fn checksum(content: &str) -> Checksum {
    Checksum::from_sha1(Sha1::digest(content).into())
}

/// A field whose text is encoded as names are.
pub(super) fn encoded(text: &str) -> Value {
    json!({"value": STANDARD.encode(text), "type": "ENCRYPTED_BYTES"})
}

pub(in crate::icloud::photos) fn resource(content: &str) -> Value {
    let url = format!("https://cvws.icloud-content.com/B/{content}/${{f}}?k=secret");
    let sum = checksum(content).to_base64();
    json!({"value": {"fileChecksum": sum, "size": content.len(), "downloadURL": url}, "type": "ASSETID"})
}

#[expect(clippy::needless_pass_by_value, reason = "it is called with `json!`")]
pub(super) fn record(kind: &str, name: &str, fields: Value) -> Value {
    json!({
        "recordName": name, "recordType": kind, "recordChangeTag": "1a", "deleted": false,
        "created": {"timestamp": 1000}, "modified": {"timestamp": 2000}, "fields": fields,
    })
}

/// A master whose original has the content `content`.
pub(in crate::icloud::photos) fn master(content: &str) -> Value {
    record(
        "CPLMaster",
        &checksum(content).to_base64(),
        json!({
            "itemType": {"value": "public.jpeg", "type": "STRING"},
            "dataClassType": {"value": 1, "type": "INT64"},
            "filenameEnc": encoded("IMG_1.JPG"),
            "resOriginalRes": resource(content),
            "resOriginalFileType": {"value": "public.jpeg", "type": "STRING"},
        }),
    )
}

pub(in crate::icloud::photos) fn asset(name: &str, content: &str) -> Value {
    let master = checksum(content).to_base64();
    record(
        "CPLAsset",
        name,
        json!({
            "masterRef": {"value": {"recordName": master, "action": "DELETE_SELF"}, "type": "REFERENCE"},
            "assetDate": {"value": 1_500_000_000_000_i64, "type": "TIMESTAMP"},
            "isFavorite": {"value": 0, "type": "INT64"},
            "isHidden": {"value": 0, "type": "INT64"},
        }),
    )
}

pub(super) fn album(name: &str, title: &str, kind: i64, parent: Option<&str>) -> Value {
    let mut fields = json!({"albumNameEnc": encoded(title), "albumType": {"value": kind, "type": "INT64"}});
    if let Some(parent) = parent {
        fields["parentId"] = json!({"value": parent, "type": "STRING"});
    }
    record("CPLAlbum", name, fields)
}

/// The library and the server's oddities.
#[derive(Debug)]
pub(super) struct Fake {
    /// The visible assets, the newest first, each with its master's name.
    pub(super) assets: Mutex<Vec<(Value, String)>>,
    pub(super) masters: HashMap<String, Value>,
    pub(super) albums: Vec<Value>,
    /// Album → assets.
    pub(super) members: HashMap<String, Vec<String>>,
    pub(super) shared: Vec<(Value, String)>,
    /// At most this many records an answer.
    pub(super) cap: usize,
    pub(super) count_error: i64,
    /// Ranks where the next answer is empty, once.
    pub(super) empty_once: Mutex<HashSet<usize>>,
    /// Ranks where every answer is empty.
    pub(super) hole: std::ops::Range<usize>,
    /// Masters that pages leave out.
    pub(super) unlisted: HashSet<String>,
    /// Questions about these albums or folders fail.
    pub(super) failing: HashSet<String>,
    pub(super) state: &'static str,
    /// Assets that arrive, at the number of the listing's call.
    pub(super) arrivals: HashMap<usize, (Value, String)>,
    pub(super) zones: Value,
    pub(super) lists: Mutex<usize>,
    pub(super) lookups: Mutex<Vec<usize>>,
    pub(super) token: Mutex<u32>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            assets: Mutex::default(),
            masters: HashMap::new(),
            albums: Vec::new(),
            members: HashMap::new(),
            shared: Vec::new(),
            cap: 200,
            count_error: 0,
            empty_once: Mutex::default(),
            hole: 0..0,
            unlisted: HashSet::new(),
            failing: HashSet::new(),
            state: "FINISHED",
            arrivals: HashMap::new(),
            zones: json!([{"zoneID": {"zoneName": "PrimarySync"}}]),
            lists: Mutex::default(),
            lookups: Mutex::default(),
            token: Mutex::default(),
        }
    }
}

impl Fake {
    pub(super) fn add(&mut self, name: &str, content: &str) {
        self.add_records(asset(name, content), master(content));
    }

    pub(super) fn add_records(&mut self, asset: Value, master: Value) {
        let master_name = master["recordName"].as_str().unwrap().to_owned();
        self.masters.insert(master_name.clone(), master);
        self.assets.get_mut().unwrap().push((asset, master_name));
    }

    fn token(&self) -> String {
        format!("token-{}", self.token.lock().unwrap())
    }

    fn query(&self, area: Area, body: &Value) -> Value {
        let filter = |field: &str| {
            let filters = body["query"]["filterBy"].as_array()?;
            let filter = filters.iter().find(|filter| filter["fieldName"] == field)?;
            Some(filter["fieldValue"]["value"].clone())
        };
        let parent = filter("parentId").and_then(|value| value.as_str().map(str::to_owned));
        let rank = filter("startRank").and_then(|value| value.as_u64()).unwrap_or(0);
        let rank = usize::try_from(rank).unwrap();
        let limit = usize::try_from(body["resultsLimit"].as_u64().unwrap_or(200)).unwrap();
        match body["query"]["recordType"].as_str().unwrap() {
            "CheckIndexingState" => {
                let fields = json!({"state": {"value": self.state}, "progress": {"value": "40"}});
                json!([record("CheckIndexingState", "state", fields)])
            }
            "CPLAlbumByPositionLive" => self.children(parent.as_deref()),
            "CPLContainerRelationLiveByAssetDate" => {
                let album = parent.unwrap();
                self.album(&album, rank, limit)
            }
            "CPLAssetAndMasterByAssetDateWithoutHiddenOrDeleted" if area == Area::Shared => {
                self.page(&self.shared, rank, limit)
            }
            "CPLAssetAndMasterByAssetDateWithoutHiddenOrDeleted" => self.list(rank, limit),
            other => panic!("unexpected query {other}"),
        }
    }

    fn children(&self, parent: Option<&str>) -> Value {
        let children = self.albums.iter().filter(|album| {
            let own = album["fields"]["parentId"]["value"].as_str();
            own == parent || parent.is_none() && own == Some("----Root-Folder----")
        });
        let mut records: Vec<_> = children.cloned().collect();
        if parent.is_none() {
            records.push(record("CPLAlbum", "----Root-Folder----", json!({"albumType": {"value": 3}})));
        }
        json!(records)
    }

    fn list(&self, rank: usize, limit: usize) -> Value {
        let mut assets = self.assets.lock().unwrap();
        let mut call = self.lists.lock().unwrap();
        if let Some(arrival) = self.arrivals.get(&call) {
            assets.insert(0, arrival.clone());
            *self.token.lock().unwrap() += 1;
        }
        *call += 1;
        if self.empty_once.lock().unwrap().remove(&rank) || self.hole.contains(&rank) {
            return json!([]);
        }
        self.page(&assets, rank, limit)
    }

    /// Masters first, each once, and as many assets as fit.
    fn page(&self, assets: &[(Value, String)], rank: usize, limit: usize) -> Value {
        let (mut masters, mut listed, mut room) = (Vec::new(), Vec::new(), limit.min(self.cap));
        let mut seen = HashSet::new();
        for (asset, master) in assets.iter().skip(rank) {
            let new = seen.insert(master);
            let needed = 1 + usize::from(new);
            if needed > room {
                break;
            }
            room -= needed;
            listed.push(asset.clone());
            if new && !self.unlisted.contains(master) {
                masters.extend(self.masters.get(master).cloned());
            }
        }
        masters.extend(listed);
        json!(masters)
    }

    fn album(&self, album: &str, rank: usize, limit: usize) -> Value {
        let members = self.members.get(album).map_or(&[][..], Vec::as_slice);
        let mut records = Vec::new();
        for item in members.iter().skip(rank).take(limit.min(self.cap) / 3) {
            records.push(asset(item, item));
            records.push(record(
                "CPLContainerRelation",
                &format!("{item}-IN-{album}"),
                json!({"containerId": {"value": album}, "itemId": {"value": item}}),
            ));
        }
        json!(records)
    }

    fn count(&self, area: Area, id: &str) -> i64 {
        if let Some((_, album)) = id.split_once(':') {
            return i64::try_from(self.members.get(album).map_or(0, Vec::len)).unwrap();
        }
        let assets = if area == Area::Shared { self.shared.len() } else { self.assets.lock().unwrap().len() };
        (i64::try_from(assets).unwrap() + self.count_error).max(0)
    }

    fn look_up(&self, body: &Value) -> Value {
        let asked = body["records"].as_array().unwrap();
        self.lookups.lock().unwrap().push(asked.len());
        let assets = self.assets.lock().unwrap();
        let found = asked.iter().map(|asked| {
            let name = asked["recordName"].as_str().unwrap();
            let asset = || assets.iter().map(|(asset, _)| asset).find(|asset| asset["recordName"] == name);
            self.masters
                .get(name)
                .or_else(asset)
                .cloned()
                .unwrap_or_else(|| json!({"recordName": name, "serverErrorCode": "NOT_FOUND"}))
        });
        json!(found.collect::<Vec<_>>())
    }
}

impl Database for Fake {
    async fn call(&self, area: Area, call: &str, body: &Value) -> Result<Bytes, Error> {
        let text = body.to_string();
        if self.failing.iter().any(|name| text.contains(&format!("\"value\":\"{name}\""))) {
            return Err(Error::Server { host: "fake".into(), status: 400, code: None, reason: None });
        }
        let answer = match call {
            "zones/list" if area == Area::Private => json!({"zones": self.zones}),
            "zones/list" if self.shared.is_empty() => json!({"zones": []}),
            "zones/list" => {
                json!({"zones": [{"zoneID": {"zoneName": "SharedSync-1", "ownerRecordName": "_1"}}]})
            }
            "records/query" => json!({"records": self.query(area, body), "syncToken": self.token()}),
            "records/lookup" => json!({"records": self.look_up(body)}),
            "internal/records/query/batch" => {
                let ids = body["batch"][0]["query"]["filterBy"]["fieldValue"]["value"].as_array().unwrap();
                let counted = ids.iter().map(|id| {
                    let id = id.as_str().unwrap();
                    record("IndexCountResult", id, json!({"itemCount": {"value": self.count(area, id)}}))
                });
                json!({"batch": [{"records": counted.collect::<Vec<_>>(), "syncToken": self.token()}]})
            }
            other => panic!("unexpected call {other}"),
        };
        Ok(Bytes::from(answer.to_string()))
    }
}
