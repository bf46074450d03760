//! Prints a form's id table, extended by the fields and choices the table lacks.
//!
//! Knows: two file names. Refuses to know: forms. Invariant: nothing is written but standard output, so that a person
//! looks at the difference before it is committed. Usage: `assign FORM.xml FORM.tsv`; a missing table counts as empty.

use samanvay_forms::FieldIds;
use std::error::Error;
use std::io::Write as _;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(form), Some(table)) = (arguments.next(), arguments.next()) else {
        return Err("usage: assign FORM.xml FORM.tsv".into());
    };
    let xml = std::fs::read_to_string(form)?;
    let known = match std::fs::read_to_string(table) {
        Ok(tsv) => FieldIds::parse(&tsv)?,
        Err(_) => FieldIds::default(),
    };
    std::io::stdout().write_all(known.assign(&xml)?.to_tsv().as_bytes())?;
    Ok(())
}
