//! Rules about secrecy that a form must keep before it may run anywhere.
//!
//! Knows: classes, who reads what. Refuses to know: how a form looks. Invariant: in a form that passes, a text typed by
//! a person stands below class V only where the author gave a reason, and a calculated value below its inputs' class is
//! a declared coarse fact. Start at [`secrecy`].

use super::binds::BindFacts;
use super::body::{Body, Control};
use super::report::Report;
use super::resolve::Read;
use crate::errors::Fault;
use crate::model::{Def, DefId, Facet};
use crate::num;
use crate::value::{Class, Kind};
use std::collections::HashMap;

/// What the rules look at.
pub(super) struct Checked<'a> {
    pub(super) defs: &'a [Def],
    pub(super) facts: &'a HashMap<DefId, BindFacts>,
    pub(super) body: &'a Body,
    pub(super) reads: &'a HashMap<(DefId, Facet), Vec<Read>>,
    /// Reads of `setvalue` expressions, with their targets.
    pub(super) set_reads: &'a [(DefId, Vec<Read>)],
}

/// Checks every field.
pub(super) fn secrecy(checked: &Checked<'_>, report: &mut Report) {
    for (at, def) in checked.defs.iter().enumerate() {
        let id = DefId(num::index(at));
        let Some(facts) = checked.facts.get(&id) else {
            continue;
        };
        free_text(checked, id, def, facts, report);
        if facts.secrecy.coarse && def.bind.calculate.is_none() {
            let what = format!("the coarse fact {} is not calculated", def.path);
            report.add(facts.offset, Fault::Attribute, what, "Give it a calculate, or remove samanvay:coarse");
        }
        if facts.secrecy.coarse && facts.secrecy.class == Class::Unset {
            let what = format!("the coarse fact {} has no class", def.path);
            report.add(facts.offset, Fault::Attribute, what, "Give it samanvay:class");
        }
        if let Some(reads) = checked.reads.get(&(id, Facet::Calculate)) {
            leaks(checked, id, reads, report);
        }
    }
    for (target, reads) in checked.set_reads {
        leaks(checked, *target, reads, report);
    }
}

fn free_text(checked: &Checked<'_>, id: DefId, def: &Def, facts: &BindFacts, report: &mut Report) {
    let typed = checked.body.controls.get(&id) == Some(&Control::Input) && def.bind.calculate.is_none();
    if typed && def.kind == Kind::Text && facts.secrecy.class.below_v() && !facts.secrecy.waived {
        let what = format!("{} is free text below class V", def.path);
        let advice = "Offer a list, raise the class, or give samanvay:waive a reason why no name can stand here";
        report.add(facts.offset, Fault::FreeText, what, advice);
    }
}

fn leaks(checked: &Checked<'_>, id: DefId, reads: &[Read], report: &mut Report) {
    let nothing = BindFacts::default();
    let own = checked.facts.get(&id).unwrap_or(&nothing);
    if own.secrecy.coarse {
        return;
    }
    for read in reads {
        let Some(def) = checked.defs.get(read.def.ix()).filter(|d| d.field.is_some() && d.kind != Kind::Note) else {
            continue;
        };
        let class = checked.facts.get(&read.def).unwrap_or(&nothing).secrecy.class;
        if !own.secrecy.class.covers(class) {
            let name = checked.defs.get(id.ix()).map_or("", |d| d.path.as_str());
            report.add(
                own.offset,
                Fault::Leak,
                format!("{name} is worked out from {}, which has a higher class", def.path),
                "Raise its class, or declare it with samanvay:coarse=\"true\" if only fixed codes can come out",
            );
            return;
        }
    }
}
