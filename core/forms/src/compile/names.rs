//! Element names as numbers.
//!
//! Knows: names. Refuses to know: where they stand. Invariant: equal names, equal numbers. Start at [`Names`].

use crate::model::Sym;
use std::collections::HashMap;

/// Names seen so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<String, Sym>,
}

impl Names {
    pub(super) fn intern(&mut self, name: &str) -> Sym {
        if let Some(sym) = self.known.get(name) {
            return *sym;
        }
        let sym = Sym(crate::num::index(self.known.len()));
        self.known.insert(name.to_owned(), sym);
        sym
    }
}
