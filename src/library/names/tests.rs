use proptest::prelude::*;

use super::*;
use crate::model::{Checksum, RecordName};

fn asset(name: &str, kinds: &[(Kind, &str)]) -> Asset {
    let record = RecordName::new("2076BCB0-C481-4175-8F14-7A0E8EFAF02B").unwrap();
    let file = |(kind, extension): &(Kind, &str)| AssetFile {
        kind: *kind,
        checksum: Checksum::from_sha1([7; 20]),
        extension: Extension::new(extension).unwrap(),
        size: 1,
        modified: 0,
    };
    Asset {
        master: record.clone(),
        record,
        zone: Zone::Primary,
        date: 0,
        name: name.into(),
        favorite: false,
        files: kinds.iter().map(file).collect(),
    }
}

fn link(name: &str, kind: Kind, extension: &str) -> FileName {
    let asset = asset(name, &[(kind, extension)]);
    FileName::link(&asset, &asset.files[0])
}

fn names(wanted: &[&str], taken: &[&str]) -> Vec<String> {
    let entries: Vec<_> =
        wanted.iter().enumerate().map(|(at, name)| (at, link(name, Kind::Original, "jpeg"))).collect();
    assign(&entries, &taken.iter().map(|&name| name.to_owned()).collect::<HashSet<_>>())
}

#[test]
fn hostile_names_become_safe_ones() {
    for (hostile, safe) in [
        ("", "_"),
        (".", "_."),
        ("..", "_.."),
        (".hidden", "_hidden"),
        ("...", "_.."),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("a/b\0c", "a_b_c"),
        ("Süden 2024", "Süden 2024"),
    ] {
        assert_eq!(sanitise(hostile), safe, "{hostile:?}");
    }
}

#[test]
fn a_link_has_the_stem_of_the_original_and_the_extension_of_the_file() {
    for (name, kind, extension, expected) in [
        ("IMG_1.HEIC", Kind::Original, "HEIC", "IMG_1.HEIC"),
        ("IMG_1.HEIC", Kind::Edited, "jpeg", "IMG_1-edited.jpeg"),
        ("IMG_1.HEIC", Kind::LiveVideo, "mov", "IMG_1-live.mov"),
        ("IMG_1.HEIC", Kind::EditedLiveVideo, "mov", "IMG_1-edited-live.mov"),
        ("no extension", Kind::Original, "png", "no extension.png"),
        ("a.b.c", Kind::Original, "png", "a.b.png"),
        (".hidden", Kind::Original, "png", "_hidden.png"),
        ("", Kind::Original, "png", "_.png"),
        ("..", Kind::Original, "png", "_...png"),
        ("x/../y.jpg", Kind::Original, "jpeg", "x_.._y.jpeg"),
    ] {
        assert_eq!(link(name, kind, extension).plain(), expected, "{name:?}");
    }
}

#[test]
fn an_alternative_is_told_apart_by_its_extension_or_else_by_a_suffix() {
    let raw = asset("IMG_1.JPG", &[(Kind::Original, "jpeg"), (Kind::Alternative, "dng")]);
    assert_eq!(FileName::link(&raw, &raw.files[1]).plain(), "IMG_1.dng");
    let same = asset("IMG_1.JPG", &[(Kind::Original, "jpeg"), (Kind::Alternative, "jpeg")]);
    assert_eq!(FileName::link(&same, &same.files[1]).plain(), "IMG_1-alt.jpeg");
}

#[test]
fn a_long_name_loses_its_middle_and_keeps_suffix_number_and_extension() {
    let long = link(&format!("{}.jpg", "ü".repeat(300)), Kind::Edited, "jpeg");
    let plain = long.plain();
    assert!(plain.len() <= 255 && plain.len() > 250 && plain.ends_with("ü-edited.jpeg"), "{plain}");
    let second = long.numbered(2);
    assert!(second.len() <= 255 && second.ends_with("ü-edited (2).jpeg"), "{second}");
}

#[test]
fn a_taken_name_is_numbered_before_its_extension() {
    assert_eq!(names(&["a.jpg", "a.jpg", "a.png"], &[]), ["a.jpeg", "a (2).jpeg", "a (3).jpeg"]);
    assert_eq!(names(&["a.jpg"], &["a.jpeg", "a (2).jpeg"]), ["a (3).jpeg"]);
}

