use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;

use super::Rng;
use super::*;
use crate::Clock;

fn library(spec: &LibrarySpec) -> LibraryHandle {
    LibraryHandle::new(spec, Clock::default())
}

#[test]
fn the_same_specification_gives_the_same_library() {
    let spec = LibrarySpec::small();
    let names =
        |spec: &LibrarySpec| library(spec).assets().into_iter().map(|asset| asset.record).collect::<Vec<_>>();
    assert_eq!(names(&spec), names(&spec));
    assert_ne!(names(&spec), names(&spec.clone().seeded(2)));
}

#[test]
fn every_oddity_occurs() {
    let library = library(&LibrarySpec::every_oddity(200));
    let assets = library.assets();
    for form in super::oddities::FORMS {
        let wanted = std::mem::discriminant(form);
        assert!(assets.iter().any(|asset| std::mem::discriminant(&asset.form) == wanted), "{form:?}");
    }
    for edit in [Edit::Jpeg, Edit::Heic, Edit::Markup, Edit::ThirdParty, Edit::Live, Edit::Video] {
        assert!(assets.iter().any(|asset| asset.edit == Some(edit)), "{edit:?}");
    }
    for test in [
        |asset: &AssetView| asset.hidden,
        |asset: &AssetView| asset.deleted,
        |asset: &AssetView| asset.favorite,
        |asset: &AssetView| asset.name.is_none(),
        |asset: &AssetView| asset.name.as_deref() == Some("../../../etc/passwd"),
        |asset: &AssetView| asset.date < -10_000_000_000_000,
        |asset: &AssetView| asset.zone == ZoneKind::Shared,
    ] {
        assert!(assets.iter().any(test));
    }
    let masters: HashSet<_> = assets.iter().map(|asset| (asset.zone, &asset.master)).collect();
    assert!(masters.len() < assets.len(), "some assets share a master");
    let albums = library.albums();
    let mut siblings = BTreeSet::new();
    assert!(albums.iter().any(|album| !siblings.insert((&album.parent, &album.name))), "names collide");
}

#[test]
fn the_album_tree_is_as_deep_as_asked() {
    let albums = library(&LibrarySpec::small()).albums();
    let depth = |album: &AlbumView| {
        let mut parent = album.parent.clone();
        let mut depth = 1;
        while let Some(above) = parent {
            depth += 1;
            parent = albums.iter().find(|album| album.record == above).unwrap().parent.clone();
        }
        depth
    };
    assert_eq!(albums.iter().filter(|album| album.folder).map(depth).max(), Some(3));
    assert_eq!(albums.iter().filter(|album| !album.folder).map(depth).max(), Some(4));
    assert!(albums.iter().any(|album| !album.folder && album.members.is_empty()));
}

#[test]
fn content_is_found_by_checksum() {
    let library = library(&LibrarySpec::small());
    for file in library.assets().iter().flat_map(|asset| &asset.files) {
        let content = library.content_of(&file.checksum).unwrap();
        assert_eq!(content.size, file.size);
        assert_eq!(content.checksum().to_base64(), file.checksum);
    }
    assert_eq!(library.content_of("AW2cWT2PxzWixMKuuNMTHJ8CJ3sH"), None);
}

#[test]
fn a_move_keeps_the_checksum_and_changes_the_record() {
    let library = library(&LibrarySpec::small().shared(SharedLibrary::Owner(3)));
    let before = library.visible_assets().into_iter().find(|asset| asset.zone == ZoneKind::Primary).unwrap();
    let moved = library.asset(library.move_to_other_library(before.asset));
    assert_eq!((moved.zone, &moved.master), (ZoneKind::Shared, &before.master));
    assert_ne!(moved.record, before.record);
    assert!(!library.asset(before.asset).visible);
    assert!(library.is_consistent());
}

#[test]
fn deleting_keeps_the_time_of_the_master_and_editing_changes_that_of_the_asset() {
    let library = library(&LibrarySpec::plain(3));
    let asset = library.add(ZoneKind::Primary, &NewAsset::new(Form::Jpeg).edited(Edit::Jpeg));
    let time = |family: &str| {
        library
            .asset(asset)
            .files
            .iter()
            .find(|file| file.family == family)
            .map(|file| file.modified)
            .unwrap()
    };
    let (original, edited) = (time("resOriginal"), time("resJPEGFull"));
    library.delete(asset);
    assert_eq!(time("resOriginal"), original);
    assert!(library.restore(asset));
    let before = library.asset(asset).files[1].checksum.clone();
    assert!(library.edit(asset, Edit::Heic));
    assert!(time("resJPEGFull") >= edited);
    assert_ne!(library.asset(asset).files[1].checksum, before);
    library.revert(asset);
    assert_eq!(library.asset(asset).files.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn changes_keep_the_lists_right(seed: u64, changes in 1_usize..60) {
        let library = library(&LibrarySpec::every_oddity(40).seeded(seed).sizes(64, 300));
        prop_assert!(library.is_consistent());
        let mut rng = Rng::new(seed);
        for _ in 0..changes {
            let change = library.mutate(&mut rng);
            prop_assert!(library.is_consistent(), "{}", change);
        }
    }
}
