//! A stage: a hub on loopback, admins with their files, and devices with profiles on disk, as a world's data say.
//!
//! Knows how a district is set up and how a device comes in. Refuses to know any story. Invariant: everything lies below one
//! fresh folder, admins' keys never beside the hub. Start at [`Stage::begin`].

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use samanvay_hub::log::LogSink;
use samanvay_hub::{Config, Hub, Running};
use samanvay_records::admin::{Admin, Authority, HubInfo};
use samanvay_records::env::{Clock, Env};
use samanvay_records::view::SyncReport;
use samanvay_records::{Lang, Profile, Profiles, SyncOptions, kinds};
use samanvay_sync::client::{Client, Timeouts};
use samanvay_sync::id::{Hash, PostId, StreamId, UnitId};
use samanvay_vault::{KdfParams, SoftKeyStore};

use crate::clock::StoryClock;
use crate::error::{Failure, Result, reading};
use crate::world::{self, DeviceData, World};

/// Passphrase of the key files on the stage. They hold keys of an invented state.
const PASSPHRASE: &str = "betul bhopal rehearsal 2026";
/// How long an invite is good for: the 15 minutes of the design.
const INVITE_SECONDS: u64 = 15 * 60;

/// A hub, its admins and its devices.
pub struct Stage {
    dir: PathBuf,
    /// The clock of everybody on the stage.
    pub clock: StoryClock,
    cost: KdfParams,
    lang: Lang,
    authority: Authority,
    hub: Running,
    admins: BTreeMap<String, Admin>,
    posts: BTreeMap<String, (String, UnitId, PostId)>,
    streams: BTreeMap<String, StreamId>,
    devices: BTreeMap<String, Device>,
}

/// A device on the stage.
pub struct Device {
    /// Its data.
    pub data: DeviceData,
    /// Its profile.
    pub profile: Profile,
    /// Its folder.
    pub dir: PathBuf,
}

/// Hub log lines in a file.
struct LogFile(Mutex<File>);

impl LogSink for LogFile {
    fn line(&self, json: &str) {
        // As with the hub's own log: what cannot be written must not stop it.
        let _ = writeln!(self.0.lock().unwrap_or_else(PoisonError::into_inner), "{json}");
    }
}

impl Stage {
    /// Makes the authority and starts the hub in a folder that must be empty or not there. With `page` the open page is
    /// served in plain HTTP on loopback too.
    ///
    /// # Errors
    /// The folder holds something, or the hub does not start.
    pub async fn begin(dir: &Path, begins: &str, cost: KdfParams, lang: Lang, page: bool) -> Result<Self> {
        fresh(dir)?;
        let clock = StoryClock::at(begins)?;
        let (keys, hub_dir, schemas) = (dir.join("keys"), dir.join("hub"), dir.join("schemas"));
        for folder in [&keys, &hub_dir, &schemas] {
            fs::create_dir_all(folder).map_err(reading(folder))?;
        }
        for kind in kinds::all() {
            let path = schemas.join(format!("{}.schema", kind.name()));
            fs::write(&path, kind.schema().encode()).map_err(reading(&path))?;
        }
        let authority = Authority::create(&keys.join("authority.key"), PASSPHRASE, cost)?;
        let log = dir.join("hub.log");
        let log = File::create(&log).map_err(reading(&log))?;
        let mut config = Config::new(&hub_dir);
        config.authority = Some(authority.public());
        config.schemas = Some(schemas);
        config.clock = Arc::new(clock.clone());
        config.log = Arc::new(LogFile(Mutex::new(log)));
        config.page = page.then(|| (Ipv4Addr::LOCALHOST, 0).into());
        let hub = Hub::start(config).await?;
        let (admins, posts, streams, devices) = Default::default();
        Ok(Self { dir: dir.to_owned(), clock, cost, lang, authority, hub, admins, posts, streams, devices })
    }

    /// The running hub.
    pub fn hub(&self) -> &Running {
        &self.hub
    }

    /// The hub's folder.
    pub fn hub_dir(&self) -> PathBuf {
        self.dir.join("hub")
    }

    /// Makes admins, units, posts and streams, and publishes the units.
    ///
    /// # Errors
    /// The world does not fit together, or the hub refused.
    pub async fn set_up(&mut self, world: &World) -> Result<()> {
        for data in &world.admins {
            let path = self.dir.join("keys").join(format!("admin-{}.key", data.key));
            let (public, recovery) = (self.authority.public(), self.authority.recovery());
            let clock = Arc::new(self.clock.clone());
            let mut admin = Admin::create(&path, PASSPHRASE, self.cost, public, recovery, clock)?;
            admin.accept_card(&self.authority.certify(admin.public()?, data.district, &data.name))?;
            self.admins.insert(data.key.clone(), admin);
        }
        for data in &world.units {
            let admin = named(&mut self.admins, &data.admin)?;
            let unit = admin.add_unit(data.kind.kind(), &data.name)?;
            for post in &data.posts {
                let id = admin.add_post(unit, post.role.role(), &post.name)?;
                self.posts.insert(format!("{}.{}", data.key, post.key), (data.admin.clone(), unit, id));
            }
        }
        for data in &world.streams {
            let admin = named(&mut self.admins, &data.admin)?;
            let clearance = world::clearance(&data.clearance)?;
            self.streams.insert(data.key.clone(), admin.add_stream(data.purpose.purpose(), clearance, &data.name)?);
        }
        self.publish().await
    }

