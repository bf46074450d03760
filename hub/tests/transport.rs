//! The hub's door: TLS, hostile bytes, its folder, the open page.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Admin, Ask, Lines, Station, TestHub, raw};
use samanvay_hub::{Config, Hub, HubError};
use samanvay_sync::client::{Client, ClientError, Timeouts};
use samanvay_sync::id::Hash;
use samanvay_sync::keys::SignKey;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What would hang for ever fails after this.
const GUARD: Duration = Duration::from_mins(1);

#[tokio::test]
async fn hub_of_another_authority_is_not_talked_to() {
    let (ours, theirs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let admin = Admin::new(1);
    let ours = TestHub::start(ours.path(), &admin.authority).await;
    let theirs = TestHub::start(theirs.path(), &admin.authority).await;
    let (our, their) = (ours.running.public(), theirs.running.public());
    let pins = [Hash(our.ca_pin)];
    let elsewhere = Client::new(&their.url, &our.ca_der, &pins, Timeouts::default()).unwrap();
    assert_eq!(elsewhere.sync(vec![1]).await, Err(ClientError::WrongHub));
    let unpinned = Client::new(&their.url, &their.ca_der, &pins, Timeouts::default());
    assert_eq!(unpinned.unwrap_err(), ClientError::WrongHub);
    let plain = our.url.replace("https", "http");
    for (url, ca) in [(plain.as_str(), &our.ca_der[..]), ("", &our.ca_der), (&our.url, b"no certificate")] {
        let unusable = Client::new(url, ca, &pins, Timeouts::default());
        assert_eq!(unusable.unwrap_err(), ClientError::BadHub);
    }
    let url = our.url.clone();
    let client = Client::new(&url, &our.ca_der, &pins, Timeouts::default()).unwrap();
    ours.running.stop().await;
    assert_eq!(client.sync(vec![1]).await, Err(ClientError::NoNetwork));
}

#[tokio::test]
async fn only_tls_1_3_is_spoken() {
    let dir = TempDir::new().unwrap();
    let hub = TestHub::start(dir.path(), &Admin::new(1).authority).await;
    assert!(raw::connect(&hub.running, &[&rustls::version::TLS12]).await.is_err());
    assert!(raw::connect(&hub.running, &[&rustls::version::TLS13]).await.is_ok());
}

#[tokio::test]
async fn garbage_on_the_port_ends_that_connection_only() {
    let mut station = Station::new().await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff, 0, 0], &[0; 3000]] {
        let mut socket = TcpStream::connect(station.hub.running.address()).await.unwrap();
        socket.write_all(garbage).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await; // an alert or nothing, then the end
        assert!(!answer.starts_with(b"HTTP"));
    }
    let nonsense = raw::exchange(&station.hub.running, "\0\0nonsense\r\n\r\n", &[]).await;
    assert!(nonsense.is_empty() || nonsense.starts_with("HTTP/1.1 400"), "{nonsense}");
    let fat = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(100_000));
    let fat = raw::exchange(&station.hub.running, &fat, &[]).await;
    assert!(fat.is_empty() || fat.starts_with("HTTP/1.1 431"), "{fat}");
    station.officer.sync(&station.hub, &[]).await.unwrap();
}

