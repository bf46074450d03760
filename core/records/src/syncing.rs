//! Enrolling and syncing: what a profile does with its hub.
//!
//! Knows the order of a round: cut, publish, send, apply. Refuses to judge what comes: logs and segments carry their own
//! proof. Invariant: no lock is held while the network is waited for. Start at [`Profile::sync`].

use std::collections::{BTreeMap, HashSet};
use std::sync::PoisonError;

use samanvay_sync::client::{Client, ClientError};
use samanvay_sync::id::{DeviceId, Generation, Hash, OpId, StreamId};
use samanvay_sync::invite::{Enrolment, Invite};
use samanvay_sync::keys::{SystemRandom, TransportKey};
use samanvay_sync::op::Op;
use samanvay_sync::segment::Sealing;
use samanvay_sync::wire::{Refusal, SyncReply};
use samanvay_vault::keystore::TRANSPORT_ED25519;

use crate::apply::{Digest, Intake};
use crate::cut;
use crate::entries::Entry;
use crate::error::{RecordsError, Result};
use crate::invited::Invited;
use crate::journal::Journal;
use crate::locked;
use crate::membership::Membership;
use crate::observer::Changed;
use crate::profile::{Open, Profile};
use crate::remote::{self, Hub, Line};
use crate::save::Saver;
use crate::segments;
use crate::store;
use crate::summary;
use crate::sync_run::{Prepared, RefusedSegment, Run, SyncOptions, SyncReport};
use crate::text;

type Chain = (StreamId, Generation);

/// Most entries in one outbox record, well below the vault's cap.
const ENTRIES: usize = 1024;
/// Most bytes in one outbox record, likewise.
const ENTRY_BYTES: usize = 2 << 20;

/// What an enrolment gives back, for the person to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Enrolled {
    /// Fingerprint of the hub's key.
    pub hub_fingerprint: String,
    /// Fingerprint of this device, which the inviter compares before binding it.
    pub device_fingerprint: String,
    /// Name of the admin who invited.
    pub invited_by: String,
}

/// Where sending stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SyncStatus {
    /// Own changes without the hub's receipt.
    pub unsent_ops: u64,
    /// Unix seconds of the last round that came through.
    pub last_success: Option<i64>,
    /// Why the last sync did not come through, in the person's words.
    pub problem: Option<String>,
    /// Whether the profile has a hub.
    pub enrolled: bool,
    /// Whether a sync is running.
    pub running: bool,
}

impl Profile {
    /// Answers an invite: makes the hub of the invite this profile's hub and hands in the device's card. The inviter then
    /// binds the device; the next sync brings its streams.
    ///
    /// # Errors
    /// [`RecordsError::BadInvite`]; [`RecordsError::Refused`] if it was used; [`RecordsError::NoNetwork`],
    /// [`RecordsError::WrongHub`]. The profile keeps the hub only if the hub took the card.
    pub async fn enrol(&self, code: &str) -> Result<Enrolled> {
        let open = self.opened()?;
        let (invite, seed) = Invite::from_code(code).map_err(|_| RecordsError::BadInvite)?;
        let hub = Hub::of(invite.offer());
        let enrolment = {
            let transport = self.inner.vault.transport_public()?;
            if transport.algorithm != TRANSPORT_ED25519 {
                return Err(RecordsError::Internal("transport key of another algorithm"));
            }
            let card = open.keys.card(TransportKey { public: transport.bytes });
            Enrolment::make(&invite, &seed, &card)?.encode()
        };
        let known = remote::authority(&self.inner.vault)?;
        if known.is_some_and(|known| known != hub.authority) {
            // Another state's authority: its logs and ours can never meet in one profile.
            return Err(RecordsError::BadInvite);
        }
        hub.client()?.enrol(enrolment).await?;
        let invited = Invited::of(&invite);
        invited.add(&self.inner.vault)?;
        remote::put_device(&self.inner.vault, open.device)?;
        hub.put(&self.inner.vault)?;
        remote::authority(&self.inner.vault)?;
        let mut membership = match known {
            Some(_) => (*open.membership()).clone(),
            None => Membership::new(open.device, open.keys.boxk.clone(), hub.authority),
        };
        membership.invite(invited);
        open.set_membership(membership.into());
        let lang = self.language();
        Ok(Enrolled {
            hub_fingerprint: text::fingerprint_of(&hub.public, lang),
            device_fingerprint: text::fingerprint(&open.device, lang),
            invited_by: invite.admin().name().to_owned(),
        })
    }

