//! The kinds of photos and videos, and how each looks in the records.

/// What a new photo or video is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A still, JPEG.
    Jpeg,
    /// A still, HEIC.
    Heic,
    /// A picture from elsewhere, PNG.
    Png,
    /// A Live Photo whose still is HEIC.
    Live,
    /// A Live Photo whose still is JPEG.
    LiveJpeg,
    /// A video, `QuickTime`.
    Video,
    /// A video, MPEG-4.
    Mpeg4,
    /// A slow-motion video: an adjustment without a rendered resource.
    SlowMotion,
    /// A time-lapse video.
    TimeLapse,
    /// A raw picture alone.
    Raw,
    /// RAW+JPEG with the JPEG as the original.
    JpegAndRaw,
    /// RAW+JPEG with the raw file as the original.
    RawAndJpeg,
    /// A screenshot, PNG.
    Screenshot,
    /// A panorama, HEIC.
    Panorama,
    /// A member of a burst; all with one number belong together. Only the pick shows in ordinary lists.
    Burst {
        /// The burst.
        number: u32,
        /// Whether the user picked this one.
        pick: bool,
    },
    /// A file of a type that no client knows, with the extension `.XYZ`.
    Unknown,
    /// A file that claims to be just `public.image`, with the extension `.HEIC`.
    Generic,
}

/// An unregistered type, for files that no client can know.
const UNKNOWN: &str = "com.example.unheard-of-image";

impl Form {
    /// The uniform type identifier of the original.
    pub fn identifier(self) -> &'static str {
        match self {
            Self::Jpeg | Self::LiveJpeg | Self::JpegAndRaw => "public.jpeg",
            Self::Heic | Self::Live | Self::Panorama | Self::Burst { .. } => "public.heic",
            Self::Png | Self::Screenshot => "public.png",
            Self::Video | Self::SlowMotion | Self::TimeLapse => "com.apple.quicktime-movie",
            Self::Mpeg4 => "public.mpeg-4",
            Self::Raw => "com.adobe.raw-image",
            Self::RawAndJpeg => "com.canon.cr2-raw-image",
            Self::Unknown => UNKNOWN,
            Self::Generic => "public.image",
        }
    }

    /// The extension that the camera gives the original.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg | Self::LiveJpeg | Self::JpegAndRaw => "JPG",
            Self::Heic | Self::Live | Self::Panorama | Self::Burst { .. } | Self::Generic => "HEIC",
            Self::Png | Self::Screenshot => "PNG",
            Self::Video | Self::SlowMotion | Self::TimeLapse => "MOV",
            Self::Mpeg4 => "MP4",
            Self::Raw => "DNG",
            Self::RawAndJpeg => "CR2",
            Self::Unknown => "XYZ",
        }
    }

    /// The type of the second file of RAW+JPEG.
    pub fn alternative(self) -> Option<&'static str> {
        match self {
            Self::JpegAndRaw => Some("com.adobe.raw-image"),
            Self::RawAndJpeg => Some("public.jpeg"),
            _ => None,
        }
    }

    /// Whether a movie belongs to the still.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Live | Self::LiveJpeg)
    }

    /// Whether the original is a video.
    pub fn is_video(self) -> bool {
        matches!(self, Self::Video | Self::Mpeg4 | Self::SlowMotion | Self::TimeLapse)
    }

    /// `assetSubtype` and `assetSubtypeV2`.
    pub(crate) fn subtype(self) -> (i64, i64) {
        match self {
            Self::Live | Self::LiveJpeg => (0, 2),
            Self::Screenshot => (0, 3),
            Self::TimeLapse => (101, 101),
            Self::SlowMotion => (100, 100),
            Self::Panorama => (1, 1),
            _ => (0, 0),
        }
    }

    /// Whether ordinary lists leave it out: a member of a burst that was not picked.
    pub(crate) fn is_unpicked(self) -> bool {
        matches!(self, Self::Burst { pick: false, .. })
    }
}

