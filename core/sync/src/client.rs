//! The hub over the network: TLS 1.3 to a pinned certificate authority, four calls, bytes in and bytes out.
//!
//! Knows HTTP and certificates. Refuses to know what the bytes mean, proxies, redirects and cookies. Invariant: nothing is
//! sent before the peer has shown a certificate of the one authority that the invite pinned, and no error text holds an
//! address or content. Dropping a call's future cancels it. Start at [`Client::new`].
//!
//! Certificate dates are not judged: phone clocks are wrong by years, and what is trusted here is the pinned key.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

use crate::id::Hash;
use crate::keys::sha256;
use crate::wire::{Appended, BODY_BYTES_MAX, Refusal};

/// Where certificates are judged to stand in time: 2026-11-25, within the dates of every hub's certificates.
const JUDGED_AT: Duration = Duration::from_hours(498_768);
/// Most causes of an error that are looked through.
const CAUSES: usize = 12;
/// The slowest upload that is waited for, in bytes a second: a third of a usual 2G link.
const SLOWEST: u64 = 2_000;

/// Why a call gave no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The hub cannot be reached, or the connection broke or went silent. Nothing is known about what it did; ask again later.
    #[error("the hub cannot be reached")]
    NoNetwork,
    /// The peer is not the hub of the invite. Do not retry over this network; tell the admin if it stays so.
    #[error("the server that answered is not the hub of the invite")]
    WrongHub,
    /// The hub refused the request.
    #[error("the hub refused: {0}")]
    Refused(Refusal),
    /// The reply is not what a hub says.
    #[error("the hub's reply cannot be understood")]
    Malformed,
    /// The request or the reply is above 4 MiB. Ask for less at once.
    #[error("more than 4 MiB at once")]
    TooLarge,
    /// The hub's address or certificate in the invite cannot be used. Ask for a new invite.
    #[error("the hub's address or certificate in the invite cannot be used")]
    BadHub,
}

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a connection, handshake included.
    pub connect: Duration,
    /// For the next bytes of a reply, the hub's thinking included; the time to send the request comes on top.
    pub silence: Duration,
    /// How long an unused connection is kept warm.
    pub warm: Duration,
}

impl Default for Timeouts {
    /// For 2G: 30 s to connect, 60 s of silence, 90 s warm.
    fn default() -> Self {
        Self { connect: Duration::from_secs(30), silence: Duration::from_mins(1), warm: Duration::from_secs(90) }
    }
}

/// A hub that can be called. Clones share the connection, which stays warm between calls.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    silence: Duration,
}

impl Client {
    /// A client of the hub at `url` (`https://name:port`), which trusts `ca_der` alone. The SHA-256 of that certificate's
    /// `SubjectPublicKeyInfo` must be among `pins`. Connects at the first call.
    ///
    /// # Errors
    /// [`ClientError::WrongHub`] if the certificate is not pinned, [`ClientError::BadHub`] if it or the address is unusable.
    pub fn new(url: &str, ca_der: &[u8], pins: &[Hash], timeouts: Timeouts) -> Result<Self, ClientError> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(ca_der)).map_err(|_| ClientError::BadHub)?;
        let pinned = roots.roots.iter().all(|root| pins.contains(&spki_pin(&root.subject_public_key_info)));
        if !pinned {
            return Err(ClientError::WrongHub);
        }
        let url = url.trim_end_matches('/').to_owned();
        if !url.starts_with("https://") || reqwest::Url::parse(&url).is_err() {
            return Err(ClientError::BadHub);
        }
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(roots)?)
            .https_only(true)
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(timeouts.connect)
            .pool_idle_timeout(timeouts.warm)
            .pool_max_idle_per_host(1)
            .build()
            .map_err(|_| ClientError::BadHub)?;
        Ok(Self { http, url, silence: timeouts.silence })
    }

    /// `POST /v1/sync`: a signed request for a reply.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn sync(&self, request: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        self.post("/v1/sync", request).await
    }

    /// `POST /v1/log`: entries for a log; gives the log's length after them.
    ///
    /// # Errors
    /// [`ClientError`]; `log_moved` carries the hub's length.
    pub async fn append(&self, request: Vec<u8>) -> Result<u64, ClientError> {
        let reply = self.post("/v1/log", request).await?;
        Appended::from_json(&reply).map(|appended| appended.length).ok_or(ClientError::Malformed)
    }

    /// `POST /v1/admin`: a signed admin request for its reply.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn admin(&self, request: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        self.post("/v1/admin", request).await
    }

    /// `POST /v1/enrol`: hands in an enrolment. Again with the same card is no error.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn enrol(&self, enrolment: Vec<u8>) -> Result<(), ClientError> {
        self.post("/v1/enrol", enrolment).await.map(drop)
    }

    async fn post(&self, path: &'static str, body: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        if body.len() > BODY_BYTES_MAX {
            return Err(ClientError::TooLarge);
        }
        let sending = self.silence + Duration::from_secs(body.len() as u64 / SLOWEST);
        let request = self.http.post(format!("{}{path}", self.url)).body(body);
        let sent = timeout(sending, request.send()).await.map_err(|_| ClientError::NoNetwork)?;
        let mut response = sent.map_err(|error| name(&error))?;
        let announced = response.content_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let mut reply = Vec::with_capacity(announced.min(BODY_BYTES_MAX));
        loop {
            let read = timeout(self.silence, response.chunk()).await.map_err(|_| ClientError::NoNetwork)?;
            let Some(chunk) = read.map_err(|error| name(&error))? else { break };
            if reply.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(ClientError::TooLarge);
            }
            reply.extend_from_slice(&chunk);
        }
        if response.status() == reqwest::StatusCode::OK {
            return Ok(reply);
        }
        Err(Refusal::from_json(&reply).map_or(ClientError::Malformed, ClientError::Refused))
    }
}

fn tls(roots: RootCertStore) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(FixedTime))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| ClientError::BadHub)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// SHA-256 over a `SubjectPublicKeyInfo`, given the content of its outer SEQUENCE as rustls keeps it.
fn spki_pin(content: &[u8]) -> Hash {
    let length = content.len();
    // DER lengths (X.690 §8.1.3): one byte below 128, else a count of length bytes and the length.
    let header = match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 0x80 => vec![0x30, short],
        (Ok(byte), _) => vec![0x30, 0x81, byte],
        (_, Ok(word)) => [[0x30, 0x82], word.to_be_bytes()].concat(),
        _ => return Hash::default(), // no public key is that long; the zero hash is nobody's pin
    };
    sha256(&[&header, content])
}

#[derive(Debug)]
struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(JUDGED_AT))
    }
}

/// Names what went wrong below HTTP: a TLS failure among the causes means that this is not our hub.
fn name(error: &reqwest::Error) -> ClientError {
    if is_tls(error, CAUSES) {
        ClientError::WrongHub
    } else if error.is_decode() {
        ClientError::Malformed
    } else {
        ClientError::NoNetwork
    }
}

/// Looks through the causes, and into I/O errors, which wrap others without naming them as their cause.
fn is_tls(error: &(dyn Error + 'static), depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    if error.is::<rustls::Error>() {
        return true;
    }
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|inner| is_tls(inner, depth)) || error.source().is_some_and(|cause| is_tls(cause, depth))
}
