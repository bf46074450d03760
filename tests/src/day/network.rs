//! What comes through when the network is back, to whom, and what does not.

use samanvay_records::Profiles;
use samanvay_records::view::{Filter, RecordRow};
use samanvay_sync::bytes::unhex;
use samanvay_sync::client::{Client, ClientError, Timeouts};
use samanvay_sync::id::{DeviceId, Hash};
use samanvay_sync::keys::Signature;
use samanvay_sync::wire::{Asked, Refusal, StreamStatus, SyncReply, SyncRequest};
use samanvay_vault::{Options, Vault};

use super::{Day, MISSING, SESSION};
use crate::canary::Search;
use crate::error::{Failure, Result};

impl Day {
    /// Everyone syncs: writers first, then readers.
    pub(super) async fn sync_all(&mut self) -> Result<()> {
        let step = self.step("sync");
        self.chapter("sync")?;
        let mut refused = 0;
        for device in self.keys() {
            let report = self.sync(&device).await?;
            refused += report.refused.len() + report.kept_aside.len();
            let line = format!("  {}: ↑ {} ↓ {}", self.person(&device)?, report.sent_ops, report.received_ops);
            self.teller.say(&line);
        }
        let unsent: u64 = self.stage.devices().map(|d| Ok(d.profile.status()?.unsent_ops)).sum::<Result<u64>>()?;
        self.teller.check("sent", unsent == 0 && refused == 0, "");
        self.in_charge()?;
        self.supervisor()?;
        let own = self.rows("ngo", None)?;
        let kept = own.len() as u64 == self.story.plot.figures.sessions && own.iter().all(|row| row.kind == SESSION);
        self.teller.check("ngo_own", kept, own.len().to_string());
        self.end(step);
        Ok(())
    }

    fn in_charge(&mut self) -> Result<()> {
        let record = self.only("in_charge", MISSING)?.record;
        let view = self.stage.of("in_charge")?.profile.show(&record)?;
        let mut expected = self.story.plot.child.iter();
        let kept = expected.all(|(name, value)| view.fields.iter().any(|f| f.name == *name && f.value == *value));
        // The name itself is not said here: this output is searched for it.
        self.teller.check("in_charge_name", kept, "●●●●");
        Ok(())
    }

    fn supervisor(&mut self) -> Result<()> {
        let row = self.only("supervisor", MISSING)?;
        let expected = self.story.plot.coarse_line.get(self.lang.code()).cloned().unwrap_or_default();
        self.teller.check("supervisor_line", row.line == expected, format!("«{}»", row.line));
        let profile = &self.stage.of("supervisor")?.profile;
        let mut classes = Vec::new();
        for row in profile.list(&Filter::default())? {
            let view = profile.show(&row.record)?;
            classes.extend(view.fields.into_iter().map(|field| field.class));
            classes.extend(view.hidden);
        }
        let mut search = Search::new(&self.story.markers)?;
        search.bytes("export", profile.export(None)?.as_bytes());
        let may_read = &self.story.plot.supervisor_may_read;
        let names = search.found().places.keys().filter(|key| !may_read.contains(key)).count();
        let kept = names == 0 && classes.iter().all(|class| class == "A" || class == "B");
        self.teller.check("supervisor_no_name", kept, format!("{} A/B", classes.len()));
        let session = self.only("supervisor", SESSION)?;
        let view = self.stage.of("supervisor")?.profile.show(&session.record)?;
        let people = self.story.plot.figures.betul_people.to_string();
        let kept = view.fields.iter().any(|field| field.name == "total" && field.raw == people);
        self.teller.check("supervisor_session", kept, format!("«{}»", session.line));
        Ok(())
    }

    /// The NGO's device signs a request for the station's stream by hand.
    pub(super) async fn refuse(&mut self) -> Result<()> {
        let step = self.step("refuse");
        let device = self.stage.take("ngo")?;
        let id = unhex(&device.profile.device_id()?).and_then(|bytes| bytes.try_into().ok()).map(DeviceId);
        let id = id.ok_or_else(|| Failure::Data("device id".to_owned()))?;
        let (data, dir, profile) = (device.data.clone(), device.dir.clone(), device.profile.id().to_owned());
        drop(device);
        let env = self.stage.env(&dir, self.lang)?;
        let folder = dir.join("profiles").join(&profile);
        let vault = Vault::open(&folder, env.key_store.clone(), Options { kdf: env.kdf, migrations: Vec::new() })?;
        let status = self.ask(&vault, id).await?;
        drop(vault);
        self.teller.check("ngo_refused", status == StreamStatus::NotMember, format!("{status:?}"));
        let profile = Profiles::open(&dir, env)?.get(&profile)?;
        profile.unlock(&data.pin)?;
        self.stage.put(crate::stage::Device { data, profile, dir });
        let rows = self.rows("ngo", Some(SESSION))?.len() as u64;
        self.teller.check("reopened", rows == self.story.plot.figures.sessions, rows.to_string());
        self.end(step);
        Ok(())
    }

    async fn ask(&self, vault: &Vault, device: DeviceId) -> Result<StreamStatus> {
        let hub = self.stage.hub().public();
        let client = Client::new(&self.tap.url(), &hub.ca_der, &[Hash(hub.ca_pin)], Timeouts::default())?;
        let own = self.stage.stream("station_own")?;
        let asked = Asked { stream: own.handle(), segments: true, ..Asked::default() };
        let mut request =
            SyncRequest { device, number: 1, budget: 1 << 16, streams: vec![asked], ..SyncRequest::default() };
        let sign = |request: &SyncRequest| {
            request.encode(|message| -> Result<Signature> {
                let signature = vault.sign_transport(message)?;
                signature.try_into().map_err(|_| Failure::Data("signature".to_owned()))
            })
        };
        // A number that was used before is refused, with the last one.
        match client.sync(sign(&request)?).await {
            Err(ClientError::Refused(Refusal::StaleNumber { last })) => request.number = last + 1,
            other => drop(other?),
        }
        let reply = SyncReply::decode(&client.sync(sign(&request)?).await?, &request, &[], &hub.hub_public)?;
        let stream = reply.receipt.streams.first().ok_or_else(|| Failure::Data("no status".to_owned()))?;
        let news = reply.news.iter().any(|news| news.stream == own);
        Ok(if news { StreamStatus::Ok } else { stream.status })
    }

    /// What a device lists.
    pub(super) fn rows(&self, device: &str, kind: Option<&str>) -> Result<Vec<RecordRow>> {
        let filter = Filter { kind: kind.map(str::to_owned), ..Filter::default() };
        Ok(self.stage.of(device)?.profile.list(&filter)?)
    }

    /// The one record of a kind that a device lists.
    pub(super) fn only(&self, device: &str, kind: &str) -> Result<RecordRow> {
        let mut rows = self.rows(device, Some(kind))?;
        match (rows.pop(), rows.len()) {
            (Some(row), 0) => Ok(row),
            (_, others) => {
                Err(Failure::Data(format!("{device} lists another number of {kind} than one: {others} more")))
            }
        }
    }
}
