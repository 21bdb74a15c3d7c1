//! The extension of an asset file, derived from its uniform type identifier.

use std::fmt;

const MAX_LEN: usize = 15;

/// A file name extension without the dot: one to fifteen ASCII letters or digits, or `bin`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Extension {
    len: u8,
    bytes: [u8; MAX_LEN],
}

/// Uniform type identifiers and the extensions that the library uses for them.
///
/// `jpeg` and `HEIC` are the spellings of the TypeScript program, whose libraries are adopted as they are.
const KNOWN: &[(&str, &str)] = &[
    ("com.adobe.illustrator.ai-image", "ai"),
    ("com.adobe.pdf", "pdf"),
    ("com.adobe.photoshop-image", "psd"),
    ("com.adobe.raw-image", "dng"),
    ("com.apple.m4a-audio", "m4a"),
    ("com.apple.m4v-video", "m4v"),
    ("com.apple.quicktime-movie", "mov"),
    ("com.canon.cr2-raw-image", "cr2"),
    ("com.canon.cr3-raw-image", "cr3"),
    ("com.canon.crw-raw-image", "crw"),
    ("com.compuserve.gif", "gif"),
    ("com.dji.mimo.pano.jpeg", "jpg"),
    ("com.fuji.raw-image", "raf"),
    ("com.microsoft.bmp", "bmp"),
    ("com.nikon.nrw-raw-image", "nrw"),
    ("com.nikon.raw-image", "nef"),
    ("com.olympus.or-raw-image", "orf"),
    ("com.olympus.raw-image", "orf"),
    ("com.panasonic.rw2-raw-image", "rw2"),
    ("com.pentax.raw-image", "pef"),
    ("com.sgi.sgi-image", "sgi"),
    ("com.sony.arw-raw-image", "arw"),
    ("com.truevision.tga-image", "tga"),
    ("org.webmproject.webp", "webp"),
    ("public.3gpp", "3gp"),
    ("public.avchd-mpeg-2-transport-stream", "mts"),
    ("public.avi", "avi"),
    ("public.avif", "avif"),
    ("public.heic", "heic"),
    ("public.heif", "heif"),
    ("public.image", "HEIC"),
    ("public.jpeg", "jpeg"),
    ("public.jpeg-2000", "jp2"),
    ("public.jpeg-xl", "jxl"),
    ("public.mp3", "mp3"),
    ("public.mpeg", "mpg"),
    ("public.mpeg-2-video", "m2v"),
    ("public.mpeg-4", "mp4"),
    ("public.mpo-image", "mpo"),
    ("public.pbm", "pbm"),
    ("public.png", "png"),
    ("public.tiff", "tiff"),
];

impl Extension {
    /// What a file of an unknown type and without a usable name is called.
    pub const FALLBACK: &'static str = "bin";

    /// An extension as it stands, if it is one.
    pub fn new(text: &str) -> Option<Self> {
        let len = u8::try_from(text.len()).ok()?;
        if text.is_empty() || text.len() > MAX_LEN || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let mut bytes = [0; MAX_LEN];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self { len, bytes })
    }

    /// The extension for a type: from the table, else from the original file name in lower case, else `bin`.
    pub fn for_type(identifier: Option<&str>, original_name: &str) -> Self {
        identifier
            .and_then(|id| KNOWN.binary_search_by_key(&id, |(known, _)| *known).ok())
            .and_then(|at| Self::new(KNOWN[at].1))
            .or_else(|| {
                let (stem, extension) = original_name.rsplit_once('.')?;
                if stem.is_empty() { None } else { Self::new(&extension.to_ascii_lowercase()) }
            })
            .unwrap_or_default()
    }

    /// Whether it is that of a movie, as cameras and phones make them.
    pub fn is_movie(&self) -> bool {
        matches!(self.as_str(), "mov" | "mp4" | "m4v" | "mpg" | "avi" | "3gp")
    }

    /// The text, without the dot.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever stored.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or(Self::FALLBACK)
    }
}

impl Default for Extension {
    fn default() -> Self {
        let mut bytes = [0; MAX_LEN];
        bytes[..3].copy_from_slice(Self::FALLBACK.as_bytes());
        Self { len: 3, bytes }
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extension({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_entry_is_an_extension() {
        assert!(KNOWN.is_sorted_by(|a, b| a.0 < b.0));
        assert!(KNOWN.iter().all(|(_, extension)| Extension::new(extension).is_some()));
    }

    #[test]
    fn the_type_decides_then_the_name_then_the_fallback() {
        for (identifier, name, expected) in [
            (Some("public.jpeg"), "IMG_1.JPG", "jpeg"),
            (Some("public.image"), "IMG_1.HEIC", "HEIC"),
            (Some("com.example.new"), "IMG_1.XYZ", "xyz"),
            (Some("com.example.new"), "IMG_1", "bin"),
            (Some("com.example.new"), ".hidden", "bin"),
            (Some("com.example.new"), "a.b/../c", "bin"),
            (Some("com.example.new"), "a.averyveryverylongextension", "bin"),
            (None, "clip.MOV", "mov"),
            (None, "", "bin"),
        ] {
            assert_eq!(Extension::for_type(identifier, name).as_str(), expected, "{identifier:?} {name}");
        }
    }
}
