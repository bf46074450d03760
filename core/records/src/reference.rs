//! References to a question as text: what shells and tools hold on to.
//!
//! Form: field number, then the row ids around it in hex, all joined by `/`: `12`, `31/00a1b2c3d4e5f607`. Invariant:
//! `parse(show(r)) = r`. Start at [`show`].

use samanvay_forms::{FieldRef, RowId};
use samanvay_sync::bytes::{hex, unhex};

/// The reference as text.
pub(crate) fn show(place: &FieldRef) -> String {
    place.rows.iter().fold(place.field.to_string(), |text, row| format!("{text}/{}", hex(&row.0)))
}

/// A reference from its text.
pub(crate) fn parse(text: &str) -> Option<FieldRef> {
    let mut parts = text.split('/');
    let field = parts.next()?.parse().ok()?;
    let rows = parts.map(|row| unhex(row)?.try_into().ok().map(RowId)).collect::<Option<_>>()?;
    Some(FieldRef { field, rows })
}

/// Row ids of the wire as the form engine's.
pub(crate) fn form_rows(rows: &[samanvay_sync::id::RowId]) -> Vec<RowId> {
    rows.iter().map(|row| RowId(row.0)).collect()
}

/// Row ids of the form engine as the wire's.
pub(crate) fn wire_rows(rows: &[RowId]) -> Vec<samanvay_sync::id::RowId> {
    rows.iter().map(|row| samanvay_sync::id::RowId(row.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_comes_back_and_nothing_else_is_read() {
        let place = FieldRef { field: 31, rows: vec![RowId([1, 2, 3, 4, 5, 6, 7, 8]), RowId([0; 8])] };
        assert_eq!(parse(&show(&place)), Some(place));
        assert_eq!(parse("12"), Some(FieldRef::top(12)));
        for bad in ["", "x", "1/ab", "1/", "-1", "1/zz00000000000000"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
