//! A client for those who are told of a run.

use std::time::Duration;

/// A client whose requests end after this time.
pub(super) fn client(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    // Fails if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(timeout)
        .user_agent(concat!("icps/", env!("CARGO_PKG_VERSION")))
        .build()
}

#[cfg(test)]
pub(super) mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// What a server hears of a request, which ends with `end`, when it answers with `status`. The request is given
    /// the server's address.
    pub(in crate::report) async fn heard(
        status: &str,
        end: &str,
        request: impl AsyncFnOnce(String),
    ) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = String::new();
            while !request.contains("\r\n\r\n") || !request.ends_with(end) {
                let mut bytes = [0; 4096];
                let count = stream.read(&mut bytes).await.unwrap();
                assert!(count > 0, "{request}");
                request.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
            }
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            request
        };
        tokio::join!(server, request(address)).0
    }
}
