//! The assets of a new library, each a function of the specification and its number.

use super::file::File;
use super::kind::{Edit, Form, Name, NewAsset};
use super::oddities;
use super::record::{Asset, Edited, Extra, Master, Stamp, State, Uuid};
use super::rng::{Rng, mix};
use super::spec::LibrarySpec;

/// The newest capture date of a generated library: 1 October 2024.
const NEWEST: i64 = 1_727_740_800_000;
/// The span of capture dates: fifteen years.
const SPAN: u64 = 15 * 365 * 24 * 3600 * 1000;
/// How long generated items in Recently Deleted have been there at most: 20 days.
const TRASHED: u64 = 20 * 24 * 3600 * 1000;

/// An asset and its master, ready to be put into a zone.
pub(crate) struct Draft {
    pub(crate) master: Master,
    pub(crate) asset: Asset,
    /// Whether the asset goes on the master of the asset before instead of its own.
    pub(crate) duplicate: bool,
}

/// Makes the asset with a number. `salt` tells the zones apart, `now` is the time in ms.
pub(crate) fn draft(spec: &LibrarySpec, salt: u64, number: usize, now: i64) -> Draft {
    let mut rng = Rng::for_item(spec.seed ^ mix(salt), number as u64);
    let mut new = if spec.every_oddity { oddity(number, &mut rng) } else { drawn(spec, number, &mut rng) };
    new.size = if rng.chance(spec.large_share) {
        spec.large
    } else {
        spec.sizes.0 + rng.below(spec.sizes.1.saturating_sub(spec.sizes.0) + 1)
    };
    let (deleted, duplicate) = if spec.every_oddity {
        (number % 13 == 6, number % 17 == 16)
    } else {
        (rng.chance(spec.shares.deleted), number > 0 && rng.chance(spec.shares.duplicate))
    };
    let key = rng.next_u64();
    let added = NEWEST - i64::try_from(rng.below(SPAN)).unwrap_or(0);
    if !spec.every_oddity || number % 7 != 3 {
        new.date = added - i64::try_from(rng.below(100_000)).unwrap_or(0);
    }
    let mut asset = asset(&new, key, Uuid::random(&mut rng), added);
    if deleted {
        asset.state = State::Trashed(now - i64::try_from(rng.below(TRASHED)).unwrap_or(0));
    } else if rng.chance(0.5) {
        asset.stamp.modified += i64::try_from(rng.below(86_400_000)).unwrap_or(0);
    }
    Draft { master: master(&new, key, added), asset, duplicate }
}

fn drawn(spec: &LibrarySpec, number: usize, rng: &mut Rng) -> NewAsset {
    let shares = &spec.shares;
    let mut new = NewAsset::new(draw_form(spec, number, rng));
    new.name = if rng.chance(shares.odd_name) {
        oddities::name(number)
    } else {
        Name::Camera(u32::try_from(number % 10_000).unwrap_or(0))
    };
    if rng.chance(shares.odd_date) {
        new.date = oddities::date(number);
    }
    if rng.chance(shares.edited) {
        new.edit = draw_edit(new.form, rng);
    }
    new.favorite = rng.chance(shares.favorite);
    new.hidden = rng.chance(shares.hidden);
    new.typeless = rng.chance(shares.typeless);
    new.uploading = rng.chance(shares.uploading);
    new
}

fn draw_form(spec: &LibrarySpec, number: usize, rng: &mut Rng) -> Form {
    let shares = &spec.shares;
    // A burst is four items in a row, the first of them picked.
    let burst = number - number % 4;
    if Rng::for_item(!spec.seed, burst as u64).chance(shares.burst) {
        return Form::Burst { number: u32::try_from(burst).unwrap_or(0), pick: number == burst };
    }
    let raw = *rng.pick(&[Form::Raw, Form::JpegAndRaw, Form::RawAndJpeg]);
    let kinds = [
        (shares.live, *rng.pick(&[Form::Live, Form::Live, Form::LiveJpeg])),
        (shares.video, *rng.pick(&[Form::Video, Form::Mpeg4])),
        (shares.raw, raw),
        (shares.screenshot, Form::Screenshot),
        (shares.time_lapse, Form::TimeLapse),
        (shares.slow_motion, Form::SlowMotion),
        (shares.panorama, Form::Panorama),
        (shares.unknown, *rng.pick(&[Form::Unknown, Form::Generic])),
    ];
    // One draw decides, so that the shares add up.
    let mut left = 1.0;
    for (share, form) in kinds {
        if rng.chance(share / left) {
            return form;
        }
        left = f64::max(left - share, f64::EPSILON);
    }
    *rng.pick(&[Form::Jpeg, Form::Heic])
}

fn draw_edit(form: Form, rng: &mut Rng) -> Option<Edit> {
    let choices = Edit::choices(form);
    (!choices.is_empty()).then(|| *rng.pick(choices))
}

/// Goes through kinds, edits, names, dates and flags at rates that have no common divisor.
fn oddity(number: usize, rng: &mut Rng) -> NewAsset {
    let round = number / oddities::FORMS.len();
    let mut new = NewAsset::new(match oddities::FORMS[number % oddities::FORMS.len()] {
        Form::Burst { pick, .. } => Form::Burst { number: u32::try_from(round).unwrap_or(0), pick },
        form => form,
    });
    let edits = Edit::choices(new.form);
    new.edit = edits.get(round % (edits.len() + 1)).copied();
    new.name = oddities::name(number);
    new.date = oddities::date(number / 7);
    new.hidden = number % 11 == 5;
    new.typeless = number % 23 == 9;
    new.favorite = rng.chance(0.2);
    new
}

/// The master record of a new item.
pub(crate) fn master(new: &NewAsset, key: u64, created: i64) -> Master {
    let file = |what: u64, size: u64, identifier| File::new(mix(key ^ what), size, identifier);
    let extra = Extra {
        alternative: new.form.alternative().map(|identifier| file(1, new.size / 2 + 1, identifier)),
        movie: new.form.is_live().then(|| file(2, new.size + 7, "com.apple.quicktime-movie")),
    };
    Master {
        stamp: Stamp { created, modified: created, sequence: 0 },
        form: new.form,
        name: new.name.clone(),
        original: file(0, new.size, new.form.identifier()),
        extra: (extra.alternative.is_some() || extra.movie.is_some()).then(|| Box::new(extra)),
        live_assets: 0,
        assets: 0,
        trashed: None,
        typeless: new.typeless,
        uploading: new.uploading,
        purged: false,
    }
}

/// The asset record of a new item; its master is to be filled in.
pub(crate) fn asset(new: &NewAsset, key: u64, uuid: Uuid, added: i64) -> Asset {
    let created = added + 1000;
    Asset {
        stamp: Stamp { created, modified: created, sequence: 0 },
        uuid,
        master: 0,
        state: State::Live,
        hidden: new.hidden,
        favorite: new.favorite,
        date: new.date,
        added,
        edited: new.edit.map(|edit| Box::new(edited(edit, key, new.size))),
    }
}

/// The results of an edit.
pub(crate) fn edited(edit: Edit, key: u64, size: u64) -> Edited {
    let file = |what: u64, size: u64, identifier| File::new(mix(key ^ what), size, identifier);
    Edited {
        edit,
        picture: edit.picture().map(|identifier| file(3, size * 3 / 4 + 1, identifier)),
        movie: edit.movie().map(|identifier| file(4, size / 2 + 3, identifier)),
    }
}
