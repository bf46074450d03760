//! A plain TCP relay that counts: headers, handshakes and TLS records included.
//!
//! Knows sockets; opens nothing. Start at [`Counter::start`].

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::metered::{Bytes, Meter, Metered};
use crate::error::{Result, reading};

/// A relay to a hub.
#[derive(Debug)]
pub struct Counter {
    address: SocketAddr,
    hub: watch::Sender<SocketAddr>,
    meter: Arc<Meter>,
    task: JoinHandle<()>,
}

impl Counter {
    /// Relays a free loopback port to `hub`.
    ///
    /// # Errors
    /// No port to be had.
    pub async fn start(hub: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(reading(Path::new("counter")))?;
        let address = listener.local_addr().map_err(reading(Path::new("counter")))?;
        let meter = Arc::new(Meter::default());
        let (sender, target) = watch::channel(hub);
        let task = tokio::spawn(relay(listener, target, Arc::clone(&meter)));
        Ok(Self { address, hub: sender, meter, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every connection and relays to another hub from now on.
    pub fn turn(&self, hub: SocketAddr) {
        self.hub.send_replace(hub);
    }

    /// What has passed so far.
    pub fn bytes(&self) -> Bytes {
        self.meter.bytes()
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(listener: TcpListener, target: watch::Receiver<SocketAddr>, meter: Arc<Meter>) {
    while let Ok((device, _)) = listener.accept().await {
        let (meter, mut target) = (Arc::clone(&meter), target.clone());
        tokio::spawn(async move {
            let address = *target.borrow_and_update();
            let Ok(mut hub) = TcpStream::connect(address).await else { return };
            // Small writes must leave at once, or their acknowledgements would be waited for.
            let _ = (device.set_nodelay(true), hub.set_nodelay(true));
            let mut device = Metered::new(device, meter);
            // A peer that leaves ends the connection for both; so does a turn to another hub.
            tokio::select! {
                _ = copy_bidirectional(&mut device, &mut hub) => {}
                _ = target.changed() => {}
            }
        });
    }
}