    /// Sends what is unsent and fetches what is new, round by round, until nothing is left. Dropping the future stops it;
    /// rounds that came through stay.
    ///
    /// # Errors
    /// [`RecordsError::NotEnrolled`], [`RecordsError::Busy`], [`RecordsError::NoNetwork`], [`RecordsError::WrongHub`],
    /// [`RecordsError::Refused`], [`RecordsError::Sync`] for a reply that does not hold, [`RecordsError::Vault`].
    pub async fn sync(&self, options: &SyncOptions) -> Result<SyncReport> {
        let _running = self.begin_sync().ok_or(RecordsError::Busy)?;
        let result = self.rounds(options).await;
        let words = result.as_ref().err().map(|error| text::error(error, self.language()));
        *self.inner.problem.lock().unwrap_or_else(PoisonError::into_inner) = words;
        self.inner.observers.tell(Changed::Sync);
        result
    }

    async fn rounds(&self, options: &SyncOptions) -> Result<SyncReport> {
        let hub = Hub::needed(&self.inner.vault)?;
        let client = self.client(&hub)?;
        let mut run = Run::default();
        loop {
            let again = self.round(&client, &hub, &mut run, options.budget).await?;
            if let Some(progress) = &options.progress {
                progress(run.report.progress());
            }
            self.inner.observers.tell(Changed::Sync);
            if !again {
                return Ok(run.report);
            }
        }
    }

    /// One request and its reply. Whether there is reason for another.
    async fn round(&self, client: &Client, hub: &Hub, run: &mut Run, budget: u64) -> Result<bool> {
        let (prepared, bytes) = self.prepare(run, budget)?;
        run.report.bytes_up += bytes.len() as u64;
        run.report.rounds += 1;
        let reply = match client.sync(bytes).await {
            Err(ClientError::Refused(Refusal::StaleNumber { last })) if run.may_renumber() => {
                let line = Line::get(&self.inner.vault)?;
                Line { number: line.number.max(last), ..line }.put(&self.inner.vault)?;
                return Ok(true);
            }
            other => other?,
        };
        run.report.bytes_down += reply.len() as u64;
        let hashes: Vec<Hash> = prepared.pushed.iter().map(|pushed| pushed.segment.hash).collect();
        let reply = SyncReply::decode(&reply, &prepared.request, &hashes, &hub.public)?;
        self.digest(run, &prepared, &reply)
    }

    /// Publishes what is unpublished and makes the next request. On disk before a byte leaves.
    fn prepare(&self, run: &mut Run, budget: u64) -> Result<(Prepared, Vec<u8>)> {
        let open = self.opened()?;
        let _gate = self.gate();
        let vault = &self.inner.vault;
        // A sync that began while locked may have noted more since the unlock.
        locked::absorb(self, &open)?;
        self.cut(&open, run)?;
        let mut line = Line::get(vault)?;
        line.generation = vault.read(store::generation)?;
        line.number = line.number.saturating_add(1);
        line.put(vault)?;
        let membership = open.membership();
        let prepared = vault.read(|c| run.prepare(c, &membership, &line, budget, open.device))?;
        let bytes = remote::sign(vault, &prepared.request)?;
        Ok((prepared, bytes))
    }

    fn cut(&self, open: &Open, run: &mut Run) -> Result<()> {
        let membership = open.membership();
        let entries = self.inner.vault.read(|c| cut::cut(c, &open.keys, &membership, &mut SystemRandom::new()))?;
        self.save_parts(open, &entries)?;
        run.publish(&entries)
    }

    /// Saves entries in parts that each fit one outbox record. A crash between two parts is no harm if each may stand alone.
    pub(crate) fn save_parts(&self, open: &Open, entries: &[Entry]) -> Result<()> {
        let membership = open.membership();
        for part in in_saves(entries) {
            let mut journal = Journal::new(open.device, &membership, &open.drafts, self.now().seconds());
            self.save(part, |tx| {
                part.iter().try_for_each(|entry| journal.apply(tx, entry))?;
                summary::refresh(tx, journal.membership, &journal.touched)
            })?;
        }
        Ok(())
    }

