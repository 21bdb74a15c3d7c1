//! Answers of the photos database: any bytes are read or refused, and what is accepted is well-formed.

#![no_main]

use icps::icloud::photos::Resource;
use icps::icloud::photos::page::Page;
use icps::model::{Checksum, Extension, RecordName};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(page) = Page::parse(bytes) else { return };
    for asset in &page.assets {
        well_formed(&asset.record);
        well_formed(&asset.master);
        asset.picture.iter().chain(&asset.video).for_each(usable);
    }
    for master in &page.masters {
        well_formed(&master.record);
        assert!(!master.name.is_empty());
        usable(&master.original);
        master.live_video.iter().chain(&master.alternative).for_each(usable);
    }
    for album in &page.albums {
        well_formed(&album.record);
        assert!(album.record.is_directory_safe());
        album.parent.iter().for_each(well_formed);
    }
    for relation in &page.relations {
        well_formed(&relation.album);
        well_formed(&relation.asset);
    }
    for record in &page.unreadable {
        assert!(!record.subject.chars().any(char::is_control), "{:?}", record.subject);
        assert!(!record.reason.chars().any(char::is_control), "{:?}", record.reason);
    }
});

fn well_formed(name: &RecordName) {
    assert_eq!(RecordName::new(name.as_str()).as_ref(), Ok(name));
    assert!(name.as_str() != "." && name.as_str() != "..");
}

fn usable(resource: &Resource) {
    match resource {
        Resource::Ready { checksum, size, extension } => {
            let stem = checksum.to_file_stem();
            assert!(stem.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            assert_eq!(Checksum::from_file_stem(&stem).as_ref(), Ok(checksum));
            assert_eq!(Extension::new(extension.as_str()).as_ref(), Some(extension));
            assert!(*size > 0);
        }
        Resource::Uploading(reason) | Resource::Unusable(reason) => assert!(!reason.chars().any(char::is_control), "{reason:?}"),
    }
}
