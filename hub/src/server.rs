//! Listens, shakes hands and serves connections.
//!
//! Knows sockets, TLS 1.3, HTTP/1.1 and HTTP/2; refuses to know what is asked. Invariant: whatever arrives on one
//! connection, be it garbage or silence, ends that connection at most; and each wait has an end. Start at [`listen`].

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use crate::config::Limits;
use crate::error::HubError;
use crate::log::{Line, LogSink};

/// Largest head of a request, in bytes.
const HEAD: u32 = 16 << 10;
/// Most requests at once on one HTTP/2 connection.
const STREAMS: u32 = 16;
/// A silent HTTP/2 connection is asked for a sign of life this often; it costs the phone 40 bytes each way.
const PING: Duration = Duration::from_mins(4);
/// Pause after a connection could not be accepted, usually for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
const H2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// One address being served.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Stops accepting, lets running requests end, and returns when all connections are closed.
    pub(crate) async fn stop(self) {
        // Fails only if the loop has ended by itself.
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

/// TLS 1.3 with this certificate, HTTP/2 preferred.
pub(crate) fn tls(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Result<TlsAcceptor, HubError> {
    let failed = |error: rustls::Error| HubError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(failed)?;
    config.alpn_protocols = vec![H2.to_vec(), HTTP_1.to_vec()];
    config.send_tls13_tickets = 1;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves `router` on `address`, over TLS if an acceptor is given.
pub(crate) async fn listen(
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    log: Arc<dyn LogSink>,
) -> Result<Listening, HubError> {
    let listen_error = |source| HubError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    let (stop, stopped) = watch::channel(false);
    let door = Door { tls, router, limits, log, stopped };
    let task = tokio::spawn(accept_loop(listener, Arc::new(door)));
    Ok(Listening { address, stop, task })
}

/// What every connection of an address needs.
struct Door {
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    log: Arc<dyn LogSink>,
    stopped: watch::Receiver<bool>,
}

async fn accept_loop(listener: TcpListener, door: Arc<Door>) {
    let room = Arc::new(Semaphore::new(door.limits.connections));
    let mut stopped = door.stopped.clone();
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            () = told_to_stop(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            (place, accepted) = accepted => match accepted {
                Ok((socket, _)) => {
                    let door = Arc::clone(&door);
                    connections.spawn(async move {
                        door.serve(socket).await;
                        drop(place);
                    });
                }
                // Out of file descriptors or a peer that left at once; neither is a reason to stop listening.
                Err(_) => sleep(ACCEPT_AGAIN).await,
            },
        }
    }
    drop(listener);
    let all_closed = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(door.limits.stop, all_closed).await;
    connections.shutdown().await;
}

async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, and with it everybody who waits for this hub.
    let _ = stopped.wait_for(|stop| *stop).await;
}

impl Door {
    async fn serve(&self, socket: TcpStream) {
        let _ = socket.set_nodelay(true);
        let mut socket = TimeoutStream::new(socket);
        socket.set_write_timeout(Some(self.limits.write));
        let socket = Box::pin(socket);
        let service = TowerToHyperService::new(self.router.clone());
        let ended = match &self.tls {
            None => self.http_1(socket, service).await,
            Some(acceptor) => {
                let Ok(Ok(stream)) = timeout(self.limits.handshake, acceptor.accept(socket)).await else {
                    Line::new("handshake").word("result", "failed").to(&*self.log);
                    return;
                };
                if stream.get_ref().1.alpn_protocol() == Some(H2) {
                    self.http_2(stream, service).await
                } else {
                    self.http_1(stream, service).await
                }
            }
        };
        if ended.is_err() {
            Line::new("connection").word("result", "broken").to(&*self.log);
        }
    }

    async fn http_1<I, S>(&self, io: I, service: S) -> hyper::Result<()>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_headers(32)
            .max_header_size(HEAD as usize)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(io), service);
        let mut connection = std::pin::pin!(connection);
        let mut stopped = self.stopped.clone();
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = told_to_stop(&mut stopped) => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }

    async fn http_2<I, S>(&self, io: I, service: S) -> hyper::Result<()>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
        S::Future: Send + 'static,
    {
        let (running, mut unused) = watch::channel(0);
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(HEAD)
            .max_concurrent_streams(STREAMS)
            .auto_date_header(false)
            .keep_alive_interval(PING)
            .serve_connection(TokioIo::new(io), Counted { service, running });
        let mut connection = std::pin::pin!(connection);
        let mut stopped = self.stopped.clone();
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = told_to_stop(&mut stopped) => connection.as_mut().graceful_shutdown(),
            () = idle(&mut unused, self.limits.idle) => connection.as_mut().graceful_shutdown(),
        }
        // Whoever does not take the goodbye is cut off.
        timeout(self.limits.stop, connection).await.unwrap_or(Ok(()))
    }
}

/// Returns once no request has been running for so long.
async fn idle(running: &mut watch::Receiver<usize>, patience: Duration) {
    loop {
        let is_idle = *running.borrow_and_update() == 0;
        let changed = if is_idle {
            let Ok(changed) = timeout(patience, running.changed()).await else { return };
            changed
        } else {
            running.changed().await
        };
        if changed.is_err() {
            return; // the connection is gone
        }
    }
}

/// A service that counts its running requests.
struct Counted<S> {
    service: S,
    running: watch::Sender<usize>,
}

/// One running request.
struct Running(watch::Sender<usize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

impl<S, R> Service<R> for Counted<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn call(&self, request: R) -> Self::Future {
        self.running.send_modify(|running| *running += 1);
        let running = Running(self.running.clone());
        let answer = self.service.call(request);
        Box::pin(async move {
            let _running = running;
            answer.await
        })
    }
}