    /// Applies a reply, and then tells who watches.
    fn digest(&self, run: &mut Run, prepared: &Prepared, reply: &SyncReply) -> Result<bool> {
        let mut changed = Vec::new();
        let applied = self.take_in(run, prepared, reply, &mut changed);
        for what in changed {
            self.inner.observers.tell(what);
        }
        applied
    }

    /// Applies a reply: logs into the ring first, then everything else in one transaction.
    fn take_in(
        &self,
        run: &mut Run,
        prepared: &Prepared,
        reply: &SyncReply,
        changed: &mut Vec<Changed>,
    ) -> Result<bool> {
        let open = self.opened()?;
        let _gate = self.gate();
        let vault = &self.inner.vault;
        let mut membership = (*open.membership()).clone();
        let entries: Vec<Vec<u8>> = reply.news.iter().flat_map(|news| news.entries.iter().cloned()).collect();
        let extended = membership.extend(&entries);
        run.report.log_entries += extended.taken;
        run.report.kept_aside.extend(extended.refused.values().map(|_| "log_refused".to_owned()));
        membership.store(vault, &extended.grown)?;
        let before = (run.report.sent_segments, run.report.received_segments);
        let grown = !extended.grown.is_empty();
        let (forks, touched) = self.write_reply(&open, &membership, grown, run, prepared, reply)?;
        open.set_membership(membership.into());
        if grown {
            self.note_lengths(&open.membership())?;
            changed.push(Changed::Membership);
        }
        if touched {
            changed.push(Changed::Records);
        }
        let forked = self.fork(&open, &forks, run)?;
        let reopened = std::mem::take(&mut run.reopened);
        let moved = before != (run.report.sent_segments, run.report.received_segments) || grown || forked || reopened;
        let more = reply.more || reopened || vault.read(|c| run.has_more(c))?;
        Ok(run.first_names(&open.membership()) || more && moved)
    }
    /// The transaction of a reply. Gives the chains that forked, and whether records changed.
    fn write_reply(
        &self,
        open: &Open,
        membership: &Membership,
        grown: bool,
        run: &mut Run,
        prepared: &Prepared,
        reply: &SyncReply,
    ) -> Result<(BTreeMap<Chain, u64>, bool)> {
        let vault = &self.inner.vault;
        let line = Line::get(vault)?;
        let now = self.now().seconds();
        let mut journal = Journal::new(open.device, membership, &open.drafts, now);
        let mut digest = Digest {
            prepared,
            reply,
            grown,
            line: &line,
            intake: Intake { membership, journal: &mut journal, received_ops: 0 },
            run,
            forks: BTreeMap::new(),
        };
        let entry = digest.entry();
        let write = |tx: &rusqlite::Transaction<'_>| {
            digest.write(tx)?;
            store::set_fact(tx, "last_success", &now.to_be_bytes())?;
            summary::refresh(tx, digest.intake.journal.membership, &digest.intake.journal.touched)
        };
        match entry {
            Some(entry) => self.save(std::slice::from_ref(&entry), write)?,
            None => vault.write(write)?,
        }
        let forks = digest.forks;
        // For requests made while locked; the database has it already.
        if line.incarnation != reply.receipt.incarnation {
            Line { incarnation: reply.receipt.incarnation, ..line }.put(vault)?;
        }
        Ok((forks, !journal.touched.is_empty()))
    }

    /// Frames again, under the ops' own ids, what the hub does not hold of these chains: in a new generation if one of them
    /// is of the present one. Whether anything was.
    fn fork(&self, open: &Open, forks: &BTreeMap<Chain, u64>, run: &mut Run) -> Result<bool> {
        let vault = &self.inner.vault;
        if forks.is_empty() {
            return Ok(false);
        }
        let mut generation = vault.read(store::generation)?;
        let anew = forks.keys().any(|(_, of)| *of == generation);
        if anew {
            generation = self.new_generation(open)?;
            let line = Line::get(vault)?;
            Line { generation, ..line }.put(vault)?;
            run.report.forked = true;
        }
        let mut moved = anew;
        for (chain, first) in forks {
            if self.reframe(open, *chain, *first, generation)? {
                moved = true;
                continue;
            }
            let stream = open.membership().stream_name(chain.0);
            if run.report.refused.iter().all(|refused| refused.stream != stream) {
                let ops = vault.read(|c| segments::unsent_from(c, chain.0, open.device, chain.1, *first))?;
                run.report.refused.push(RefusedSegment { stream, ops, reason: "gap".to_owned() });
            }
        }
        Ok(moved)
    }

    /// Frames a chain's ops from a number on again, at the end of the stream's chain of this generation, and gives up their
    /// old places. `false`, and nothing is changed, if one of them is not held or the stream takes nothing from this post.
    fn reframe(&self, open: &Open, (stream, old): Chain, first: u64, generation: Generation) -> Result<bool> {
        let membership = open.membership();
        let takes = membership.stream(stream).is_some_and(|held| Sealing::now(&held.log).is_some());
        let ops = self.inner.vault.read(|c| unframed(c, open.device, (stream, old), first, generation))?;
        let Some(ops) = ops.filter(|_| takes && membership.rights(stream).writes()) else { return Ok(false) };
        let (mut at, mut most) = (0, ENTRIES);
        while let Some(rest) = ops.get(at..).filter(|rest| !rest.is_empty()) {
            let part = rest.get(..most).unwrap_or(rest);
            let saver = self.inner.vault.read(|c| -> Result<Saver<'_>> {
                let mut saver = Saver::at(&open.keys, &open.tag_key, &membership, generation, store::counter(c)?);
                saver.reframe(c, stream, part.to_vec(), &mut SystemRandom::new())?;
                Ok(saver)
            })?;
            let entries = saver.entries();
            if part.len() > 1 && in_saves(&entries).len() > 1 {
                most = part.len() / 2;
                continue;
            }
            let mut journal = Journal::new(open.device, &membership, &open.drafts, self.now().seconds());
            self.save(&entries, |tx| saver.write(tx, &mut journal))?;
            at += part.len();
        }
        // Last: until then a crash leaves the ops in both chains, never in none.
        self.save_parts(open, &[Entry::Dropped { stream, generation: old, first }])?;
        Ok(true)
    }

    /// Where sending stands.
    ///
    /// # Errors
    /// [`RecordsError::Vault`] while locked.
    pub fn status(&self) -> Result<SyncStatus> {
        let (unsent_ops, last) =
            self.inner.vault.read(|c| -> Result<_> { Ok((store::unsent(c)?, store::fact(c, "last_success")?)) })?;
        Ok(SyncStatus {
            unsent_ops,
            last_success: last.map(i64::from_be_bytes),
            problem: self.inner.problem.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            enrolled: Hub::get(&self.inner.vault)?.is_some(),
            running: self.inner.syncing.load(std::sync::atomic::Ordering::Acquire),
        })
    }
}

