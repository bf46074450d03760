//! The hub: carries sealed segments, orders membership logs, serves the open page.
//!
//! Knows membership, chains and open facts; refuses to hold a private key of anyone but itself, and cannot read a sealed
//! segment. Invariant: nothing is stored before it is verified, nothing is acknowledged before it is on the disk, and
//! whoever is not named by a log gets nothing. Start at [`Hub::start`].

mod api;
mod config;
mod counter;
mod error;
mod figures;
mod identity;
mod judge;
pub mod log;
mod members;
mod page;
mod server;
mod service;
pub mod store;
mod work;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use samanvay_sync::id::SchemaId;
use samanvay_sync::keys::SignKey;
use samanvay_sync::schema::Schema;

pub use config::{Clock, Config, Limits, SystemClock};
pub use error::HubError;
pub use identity::HubPublic;

use identity::{Identity, refuse_private_keys};
use members::LoadError;
use server::Listening;
use service::{Parts, Service};
use store::Store as _;
use store::sqlite::Sqlite;

/// The hub's file in its folder.
const STORE: &str = "hub.sqlite";

/// Starts hubs.
#[derive(Debug)]
pub struct Hub;

impl Hub {
    /// Starts a hub and returns when it accepts connections. Needs a tokio runtime, which also runs it.
    ///
    /// # Errors
    /// [`HubError`]; then nothing is left running.
    pub async fn start(config: Config) -> Result<Running, HubError> {
        let mut folders = vec![config.dir.as_path()];
        folders.extend(config.schemas.as_deref());
        refuse_private_keys(&folders)?;
        if let Some(page) = config.page
            && !page.ip().is_loopback()
        {
            return Err(HubError::PageNotLocal(page));
        }
        let identity = Identity::open(&config.dir, config.authority)?;
        let receipt_key = identity.receipt_key()?;
        let hub_public = receipt_key.public();
        let service = Arc::new(open_service(&config, &identity, receipt_key)?);
        let (certificate, key) = identity.server_certificate(&config.names)?;
        let tls = server::tls(certificate, key)?;
        let limits = config.limits;
        let (router, open_router) = api::routers(service, limits);
        let hub = server::listen(config.listen, Some(tls), router, limits, Arc::clone(&config.log)).await?;
        let public = match identity.publish(hub.address, &config.names, hub_public) {
            Ok(public) => public,
            Err(error) => {
                hub.stop().await;
                return Err(error);
            }
        };
        let Some(address) = config.page else { return Ok(Running { hub, page: None, public }) };
        match server::listen(address, None, open_router, limits, Arc::clone(&config.log)).await {
            Ok(page) => Ok(Running { hub, page: Some(page), public }),
            Err(error) => {
                hub.stop().await;
                Err(error)
            }
        }
    }
}

impl Hub {
    /// Tells a hub that its folder came back from a backup: it draws a new incarnation, so that every phone forgets how far
    /// it had read and offers again what this store has lost. Call it once, while the hub is stopped.
    ///
    /// # Errors
    /// [`HubError::File`] if there is no store in `dir`, [`HubError::Store`].
    pub fn restored(dir: &Path) -> Result<(), HubError> {
        let path = dir.join(STORE);
        if !path.is_file() {
            return Err(HubError::File { path, source: std::io::ErrorKind::NotFound.into() });
        }
        Sqlite::open(&path)?.renew()?;
        Ok(())
    }
}

/// A hub that is serving. Dropping it without [`Running::stop`] leaves it serving until the runtime ends.
#[derive(Debug)]
pub struct Running {
    hub: Listening,
    page: Option<Listening>,
    public: HubPublic,
}

impl Running {
    /// Where it listens with TLS.
    pub fn address(&self) -> SocketAddr {
        self.hub.address
    }

    /// Where it serves the open page over plain HTTP, if it does.
    pub fn page(&self) -> Option<SocketAddr> {
        self.page.as_ref().map(|page| page.address)
    }

    /// What invites need to know of it.
    pub fn public(&self) -> &HubPublic {
        &self.public
    }

    /// Stops accepting, lets running requests end, and returns when all connections and the store are closed.
    pub async fn stop(self) {
        if let Some(page) = self.page {
            page.stop().await;
        }
        self.hub.stop().await;
    }
}

fn open_service(config: &Config, identity: &Identity, receipt_key: SignKey) -> Result<Service, HubError> {
    let path = config.dir.join(STORE);
    let parts = Parts {
        store: Box::new(Sqlite::open(&path)?),
        authority: identity.authority,
        receipt_key,
        schemas: config.schemas.as_deref().map(read_schemas).transpose()?.unwrap_or_default(),
        show_small_cells: config.show_small_cells,
        clock: Arc::clone(&config.clock),
        log: Arc::clone(&config.log),
    };
    Service::new(parts).map_err(|error| match error {
        LoadError::Store(error) => HubError::Store(error),
        LoadError::Entry(error) => HubError::BadLog(error),
    })
}

/// Every `*.schema` file of a folder.
fn read_schemas(folder: &Path) -> Result<HashMap<SchemaId, Schema>, HubError> {
    let file_error = |path: &Path| {
        let path = path.to_owned();
        move |source| HubError::File { path, source }
    };
    let mut schemas = HashMap::new();
    for entry in std::fs::read_dir(folder).map_err(file_error(folder))? {
        let path = entry.map_err(file_error(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "schema") {
            let bytes = std::fs::read(&path).map_err(file_error(&path))?;
            let schema = Schema::decode(&bytes)
                .map_err(|_| HubError::Damaged { path, why: "not a schema that this hub knows" })?;
            schemas.insert(schema.id(), schema);
        }
    }
    Ok(schemas)
}
