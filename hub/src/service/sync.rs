//! `POST /v1/sync`: new segments in, a receipt and what is new out.
//!
//! Knows the order of one request's work. Refuses to judge a segment and to choose what is sent back: see [`crate::judge`]
//! and [`super::outgoing`]. Invariant: a request is worked on only if a card signed it that binds its device or was the last
//! to do so, and then in this order: judge, store, answer. Start at [`Service::sync`].

use std::sync::PoisonError;

use samanvay_sync::id::{DeviceId, Hash, StreamId};
use samanvay_sync::wire::{PushReceipt, PushResult, Receipt, Refusal, SyncReply, SyncRequest};

use crate::judge::Judge;
use crate::log::Line;
use crate::members::{Members, Standing};
use crate::store::{NewSegment, Placed, Push, Pushed, StoreError};

use super::outgoing::Outgoing;
use super::{Result, STRIPES, Service, unreadable};

impl Service {
    /// `POST /v1/sync`.
    pub(crate) fn sync(&self, body: &[u8]) -> Result<Vec<u8>> {
        let device = SyncRequest::decode(body).map_err(|error| unreadable(&error))?.device();
        let lock = self.devices.get(usize::from(device.0.first().copied().unwrap_or(0)) % STRIPES);
        let _one_by_one = lock.map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner));
        let members = self.members();
        let request = signed(&members, &device, body)?;
        if i64::try_from(request.number).is_err() {
            return Err(Refusal::Malformed.into());
        }
        let received = self.now();
        let named: Vec<Option<StreamId>> =
            request.streams.iter().map(|asked| members.resolve(&device, asked.stream)).collect();
        let pushes = self.push(&members, &request, &named, received)?;
        let mut out = Outgoing::new(self, &members, &request, &named, &pushes);
        let mut streams = Vec::with_capacity(request.streams.len());
        for ((asked, stream), pushes) in request.streams.iter().zip(&named).zip(pushes) {
            streams.push(out.named(asked, *stream, pushes)?);
        }
        out.unnamed(&named)?;
        let receipt = Receipt {
            device: request.device,
            number: request.number,
            incarnation: self.incarnation,
            hub_time: received,
            streams,
            signature: [0; 64],
        };
        let Outgoing { news, more, .. } = out;
        Ok(SyncReply { receipt: receipt.sign(&self.parts.receipt_key), news, more }.encode())
    }

    /// Judges and stores; gives the results, stream by stream.
    fn push(
        &self,
        members: &Members,
        request: &SyncRequest,
        named: &[Option<StreamId>],
        received: u64,
    ) -> Result<Vec<Vec<PushReceipt>>> {
        let mut judge = Judge::new(members, self.store(), &self.parts.schemas, request.device, request.generation);
        let mut judged = Vec::new();
        for (asked, stream) in request.streams.iter().zip(named) {
            let segments = asked.pushes.iter().map(|wire| match stream {
                Some(stream) => judge.segment(*stream, wire),
                None => Ok(Err(PushResult::NotWriter)),
            });
            judged.push(segments.collect::<std::result::Result<Vec<_>, StoreError>>()?);
        }
        let segments: Vec<NewSegment> = judged.iter().flatten().flatten().cloned().collect();
        let push = Push { device: request.device, number: request.number, received, segments };
        let mut placed = match self.store().push(push)? {
            Pushed::Stale { last } => return Err(Refusal::StaleNumber { last }.into()),
            Pushed::Stored(placed) => placed.into_iter(),
        };
        let mut receipt = |judged: std::result::Result<NewSegment, PushResult>| match judged {
            Err(result) => self.refused(request, result),
            Ok(segment) => match placed.next() {
                Some(Placed::Accepted(position)) => held(&segment, PushResult::Accepted, position),
                Some(Placed::Held(position)) => held(&segment, PushResult::Held, position),
                Some(Placed::Fork) => self.refused(request, PushResult::Fork),
                Some(Placed::Quarantined) => self.refused(request, PushResult::Quarantined),
                Some(Placed::Full) => self.refused(request, PushResult::NotWriter),
                Some(Placed::Gap) | None => self.refused(request, PushResult::Gap),
            },
        };
        Ok(judged.into_iter().map(|stream| stream.into_iter().map(&mut receipt).collect()).collect())
    }

    fn refused(&self, request: &SyncRequest, result: PushResult) -> PushReceipt {
        let event = match result {
            PushResult::Fork => "fork",
            PushResult::Quarantined => "quarantine",
            _ => "segment_refused",
        };
        let code = usize::from(result.code());
        Line::new(event).id("device", &request.device.0).count("result", code).to(self.log());
        PushReceipt { hash: Hash::default(), result, position: 0 }
    }
}

fn held(segment: &NewSegment, result: PushResult, position: u64) -> PushReceipt {
    PushReceipt { hash: segment.hash, result, position }
}

/// The request, if a card by which its device is bound signed it. A device bound in several units may have been bound by
/// cards with different transport keys. A removed device may still hand in what it wrote, for review, by its last card.
fn signed(members: &Members, device: &DeviceId, body: &[u8]) -> std::result::Result<SyncRequest, Refusal> {
    let (cards, is_removed) = match members.standing(device) {
        Standing::Unknown => return Err(Refusal::UnknownDevice),
        Standing::Removed(cards) => (cards, true),
        Standing::Bound(cards) => (cards, false),
    };
    let by = |key| SyncRequest::decode(body).and_then(|signed| signed.verify(key));
    let request = cards.iter().find_map(|card| by(card.transport()).ok()).ok_or(Refusal::BadSignature)?;
    if is_removed && request.streams.iter().all(|asked| asked.pushes.is_empty()) {
        return Err(Refusal::Removed);
    }
    Ok(request)
}
