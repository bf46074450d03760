//! Between a form's values and a schema's typed values.
//!
//! Knows both vocabularies; how a typed value travels is `samanvay_sync::schema::value`'s. Knows no record and no stream.
//! Invariant: `read(write(v)) = v` for every value a form can hold, with text in NFC. Start at [`write()`] and [`read()`].

use samanvay_forms::Value;
use samanvay_sync::op;
use samanvay_sync::schema::Field;
use samanvay_sync::schema::value::{self, Typed};

/// A register's value for the wire; `None` if it does not fit the field, as no set does: its members go out as a delta.
pub(crate) fn write(field: &Field, value: &Value) -> Option<op::Value> {
    let typed = match value {
        Value::Text(text) => Typed::Text(text.clone()),
        Value::Decimal(digits) => Typed::Decimal(digits.clone()),
        Value::Int(n) => Typed::Int(*n),
        Value::Choice(code) => Typed::Choice(code.clone()),
        Value::Choices(_) => return None,
        Value::Date { days } => Typed::Date(*days),
        Value::Time { seconds } => Typed::Time(*seconds),
        Value::DateTime { unix_seconds, offset_minutes } => {
            Typed::Instant { seconds: *unix_seconds, offset_minutes: *offset_minutes }
        }
    };
    value::write(field, &typed).ok()
}

/// The set of these codes; codes of a newer form are left out of what is shown, not of what is kept.
pub(crate) fn members(field: &Field, codes: impl Iterator<Item = u64>) -> Value {
    let mut members: Vec<String> = codes.filter_map(|code| field.choice(code).map(str::to_owned)).collect();
    members.sort();
    Value::Choices(members)
}

/// A register's value as the form holds it; `None` if it is not of the field's kind.
pub(crate) fn read(field: &Field, value: &op::Value) -> Option<Value> {
    Some(match value::read(field, value)? {
        Typed::Text(text) => Value::Text(text),
        Typed::Decimal(digits) => Value::Decimal(digits),
        Typed::Int(n) => Value::Int(n),
        Typed::Choice(code) => Value::Choice(code),
        Typed::Date(days) => Value::Date { days },
        Typed::Time(seconds) => Value::Time { seconds },
        Typed::Instant { seconds, offset_minutes } => Value::DateTime { unix_seconds: seconds, offset_minutes },
        Typed::Bool(_) | Typed::Order(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use samanvay_sync::schema::{ClassMask, FieldKind};

    use super::*;

    fn field(kind: FieldKind) -> Field {
        let listed = matches!(kind, FieldKind::Choice | FieldKind::Choices);
        Field {
            id: 9,
            name: "field".to_owned(),
            kind,
            class: ClassMask::B,
            coarse: false,
            calculated: false,
            parent: 0,
            choices: if listed { ["F", "M", "T"].map(str::to_owned).to_vec() } else { Vec::new() },
        }
    }

    #[test]
    fn every_kind_comes_back_as_it_was_written() {
        for (kind, value) in [
            (FieldKind::Text, Value::Text("मीना".to_owned())),
            (FieldKind::Int, Value::Int(-4)),
            (FieldKind::Decimal, Value::Decimal("1.5".to_owned())),
            (FieldKind::Choice, Value::Choice("T".to_owned())),
            (FieldKind::Choice, Value::Choice("outside".to_owned())),
            (FieldKind::Date, Value::Date { days: 20_000 }),
            (FieldKind::Time, Value::Time { seconds: 3_600 }),
            (FieldKind::Instant, Value::DateTime { unix_seconds: 1_795_500_300, offset_minutes: 330 }),
        ] {
            let field = field(kind);
            assert_eq!(write(&field, &value).and_then(|wire| read(&field, &wire)), Some(value));
        }
        let set = Value::Choices(vec!["F".to_owned(), "T".to_owned()]);
        assert_eq!(members(&field(FieldKind::Choices), [2, 0, 77].into_iter()), set);
        assert_eq!(write(&field(FieldKind::Choices), &set), None);
    }

    #[test]
    fn the_schema_s_rules_hold_for_what_is_written_and_read() {
        let composed = write(&field(FieldKind::Text), &Value::Text("कि\u{928}\u{93c}ा".to_owned()));
        assert_eq!(composed, Some(op::Value::Text("कि\u{929}ा".to_owned())), "text goes out in NFC");
        assert_eq!(write(&field(FieldKind::Time), &Value::Time { seconds: 86_400 }), None);
        assert_eq!(read(&field(FieldKind::Time), &op::Value::Int(86_400)), None);
        assert_eq!(read(&field(FieldKind::Decimal), &op::Value::Text("01.50".to_owned())), None);
    }

    #[test]
    fn a_value_of_another_kind_is_not_read() {
        assert_eq!(read(&field(FieldKind::Int), &op::Value::Text("4".to_owned())), None);
        assert_eq!(read(&field(FieldKind::Choice), &op::Value::Int(3)), None);
        assert_eq!(read(&field(FieldKind::Date), &op::Value::Int(i64::MAX)), None);
    }
}
