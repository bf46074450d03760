//! Commands of the offline side: the authority and the districts' admins.
//!
//! Knows key files by path and things by id or name. The rules are `samanvay_records::admin`'s.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use samanvay_records::Lang;
use samanvay_records::admin::{Admin, Authority, HubInfo, Pending};
use samanvay_records::env::SystemClock;
use samanvay_records::text;
use samanvay_sync::bytes::{hex, unhex};
use samanvay_sync::client::{Client, Timeouts};
use samanvay_sync::id::{DeviceId, PostId, StreamId, UnitId};
use samanvay_sync::keys::{AdminCard, Public};
use samanvay_sync::log::{PostRole, Purpose, RemoveReason, Rights, UnitKind};
use samanvay_sync::schema::Clearance;
use samanvay_vault::KdfParams;
use serde_json::json;

use crate::args::{
    Admin as Command, AdminKey, Authority as AuthorityCommand, KeyFileArg, Member, PurposeArg, ReasonArg, RightsArg,
    RoleArg, UnitKindArg,
};
use crate::fail::{Failure, Outcome};
use crate::out::Out;
use crate::secret;

pub(crate) async fn run(command: Command, out: Out) -> Outcome {
    match command {
        Command::Authority(command) => authority(command, out),
        Command::Key(command) => key(command, out),
        Command::Unit { file, name, kind } => unit(&file, name.zip(kind), out),
        Command::Post { file, unit, name, role } => {
            let mut admin = open(&file)?;
            let unit = find_unit(&admin, &unit)?;
            let post = admin.add_post(unit, role_of(role), &name)?;
            out.show(&json!({ "post": post.hex() }), [post.hex()]);
            Ok(())
        }
        Command::Stream { file, name, purpose, clearance } => stream(&file, name.zip(purpose), &clearance, out),
        Command::Member(command) => member(command, out).await,
        Command::Invite { file, unit, post, hub, minutes } => {
            let mut admin = open(&file)?;
            let unit = find_unit(&admin, &unit)?;
            let post = find_post(&admin, unit, &post)?;
            let code = admin.invite(unit, post, &hub_info(&hub)?, minutes.saturating_mul(60))?;
            out.show(&json!({ "code": code.as_str() }), [code.to_string()]);
            Ok(())
        }
        Command::Publish { file, hub } => {
            let sent = open(&file)?.publish(&client(&hub)?).await?;
            out.show(&json!({ "sent": sent }), [format!("↑ {sent}")]);
            Ok(())
        }
    }
}

fn authority(command: AuthorityCommand, out: Out) -> Outcome {
    match command {
        AuthorityCommand::New { file } => {
            let authority = Authority::create(&file.file, &passphrase(&file)?, KdfParams::STANDARD)?;
            show_authority(&authority, out);
        }
        AuthorityCommand::Show { file } => show_authority(&Authority::open(&file.file, &passphrase(&file)?)?, out),
        AuthorityCommand::Certify { file, admin, district, name } => {
            let authority = Authority::open(&file.file, &passphrase(&file)?)?;
            let card = hex(&authority.certify(public(&admin)?, district, &name).encode());
            out.show(&json!({ "card": card }), [card.clone()]);
        }
    }
    Ok(())
}

fn show_authority(authority: &Authority, out: Out) {
    let (public, recovery) = (hex(&authority.public()), hex(&authority.recovery()));
    let json = json!({ "authority": public, "recovery": recovery });
    out.show(&json, [format!("authority {public}"), format!("recovery  {recovery}")]);
}

fn key(command: AdminKey, out: Out) -> Outcome {
    match command {
        AdminKey::New { file, authority, recovery } => {
            let (authority, recovery) = (public(&authority)?, public(&recovery)?);
            let clock = Arc::new(SystemClock);
            let passphrase = passphrase(&file)?;
            let admin = Admin::create(&file.file, &passphrase, KdfParams::STANDARD, authority, recovery, clock)?;
            let key = hex(&admin.public()?);
            out.show(&json!({ "admin": key }), [key.clone()]);
        }
        AdminKey::Card { file, card } => {
            let card = unhex(&card).and_then(|bytes| AdminCard::decode(&bytes).ok());
            open(&file)?.accept_card(&card.ok_or_else(|| Failure::usage("that is not a card"))?)?;
            out.show(&json!({ "certified": true }), ["✓".to_owned()]);
        }
    }
    Ok(())
}

