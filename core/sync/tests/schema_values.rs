//! Facts about typed values and how they travel.

mod samples;

use samanvay_sync::op::{Value, Write};
use samanvay_sync::schema::value::{Typed, delta, read, write};
use samanvay_sync::schema::{ClassMask, Field, FieldKind};
use samples::{AUTHOR, OTHER, field, id, text};
use std::collections::BTreeMap;

fn of(kind: FieldKind) -> Field {
    let listed = matches!(kind, FieldKind::Choice | FieldKind::Choices);
    let choices = if listed { vec!["F".into(), "M".into(), "T".into()] } else { Vec::new() };
    Field { choices, ..field(1, "x", kind, ClassMask::B) }
}

#[test]
fn every_kind_travels_as_the_format_says_and_comes_back() {
    let moment = Typed::Instant { seconds: 1_794_800_000, offset_minutes: 330 };
    let cases = [
        (FieldKind::Text, Typed::Text("भैंसदेही".into()), text("भैंसदेही")),
        (FieldKind::Int, Typed::Int(-7), Value::Int(-7)),
        (FieldKind::Decimal, Typed::Decimal("-12.5".into()), text("-12.5")),
        (FieldKind::Choice, Typed::Choice("M".into()), Value::Int(1)),
        (FieldKind::Choice, Typed::Choice("हिजड़ा".into()), text("हिजड़ा")),
        (FieldKind::Date, Typed::Date(20_773), Value::Int(20_773)),
        (FieldKind::Time, Typed::Time(86_399), Value::Int(86_399)),
        (FieldKind::Instant, moment, Value::Instant { seconds: 1_794_800_000, offset_minutes: 330 }),
        (FieldKind::Bool, Typed::Bool(true), Value::Int(1)),
        (FieldKind::Repeat, Typed::Order(3), Value::Int(3)),
    ];
    for (kind, typed, value) in cases {
        assert!(write(&of(kind), &typed).unwrap() == value, "{kind:?}");
        assert!(read(&of(kind), &value) == Some(typed), "{kind:?}");
    }
}

#[test]
fn text_is_put_into_nfc_before_it_travels() {
    let decomposed = "क\u{915}\u{93c} e\u{301}";
    assert!(write(&of(FieldKind::Text), &Typed::Text(decomposed.into())).unwrap() == text("क\u{915}\u{93c} é"));
}

#[test]
fn values_that_do_not_fit_their_field_are_refused() {
    let wrong = [
        (FieldKind::Int, Typed::Text("5".into())),
        (FieldKind::Time, Typed::Time(86_400)),
        (FieldKind::Choices, Typed::Choice("F".into())),
    ];
    for (kind, typed) in wrong {
        assert!(write(&of(kind), &typed).is_err(), "{kind:?}");
    }
    for digits in ["", "-", "-0", "01", "1.", ".5", "1.50", "1.0", "1e3", "+1", "१२", "1.2.3"] {
        assert!(write(&of(FieldKind::Decimal), &Typed::Decimal(digits.into())).is_err(), "{digits}");
    }
    for digits in ["0", "10", "0.05", "-0.5", "100.01"] {
        assert!(write(&of(FieldKind::Decimal), &Typed::Decimal(digits.into())).is_ok(), "{digits}");
    }
}

#[test]
fn values_that_a_stranger_wrote_outside_the_kind_are_not_read() {
    let strange = [
        (FieldKind::Int, text("5")),
        (FieldKind::Choice, Value::Int(3)),
        (FieldKind::Choice, Value::Int(-1)),
        (FieldKind::Date, Value::Int(i64::MAX)),
        (FieldKind::Time, Value::Int(86_400)),
        (FieldKind::Bool, Value::Int(2)),
        (FieldKind::Decimal, text("01")),
        (FieldKind::Instant, Value::Instant { seconds: 0, offset_minutes: 40_000 }),
        (FieldKind::Text, Value::Raw(vec![1])),
    ];
    for (kind, value) in strange {
        assert!(read(&of(kind), &value).is_none(), "{kind:?}");
    }
}

#[test]
fn delta_adds_what_is_missing_and_removes_what_was_seen() {
    let held = BTreeMap::from([(0, vec![id(AUTHOR, 1), id(OTHER, 4)]), (1, vec![id(AUTHOR, 1)])]);
    let set = of(FieldKind::Choices);
    let change = delta(&set, &held, &["T", "M", "T"]).unwrap();
    assert_eq!(change, Some(Write::Delta { adds: vec![2], removes: vec![(0, vec![id(AUTHOR, 1), id(OTHER, 4)])] }));
    assert_eq!(delta(&set, &held, &["M", "F"]).unwrap(), None);
    assert!(delta(&set, &held, &["X"]).is_err());
    assert!(delta(&of(FieldKind::Choice), &held, &["F"]).is_err());
}

#[test]
fn debug_shows_no_content() {
    let shown = format!("{:?} {:?}", Typed::Text("सरिता".into()), text("सरिता"));
    assert!(!shown.contains("सरिता"));
}
