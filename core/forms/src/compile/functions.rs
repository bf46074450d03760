//! The XPath functions this engine runs, with the number of arguments each takes.
//!
//! Knows: names and counts. Refuses to know: how they work (see `eval`). Invariant: a name not in the table is refused
//! at compile time. Start at [`find`].

use crate::model::Func;

/// Any number of arguments.
const MANY: usize = usize::MAX;

/// Function by name: least and most arguments.
pub(super) fn find(name: &str) -> Option<(Func, usize, usize)> {
    Some(match name {
        "abs" => (Func::Abs, 1, 1),
        "boolean" => (Func::Boolean, 1, 1),
        "boolean-from-string" => (Func::BooleanFromString, 1, 1),
        "ceiling" => (Func::Ceiling, 1, 1),
        "checklist" => (Func::Checklist, 2, MANY),
        "coalesce" => (Func::Coalesce, 1, MANY),
        "concat" => (Func::Concat, 0, MANY),
        "contains" => (Func::Contains, 2, 2),
        "count" => (Func::Count, 1, 1),
        "count-non-empty" => (Func::CountNonEmpty, 1, 1),
        "count-selected" => (Func::CountSelected, 1, 1),
        "date" => (Func::Date, 1, 1),
        "date-time" => (Func::DateTime, 1, 1),
        "decimal-date-time" => (Func::DecimalDateTime, 1, 1),
        "decimal-time" => (Func::DecimalTime, 1, 1),
        "ends-with" => (Func::EndsWith, 2, 2),
        "false" => (Func::False, 0, 0),
        "floor" => (Func::Floor, 1, 1),
        "format-date" | "format-date-time" => (Func::FormatDate, 2, 2),
        "if" => (Func::If, 3, 3),
        "int" => (Func::Int, 1, 1),
        "join" => (Func::Join, 1, MANY),
        "last" => (Func::Last, 0, 0),
        "max" => (Func::Max, 1, MANY),
        "min" => (Func::Min, 1, MANY),
        "normalize-space" => (Func::NormalizeSpace, 0, 1),
        "not" => (Func::Not, 1, 1),
        "now" => (Func::Now, 0, 0),
        "number" => (Func::Number, 0, 1),
        "position" => (Func::Position, 0, 1),
        "pow" => (Func::Pow, 2, 2),
        "round" => (Func::Round, 1, 2),
        "selected" => (Func::Selected, 2, 2),
        "selected-at" => (Func::SelectedAt, 2, 2),
        "sqrt" => (Func::Sqrt, 1, 1),
        "starts-with" => (Func::StartsWith, 2, 2),
        "string" => (Func::String, 0, 1),
        "string-length" => (Func::StringLength, 0, 1),
        "substr" => (Func::Substr, 2, 3),
        "substring" => (Func::Substring, 2, 3),
        "substring-after" => (Func::SubstringAfter, 2, 2),
        "substring-before" => (Func::SubstringBefore, 2, 2),
        "sum" => (Func::Sum, 1, 1),
        "today" => (Func::Today, 0, 0),
        "translate" => (Func::Translate, 3, 3),
        "true" => (Func::True, 0, 0),
        "uuid" => (Func::Uuid, 0, 0),
        _ => return None,
    })
}

/// Why a function of other engines is not here, and what to do instead.
pub(super) fn advice(name: &str) -> &'static str {
    match name {
        "pulldata" | "search" => "Put the list into the form and use a choice filter or instance()",
        "random" | "randomize" => "Remove it: a form must give the same result on every phone",
        "area" | "distance" | "geofence" => "Remove it: positions are not recorded",
        "difference-in-months" | "add-date" => "Use decimal-date-time() and date() with a number of days",
        "property" | "version" => "Remove it: the app keeps the device and version with every record",
        _ => "Check the spelling, or use one of the documented functions",
    }
}
