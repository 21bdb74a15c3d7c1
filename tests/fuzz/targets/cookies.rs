//! `Set-Cookie` lines: any text is read, and what is sent back is a header, and goes nowhere else.

#![no_main]

use icps::icloud::cookies::Jar;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|lines: &str| {
    let mut jar = Jar::default();
    jar.absorb("setup.icloud.com", lines.lines(), Timestamp::UNIX_EPOCH);
    for path in ["/", "/setup/ws/1/validate"] {
        if let Some(header) = jar.header("setup.icloud.com", path, Timestamp::UNIX_EPOCH) {
            assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{header:?}");
        }
        for host in ["idmsa.apple.com", "cvws.icloud-content.com", "com", ""] {
            assert_eq!(jar.header(host, path, Timestamp::UNIX_EPOCH), None, "{lines:?}");
        }
    }
});
