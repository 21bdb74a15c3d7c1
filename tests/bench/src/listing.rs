//! The least that a sync has to do: fetch the pages of the listing. They are thrown away unread.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use icps::icloud::{Account, Area};
use serde_json::{Value, json};

use crate::Result;
use crate::machine::Machine;

/// Ranks on one page; an asset and its master for each.
pub const RANKS: usize = 100;
/// Requests at once, as many as a sync has under way.
const PARALLEL: usize = 4;

/// The fields that a sync asks for.
const KEYS: [&str; 22] = [
    "recordName",
    "recordType",
    "recordChangeTag",
    "masterRef",
    "assetDate",
    "isFavorite",
    "isHidden",
    "isDeleted",
    "isExpunged",
    "itemType",
    "dataClassType",
    "filenameEnc",
    "resOriginalRes",
    "resOriginalFileType",
    "resJPEGFullRes",
    "resJPEGFullFileType",
    "resVidFullRes",
    "resVidFullFileType",
    "resOriginalVidComplRes",
    "resOriginalVidComplFileType",
    "resOriginalAltRes",
    "resOriginalAltFileType",
];

/// How long it takes to fetch the pages of so many assets.
pub fn duration(machine: &Machine, assets: usize) -> Result<Duration> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let account = machine.account().await?;
        let begin = Instant::now();
        fetch(&account, assets).await?;
        Ok(begin.elapsed())
    })
}

async fn fetch(account: &Account, assets: usize) -> Result<()> {
    let pages = (0..assets).step_by(RANKS).map(|start| async move {
        account.database(Area::Private, "records/query", &question(start)).await.map(drop)
    });
    stream::iter(pages).buffer_unordered(PARALLEL).try_collect::<()>().await?;
    Ok(())
}

fn question(start: usize) -> Value {
    let equals = |field: &str, kind: &str, value: Value| json!({"fieldName": field, "comparator": "EQUALS", "fieldValue": {"type": kind, "value": value}});
    json!({
        "query": {
            "recordType": "CPLAssetAndMasterByAssetDateWithoutHiddenOrDeleted",
            "filterBy": [
                equals("startRank", "INT64", start.into()),
                equals("direction", "STRING", "ASCENDING".into()),
            ],
        },
        "resultsLimit": 2 * RANKS,
        "desiredKeys": KEYS,
        "zoneID": {"zoneName": "PrimarySync"},
    })
}
