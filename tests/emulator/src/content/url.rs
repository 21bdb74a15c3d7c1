//! Download addresses, in the recorded form. They carry all that is needed to make the content, and a
//! signature, so that nothing has to be remembered about them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::library::{Checksum, Content, Family, File, mix};
use crate::{Request, State};

/// How long an address is good, in seconds (recorded on every page).
const LIFE: u64 = 3600;

/// Makes the addresses of one answer.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    key: [u8; 16],
    host: &'static str,
    expiry: u64,
    partition: u32,
    request: String,
}

/// What an address stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) content: Content,
    pub(crate) expiry: u64,
}

impl Signer {
    /// For the answer to a request; `key` is the library's own.
    pub(crate) fn new(key: [u8; 16], state: &State, request: &Request) -> Self {
        let now = state.clock.seconds();
        let china = request.host.ends_with(".com.cn");
        let number = mix(now ^ mix(request.connection));
        Self {
            key,
            host: if china { "cvws.icloud-content.com.cn" } else { "cvws.icloud-content.com" },
            expiry: now + LIFE,
            partition: state.partition(),
            request: format!("{:08x}-0000-4000-8000-{:012x}", number >> 32, number & 0xffff_ffff),
        }
    }

    /// The address of a file.
    pub(crate) fn address(&self, file: &File, zone: &str) -> String {
        let segment = segment(file);
        let parts = [
            ("o", opaque(file)),
            ("v", "1".into()),
            ("x", "3".into()),
            ("a", description(&file.content)),
            ("e", self.expiry.to_string()),
            ("k", URL_SAFE_NO_PAD.encode(wrapping_key(file))),
            ("fl", String::new()),
            ("r", format!("{}-1", self.request)),
            ("ckc", "com.apple.photos.cloud".into()),
            ("ckz", zone.into()),
            ("y", "1".into()),
            ("p", self.partition.to_string()),
        ];
        let query: Vec<_> = parts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let values = parts.iter().map(|(_, value)| value.as_str());
        let signature = signature(&self.key, &segment, values);
        format!("https://{}/B/{segment}/${{f}}?{}&s={signature}", self.host, query.join("&"))
    }
}

/// Reads the address of a request; `None` if its form or signature is not right.
pub(crate) fn read(key: &[u8; 16], request: &Request) -> Option<Ticket> {
    let segment = request.path.strip_prefix("/B/")?.split('/').next()?;
    let names = ["o", "v", "x", "a", "e", "k", "fl", "r", "ckc", "ckz", "y", "p"];
    let values: Option<Vec<_>> = names.iter().map(|name| request.parameter(name)).collect();
    if request.parameter("s")? != signature(key, segment, values?.into_iter()) {
        return None;
    }
    let content = read_description(request.parameter("a")?)?;
    Some(Ticket { content, expiry: request.parameter("e")?.parse().ok()? })
}

/// The two checksums of a file, as the path shows them.
fn segment(file: &File) -> String {
    let mut bytes = file.checksum.0.to_vec();
    bytes.extend(reference_checksum(file).0);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `wrappingKey` of a file.
pub(crate) fn wrapping_key(file: &File) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mix(file.content.key ^ 0x0b).to_be_bytes());
    key[8..].copy_from_slice(&mix(file.content.key ^ 0x0c).to_be_bytes());
    key
}

/// `wrappingKey` as a record spells it.
pub(crate) fn wrapping_key_text(file: &File) -> String {
    STANDARD.encode(wrapping_key(file))
}

/// `referenceChecksum` of a file.
pub(crate) fn reference_checksum(file: &File) -> Checksum {
    let mut bytes = [1; 21];
    for (chunk, number) in bytes[1..].chunks_mut(8).zip(13..) {
        chunk.copy_from_slice(&mix(file.content.key ^ number).to_be_bytes()[..chunk.len()]);
    }
    Checksum(bytes)
}

fn opaque(file: &File) -> String {
    let mut bytes = vec![2];
    bytes.extend((21..25).flat_map(|number: u64| mix(file.content.key ^ number).to_be_bytes()));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What to send: key, size and family, in the parameter that is opaque to clients.
fn description(content: &Content) -> String {
    let mut bytes = vec![7];
    bytes.extend(content.key.to_be_bytes());
    bytes.extend(content.size.to_be_bytes());
    bytes.push(content.family.code());
    bytes.extend([0; 18]);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_description(text: &str) -> Option<Content> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let number = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    Some(Content { key: number(1)?, size: number(9)?, family: Family::from_code(*bytes.get(17)?)? })
}

fn signature<'a>(key: &[u8; 16], segment: &str, values: impl Iterator<Item = &'a str>) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(segment.as_bytes());
    for value in values {
        mac.update(b"&");
        mac.update(value.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..20])
}