    /// Makes every device's profile, brings it in by an invite that names the hub at `url`, and gives posts their rights.
    ///
    /// # Errors
    /// A device or the hub refused.
    pub async fn enrol(&mut self, world: &World, url: &str) -> Result<()> {
        for data in &world.devices {
            let info = self.hub_info(url);
            let (admin, unit, post) = named(&mut self.posts, &data.post)?.clone();
            let code = named(&mut self.admins, &admin)?.invite(unit, post, &info, INVITE_SECONDS)?;
            let device = self.device(data)?;
            device.profile.enrol(&code).await?;
            let client = self.client()?;
            let admin = named(&mut self.admins, &admin)?;
            let device_id = device.profile.device_id()?;
            let waiting = admin.pending(&client).await?;
            let found = waiting.into_iter().find(|one| one.device().hex() == device_id);
            admin.approve(&found.ok_or_else(|| Failure::Data(format!("{} is not waiting", data.key)))?)?;
            // Another district's stream may name this unit: the hub must know it as it is now.
            admin.publish(&client).await?;
            self.devices.insert(data.key.clone(), device);
        }
        self.give_rights(world)?;
        self.publish().await
    }

    fn give_rights(&mut self, world: &World) -> Result<()> {
        for data in &world.streams {
            let stream = *named(&mut self.streams, &data.key)?;
            for (post, rights) in &data.members {
                let (home, unit, post) = named(&mut self.posts, post)?.clone();
                if home != data.admin {
                    // Another district's unit: its admin hands the log over.
                    let log = named(&mut self.admins, &home)?.unit_log(unit)?;
                    named(&mut self.admins, &data.admin)?.take_unit(&log)?;
                }
                let admin = named(&mut self.admins, &data.admin)?;
                admin.set_member(stream, unit, post, world::rights(rights)?)?;
            }
        }
        Ok(())
    }

    async fn publish(&mut self) -> Result<()> {
        let client = self.client()?;
        for admin in self.admins.values_mut() {
            admin.publish(&client).await?;
        }
        Ok(())
    }

    fn device(&self, data: &DeviceData) -> Result<Device> {
        let dir = self.dir.join("devices").join(&data.key);
        let profiles = Profiles::open(&dir, self.env(&dir, self.lang)?)?;
        let profile = profiles.create(&data.label, &data.pin)?;
        Ok(Device { data: data.clone(), profile, dir })
    }

    /// What a device in this folder takes from its surroundings.
    ///
    /// # Errors
    /// Its key store cannot be opened.
    pub fn env(&self, dir: &Path, language: Lang) -> Result<Env> {
        let key_store = Arc::new(SoftKeyStore::open(&dir.join("key-store"))?);
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        Ok(Env { clock, key_store, kdf: self.cost, language })
    }

    /// What invites say of the hub, if devices reach it at `url`.
    pub fn hub_info(&self, url: &str) -> HubInfo {
        let public = self.hub.public();
        HubInfo { url: url.to_owned(), ca: public.ca_der.clone(), pin: Hash(public.ca_pin), public: public.hub_public }
    }

    /// A client of the hub itself, as admins use it.
    ///
    /// # Errors
    /// The hub's certificate cannot be used.
    pub fn client(&self) -> Result<Client> {
        let public = self.hub.public();
        Ok(Client::new(&public.url, &public.ca_der, &[Hash(public.ca_pin)], Timeouts::default())?)
    }

    /// A device.
    ///
    /// # Errors
    /// [`Failure::Data`] if there is none of this name.
    pub fn of(&self, key: &str) -> Result<&Device> {
        self.devices.get(key).ok_or_else(|| Failure::Data(format!("no {key}")))
    }

    /// Takes a device off the stage: its profile is closed when the last of it is dropped.
    ///
    /// # Errors
    /// As [`Stage::of`].
    pub fn take(&mut self, key: &str) -> Result<Device> {
        self.devices.remove(key).ok_or_else(|| Failure::Data(format!("no {key}")))
    }

    /// Puts a device back.
    pub fn put(&mut self, device: Device) {
        self.devices.insert(device.data.key.clone(), device);
    }

    /// All devices.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// A stream's id.
    ///
    /// # Errors
    /// As [`Stage::of`].
    pub fn stream(&self, key: &str) -> Result<StreamId> {
        self.streams.get(key).copied().ok_or_else(|| Failure::Data(format!("no {key}")))
    }

    /// Ends the hub.
    pub async fn end(self) {
        drop(self.devices);
        self.hub.stop().await;
    }
}

impl Device {
    /// One sync over the network.
    ///
    /// # Errors
    /// The device or the hub refused.
    pub async fn sync(&self) -> Result<SyncReport> {
        Ok(self.profile.sync(&SyncOptions::default()).await?)
    }
}

/// A folder that did not exist or was empty.
fn fresh(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(reading(dir))?;
    let mut entries = fs::read_dir(dir).map_err(reading(dir))?;
    if entries.next().is_some() {
        return Err(Failure::Data(format!("{} is not empty; name a new folder", dir.display())));
    }
    Ok(())
}

fn named<'a, T>(map: &'a mut BTreeMap<String, T>, key: &str) -> Result<&'a mut T> {
    map.get_mut(key).ok_or_else(|| Failure::Data(format!("no {key}")))
}
