//! Look-ups of download addresses.

use serde_json::{Value, json};

use super::fake::{Fake, asset, checksum, master, name, resource};
use crate::icloud::Error;
use crate::icloud::photos::{Location, Missing, Wish, locate, zones};

async fn look_up(fake: &Fake, wishes: &[Wish]) -> Result<Vec<Result<Location, Missing>>, Error> {
    let libraries = zones::libraries(fake).await?;
    locate::locate(fake, &libraries.found.iter().collect::<Vec<_>>(), wishes).await
}

fn wish(record: &str, content: &str) -> Wish {
    Wish { record: name(record), checksum: checksum(content) }
}

#[tokio::test]
async fn files_are_found_on_their_records_and_the_order_is_kept() {
    let mut fake = Fake::default();
    let (mut asset, mut master) = (asset("A", "photo"), master("photo"));
    master["fields"]["resOriginalVidComplRes"] = resource("live video");
    asset["fields"]["resJPEGFullRes"] = resource("edit");
    let on_master = checksum("photo").to_base64();
    fake.add_records(asset, master);
    let wishes = [
        wish("A", "edit"),
        wish("GONE", "photo"),
        wish(&on_master, "live video"),
        wish(&on_master, "photo"),
        wish("A", "older edit"),
    ];
    let found = look_up(&fake, &wishes).await.unwrap();
    let sizes: Vec<_> = found.iter().map(|found| found.as_ref().map(|location| location.size)).collect();
    assert_eq!(sizes, [Ok(4), Err(&Missing::Gone), Ok(10), Ok(5), Err(&Missing::Changed)]);
    assert_eq!(*fake.lookups.lock().unwrap(), [3]);
    let shown = format!("{found:?}");
    assert!(!shown.contains("secret") && !shown.contains("/B/"), "{shown}");
}

#[tokio::test]
async fn a_hundred_records_are_named_at_most() {
    let mut fake = Fake::default();
    let mut wishes = Vec::new();
    for number in 0..230 {
        let content = format!("photo {number}");
        fake.add(&format!("A{number}"), &content);
        wishes.push(wish(&checksum(&content).to_base64(), &content));
    }
    let found = look_up(&fake, &wishes).await.unwrap();
    assert!(found.iter().all(Result::is_ok));
    assert_eq!(*fake.lookups.lock().unwrap(), [100, 100, 30]);
}

#[tokio::test]
async fn a_file_without_a_usable_address_is_not_found() {
    for (url, expected) in [
        (Value::Null, Missing::NotReady),
        (json!(""), Missing::NotReady),
        (json!("https://evil.example/x"), Missing::NotReady),
    ] {
        let mut fake = Fake::default();
        let mut master = master("photo");
        master["fields"]["resOriginalRes"]["value"]["downloadURL"] = url.clone();
        fake.add_records(asset("A", "photo"), master);
        let found = look_up(&fake, &[wish(&checksum("photo").to_base64(), "photo")]).await.unwrap();
        match (url.as_str(), found[0].as_ref().unwrap_err()) {
            (Some(_), refused) => assert!(matches!(refused, Missing::Refused(_)), "{url}"),
            (None, missing) => assert_eq!(*missing, expected),
        }
    }
}