fn unit(file: &KeyFileArg, new: Option<(String, UnitKindArg)>, out: Out) -> Outcome {
    let mut admin = open(file)?;
    if let Some((name, kind)) = new {
        let unit = admin.add_unit(unit_kind_of(kind), &name)?;
        out.show(&json!({ "unit": unit.hex() }), [unit.hex()]);
        return Ok(());
    }
    let mut rows = Vec::new();
    let mut all = Vec::new();
    for unit in admin.units() {
        let name = unit.info().map(|info| info.name.clone()).unwrap_or_default();
        rows.push(vec![unit.id().hex(), name.clone(), String::new()]);
        let mut posts = Vec::new();
        for (post, about) in unit.posts() {
            rows.push(vec![post.hex(), String::new(), about.name.clone()]);
            posts.push(json!({ "post": post.hex(), "name": about.name }));
        }
        all.push(json!({ "unit": unit.id().hex(), "name": name, "posts": posts }));
    }
    out.table(&json!(all), &["id", "unit", "post"], &rows);
    Ok(())
}

fn stream(file: &KeyFileArg, new: Option<(String, PurposeArg)>, clearance: &str, out: Out) -> Outcome {
    let mut admin = open(file)?;
    if let Some((name, purpose)) = new {
        let stream = admin.add_stream(purpose_of(purpose), clearance_of(clearance)?, &name)?;
        out.show(&json!({ "stream": stream.hex() }), [stream.hex()]);
        return Ok(());
    }
    let all: Vec<_> = admin.streams().map(|(id, info)| (id.hex(), info.name.clone())).collect();
    let json = json!(all.iter().map(|(id, name)| json!({ "stream": id, "name": name })).collect::<Vec<_>>());
    let rows: Vec<_> = all.into_iter().map(|(id, name)| vec![id, name]).collect();
    out.table(&json, &["id", "stream"], &rows);
    Ok(())
}

async fn member(command: Member, out: Out) -> Outcome {
    match command {
        Member::Set { file, stream, unit, post, rights } => {
            let mut admin = open(&file)?;
            let unit = find_unit(&admin, &unit)?;
            let post = find_post(&admin, unit, &post)?;
            let stream = find_stream(&admin, &stream)?;
            admin.set_member(stream, unit, post, rights_of(rights))?;
            out.show(&json!({ "set": true }), ["✓".to_owned()]);
        }
        Member::Pending { file, hub } => {
            let waiting = open(&file)?.pending(&client(&hub)?).await?;
            let each = |one: &Pending| {
                let (unit, post) = one.place();
                json!({
                    "device": one.device().hex(), "unit": unit.hex(), "post": post.hex(),
                    "fingerprint": text::fingerprint(&one.device(), Lang::Hi),
                })
            };
            let json = json!(waiting.iter().map(each).collect::<Vec<_>>());
            let rows: Vec<_> = waiting
                .iter()
                .map(|one| vec![one.device().hex(), text::fingerprint(&one.device(), Lang::Hi), one.place().1.hex()])
                .collect();
            out.table(&json, &["device", "fingerprint", "post"], &rows);
        }
        Member::Approve { file, hub, device } => {
            let mut admin = open(&file)?;
            let hub = client(&hub)?;
            let waiting = admin.pending(&hub).await?;
            let named = |one: &&Pending| {
                one.device().hex() == device
                    || [Lang::Hi, Lang::En].iter().any(|lang| text::fingerprint(&one.device(), *lang) == device)
            };
            let one = waiting.iter().find(named).ok_or_else(|| Failure::not_found("waiting device"))?;
            admin.approve(one)?;
            admin.publish(&hub).await?;
            out.show(&json!({ "bound": one.device().hex() }), ["✓".to_owned()]);
        }
        Member::Remove { file, device, reason } => {
            let device = DeviceId::from_hex(&device).ok_or_else(|| Failure::usage("that is not a device's id"))?;
            open(&file)?.remove_device(device, reason_of(reason))?;
            out.show(&json!({ "removed": true }), ["✓".to_owned()]);
        }
    }
    Ok(())
}

fn passphrase(file: &KeyFileArg) -> Outcome<String> {
    secret::read(file.passphrase_file.as_deref(), "SAMANVAY_PASSPHRASE", "कूटवाक्य / passphrase")
}

