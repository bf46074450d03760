//! Every function and operator, by what it gives.
//!
//! Knows: XPath 1.0 and the ODK functions as written in their specifications. Refuses to know: how they are evaluated.
//! Invariant: one line, one fact. Start at [`common::calc`].
#![allow(missing_docs, clippy::doc_markdown)]

mod common;

use common::calc;

/// Checks `expression → expected` pairs over three given field values.
fn all(a: &str, b: &str, c: &str, pairs: &[(&str, &str)]) {
    for (expression, expected) in pairs {
        assert_eq!(calc(expression, a, b, c), *expected, "{expression}");
    }
}

#[test]
fn arithmetic_follows_xpath() {
    let pairs = [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 div 2", "3.5"),
        ("7 mod 3", "1"),
        ("-7 mod 3", "-1"),
        ("10 - 2 - 3", "5"),
        ("- - 4", "4"),
        ("/data/a + /data/b", "15"),
        ("../a * ../b", "36"),
        ("/data/c + 1", ""),
        ("1 div 0", "Infinity"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("1000000 * 1000000", "1000000000000"),
    ];
    all("12", "3", "", &pairs);
}

#[test]
fn comparison_follows_xpath() {
    let pairs = [
        ("/data/a = 12", "true"),
        ("/data/a = '12.0'", "false"),
        ("/data/a != 12", "false"),
        ("/data/a > /data/b", "true"),
        ("'abc' = 'abc'", "true"),
        ("'b' > 'a'", "false"),
        ("true() = 'x'", "true"),
        ("/data/c = ''", "true"),
        ("/data/c > 0 or /data/c <= 0", "false"),
        ("1 < 2 and 2 < 3", "true"),
        ("1 > 2 or 3 > 2", "true"),
        ("(/data/a | /data/b) = 3", "true"),
        ("(/data/a | /data/b) != 3", "true"),
    ];
    all("12", "3", "", &pairs);
}

#[test]
fn booleans_and_conditions() {
    let pairs = [
        ("true()", "true"),
        ("not(false())", "true"),
        ("boolean('')", "false"),
        ("boolean(0)", "false"),
        ("boolean('0')", "true"),
        ("boolean-from-string('1')", "true"),
        ("boolean-from-string('yes')", "false"),
        ("if(/data/a > 10, 'बड़ा', 'छोटा')", "बड़ा"),
        ("if(/data/c = '', 'none', 'some')", "none"),
        ("coalesce(/data/c, /data/a)", "12"),
        ("coalesce('', '')", ""),
        ("coalesce(/data/c + 1, 0)", "0"),
        ("checklist(1, 2, true(), false(), true())", "true"),
        ("checklist(-1, 1, true(), true())", "false"),
    ];
    all("12", "3", "", &pairs);
}

#[test]
fn numbers_are_rounded_and_limited() {
    let pairs = [
        ("int(3.9)", "3"),
        ("int(-3.9)", "-3"),
        ("floor(-1.5)", "-2"),
        ("ceiling(1.2)", "2"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(3.14159, 2)", "3.14"),
        ("round(1234, -2)", "1200"),
        ("abs(-4)", "4"),
        ("pow(2, 10)", "1024"),
        ("sqrt(16)", "4"),
        ("min(/data/a, /data/b, 7)", "3"),
        ("max(/data/a | /data/b)", "12"),
        ("max(/data/c)", ""),
        ("number('12')", "12"),
        ("number('बारह')", ""),
        ("string(1.50)", "1.5"),
    ];
    all("12", "3", "", &pairs);
}

#[test]
fn node_sets_are_counted_and_added() {
    let pairs = [
        ("count(/data/a | /data/b)", "2"),
        ("count(instance('town')/root/item)", "2"),
        ("count-non-empty(/data/a | /data/c)", "1"),
        ("sum(/data/a | /data/b | /data/c)", "15"),
        ("instance('town')/root/item[name = '396']/label", "भोपाल"),
        ("instance('town')/root/item[2]/name", "396"),
        ("instance('town')/root/item[last()]/name", "396"),
        ("instance('town')/root/item[position() = 1]/@kind", "big"),
        ("instance('town')/root/*[name = /data/b]/label", ""),
        ("count(instance('town')/root/item[@kind = 'big'][name > 394])", "1"),
        ("instance('town')/root/item[name = current()/../a]/label", ""),
        ("join('-', instance('town')/root/item/name)", "394-396"),
        ("concat(instance('town')/root/item/name, '.')", "394396."),
        ("(instance('town')/root/item)[2]/label", "भोपाल"),
    ];
    all("12", "3", "", &pairs);
}

#[test]
fn texts_are_cut_and_joined() {
    let pairs = [
        ("string-length(/data/a)", "4"),
        ("concat(/data/a, ' ', 1)", "सीता 1"),
        ("contains(/data/a, 'ीत')", "true"),
        ("starts-with(/data/a, 'सी')", "true"),
        ("ends-with(/data/a, 'ता')", "true"),
        ("substr('भोपाल', 0, 2)", "भो"),
        ("substr('abcdef', -3, -1)", "de"),
        ("substr('abcdef', 2)", "cdef"),
        ("substr('abc', 2, 1)", ""),
        ("substring('12345', 2, 3)", "234"),
        ("substring('12345', 1.5, 2.6)", "234"),
        ("substring('12345', 0)", "12345"),
        ("substring-before('1999/04/01', '/')", "1999"),
        ("substring-after('1999/04/01', '/')", "04/01"),
        ("translate('bar', 'abc', 'AB')", "BAr"),
        ("normalize-space('  a   b ')", "a b"),
        ("join(', ', 'x', 'y')", "x, y"),
        ("regex('9826012345', '^[6-9][0-9]{9}$')", "true"),
        ("regex('5826012345', '^[6-9][0-9]{9}$')", "false"),
        ("regex('abc123', '[0-9]+')", "true"),
    ];
    all("सीता", "", "", &pairs);
}

#[test]
fn selections_are_looked_into() {
    let pairs = [
        ("selected(/data/a, 'pocso')", "true"),
        ("selected(/data/a, 'poc')", "false"),
        ("count-selected(/data/a)", "3"),
        ("count-selected(/data/b)", "0"),
        ("selected-at(/data/a, 1)", "pocso"),
        ("selected-at(/data/a, 5)", ""),
    ];
    all("gtbt pocso jj", "", "", &pairs);
}

#[test]
fn dates_are_days_and_days_are_dates() {
    let pairs = [
        ("today()", "2026-11-21"),
        ("now()", "2026-11-21T10:30:00.000+05:30"),
        ("date('2026-11-20') < today()", "true"),
        ("/data/a <= now()", "true"),
        ("/data/b > today()", "true"),
        ("date(/data/a + 30)", "2026-12-20"),
        ("int((today() - date('2012-02-29')) div 365.25)", "14"),
        ("decimal-date-time('1970-01-02T00:00:00Z')", "1"),
        ("round(decimal-date-time('1970-01-02') * 48)", "37"),
        ("date-time(decimal-date-time('2026-11-21T10:30:00.000+05:30'))", "2026-11-21T10:30:00.000+05:30"),
        ("date('2026-02-30')", ""),
        ("decimal-time('12:00:00')", "0.5"),
        ("decimal-time('06:30:00.000Z')", "0.5"),
        ("decimal-time('06:30:00.000+05:75')", ""),
        ("format-date(/data/a, '%d-%m-%Y')", "20-11-2026"),
        ("format-date(/data/a, '%e %b %Y, %a')", "20 नव 2026, शुक्र"),
        ("format-date-time('2026-11-21T09:05:00+05:30', '%H:%M %h %n/%y')", "09:05 9 11/26"),
        ("format-date('', '%Y')", ""),
    ];
    all("2026-11-20", "2026-12-01", "", &pairs);
}

#[test]
fn a_date_before_1970_and_a_leap_day_are_counted_right() {
    assert_eq!(calc("date(date('2024-02-28') + 1)", "", "", ""), "2024-02-29");
    assert_eq!(calc("date(date('1969-12-31') - 1)", "", "", ""), "1969-12-30");
}

#[test]
fn uuids_are_version_four_and_come_from_the_given_source() {
    let uuid = calc("uuid()", "", "", "");
    assert_eq!(uuid.len(), 36);
    assert_eq!((uuid.chars().nth(14), uuid.chars().nth(19)), (Some('4'), Some('8')));
}

#[test]
fn once_keeps_what_it_gave_first() {
    let mut s = common::session(
        "<a/><out/>",
        r#"<bind nodeset="/data/a" type="int"/><bind nodeset="/data/out" calculate="once(concat('n', /data/a))"/>"#,
        r#"<input ref="/data/a"><label>a</label></input>"#,
    );
    assert_eq!(common::text(&s, "out"), "n");
    common::say(&mut s, "a", "5");
    assert_eq!(common::text(&s, "out"), "n");
}