/// The ops of a chain from a number on, but for those that stand in the present chain already. `None` if one is not held.
fn unframed(
    c: &rusqlite::Connection,
    device: DeviceId,
    (stream, old): Chain,
    first: u64,
    present: Generation,
) -> Result<Option<Vec<Op>>> {
    let unread = segments::unread_own(c, device)?;
    let of_chain = |of: &segments::Segment| (of.stream, of.generation) == (stream, old) && of.first >= first;
    if unread.iter().any(|(stored, _)| of_chain(&stored.segment)) {
        return Ok(None);
    }
    let there: HashSet<OpId> = store::own_ops(c, stream, present, 0..u64::MAX)?.iter().map(|own| own.op).collect();
    let mut ops = Vec::new();
    for own in store::own_ops(c, stream, old, first..u64::MAX)? {
        if !there.contains(&own.op) {
            let Some(held) = store::op(c, own.record, &own.op, stream)? else { return Ok(None) };
            ops.push(held.op);
        }
    }
    Ok(Some(ops))
}

/// Entries in parts that each fit one outbox record.
fn in_saves(entries: &[Entry]) -> Vec<&[Entry]> {
    let mut parts = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for (at, entry) in entries.iter().enumerate() {
        let size = entry.size();
        if at > from && (at - from >= ENTRIES || bytes + size > ENTRY_BYTES) {
            parts.extend(entries.get(from..at));
            (from, bytes) = (at, 0);
        }
        bytes += size;
    }
    parts.extend(entries.get(from..).filter(|rest| !rest.is_empty()));
    parts
}
