//! Albums and folders: the tree, and what is in each album.

use std::collections::{BTreeMap, HashSet};

use futures_util::{StreamExt as _, stream};

use super::database::{Database, PARALLEL};
use super::listing;
use super::page::{AlbumRecord, Page, RecordKind};
use super::pairing::Paired;
use super::query::{self, List};
use super::record::printable;
use super::zones::Library;
use crate::icloud::Error;
use crate::model::{Album, AlbumKind, Asset, Problem, RecordName};

/// The fields that an album's content is read from.
const MEMBER_KEYS: [&str; 6] =
    ["recordName", "recordType", "masterRef", "containerId", "itemId", "isDeleted"];
/// How many albums are counted in one request.
const COUNTS_PER_CALL: usize = 50;

/// The albums of a library, without their members.
#[derive(Debug, Default)]
struct Tree {
    albums: BTreeMap<RecordName, AlbumRecord>,
    problems: Vec<Problem>,
}

/// Reads all albums and folders and what they hold. `assets` are in the order of their record names;
/// `progress` hears how many albums are read, and of how many.
pub(super) async fn read<D: Database>(
    database: &D,
    library: &Library,
    paired: &Paired,
    progress: impl Fn(u64, u64) + Send,
) -> Result<(Vec<Album>, Vec<Problem>), Error> {
    let Tree { albums, mut problems } = tree(database, library).await?;
    let names: Vec<_> = albums.values().filter(|a| a.kind == AlbumKind::Album).map(|a| &a.record).collect();
    let mut counts = counts(database, library, &names).await?.into_iter();
    let albums = albums.into_values().map(|album| {
        let counted = if album.kind == AlbumKind::Album { counts.next().unwrap_or_default() } else { 0 };
        (album, counted)
    });
    let total = albums.len() as u64;
    let mut read = stream::iter(albums)
        .map(|(album, counted)| async move {
            let members = match album.kind {
                AlbumKind::Folder => Ok(Members::default()),
                AlbumKind::Album => members(database, library, &album.record, counted, paired).await,
            };
            (album, members)
        })
        .buffered(PARALLEL);
    let mut finished = Vec::new();
    while let Some((album, members)) = read.next().await {
        let members = match members {
            Ok(members) => Some(members),
            Err(error) => {
                let reason = format!("{}; its links stay as they are", confined(error)?);
                problems.push(Problem { subject: title(&album), reason, blocks_deletion: false });
                None
            }
        };
        let AlbumRecord { record, parent, name, kind, .. } = album;
        let lacking = members.as_ref().is_none_or(|members| members.lacking);
        let members = members.map(|members| members.positions);
        finished.push(Album { record, parent, name, kind, members, lacking });
        progress(finished.len() as u64, total);
    }
    Ok((finished, problems))
}

/// The error, if it concerns one list only and the others may well be read.
fn confined(error: Error) -> Result<Error, Error> {
    if error.is_of_one_list() { Ok(error) } else { Err(error) }
}

fn title(album: &AlbumRecord) -> String {
    let kind = match album.kind {
        AlbumKind::Folder => "folder",
        AlbumKind::Album => "album",
    };
    format!("{kind} {} ({})", printable(&album.name), album.record)
}

/// Reads the tree level by level.
async fn tree<D: Database>(database: &D, library: &Library) -> Result<Tree, Error> {
    let mut tree = Tree::default();
    let mut asked = HashSet::new();
    let mut level: Vec<Option<RecordName>> = vec![None];
    while !level.is_empty() {
        let children: Vec<_> =
            level.iter().map(|folder| children(database, library, folder.as_ref())).collect();
        let answers: Vec<_> = stream::iter(children).buffered(PARALLEL).collect().await;
        for (folder, answer) in level.iter().zip(answers) {
            match (folder, answer) {
                (_, Ok(pages)) => pages.into_iter().for_each(|page| tree.add(folder.as_ref(), page)),
                (None, Err(error)) => return Err(error),
                (Some(folder), Err(error)) => tree.unread_folder(folder, &confined(error)?),
            }
        }
        let folders = tree.albums.values().filter(|album| album.kind == AlbumKind::Folder && !album.deleted);
        level = folders
            .filter(|folder| asked.insert(folder.record.clone()))
            .map(|folder| Some(folder.record.clone()))
            .collect();
    }
    tree.albums.retain(|_, album| !album.deleted);
    tree.root_strays();
    Ok(tree)
}

async fn children<D: Database>(
    database: &D,
    library: &Library,
    folder: Option<&RecordName>,
) -> Result<Vec<Page>, Error> {
    let mut pages: Vec<Page> = Vec::new();
    loop {
        let marker = pages.last().and_then(|page| page.continuation.as_deref());
        let body = query::albums(library, folder, marker);
        let answer = database.call(library.area, "records/query", &body).await?;
        let page = Page::parse(&answer).map_err(|e| Error::protocol(format!("list of albums: {e}")))?;
        let repeats = page.continuation.is_some() && page.continuation.as_deref() == marker;
        let last = page.continuation.is_none() || repeats;
        pages.push(page);
        if last {
            return Ok(pages);
        }
    }
}

