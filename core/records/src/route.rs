//! Which streams a new record goes to: the pack rule applied to the streams this post belongs to.
//!
//! Knows purposes, districts, clearances and rights; knows no log and no key. Invariant: the same streams and the same
//! record give the same routes, whatever the order in which the streams are listed. Start at [`home`] and [`routes`].

use samanvay_sync::id::StreamId;
use samanvay_sync::log::Purpose;
use samanvay_sync::op::{Role, Route};
use samanvay_sync::schema::Clearance;

use crate::kinds::Kind;

/// What routing needs of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) id: StreamId,
    pub(crate) purpose: Purpose,
    pub(crate) district: u32,
    pub(crate) clearance: Clearance,
    pub(crate) reads: bool,
    pub(crate) writes: bool,
    /// Whether new records may live there: rights come through a unit that this profile was invited into.
    pub(crate) keeps: bool,
}

/// The home stream of a new record: one of the rule's purpose that the own post reads and writes and that can hold the
/// record whole. Of several, one of the post's own district, then the one of the narrowest clearance, then the lowest id.
pub(crate) fn home(kind: &Kind, streams: &[Candidate], own_district: u32) -> Option<StreamId> {
    let purpose = kind.rule().home?.on_wire();
    streams
        .iter()
        .filter(|s| s.purpose == purpose && s.keeps && s.reads && s.writes && kind.fits(s.clearance))
        .min_by_key(|s| (s.district != own_district, s.clearance.bits().count_ones(), s.id))
        .map(|s| s.id)
}

/// All routes of a new record whose home is known: the projections of the rule in the record's district, where this post
/// may write, and the open stream of its alias.
pub(crate) fn routes(kind: &Kind, streams: &[Candidate], home: StreamId, district: u32) -> Vec<Route> {
    let mut routes = vec![Route { stream: home, role: Role::Home }];
    for (purpose, role) in targets(kind) {
        let found = streams
            .iter()
            .filter(|s| s.purpose == purpose && s.district == district && s.writes && s.id != home)
            .min_by_key(|s| s.id);
        routes.extend(found.map(|s| Route { stream: s.id, role }));
    }
    routes
}

/// Of the routes that a held record names, those that the rule allows: its home, and streams of a purpose and district that
/// the record goes to, where this post may write. A route is a claim of who made the record; this is checked at every save.
pub(crate) fn allowed(
    kind: &Kind,
    streams: &[Candidate],
    home: StreamId,
    districts: &[u32],
    routes: impl Iterator<Item = Route>,
) -> Vec<Route> {
    let targets: Vec<_> = targets(kind).collect();
    let is_allowed = |route: &Route| match route.role {
        Role::Home => route.stream == home,
        role => streams
            .iter()
            .filter(|s| s.id == route.stream && s.id != home)
            .any(|s| s.writes && districts.contains(&s.district) && targets.contains(&(s.purpose, role))),
    };
    routes.filter(is_allowed).collect()
}

/// Where the rule sends more than the home copy.
fn targets(kind: &Kind) -> impl Iterator<Item = (Purpose, Role)> {
    let rule = kind.rule();
    let projections = rule.projections.iter().map(|p| (p.to.on_wire(), Role::Projection));
    projections.chain(rule.alias.iter().map(|alias| (alias.to.on_wire(), Role::Alias)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::named;

    fn stream(id: u8, purpose: Purpose, clearance: u8, reads: bool, writes: bool) -> Candidate {
        let clearance = Clearance::from_bits(clearance).unwrap();
        Candidate { id: StreamId([id; 16]), purpose, district: 394, clearance, reads, writes, keeps: reads && writes }
    }

    fn betul() -> Vec<Candidate> {
        vec![
            stream(1, Purpose::Unit, 31, true, true),
            stream(2, Purpose::Unit, 7, true, true),
            stream(3, Purpose::RollUp, 3, false, true),
            stream(4, Purpose::Open, 1, true, true),
            Candidate { district: 396, ..stream(5, Purpose::RollUp, 3, false, true) },
            stream(6, Purpose::Coordination, 7, true, true),
        ]
    }

    #[test]
    fn a_report_needs_a_home_that_admits_all_its_fields() {
        let report = named("missing_child").unwrap();
        assert_eq!(home(report, &betul(), 394), Some(StreamId([1; 16])));
        let without: Vec<_> = betul().into_iter().skip(1).collect();
        assert_eq!(home(report, &without, 394), None);
        let unread = vec![stream(1, Purpose::Unit, 31, false, true)];
        assert_eq!(home(report, &unread, 394), None);
    }

    #[test]
    fn a_stream_that_came_without_an_invite_is_no_home_even_if_it_is_the_only_one() {
        let report = named("missing_child").unwrap();
        let foreign = Candidate { keeps: false, ..stream(0, Purpose::Unit, 31, true, true) };
        assert_eq!(home(report, &[foreign], 394), None);
        let streams: Vec<_> = betul().into_iter().chain([foreign]).collect();
        assert_eq!(home(report, &streams, 394), Some(StreamId([1; 16])));
    }

    #[test]
    fn a_route_that_the_rule_does_not_give_is_dropped_at_a_save() {
        let report = named("missing_child").unwrap();
        let home = StreamId([1; 16]);
        let route = |id: u8, role| Route { stream: StreamId([id; 16]), role };
        let honest = [route(1, Role::Home), route(3, Role::Projection), route(4, Role::Alias)];
        let planted = [
            route(2, Role::Projection), // another unit's own stream
            route(4, Role::Projection), // a report in the open stream
            route(3, Role::Alias),
            route(5, Role::Projection), // another district
            route(6, Role::Home),
            route(9, Role::Projection), // a stream of which nothing is known
        ];
        let all = honest.iter().chain(&planted).copied();
        assert_eq!(allowed(report, &betul(), home, &[394], all), honest);
        let unwritten: Vec<_> = betul().into_iter().map(|s| Candidate { writes: false, ..s }).collect();
        assert_eq!(allowed(report, &unwritten, home, &[394], honest.into_iter()), [route(1, Role::Home)]);
    }

    #[test]
    fn of_several_homes_the_narrowest_is_taken_whatever_the_order() {
        let session = named("awareness_session").unwrap();
        let mut streams = betul();
        assert_eq!(home(session, &streams, 394), Some(StreamId([2; 16])));
        streams.reverse();
        assert_eq!(home(session, &streams, 394), Some(StreamId([2; 16])));
    }

    #[test]
    fn routes_follow_the_record_s_district_and_the_right_to_write() {
        let report = named("missing_child").unwrap();
        let home = StreamId([1; 16]);
        let roles = |district| -> Vec<_> {
            routes(report, &betul(), home, district).iter().map(|r| (r.stream.0[0], r.role)).collect()
        };
        assert_eq!(roles(394), [(1, Role::Home), (3, Role::Projection), (4, Role::Alias)]);
        assert_eq!(roles(396), [(1, Role::Home), (5, Role::Projection)]);
        let session = named("awareness_session").unwrap();
        let open = routes(session, &betul(), StreamId([2; 16]), 394);
        assert!(open.contains(&Route { stream: StreamId([4; 16]), role: Role::Projection }));
        let meeting = named("coordination_meeting").unwrap();
        assert_eq!(super::home(meeting, &betul(), 394), Some(StreamId([6; 16])));
        assert_eq!(routes(meeting, &betul(), StreamId([6; 16]), 394).len(), 1);
    }
}