#[tokio::test]
async fn answers_carry_no_needless_headers_and_other_paths_do_not_exist() {
    let dir = TempDir::new().unwrap();
    let hub = TestHub::start(dir.path(), &Admin::new(1).authority).await;
    let answer = raw::post(&hub.running, "/v1/sync", 3).await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 400") && answer.ends_with(r#"{"code":"malformed","detail":0}"#), "{answer}");
    assert!(!answer.contains("\r\ndate:") && !answer.contains("\r\nserver:"), "{answer}");
    assert!(raw::post(&hub.running, "/v1/other", 3).await.starts_with("HTTP/1.1 404"));
    assert!(raw::get(&hub.running, "/v1/sync").await.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn hub_refuses_to_start_beside_a_private_key() {
    let authority = SignKey::from_seed(&[1; 32]).unwrap();
    let key = b"samanvay-private-key\nauthority\n...".as_slice();
    for (name, content) in
        [("notes.txt", key), ("backup/old/x", key), ("authority.key", b"?"), ("admin-betul.key", b"?")]
    {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        let mut config = Config::new(dir.path());
        config.authority = Some(authority.public());
        let refused = Hub::start(config).await.unwrap_err();
        assert!(matches!(&refused, HubError::PrivateKeyBeside(found) if *found == path), "{refused}");
        assert_eq!(refused.exit_code(), 3);
        assert!(!dir.path().join("hub.json").exists());
    }
    let (dir, schemas) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    std::fs::write(schemas.path().join("k"), key).unwrap();
    let mut config = Config::new(dir.path());
    config.schemas = Some(schemas.path().to_owned());
    assert!(matches!(Hub::start(config).await, Err(HubError::PrivateKeyBeside(_))));
}

#[tokio::test]
async fn folder_remembers_its_authority_and_refuses_another() {
    let dir = TempDir::new().unwrap();
    let start = async |authority: Option<[u8; 32]>| {
        let mut config = Config::new(dir.path());
        config.authority = authority;
        config.log = Arc::new(Lines::default());
        Hub::start(config).await
    };
    let ours = SignKey::from_seed(&[1; 32]).unwrap().public();
    start(Some(ours)).await.unwrap().stop().await;
    let again = start(None).await.unwrap();
    assert_eq!(again.public().authority, Some(ours));
    again.stop().await;
    let other = SignKey::from_seed(&[2; 32]).unwrap().public();
    assert!(matches!(start(Some(other)).await, Err(HubError::OtherAuthority)));
    let json = std::fs::read_to_string(dir.path().join("hub.json")).unwrap();
    assert!(json.contains("\"url\": \"https://127.0.0.1:"), "{json}");
    std::fs::write(dir.path().join("ca-key.pem"), "damaged").unwrap();
    assert!(matches!(start(None).await, Err(HubError::Damaged { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn private_files_of_the_hub_are_for_its_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let hub = TestHub::start(dir.path(), &Admin::new(1).authority).await;
    for name in ["ca-key.pem", "receipt-key"] {
        let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
    hub.running.stop().await;
}

#[tokio::test]
async fn page_is_served_in_clear_to_this_machine_only() {
    let dir = TempDir::new().unwrap();
    let mut config = Config::new(dir.path());
    config.page = Some("0.0.0.0:0".parse().unwrap());
    assert!(matches!(Hub::start(config).await, Err(HubError::PageNotLocal(_))));
}

#[tokio::test]
async fn log_lines_hold_no_content() {
    let mut station = Station::new().await;
    let segment = station.officer_writes(station.own, 1);
    let log = station.log(station.own).len();
    station.officer.sync(&station.hub, &[Ask::push(station.own, log, vec![segment])]).await.unwrap();
    let lines = station.hub.lines.0.lock().unwrap();
    assert!(lines.iter().any(|line| line.contains(r#""event":"sync""#)), "{lines:?}");
    for line in lines.iter() {
        assert!(line.is_ascii() && line.len() < 160 && !line.contains('\n'), "{line}");
        assert!(!line.contains(&station.officer.keys.device_id().hex()), "{line}");
        assert!(!line.contains(&station.own.hex()), "{line}");
    }
}

#[tokio::test]
async fn http_2_connection_without_a_request_is_closed() {
    let dir = TempDir::new().unwrap();
    let hub = TestHub::start_with(dir.path(), &Admin::new(1).authority, |config| {
        config.limits.idle = Duration::from_millis(20);
        config.limits.stop = Duration::from_millis(20);
    })
    .await;
    let mut connection = raw::connect_h2(&hub.running).await.unwrap();
    // The preface and empty settings; then nothing, and no answer to any goodbye.
    connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut said = Vec::new();
    let ended = timeout(GUARD, connection.read_to_end(&mut said)).await;
    assert!(ended.is_ok(), "the hub ends it, not the peer");
    assert!(!said.is_empty());
}

#[tokio::test]
async fn peer_that_takes_nothing_of_what_it_asked_for_is_cut_off() {
    let dir = TempDir::new().unwrap();
    let hub = TestHub::start_with(dir.path(), &Admin::new(1).authority, |config| {
        config.page = Some("127.0.0.1:0".parse().unwrap());
        config.limits.write = Duration::from_millis(20);
    })
    .await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut greedy = socket.connect(hub.running.page().unwrap()).await.unwrap();
    let ask = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    let asking = async { while greedy.write_all(&ask).await.is_ok() {} };
    assert!(timeout(GUARD, asking).await.is_ok(), "the hub ends it, not the peer");
}

#[tokio::test]
async fn bodies_that_do_not_fit_into_the_hubs_memory_are_asked_to_come_again() {
    let dir = TempDir::new().unwrap();
    let hub = TestHub::start_with(dir.path(), &Admin::new(1).authority, |config| config.limits.bodies = 1000).await;
    for _ in 0..3 {
        let large = raw::post(&hub.running, "/v1/sync", 1001).await;
        assert!(large.starts_with("HTTP/1.1 503") && large.contains("busy"), "{large}");
        let fits = raw::post(&hub.running, "/v1/sync", 1000).await;
        assert!(fits.starts_with("HTTP/1.1 400"), "room was given back: {fits}");
    }
}