#[test]
fn a_literal_number_keeps_its_name() {
    assert_eq!(names(&["a.jpg", "a.jpg", "a (2).jpg"], &[]), ["a.jpeg", "a (3).jpeg", "a (2).jpeg"]);
    assert_eq!(
        names(&["a.jpg", "a.jpg", "a (2).jpg", "a (2).jpg"], &[]),
        ["a.jpeg", "a (3).jpeg", "a (2).jpeg", "a (2) (2).jpeg"]
    );
}

#[test]
fn albums_do_not_take_the_names_of_the_layout() {
    let entries = [
        (1, FileName::album("_Archive")),
        (2, FileName::album("Trip 2.0")),
        (3, FileName::album("Trip 2.0")),
    ];
    let taken: HashSet<_> = reserved_at_root().map(str::to_owned).collect();
    assert_eq!(assign(&entries, &taken), ["_Archive (2)", "Trip 2.0", "Trip 2.0 (2)"]);
}

#[test]
fn very_many_of_one_name_are_numbered_in_no_time() {
    let wanted = vec!["IMG.jpg"; 20_000];
    assert_eq!(names(&wanted, &[]).last().unwrap(), "IMG (20000).jpeg");
}

/// Names that are likely to collide, and hostile ones.
fn hostile_name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "a",
            "a (2)",
            "a (3)",
            "a (2) (2)",
            "",
            ".",
            "..",
            "/",
            "_",
            ".a",
            "_a",
            "IMG.JPG",
            "IMG.PNG"
        ])
        .prop_map(str::to_owned),
        "[a./ü]{0,4}",
        "\\PC{0,12}",
        "(a|ü|𝄞){250,258}",
    ]
}

fn any_file_name() -> impl Strategy<Value = FileName> {
    let kind = prop::sample::select(vec![Kind::Original, Kind::Edited, Kind::LiveVideo]);
    let extension = prop::sample::select(vec!["jpeg", "mov", "abcdefghijklmno"]);
    prop_oneof![
        hostile_name().prop_map(|name| FileName::album(&name)),
        (hostile_name(), kind, extension).prop_map(|(name, kind, extension)| link(&name, kind, extension)),
    ]
}

proptest! {
    #[test]
    fn every_name_is_a_safe_file_name(name in any_file_name(), number in 2_u32..2000) {
        for text in [name.plain(), name.numbered(number)] {
            prop_assert!(is_safe(&text), "{text:?}");
            let number = if text == name.plain() { String::new() } else { format!(" ({number})") };
            let extension = name.extension.map_or(String::new(), |extension| format!(".{extension}"));
            let tail = format!("{}{number}{extension}", name.suffix);
            prop_assert!(text.ends_with(&tail), "{text:?} lacks {tail:?}");
        }
    }

    #[test]
    fn sanitising_twice_changes_nothing(name in hostile_name()) {
        let once = sanitise(&name);
        prop_assert_eq!(sanitise(&once), once);
    }

    #[test]
    fn no_two_entries_get_one_name(
        wanted in prop::collection::vec(any_file_name(), 0..20),
        taken in prop::collection::hash_set(any_file_name().prop_map(|name| name.plain()), 0..5),
    ) {
        let entries: Vec<_> = wanted.into_iter().enumerate().collect();
        let given = assign(&entries, &taken);
        let distinct: HashSet<_> = given.iter().collect();
        prop_assert_eq!(distinct.len(), given.len());
        prop_assert!(given.iter().all(|name| is_safe(name) && !taken.contains(name)));
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(
        wanted in prop::collection::vec(any_file_name(), 0..12),
        shift in 0_usize..12,
    ) {
        let entries: Vec<_> = wanted.into_iter().enumerate().collect();
        let mut turned = entries.clone();
        turned.rotate_left(shift.min(entries.len()));
        turned.reverse();
        let given = assign(&entries, &HashSet::<String>::new());
        for ((key, _), name) in turned.iter().zip(assign(&turned, &HashSet::<String>::new())) {
            prop_assert_eq!(&given[*key], &name);
        }
    }
}
