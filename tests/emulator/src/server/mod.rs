//! The network side: listeners, the proxy, TLS and HTTP.

mod http;
mod proxy;
mod tls;

use std::io;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::state::State;

pub(crate) use tls::Authority;

/// The first byte of a TLS connection (RFC 8446: content type handshake).
const TLS_HANDSHAKE: u8 = 0x16;

/// What every connection needs.
#[derive(Clone)]
pub(crate) struct Server {
    state: Arc<State>,
    tls: TlsAcceptor,
}

impl Server {
    pub(crate) fn new(state: Arc<State>, authority: Arc<Authority>) -> Result<Self, rustls::Error> {
        Ok(Self { state, tls: TlsAcceptor::from(Arc::new(tls::configuration(authority)?)) })
    }

    /// Accepts connections for ever.
    pub(crate) async fn run(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(self.clone().connection(stream));
                }
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream) {
        // The clients that break off are no concern of the servers.
        if let Err(error) = self.serve(stream).await {
            tracing::debug!("connection ended: {error}");
        }
    }

    /// A client speaks either to the proxy or, with a changed name resolution, directly to Apple's host.
    async fn serve(self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut first = [0; 1];
        if stream.peek(&mut first).await? == 0 {
            return Ok(());
        }
        if first[0] != TLS_HANDSHAKE && !proxy::connect(&self.state, &mut stream).await? {
            return Ok(());
        }
        let tls = self.tls.accept(stream).await?;
        http::serve(self.state, tls).await
    }
}