/// What the user made of a photo or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// A picture, rendered as JPEG.
    Jpeg,
    /// A picture, rendered as HEIC (recorded, in spite of the field's name `resJPEGFull`).
    Heic,
    /// A marked-up screenshot, rendered as JPEG.
    Markup,
    /// A picture from an editor of another maker, rendered as JPEG.
    ThirdParty,
    /// A Live Photo: picture and movie rendered.
    Live,
    /// A video, rendered.
    Video,
}

impl Edit {
    /// `adjustmentType` and `adjustmentRenderType`.
    pub(crate) fn adjustment(self) -> (&'static str, i64) {
        match self {
            Self::Jpeg | Self::Live => ("com.apple.photo", 2050),
            Self::Heic => ("com.apple.photo", 3074),
            Self::Markup => ("ScreenshotServices", 0),
            Self::ThirdParty => ("com.example.darkroom", 0),
            Self::Video => ("com.apple.video", 0),
        }
    }

    /// The type of the rendered picture.
    pub(crate) fn picture(self) -> Option<&'static str> {
        match self {
            Self::Video => None,
            Self::Heic => Some("public.heic"),
            _ => Some("public.jpeg"),
        }
    }

    /// The type of the rendered video.
    pub(crate) fn movie(self) -> Option<&'static str> {
        matches!(self, Self::Live | Self::Video).then_some("com.apple.quicktime-movie")
    }

    /// The edits that make sense for a kind of item.
    pub(crate) fn choices(form: Form) -> &'static [Self] {
        match form {
            Form::SlowMotion | Form::Unknown => &[],
            _ if form.is_video() => &[Self::Video],
            _ if form.is_live() => &[Self::Live, Self::Jpeg, Self::Heic],
            Form::Screenshot => &[Self::Markup],
            _ => &[Self::Jpeg, Self::Heic, Self::ThirdParty],
        }
    }
}

/// A name as a record spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// `IMG_<number>.<extension of the form>`, made on the fly.
    Camera(u32),
    /// Any text; base64 in the record (`ENCRYPTED_BYTES`).
    Text(Box<str>),
    /// Any text, in the record as it is (`STRING`; met by users).
    Plain(Box<str>),
    /// No name at all.
    Missing,
}

impl Name {
    /// A name of any text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// The text, with the extension that the camera would give.
    pub fn resolve(&self, extension: &str) -> Option<String> {
        match self {
            Self::Camera(number) => Some(format!("IMG_{number:04}.{extension}")),
            Self::Text(text) | Self::Plain(text) => Some(text.to_string()),
            Self::Missing => None,
        }
    }
}

/// A photo or video to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the flags of a record are independent")]
pub struct NewAsset {
    /// What it is.
    pub form: Form,
    /// How it was edited.
    pub edit: Option<Edit>,
    /// The original file name.
    pub name: Name,
    /// Capture date, ms since 1970 UTC.
    pub date: i64,
    /// Size of the original in bytes. Other files of the asset are derived from it.
    pub size: u64,
    /// Marked as a favourite.
    pub favorite: bool,
    /// Hidden.
    pub hidden: bool,
    /// Whether the record lacks `itemType`.
    pub typeless: bool,
    /// Whether the upload is not finished: the record has no `resOriginalRes` yet.
    pub uploading: bool,
}

impl NewAsset {
    /// A plain item with a camera's name, taken in 2024.
    pub fn new(form: Form) -> Self {
        Self {
            form,
            edit: None,
            name: Name::Camera(1),
            date: 1_720_000_000_000,
            size: 4000,
            favorite: false,
            hidden: false,
            typeless: false,
            uploading: false,
        }
    }

    /// With a file name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Name::text(name);
        self
    }

    /// With an edit.
    #[must_use]
    pub fn edited(mut self, edit: Edit) -> Self {
        self.edit = Some(edit);
        self
    }

    /// With a size of the original, in bytes.
    #[must_use]
    pub fn sized(mut self, size: u64) -> Self {
        self.size = size;
        self
    }

    /// With a capture date, ms since 1970 UTC.
    #[must_use]
    pub fn taken(mut self, date: i64) -> Self {
        self.date = date;
        self
    }
}