fn open(file: &KeyFileArg) -> Outcome<Admin> {
    Ok(Admin::open(&file.file, &passphrase(file)?, Arc::new(SystemClock))?)
}

fn hub_info(file: &Path) -> Outcome<HubInfo> {
    let text = fs::read_to_string(file).map_err(|_| Failure::not_found("public file of a hub"))?;
    HubInfo::from_json(&text).ok_or_else(|| Failure::usage("that is not a hub's public file"))
}

fn client(file: &Path) -> Outcome<Client> {
    let hub = hub_info(file)?;
    Ok(Client::new(&hub.url, &hub.ca, &[hub.pin], Timeouts::default())?)
}

fn public(text: &str) -> Outcome<Public> {
    unhex(text).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| Failure::usage("that is not a public key in hex"))
}

fn clearance_of(letters: &str) -> Outcome<Clearance> {
    let bit = |letter: char| "ABCVM".find(letter).map(|at| 1u8 << at);
    let bits = letters.chars().map(bit).try_fold(0, |sum, bit| bit.map(|bit| sum | bit));
    let bits = bits.filter(|bits| *bits != 0);
    bits.and_then(|bits| Clearance::from_bits(bits).ok())
        .ok_or_else(|| Failure::usage("a clearance is some of the letters A, B, C, V, M"))
}

fn find_unit(admin: &Admin, named: &str) -> Outcome<UnitId> {
    let fits = |unit: &&samanvay_sync::log::UnitLog| {
        unit.id().hex() == named || unit.info().is_some_and(|info| info.name == named)
    };
    one(admin.units().filter(fits).map(samanvay_sync::log::UnitLog::id), "unit")
}

fn find_post(admin: &Admin, unit: UnitId, named: &str) -> Outcome<PostId> {
    let unit = admin.units().find(|log| log.id() == unit).ok_or_else(|| Failure::not_found("unit"))?;
    let fits = |(id, post): &(PostId, &samanvay_sync::log::Post)| id.hex() == named || post.name == named;
    one(unit.posts().filter(fits).map(|(id, _)| id), "post")
}

fn find_stream(admin: &Admin, named: &str) -> Outcome<StreamId> {
    let fits = |(id, info): &(StreamId, &samanvay_sync::log::StreamInfo)| id.hex() == named || info.name == named;
    one(admin.streams().filter(fits).map(|(id, _)| id), "stream")
}

fn one<T>(mut found: impl Iterator<Item = T>, what: &str) -> Outcome<T> {
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(Failure::usage(format!("several {what}s have that name: give the id"))),
        (one, _) => one.ok_or_else(|| Failure::not_found(what)),
    }
}

fn unit_kind_of(kind: UnitKindArg) -> UnitKind {
    match kind {
        UnitKindArg::PoliceStation => UnitKind::PoliceStation,
        UnitKindArg::Ngo => UnitKind::Ngo,
        UnitKindArg::Department => UnitKind::Department,
        UnitKindArg::Supervisor => UnitKind::Supervisor,
    }
}

fn role_of(role: RoleArg) -> PostRole {
    match role {
        RoleArg::FieldWorker => PostRole::FieldWorker,
        RoleArg::InCharge => PostRole::InCharge,
        RoleArg::Supervisor => PostRole::Supervisor,
        RoleArg::NodalOfficer => PostRole::NodalOfficer,
    }
}

fn purpose_of(purpose: PurposeArg) -> Purpose {
    match purpose {
        PurposeArg::Unit => Purpose::Unit,
        PurposeArg::RollUp => Purpose::RollUp,
        PurposeArg::Open => Purpose::Open,
        PurposeArg::Coordination => Purpose::Coordination,
    }
}

fn rights_of(rights: RightsArg) -> Rights {
    match rights {
        RightsArg::None => Rights::NONE,
        RightsArg::Read => Rights::READER,
        RightsArg::Write => Rights::WRITER,
        RightsArg::Both => Rights::BOTH,
    }
}

fn reason_of(reason: ReasonArg) -> RemoveReason {
    match reason {
        ReasonArg::Left => RemoveReason::Left,
        ReasonArg::Lost => RemoveReason::Lost,
        ReasonArg::Replaced => RemoveReason::Replaced,
    }
}
