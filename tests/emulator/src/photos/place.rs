//! `locationEnc`: a binary property list with the place of a photo.

/// Seconds from 1970 to 2001, where property lists begin to count.
const EPOCH: f64 = 978_307_200.0;

/// A property list with the recorded keys, all values real but the date. `time` is in ms since 1970.
pub(crate) fn location(latitude: f64, longitude: f64, altitude: f64, time: i64) -> Vec<u8> {
    #[allow(clippy::cast_precision_loss, reason = "fractions of a second are no matter here")]
    let date = time as f64 / 1000.0 - EPOCH;
    let entries = [
        ("alt", altitude, false),
        ("course", 0.0, false),
        ("horzAcc", 10.5, false),
        ("lat", latitude, false),
        ("lon", longitude, false),
        ("speed", 0.0, false),
        ("timestamp", date, true),
        ("vertAcc", 0.0, false),
    ];
    let mut list = b"bplist00".to_vec();
    let count = u8::try_from(entries.len()).unwrap_or(0);
    let mut offsets = vec![8];
    // Object 0 is the dictionary; the keys follow, then the values.
    list.push(0xd0 | count);
    list.extend(1..=count);
    list.extend(count + 1..=2 * count);
    for (key, _, _) in entries {
        offsets.push(list.len());
        list.push(0x50 | u8::try_from(key.len()).unwrap_or(0));
        list.extend(key.bytes());
    }
    for (_, value, is_date) in entries {
        offsets.push(list.len());
        list.push(if is_date { 0x33 } else { 0x23 });
        list.extend(value.to_be_bytes());
    }
    let table = list.len() as u64;
    let objects = offsets.len() as u64;
    list.extend(offsets.into_iter().map(|offset| u8::try_from(offset).unwrap_or(0)));
    list.extend([0; 6]);
    list.extend([1, 1]);
    for number in [objects, 0, table] {
        list.extend(number.to_be_bytes());
    }
    list
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_layout_is_that_of_the_format() {
        let list = super::location(1.5, -2.5, 3.0, 978_307_200_000);
        assert_eq!(&list[..9], b"bplist00\xd8");
        let trailer = &list[list.len() - 32..];
        assert_eq!(&trailer[6..8], [1, 1], "offsets and references of one byte");
        assert_eq!(trailer[15], 17, "a dictionary, eight keys and eight values");
        let table = usize::from(trailer[31]);
        let offset = |object: usize| usize::from(list[table + object]);
        assert_eq!(&list[offset(4)..offset(5)], b"\x53lat");
        assert_eq!(&list[offset(12)..offset(13)], &[&[0x23][..], &1.5_f64.to_be_bytes()].concat());
        assert_eq!(&list[offset(15)..offset(16)], &[&[0x33][..], &[0; 8]].concat());
        assert_eq!(list.len(), table + 17 + 32);
    }
}
