//! An album is archived by its unit.

use icloud_emulator::library::{Form, NewAsset, ZoneKind};

use crate::process::said;
use crate::scene::Scene;

const ALBUM: &str = "Rome & Süden";

pub(crate) fn archive(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    let library = jane.apple.library();
    let album = library.create_album(ALBUM, None);
    for size in 1..4 {
        let asset = library.add(ZoneKind::Primary, &NewAsset::new(Form::Jpeg).sized(size * 1000));
        library.add_to_album(album, asset);
    }
    let unit = guest.shell(&format!("systemd-escape --template=icps-archive@.service '{ALBUM}'"));
    let begin = guest.moment();
    guest.start_and_succeed(&unit);
    let messages = guest.messages(&unit, &begin);
    assert!(messages.contains("is archived: 3 files"), "{messages}");
    let entries = std::fs::read_dir(scene.library(jane).join(ALBUM)).unwrap();
    let files = entries.filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_file());
    assert_eq!(files.count(), 3);

    // Once is enough.
    let again = guest.try_shell(&format!("systemctl start '{unit}'"));
    assert!(!again.status.success(), "{}", said(&again));
    assert_eq!(guest.exit_status(&unit), "2");
    assert!(guest.messages(&unit, &begin).contains("archived already"), "{}", guest.messages(&unit, &begin));
    guest.shell(&format!("systemctl reset-failed '{unit}'"));
}
