//! Names and dates that have troubled clients, or could.

use super::kind::{Form, Name};

/// Hostile names, for files and albums alike.
const NAMES: &[&str] = &[
    "../../../etc/passwd",
    "..",
    ".",
    "/",
    "/absolute/IMG_1.JPG",
    "a/b/c.JPG",
    "nul\0byte.JPG",
    ".hidden.JPG",
    ".icloud-photos-sync",
    ".library.lock",
    ".icps",
    ".0D95276A-9383-48FB-B26A-05C8F311563A",
    "_All-Photos",
    "_Shared-Photos",
    "_Archive",
    "-rf",
    "--delete",
    "line\nbreak\r\n.JPG",
    "tab\tand\u{7}bell\u{1b}[31mred.JPG",
    "  spaces  .JPG ",
    "trailing dot.",
    "no extension",
    "two..dots.JPG",
    "double.tar.gz",
    "back\\slash.JPG",
    "quote'\"$`;|&<>*?.JPG",
    "%2e%2e%2f.JPG",
    "CON.JPG",
    "🏔️👨‍👩‍👧‍👦.HEIC",
    "Zu\u{308}rich.JPG",
    "Zürich.JPG",
    "zürich.jpg",
    "\u{202e}GPJ.exe",
    "\u{200b}.JPG",
    "\u{fffd}\u{feff}.JPG",
    "日本語の写真.JPG",
    "IMG_1 (2).JPG",
    "IMG_1-edited.JPG",
    "IMG_1-live.MOV",
];

/// Dates before 1970 and beyond reason, ms: 1969, 1901, 1601, year 1, the far future, the ends of the type.
const DATES: &[i64] = &[
    -1,
    -86_400_000,
    -2_177_452_800_000,
    -11_644_473_600_000,
    -62_135_596_800_000,
    0,
    32_503_680_000_000,
    253_402_300_800_000,
    i64::MIN / 1000,
    i64::MAX / 1000,
];

/// All kinds of items, a burst as its four members.
pub(crate) const FORMS: &[Form] = &[
    Form::Jpeg,
    Form::Heic,
    Form::Png,
    Form::Live,
    Form::LiveJpeg,
    Form::Video,
    Form::Mpeg4,
    Form::SlowMotion,
    Form::TimeLapse,
    Form::Raw,
    Form::JpegAndRaw,
    Form::RawAndJpeg,
    Form::Screenshot,
    Form::Panorama,
    Form::Burst { number: 0, pick: true },
    Form::Burst { number: 0, pick: false },
    Form::Burst { number: 0, pick: false },
    Form::Unknown,
    Form::Generic,
];

/// The hostile name of a number: all in turn, with long, missing, empty and plainly spelt ones between.
pub(crate) fn name(number: usize) -> Name {
    match number % (NAMES.len() + 6) {
        0 => Name::Missing,
        1 => Name::Plain("plain text.JPG".into()),
        2 => Name::text(""),
        3 => Name::Text(format!("{}.JPG", "long".repeat(75)).into()),
        4 => Name::Text(format!("{}.HEIC", "ü🏔".repeat(50)).into()),
        // Five items of the same name in a row would never meet in one album; this one comes back every time.
        5 => Name::text("IMG_1.JPG"),
        other => Name::text(NAMES[other - 6]),
    }
}

/// The odd date of a number.
pub(crate) fn date(number: usize) -> i64 {
    DATES[number % DATES.len()]
}

/// How many numbers it takes to meet every name.
pub(crate) const NAME_COUNT: usize = NAMES.len() + 6;
