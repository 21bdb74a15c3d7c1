//! The proxy: CONNECT and nothing else.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::kind::Role;
use crate::state::State;

/// A request to the proxy may not be longer than this, in bytes.
const LONGEST_REQUEST: usize = 16 * 1024;

/// Answers one request to the proxy; true if the client may now speak TLS to the host it named.
pub(super) async fn connect(state: &State, stream: &mut TcpStream) -> io::Result<bool> {
    let request = read_head(stream).await?;
    let first_line = request.lines().next().unwrap_or_default();
    match host_of(first_line) {
        Some(host) if Role::of(&host).is_some() => {
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            Ok(true)
        }
        host => {
            state.record_unexpected(host.map_or_else(
                || format!("proxy: {first_line}"),
                |host| format!("proxy: connection to {host}"),
            ));
            stream
                .write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .await?;
            Ok(false)
        }
    }
}

/// Reads until the empty line; a client waits for the answer before it says more.
async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > LONGEST_REQUEST || stream.read_buf(&mut head).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a request to a proxy"));
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The host of `CONNECT host:443 HTTP/1.1`.
fn host_of(line: &str) -> Option<String> {
    let target = line.strip_prefix("CONNECT ")?.split(' ').next()?;
    Some(target.strip_suffix(":443")?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn only_connections_to_https_are_understood() {
        assert_eq!(host_of("CONNECT Setup.icloud.com:443 HTTP/1.1").as_deref(), Some("setup.icloud.com"));
        assert_eq!(host_of("CONNECT setup.icloud.com:80 HTTP/1.1"), None);
        assert_eq!(host_of("GET http://setup.icloud.com/ HTTP/1.1"), None);
    }
}
