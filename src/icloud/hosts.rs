//! Names of hosts, and the constants that Apple's own web page sends.

use crate::settings::Region;

/// The widget key of the iCloud web page, which is also its OAuth client id (public, recorded).
pub(super) const WIDGET_KEY: &str = "d39ba9916b7251055b22c7f910e2ea796ee65e98b2ddecea8f5dde8d9d1a815d";

/// A desktop browser, the same on every call: a library's own name was refused at times (reported by clients).
pub(super) const USER_AGENT: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 \
                                     (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36";

/// The sign-in service. It is the same host for both worlds (browser traffic reported in 2026).
pub(super) const AUTH: &str = "https://idmsa.apple.com/appleauth/auth";

/// Origin of the sign-in service itself.
pub(super) const AUTH_ORIGIN: &str = "https://idmsa.apple.com";

/// The web page of a world: origin, referer and redirect address.
pub(super) const fn home(region: Region) -> &'static str {
    match region {
        Region::World => "https://www.icloud.com",
        Region::China => "https://www.icloud.com.cn",
    }
}

/// The account services of a world.
pub(super) const fn setup(region: Region) -> &'static str {
    match region {
        Region::World => "https://setup.icloud.com/setup/ws/1",
        Region::China => "https://setup.icloud.com.cn/setup/ws/1",
    }
}

/// The account services on the host of a partition, for accounts that the common host sends away. Apple's word for
/// the partition must be a plain number: nothing else may become part of a host.
pub(super) fn partition_setup(region: Region, partition: &str) -> Option<String> {
    let is_number = (1..=4).contains(&partition.len()) && partition.bytes().all(|byte| byte.is_ascii_digit());
    let domain = domain(region);
    is_number.then(|| format!("https://p{partition}-setup.{domain}/setup/ws/1"))
}

/// The domain of a world, as `domainToUse` names it.
pub(super) const fn domain(region: Region) -> &'static str {
    match region {
        Region::World => "icloud.com",
        Region::China => "icloud.com.cn",
    }
}

/// The world that a `domainToUse` names.
pub(super) fn region_of(domain: &str) -> Option<Region> {
    match domain.to_ascii_lowercase().as_str() {
        "icloud.com" => Some(Region::World),
        "icloud.com.cn" => Some(Region::China),
        _ => None,
    }
}

/// Whether the photos database may live at `host`: account cookies go nowhere else.
pub(super) fn is_database_host(host: &str) -> bool {
    [".icloud.com", ".icloud.com.cn"].iter().any(|domain| host.ends_with(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_a_plain_number_or_nothing() {
        let host = |partition| partition_setup(Region::World, partition);
        assert_eq!(host("61").as_deref(), Some("https://p61-setup.icloud.com/setup/ws/1"));
        let china = partition_setup(Region::China, "210");
        assert_eq!(china.as_deref(), Some("https://p210-setup.icloud.com.cn/setup/ws/1"));
        for hostile in
            ["", "12345", "p61", "6 1", "61.example.com/", "61@example.com", "61#", "-1", "\u{661}", "0x1"]
        {
            assert_eq!(host(hostile), None, "{hostile:?}");
        }
    }
}
