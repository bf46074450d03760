//! Puts everything that must be kept up to date into dependency order.
//!
//! Knows: who reads what. Refuses to know: expressions. Invariant: in the resulting order a trigger comes after every
//! trigger whose result it reads; a circle is an error that names its nodes. Start at [`sort`].

use super::report::Report;
use super::resolve::Read;
use crate::errors::Fault;
use crate::model::{Def, DefId, Facet, Trigger, Use};
use crate::num;
use std::collections::{BTreeSet, HashMap};

/// Triggers in order, and by definition who reads it and which triggers it has.
#[derive(Debug, Default)]
pub(super) struct Order {
    pub(super) triggers: Vec<Trigger>,
    pub(super) uses: Vec<Vec<Use>>,
    pub(super) own: Vec<Vec<u32>>,
}

/// Sorts the triggers.
pub(super) fn sort(defs: &[Def], reads: &HashMap<(DefId, Facet), Vec<Read>>, report: &mut Report) -> Order {
    let mut all: Vec<(DefId, Facet)> = reads.keys().copied().collect();
    all.sort_unstable();
    let index: HashMap<(DefId, Facet), usize> = all.iter().enumerate().map(|(i, key)| (*key, i)).collect();
    let mut before: Vec<usize> = vec![0; all.len()];
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
    let mut sources: Vec<Vec<usize>> = Vec::with_capacity(all.len());
    for (at, key) in all.iter().enumerate() {
        let own: BTreeSet<usize> =
            reads.get(key).into_iter().flatten().flat_map(|read| writers(read.def, defs, &index)).collect();
        sources.push(own.iter().copied().collect());
        for source in own {
            if let (Some(list), Some(count)) = (after.get_mut(source), before.get_mut(at)) {
                list.push(at);
                *count += 1;
            }
        }
    }
    let mut free: BTreeSet<usize> = (0..all.len()).filter(|i| before.get(*i) == Some(&0)).collect();
    let mut sorted = Vec::new();
    while let Some(at) = free.pop_first() {
        sorted.push(at);
        for next in after.get(at).into_iter().flatten() {
            if let Some(count) = before.get_mut(*next) {
                *count -= 1;
                if *count == 0 {
                    free.insert(*next);
                }
            }
        }
    }
    if sorted.len() < all.len() {
        report_circle(defs, &all, &before, &sources, report);
        return Order::default();
    }
    tables(defs, &sorted.iter().filter_map(|i| all.get(*i).copied()).collect::<Vec<_>>(), reads)
}

/// Triggers whose result changes what a reader of `def` sees.
fn writers(def: DefId, defs: &[Def], index: &HashMap<(DefId, Facet), usize>) -> Vec<usize> {
    let own = [Facet::Calculate, Facet::Choices].into_iter().filter_map(|f| index.get(&(def, f)).copied());
    let mut found: Vec<usize> = own.collect();
    let mut at = Some(def);
    while let Some(id) = at {
        found.extend(index.get(&(id, Facet::Relevant)));
        at = defs.get(id.ix()).and_then(|d| d.parent);
    }
    found
}

fn tables(defs: &[Def], sorted: &[(DefId, Facet)], reads: &HashMap<(DefId, Facet), Vec<Read>>) -> Order {
    let depth = |id: DefId| defs.get(id.ix()).map_or(0, |d| d.depth);
    let mut order =
        Order { triggers: Vec::new(), uses: vec![Vec::new(); defs.len()], own: vec![Vec::new(); defs.len()] };
    for (at, key) in sorted.iter().enumerate() {
        let trigger = num::index(at);
        order.triggers.push(Trigger { def: key.0, facet: key.1 });
        if let Some(own) = order.own.get_mut(key.0.ix()) {
            own.push(trigger);
        }
        for read in reads.get(key).into_iter().flatten() {
            let Some(uses) = order.uses.get_mut(read.def.ix()) else {
                continue;
            };
            // Triggers come in order, so the same one can only be the last.
            match uses.last_mut().filter(|u| u.trigger == trigger) {
                Some(known) if depth(read.anchor) < depth(known.anchor) => known.anchor = read.anchor,
                Some(_) => {}
                None => uses.push(Use { trigger, anchor: read.anchor }),
            }
        }
    }
    order
}

/// Finds one circle among the triggers that could not be ordered, and names it.
fn report_circle(defs: &[Def], all: &[(DefId, Facet)], before: &[usize], sources: &[Vec<usize>], report: &mut Report) {
    let stuck = |i: usize| before.get(i).is_some_and(|n| *n > 0);
    // Walking against the arrows from any stuck trigger must come back to a trigger seen before.
    let source = |i: usize| sources.get(i).into_iter().flatten().copied().find(|s| stuck(*s));
    let mut walk: Vec<usize> = (0..all.len()).find(|i| stuck(*i)).into_iter().collect();
    let mut places: HashMap<usize, usize> = walk.iter().map(|i| (*i, 0)).collect();
    while let Some(next) = walk.last().and_then(|i| source(*i)) {
        if let Some(seen) = places.insert(next, walk.len()) {
            walk.drain(..seen);
            break;
        }
        walk.push(next);
    }
    walk.reverse();
    let names: Vec<&str> = walk
        .iter()
        .filter_map(|i| all.get(*i))
        .filter_map(|(id, _)| defs.get(id.ix()))
        .map(|d| d.path.as_str())
        .collect();
    let offset = walk.first().and_then(|i| all.get(*i)).and_then(|(id, _)| defs.get(id.ix())).map_or(0, |d| d.offset);
    let first = names.first().copied().unwrap_or("");
    let what = format!("values depend on themselves: {} → {first}", names.join(" → "));
    report.add(offset, Fault::Cycle, what, "Break the circle: one of the fields must be answered, not worked out");
}
