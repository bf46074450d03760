//! Requests that no client of ours would make: HTTP written by hand over TLS.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use samanvay_hub::Running;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub async fn connect(
    hub: &Running,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_as(hub, versions, &[]).await
}

/// A connection that speaks HTTP/2.
pub async fn connect_h2(hub: &Running) -> std::io::Result<TlsStream<TcpStream>> {
    connect_as(hub, &[&rustls::version::TLS13], &[b"h2"]).await
}

async fn connect_as(
    hub: &Running,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(hub.public().ca_der.clone())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let socket = TcpStream::connect(hub.address()).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), socket).await
}

/// Sends a head and as much of the body as the hub wants; gives what it answers.
pub async fn exchange(hub: &Running, head: &str, body: &[u8]) -> String {
    let stream = connect(hub, &[&rustls::version::TLS13]).await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    write.write_all(head.as_bytes()).await.unwrap();
    let sending = async {
        // The hub may answer and close before it has read all.
        let _ = write.write_all(body).await;
        let _ = write.flush().await;
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let reading = async {
        let _ = read.read_to_end(&mut answer).await;
    };
    tokio::select! { () = sending => {}, () = reading => {} }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A POST of `length` zero bytes.
pub async fn post(hub: &Running, path: &str, length: usize) -> String {
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    exchange(hub, &head, &vec![0; length]).await
}

pub async fn get(hub: &Running, path: &str) -> String {
    exchange(hub, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"), &[]).await
}
