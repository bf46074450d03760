//! Bringing an admin's logs to the hub, and fetching who asks to be let in.
//!
//! Knows the hub's requests for admins. Refuses to decide: what is sent was made and verified offline. Invariant: the hub
//! takes an entry only after the one before it, and units before the streams that name them. Start at [`Admin::publish`].

use samanvay_sync::client::{Client, ClientError};
use samanvay_sync::id::LogId;
use samanvay_sync::invite::Enrolment;
use samanvay_sync::log::Entry;
use samanvay_sync::wire::{AdminAct, AdminRequest, Append, Refusal, decode_list};

use super::AdminError;
use super::district::Admin;
use super::invites::Pending;

impl Admin {
    /// Sends the hub every entry that it lacks, units first. Units of other districts are their own admins' to publish.
    ///
    /// # Errors
    /// [`AdminError::Client`] if the hub was not reached or refused; [`AdminError::LogMoved`] if another admin wrote first:
    /// the log is then fetched, and this admin's unpublished entries in it are dropped, to be made again.
    pub async fn publish(&mut self, hub: &Client) -> Result<usize, AdminError> {
        let own = self.public()?;
        let units = self.state.units.values().filter(|unit| unit.is_admin(&own)).map(|unit| LogId::from(unit.id()));
        let order: Vec<LogId> = units.chain(self.state.streams.keys().map(|id| LogId::from(*id))).collect();
        let mut sent = 0;
        for id in order {
            sent += self.publish_log(hub, id).await?;
        }
        Ok(sent)
    }

    /// Devices of this admin's district that answered an invite and are not bound yet.
    ///
    /// # Errors
    /// [`AdminError::Client`] if the hub was not reached or refused.
    pub async fn pending(&self, hub: &Client) -> Result<Vec<Pending>, AdminError> {
        let items = self.ask(hub, AdminAct::PendingEnrolments).await?;
        items.iter().map(|item| Ok(Pending::new(Enrolment::decode(item)?))).collect()
    }

    async fn publish_log(&mut self, hub: &Client, id: LogId) -> Result<usize, AdminError> {
        // Asked even if nothing seems unsent: a hub restored from a backup holds less than it once did. A second try
        // only, after the hub has said how much it holds.
        for _ in 0..2 {
            let Some(log) = self.state.logs.get(&id) else { break };
            let entries: Vec<_> = log.entries.iter().skip(log.at_hub).map(|entry| entry.encode().to_vec()).collect();
            let count = entries.len();
            let append = Append { log: id, length: log.at_hub as u64, entries };
            match hub.append(append.encode()).await {
                Ok(length) => {
                    if count > 0 {
                        self.note_at_hub(id, length)?;
                    }
                    return Ok(count);
                }
                Err(ClientError::Refused(Refusal::LogMoved { .. })) => self.refetch(hub, id).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(0)
    }

    fn note_at_hub(&mut self, id: LogId, length: u64) -> Result<(), AdminError> {
        self.change(|work| {
            if let Some(log) = work.state.logs.get_mut(&id) {
                log.at_hub = usize::try_from(length).unwrap_or(0).min(log.entries.len());
            }
            Ok(())
        })
    }

    async fn ask(&self, hub: &Client, act: AdminAct) -> Result<Vec<Vec<u8>>, AdminError> {
        let card = self.state.card.as_ref().ok_or(AdminError::NotCertified)?;
        let request = AdminRequest::sign(act, card, self.now(), &self.state.key()?);
        Ok(decode_list(&hub.admin(request.encode()).await?)?)
    }

    /// After a lost append, which may have been ours: takes the hub's log. Says [`AdminError::LogMoved`] if ours differs.
    async fn refetch(&mut self, hub: &Client, id: LogId) -> Result<(), AdminError> {
        let mut theirs = Vec::new();
        loop {
            let items = self.ask(hub, AdminAct::ReadLog { log: id, from: theirs.len() as u64 }).await?;
            if items.is_empty() {
                break;
            }
            for item in items {
                theirs.push(Entry::decode(&item)?);
            }
        }
        let ours_stands = self.state.logs.get(&id).is_some_and(|log| {
            theirs.len() <= log.entries.len() && theirs.iter().zip(&log.entries).all(|(a, b)| a.hash() == b.hash())
        });
        let length = theirs.len() as u64;
        if ours_stands {
            return self.note_at_hub(id, length);
        }
        self.change(|work| Ok(work.state.replace(id, theirs)?))?;
        self.note_at_hub(id, length)?;
        Err(AdminError::LogMoved)
    }
}
