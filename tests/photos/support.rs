//! A library on emulated servers, and an account that is signed in to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use icloud_emulator::library::{AssetView, FileView, LibrarySpec, ZoneKind};
use icloud_emulator::{AccountOptions, Emulator, SecondFactor};
use icps::icloud::photos::{Photos, Wanted};
use icps::icloud::{
    Client, ClientOptions, Credentials, Error, Nobody, Route, SignInOptions, StateDir, sign_in,
};
use icps::model::{Asset, AssetFile, Checksum, Extension, Kind, RemoteLibrary, Zone};

/// Everything is wanted.
pub(crate) const ALL: Wanted = Wanted { live_photos: true, alternatives: true };

/// Apple, and a client that is signed in.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) photos: Photos,
    _state: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new(library: LibrarySpec) -> Self {
        Self::with_idle_timeout(library, None).await
    }

    pub(crate) async fn with_idle_timeout(library: LibrarySpec, idle_timeout: Option<Duration>) -> Self {
        let account = AccountOptions {
            iterations: 1000,
            second_factor: SecondFactor::None,
            ..AccountOptions::default()
        };
        let (username, password) = (account.name.clone(), account.password.clone());
        let emulator = Emulator::builder().account(account).library(library).start().unwrap();
        let state = tempfile::tempdir().unwrap();
        let state_dir = StateDir::open(state.path()).unwrap();
        let route = Route { proxy: Some(emulator.proxy_url()), ca_file: Some(emulator.ca_file().to_owned()) };
        let options = ClientOptions { route, ..ClientOptions::default() };
        let client = Client::new(options, state_dir.session(&username).unwrap()).unwrap();
        let options = SignInOptions {
            state: state_dir,
            credentials: Credentials::known(&username, password.into()),
            by_person: true,
            approval: Some(std::time::Duration::from_secs(300)),
            person: None,
            refresh_token: false,
            prolong_trust: false,
            trust_token: None,
            legacy_login: false,
            notice: Arc::new(|_| {}),
        };
        let account = sign_in(client, options, &mut Nobody).await.unwrap();
        emulator.reset_statistics();
        Self { emulator, photos: Photos::new(account, ALL, idle_timeout), _state: state }
    }

    pub(crate) async fn try_read(&self) -> Result<RemoteLibrary, Error> {
        self.photos.read(&|_| {}).await
    }

    pub(crate) async fn read(&self) -> RemoteLibrary {
        self.try_read().await.unwrap()
    }

    /// What the user sees and the servers have in full.
    pub(crate) fn expected_assets(&self) -> BTreeMap<String, AssetView> {
        let visible = self.emulator.library().visible_assets().into_iter();
        visible.filter(|asset| !asset.uploading).map(|asset| (asset.record.clone(), asset)).collect()
    }

    /// Compares every asset and every album with the servers' own list.
    pub(crate) fn assert_complete(&self, remote: &RemoteLibrary) {
        let expected = self.expected_assets();
        let read: Vec<_> = remote.assets.iter().map(|asset| asset.record.as_str().to_owned()).collect();
        let mut sorted = read.clone();
        sorted.sort();
        assert_eq!(sorted, expected.keys().cloned().collect::<Vec<_>>());
        for asset in &remote.assets {
            assert_same_asset(asset, &expected[asset.record.as_str()]);
        }
        self.assert_same_albums(remote);
    }

    fn assert_same_albums(&self, remote: &RemoteLibrary) {
        let expected_assets = self.expected_assets();
        let mut expected = self.emulator.library().albums();
        expected.sort_by(|a, b| a.record.cmp(&b.record));
        assert_eq!(remote.albums.len(), expected.len());
        for (album, expected) in remote.albums.iter().zip(expected) {
            assert_eq!(album.record.as_str(), expected.record);
            assert_eq!(
                album.parent.as_ref().map(icps::model::RecordName::as_str),
                expected.parent.as_deref()
            );
            assert_eq!(album.name, expected.name.unwrap_or_default(), "{}", expected.record);
            assert_eq!(album.kind == icps::model::AlbumKind::Folder, expected.folder);
            let members = album.members.as_ref().expect("the album was read");
            let mut members: Vec<_> =
                members.iter().map(|at| remote.assets[*at as usize].record.to_string()).collect();
            members.sort();
            let mut wanted: Vec<_> =
                expected.members.into_iter().filter(|name| expected_assets.contains_key(name)).collect();
            wanted.sort();
            assert_eq!(members, wanted, "album {:?}", album.name);
        }
    }
}

fn assert_same_asset(asset: &Asset, expected: &AssetView) {
    let label = format!("{expected:?}");
    assert_eq!(asset.master.as_str(), expected.master, "{label}");
    assert_eq!(asset.zone == Zone::Shared, expected.zone == ZoneKind::Shared, "{label}");
    assert_eq!(asset.favorite, expected.favorite, "{label}");
    assert_eq!(asset.date, expected.date.clamp(-62_135_596_800_000, 253_402_300_799_000), "{label}");
    match expected.name.as_deref() {
        Some(name) if !name.is_empty() => assert_eq!(&*asset.name, name, "{label}"),
        // Named after the master, and never empty.
        _ => assert!(asset.name.len() > 28, "{label}"),
    }
    let mut files: Vec<_> = expected.files.iter().map(|file| expected_file(expected, file)).collect();
    files.sort_by_key(|file| file.kind);
    assert_eq!(asset.files.to_vec(), files, "{label}");
}

fn expected_file(asset: &AssetView, file: &FileView) -> AssetFile {
    let name = asset.name.as_deref().unwrap_or_default();
    let kind = match (file.family, asset.form.is_video()) {
        ("resOriginal", _) => Kind::Original,
        ("resOriginalVidCompl", _) => Kind::LiveVideo,
        ("resOriginalAlt", _) => Kind::Alternative,
        ("resJPEGFull", _) | ("resVidFull", true) => Kind::Edited,
        ("resVidFull", false) => Kind::EditedLiveVideo,
        other => panic!("what is {other:?}?"),
    };
    AssetFile {
        kind,
        checksum: Checksum::from_base64(&file.checksum).unwrap(),
        extension: Extension::for_type(Some(file.identifier), name),
        size: file.size,
        modified: file.modified,
    }
}
