//! Enrolments: one card an invite, and who waits to be bound.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{Device, NOW, Station, refusal};
use samanvay_sync::id::PostId;
use samanvay_sync::invite::{Enrolment, Invite, InviteSeed};
use samanvay_sync::keys::{Card, SignKey, TransportKey};
use samanvay_sync::log::{Body, RemoveReason};
use samanvay_sync::wire::{AdminAct, AdminRequest, Refusal, decode_list};

fn invite(station: &mut Station, post: PostId) -> (Invite, InviteSeed) {
    let offer = station.offer(post);
    let admin = &mut station.admin;
    Invite::make(offer, &admin.card, &admin.key, &mut admin.random).unwrap()
}

async fn enrol(station: &mut Station, post: PostId, card: &Card) -> Vec<u8> {
    let (invite, seed) = invite(station, post);
    let enrolment = Enrolment::make(&invite, &seed, card).unwrap().encode();
    station.hub.client.enrol(enrolment.clone()).await.unwrap();
    enrolment
}

async fn pending(station: &Station) -> Vec<Vec<u8>> {
    let admin = &station.admin;
    let ask = AdminRequest::sign(AdminAct::PendingEnrolments, &admin.card, NOW, &admin.key);
    decode_list(&station.hub.client.admin(ask.encode()).await.unwrap()).unwrap()
}

#[tokio::test]
async fn device_waits_until_it_is_bound_to_the_post_of_its_invite_by_that_card() {
    let mut station = Station::new().await;
    let (unit, in_charge) = (station.unit, station.in_charge);
    // The officer's device is bound to the beat already, and moves up.
    let card = station.officer.card.clone();
    let waiting = enrol(&mut station, in_charge, &card).await;
    assert_eq!(pending(&station).await, std::slice::from_ref(&waiting), "bound, and to another post");
    station.admin.unit_entry(unit, Body::Bind { post: in_charge, card: card.clone() });
    station.publish().await;
    assert_eq!(pending(&station).await, Vec::<Vec<u8>>::new());

    let device = card.device_id();
    station.admin.unit_entry(unit, Body::Remove { device, reason: RemoveReason::Left });
    station.publish().await;
    assert_eq!(pending(&station).await, Vec::<Vec<u8>>::new(), "who was bound and removed does not wait again");
    let again = enrol(&mut station, in_charge, &card).await;
    let newer = enrol(&mut station, in_charge, &Device::new(79).card).await;
    assert_eq!(pending(&station).await, [newer, again], "with a new invite it does; the newest stands first");
}

#[tokio::test]
async fn invite_is_used_up_by_a_card_and_not_by_a_device() {
    let mut station = Station::new().await;
    let (beat, device) = (station.beat, Device::new(77));
    let (invite, seed) = invite(&mut station, beat);
    let first = Enrolment::make(&invite, &seed, &device.card).unwrap().encode();
    station.hub.client.enrol(first.clone()).await.unwrap();
    let transport = SignKey::from_seed(&[9; 32]).unwrap().public();
    let other_card = device.keys.card(TransportKey { public: transport });
    assert_eq!(other_card.device_id(), device.card.device_id());
    let second = Enrolment::make(&invite, &seed, &other_card).unwrap();
    assert_eq!(refusal(station.hub.client.enrol(second.encode()).await), Refusal::InviteUsed);
    station.hub.client.enrol(first.clone()).await.unwrap();
    assert_eq!(pending(&station).await, [first]);
}
