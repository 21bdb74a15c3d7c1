//! Moves assets to Recently Deleted, in the state in which they were looked at.

use std::collections::{BTreeSet, HashMap};

use super::Wanted;
use super::database::Database;
use super::json::Json;
use super::page::Page;
use super::pairing::Pairing;
use super::query;
use super::read::NAMES_PER_LOOKUP;
use super::record::{Record, printable};
use super::zones::Library;
use crate::icloud::Error;
use crate::model::{Asset, RecordName, Zone};

/// How many assets are looked at, or deleted, with one request: each has a record and a master.
pub const MOST_AT_ONCE: usize = NAMES_PER_LOOKUP / 2;

/// Whatever files iCloud has of an asset count when it is about to lose them.
const EVERYTHING: Wanted = Wanted { live_photos: true, alternatives: true };

/// An asset as it is at this moment.
#[derive(Debug, Clone)]
pub struct Current {
    /// The asset, with all files that iCloud has of it.
    pub asset: Asset,
    /// `recordChangeTag`: names this state of it.
    pub(crate) tag: Box<str>,
}

/// Looks at assets; see [`super::Photos::current`].
pub(super) async fn current<D: Database>(
    database: &D,
    library: &Library,
    assets: &[&Asset],
) -> Result<Vec<Current>, Error> {
    let names: BTreeSet<_> = assets.iter().flat_map(|asset| [&asset.record, &asset.master]).collect();
    let names: Vec<_> = names.into_iter().collect();
    let body = query::lookup(library, &names, &query::asset_keys(EVERYTHING));
    let answer = database.call(library.area, "records/lookup", &body).await?;
    let malformed = |what: &dyn std::fmt::Display| Error::protocol(format!("records/lookup: {what}"));
    let mut tags = tags(&Json::parse(&answer).map_err(|e| malformed(&e))?);
    let mut pairing = Pairing::new(Zone::Primary, EVERYTHING);
    pairing.add(Page::parse(&answer).map_err(|e| malformed(&e))?);
    let tagged = |asset: Asset| Some(Current { tag: tags.remove(&asset.record)?, asset });
    Ok(pairing.flawless().into_iter().filter_map(tagged).collect())
}

fn tags(answer: &Json<'_>) -> HashMap<RecordName, Box<str>> {
    let tag =
        |record: &Json<'_>| Some((Record(record).name().ok()?, record.get("recordChangeTag").text()?.into()));
    answer.get("records").elements().iter().filter_map(tag).collect()
}

/// Deletes assets; see [`super::Photos::trash`].
pub(super) async fn trash<D: Database>(
    database: &D,
    library: &Library,
    assets: &[Current],
) -> Result<(), Error> {
    let named: Vec<_> = assets.iter().map(|current| (&current.asset.record, &*current.tag)).collect();
    let body = query::trash(library, &named);
    library.ask(database, "records/modify", &body, |answer| verdict(answer, assets)).await
}

/// Whether an answer says of every asset that it is deleted now; else the reason why not.
fn verdict(answer: &Json<'_>, assets: &[Current]) -> Result<(), String> {
    let records = answer.get("records").elements();
    let is_deleted = |asset: &Current| {
        let of_it = |record: &&Json<'_>| record.get("recordName").text() == Some(asset.asset.record.as_str());
        records.iter().find(of_it).is_some_and(|record| Record(record).field("isDeleted").flag())
    };
    if assets.iter().all(is_deleted) {
        return Ok(());
    }
    // The one that fails has the reason, and all others say that one failed.
    let reason =
        records.iter().filter_map(|record| Record(record).error()).find(|code| *code != "ATOMIC_ERROR");
    Err(reason.map_or_else(|| "not all of them were deleted".to_owned(), printable))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::icloud::Area;
    use crate::icloud::photos::tests::{ALL, asset, checksum, master, name, resource};

    /// Answers every call with the same, and remembers what was asked.
    struct Canned(Value, std::sync::Mutex<Vec<Value>>);

    impl Canned {
        fn new(answer: Value) -> Self {
            Self(answer, std::sync::Mutex::default())
        }
    }

    impl Database for Canned {
        async fn call(&self, area: Area, _: &str, body: &Value) -> Result<Bytes, Error> {
            assert_eq!(area, Area::Private);
            self.1.lock().unwrap().push(body.clone());
            Ok(Bytes::from(self.0.to_string()))
        }
    }

    fn library() -> Library {
        let id = json!({"zoneName": "PrimarySync"});
        Library { zone: Zone::Primary, area: Area::Private, name: "PrimarySync".to_owned(), id }
    }

    fn assets(names: &[&str]) -> Vec<Asset> {
        let mut pairing = Pairing::new(Zone::Primary, ALL);
        let records: Vec<_> = names.iter().flat_map(|name| [asset(name, name), master(name)]).collect();
        pairing.add(Page::parse(json!({"records": records}).to_string().as_bytes()).unwrap());
        pairing.flawless()
    }

    async fn look(answer: Value, assets: &[Asset]) -> Vec<Current> {
        let database = Canned::new(answer);
        let found = current(&database, &library(), &assets.iter().collect::<Vec<_>>()).await.unwrap();
        let asked = database.1.into_inner().unwrap();
        assert_eq!(asked.len(), 1, "one request");
        assert_eq!(asked[0]["records"].as_array().unwrap().len(), 2 * assets.len());
        found
    }

    #[tokio::test]
    async fn only_assets_that_are_as_they_should_be_are_current() {
        let known = assets(&["a", "b", "c", "d"]);
        let mut hidden = asset("b", "b");
        hidden["fields"]["isHidden"]["value"] = json!(1);
        // A file that is still on its way to iCloud.
        let mut uploading = asset("c", "c");
        uploading["fields"]["resJPEGFullRes"] = json!({"value": {"fileChecksum": null}});
        let mut live = master("a");
        live["fields"]["resOriginalVidComplRes"] = resource("movie");
        let answer = json!({"records": [
            asset("a", "a"), live, hidden, master("b"), uploading, master("c"),
            {"recordName": "d", "serverErrorCode": "NOT_FOUND"}, master("d"),
        ]});
        let found = look(answer, &known).await;
        assert_eq!(found.iter().map(|current| &current.asset.record).collect::<Vec<_>>(), [&name("a")]);
        let sums: Vec<_> = found[0].asset.files.iter().map(|file| file.checksum).collect();
        assert_eq!(sums, [checksum("a"), checksum("movie")], "files that nobody wanted count too");
    }

    #[tokio::test]
    async fn an_asset_is_deleted_in_the_state_in_which_it_was_seen() {
        let known = assets(&["a"]);
        let found = look(json!({"records": [asset("a", "a"), master("a")]}), &known).await;
        let good = json!({"records": [
            {"recordName": "a", "recordType": "CPLAsset", "fields": {"isDeleted": {"value": 1}}}
        ]});
        let database = Canned::new(good);
        trash(&database, &library(), &found).await.unwrap();
        let asked = database.1.into_inner().unwrap().remove(0);
        assert_eq!(asked["atomic"], true);
        assert_eq!(asked["operations"][0]["record"]["recordChangeTag"], "1a");
        for (answer, reason) in [
            (json!({}), "not all"),
            (json!({"records": [{"recordName": "a", "fields": {"isDeleted": {"value": 0}}}]}), "not all"),
            (
                json!({"records": [
                    {"recordName": "b", "serverErrorCode": "ATOMIC_ERROR"},
                    {"recordName": "a", "serverErrorCode": "CONFLICT"},
                ]}),
                "CONFLICT",
            ),
        ] {
            let error = trash(&Canned::new(answer), &library(), &found).await.unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
