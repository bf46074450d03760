//! A tap: it holds the key of the hub's certificate authority, so it can stand where the hub stands, and keeps what it reads.
//!
//! Knows TLS and HTTP as the hub does. Refuses to change anything: a request goes on as it came. Invariant: every byte that
//! devices and hub say to each other passes here and is kept twice, as it came out of TLS and as HTTP messages (with
//! headers unpacked and bodies in one piece). Start at [`Tap::start`].

use std::convert::Infallible;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes as Body, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use samanvay_hub::HubPublic;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::metered::{Bytes, Meter, Metered};
use crate::error::{Failure, Result, reading};

/// The hub's own name for its authority, which a certificate must give as its issuer.
const ISSUER: &str = "Samanvay hub CA";

/// A tap on a hub.
pub struct Tap {
    address: SocketAddr,
    browser: reqwest::Client,
    tcp: Arc<Meter>,
    clear: Arc<Meter>,
    messages: Arc<Mutex<Vec<u8>>>,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Tap {
    /// Stands before the hub of this folder.
    ///
    /// # Errors
    /// The hub's key cannot be used, or no port is to be had.
    pub async fn start(hub_dir: &Path, hub: &HubPublic) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(reading(hub_dir))?;
        let address = listener.local_addr().map_err(reading(hub_dir))?;
        let (tcp, clear) = (Arc::new(Meter::default()), Arc::new(Meter::keeping()));
        let messages = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::new(AtomicUsize::new(0));
        let line = Line {
            tls: TlsAcceptor::from(Arc::new(server(hub_dir)?)),
            hub: client(hub)?,
            url: hub.url.clone(),
            tcp: Arc::clone(&tcp),
            clear: Arc::clone(&clear),
            messages: Arc::clone(&messages),
            requests: Arc::clone(&requests),
        };
        let task = tokio::spawn(accept(listener, Arc::new(line)));
        Ok(Self { address, browser: client(hub)?, tcp, clear, messages, requests, task })
    }

    /// The address that devices are to use.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// What devices and the tap have said to each other, TLS and headers included.
    pub fn bytes(&self) -> Bytes {
        self.tcp.bytes()
    }

    /// Asks for a page of the hub, as a browser that trusts its authority does.
    ///
    /// # Errors
    /// The hub does not answer.
    pub async fn get(&self, path: &str) -> Result<String> {
        let reply = self.browser.get(format!("{}{path}", self.url())).send().await.map_err(tap)?;
        reply.error_for_status().map_err(tap)?.text().await.map_err(tap)
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Writes what was kept into files of a new folder: the bytes that came out of TLS in each direction, and the messages.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).map_err(reading(folder))?;
        let [up, down] = self.clear.kept();
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (name, bytes) in [("up.tls-removed", up), ("down.tls-removed", down), ("messages", messages)] {
            let path = folder.join(name);
            fs::write(&path, bytes).map_err(reading(&path))?;
        }
        Ok(())
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What every connection of the tap needs.
struct Line {
    tls: TlsAcceptor,
    hub: reqwest::Client,
    url: String,
    tcp: Arc<Meter>,
    clear: Arc<Meter>,
    messages: Arc<Mutex<Vec<u8>>>,
    requests: Arc<AtomicUsize>,
}

async fn accept(listener: TcpListener, line: Arc<Line>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(serve(socket, Arc::clone(&line)));
    }
}

/// Serves one connection. Whatever breaks it ends it, as the device will notice.
async fn serve(socket: TcpStream, line: Arc<Line>) {
    let _ = socket.set_nodelay(true);
    let Ok(tls) = line.tls.accept(Metered::new(socket, Arc::clone(&line.tcp))).await else { return };
    let h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = TokioIo::new(Metered::new(tls, Arc::clone(&line.clear)));
    let service = service_fn(move |request| pass(request, Arc::clone(&line)));
    let _ = if h2 {
        http2::Builder::new(TokioExecutor::new()).auto_date_header(false).serve_connection(io, service).await
    } else {
        http1::Builder::new().auto_date_header(false).serve_connection(io, service).await
    };
}

async fn pass(request: Request<Incoming>, line: Arc<Line>) -> std::result::Result<Response<Full<Body>>, Infallible> {
    Ok(line.forward(request).await.unwrap_or_else(|_| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    }))
}

impl Line {
    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Full<Body>>> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(tap)?.to_bytes();
        self.keep(&format!("{} {}", head.method, head.uri), &head.headers, &body);
        let path = head.uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
        let request = self.hub.request(head.method, format!("{}{path}", self.url));
        let reply = request.headers(end_to_end(head.headers)).body(body).send().await.map_err(tap)?;
        let (status, headers) = (reply.status(), reply.headers().clone());
        let body = reply.bytes().await.map_err(tap)?;
        self.keep(status.as_str(), &headers, &body);
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = end_to_end(headers);
        Ok(response)
    }

    fn keep(&self, first: &str, headers: &HeaderMap, body: &[u8]) {
        let mut head = format!("{first}\n");
        for (name, value) in headers {
            let _ = writeln!(head, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
        }
        head.push('\n');
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.extend_from_slice(head.as_bytes());
        messages.extend_from_slice(body);
        messages.push(b'\n');
    }
}

/// Headers without those that speak of one connection only.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

/// A certificate for the loopback address by the hub's own authority.
fn server(hub_dir: &Path) -> Result<ServerConfig> {
    let path = hub_dir.join("ca-key.pem");
    let authority = KeyPair::from_pem(&fs::read_to_string(&path).map_err(reading(&path))?).map_err(tap)?;
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = DistinguishedName::new();
    issuer.distinguished_name.push(DnType::CommonName, ISSUER);
    issuer.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate().map_err(tap)?;
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).map_err(tap)?;
    let certificate = own.signed_by(&key, &Issuer::from_params(&issuer, &authority)).map_err(tap)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(tap)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(tap)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .map_err(tap)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn client(hub: &HubPublic) -> Result<reqwest::Client> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(hub.ca_der.clone())).map_err(tap)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(tap)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().build().map_err(tap)
}

fn tap(error: impl std::fmt::Display) -> Failure {
    Failure::Tap(error.to_string())
}