impl Tree {
    fn add(&mut self, folder: Option<&RecordName>, page: Page) {
        self.problems.extend(page.unreadable.into_iter().map(Problem::from));
        for mut album in page.albums {
            album.parent = album.parent.or_else(|| folder.cloned());
            match self.albums.get(&album.record) {
                Some(known) if known.version >= album.version => {}
                _ => drop(self.albums.insert(album.record.clone(), album)),
            }
        }
    }

    fn unread_folder(&mut self, folder: &RecordName, error: &Error) {
        self.problems.push(Problem {
            subject: self.albums.get(folder).map_or_else(|| folder.to_string(), title),
            reason: format!("{error}; what is in it is unknown"),
            blocks_deletion: true,
        });
    }

    /// Puts at the top level what is in no folder that leads there: an orphan, or one of a circle.
    fn root_strays(&mut self) {
        let strays: Vec<_> = self.albums.keys().cloned().collect();
        for record in strays {
            if self.leads_to_top(&record) {
                continue;
            }
            if let Some(album) = self.albums.get_mut(&record) {
                album.parent = None;
                let reason = "its folder is missing; it is put at the top level".to_owned();
                self.problems.push(Problem { subject: title(album), reason, blocks_deletion: false });
            }
        }
    }

    /// Whether an album's parent is a folder. A circle is opened where it is met first.
    fn leads_to_top(&self, record: &RecordName) -> bool {
        let mut parent = self.albums.get(record).and_then(|album| album.parent.as_ref());
        let direct = parent;
        for _ in 0..=self.albums.len() {
            match parent {
                None => return true,
                Some(name) if name == record => return false,
                Some(name) => match self.albums.get(name) {
                    Some(album) if album.kind == AlbumKind::Folder => parent = album.parent.as_ref(),
                    // Only the album whose own parent is missing moves; what is below it stays below it.
                    _ => return Some(name) != direct,
                },
            }
        }
        // It hangs on a circle that it is no part of.
        true
    }
}

/// What the index counts for each album. A count that cannot be had only costs some probing.
async fn counts<D: Database>(
    database: &D,
    library: &Library,
    albums: &[&RecordName],
) -> Result<Vec<usize>, Error> {
    let mut counts = Vec::new();
    for some in albums.chunks(COUNTS_PER_CALL) {
        let ids: Vec<_> =
            some.iter().map(|album| format!("CPLContainerRelationNotDeletedByAssetDate:{album}")).collect();
        match library.counts(database, &ids).await {
            Ok((some, _)) => {
                counts.extend(some.into_iter().map(|n| usize::try_from(n).unwrap_or(usize::MAX)));
            }
            Err(error) => {
                tracing::debug!("albums are read without their counts: {}", confined(error)?);
                counts.extend(some.iter().map(|_| 0));
            }
        }
    }
    Ok(counts)
}

/// What is in an album.
#[derive(Debug, Default)]
struct Members {
    /// Positions among the assets.
    positions: Vec<u32>,
    /// Whether an asset is in it that lacks a file.
    lacking: bool,
}

/// The members of an album.
async fn members<D: Database>(
    database: &D,
    library: &Library,
    album: &RecordName,
    counted: usize,
    paired: &Paired,
) -> Result<Members, Error> {
    let list = List {
        library,
        index: "CPLContainerRelationLiveByAssetDate",
        parent: Some(album),
        keys: &MEMBER_KEYS,
        records_per_rank: 3,
    };
    let (mut members, mut ranks, mut unreadable) = (Members::default(), 0, None);
    let gaps = listing::read(database, &list, counted, |page| {
        ranks += page.ranks();
        let names = names(&page, album);
        members.lacking |= names.iter().any(|name| paired.troubled.contains(*name));
        members.positions.extend(names.into_iter().filter_map(|name| position(&paired.assets, name)));
        let may_be_member = |kind| matches!(kind, RecordKind::Relation | RecordKind::Unknown);
        let mut suspects = page.unreadable.into_iter().filter(|record| may_be_member(record.kind));
        unreadable = unreadable.take().or_else(|| suspects.next());
    })
    .await?;
    if let Some(record) = unreadable {
        let (subject, reason) = (record.subject, record.reason);
        return Err(Error::protocol(format!("the album's record {subject} cannot be read: {reason}")));
    }
    if gaps.0 && ranks < counted {
        return Err(Error::protocol(format!("of {counted} photos in the album only {ranks} are listed")));
    }
    members.positions.sort_unstable();
    members.positions.dedup();
    Ok(members)
}

/// The assets that a page of an album names as its content.
fn names<'a>(page: &'a Page, album: &RecordName) -> HashSet<&'a RecordName> {
    let mut names: HashSet<_> = page.assets.iter().map(|asset| &asset.record).collect();
    for relation in page.relations.iter().filter(|relation| relation.album == *album) {
        if relation.deleted {
            names.remove(&relation.asset);
        } else {
            names.insert(&relation.asset);
        }
    }
    names
}

/// Hidden and deleted assets may be in albums, so that an asset that is not listed is no surprise.
fn position(assets: &[Asset], record: &RecordName) -> Option<u32> {
    let position = assets.binary_search_by(|asset| asset.record.cmp(record)).ok();
    if position.is_none() {
        tracing::debug!("an album has the asset {record}, which is not in the list of visible assets");
    }
    position.and_then(|position| u32::try_from(position).ok())
}
