//! What does not compile, and how that is said.
//!
//! Knows: forms with one fault each. Refuses to know: how they would run. Invariant: every refusal has a kind, a place
//! and advice. Start at [`refusal`].
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::format_collect)]

mod common;

use common::{try_compile, xml};
use samanvay_forms::errors::{CompileError, Fault};
use samanvay_forms::{FieldIds, compile};

const INPUT: &str = r#"<input ref="/data/a"><label>क</label></input>"#;

/// The first reason why a form is refused.
fn refusal(instance: &str, model: &str, body: &str) -> CompileError {
    let errors = try_compile(&xml(instance, model, body)).expect_err("refused");
    let first = errors.all()[0].clone();
    assert!(!first.advice.is_empty() && first.line > 0 && first.column > 0, "{first}");
    first
}

fn bind(attributes: &str) -> CompileError {
    refusal("<a/><b/>", &format!(r#"<bind nodeset="/data/a" {attributes}/>"#), INPUT)
}

#[test]
fn unknown_elements_are_refused_with_line_column_and_name() {
    let error = refusal("<a/>", "", "\n\n    <range ref=\"/data/a\" start=\"1\"/>");
    assert_eq!((error.fault, error.line, error.column), (Fault::Element, 8, 5));
    assert!(error.what.contains("<range>"), "{error}");
    for element in ["<rank ref='/data/a'/>", "<trigger ref='/data/a'/>", "<odk:setgeopoint ref='/data/a' event='x'/>"] {
        assert_eq!(refusal("<a/>", "", element).fault, Fault::Element, "{element}");
    }
    assert_eq!(refusal("<a/>", "<submission/>", INPUT).fault, Fault::Element);
}

#[test]
fn photos_and_pictures_are_refused_by_name() {
    let error = refusal("<a/>", "", r#"<upload ref="/data/a" mediatype="image/*"/>"#);
    assert_eq!(error.fault, Fault::Media);
    assert!(error.advice.contains("photos"));
    assert_eq!(bind(r#"type="binary""#).fault, Fault::Media);
    let itext = r#"<itext><translation lang="hi"><text id="x"><value form="image">jr://images/a.png</value></text></translation></itext>"#;
    assert_eq!(refusal("<a/>", itext, INPUT).fault, Fault::Media);
}

#[test]
fn unknown_attributes_types_and_preloads_are_refused() {
    assert_eq!(bind(r#"saveIncomplete="true()""#).fault, Fault::Attribute);
    assert_eq!(bind(r#"samanvay:secret="yes""#).fault, Fault::Attribute);
    assert_eq!(bind(r#"samanvay:class="W""#).fault, Fault::Attribute);
    assert_eq!(bind(r#"type="geopoint""#).fault, Fault::Type);
    assert_eq!(bind(r#"type="boolean""#).fault, Fault::Type);
    assert_eq!(bind(r#"jr:preload="property" jr:preloadParams="deviceid""#).fault, Fault::Attribute);
    let body =
        r#"<group ref="/data/r"><repeat nodeset="/data/r" jr:count="3"><input ref="/data/r/a"/></repeat></group>"#;
    assert_eq!(refusal("<r><a/></r>", "", body).fault, Fault::Attribute);
    let error = refusal("<a/>", r#"<setvalue ref="/data/a" event="xforms-value-changed" value="1"/>"#, INPUT);
    assert_eq!(error.fault, Fault::Attribute);
}

#[test]
fn attributes_of_other_peoples_namespaces_are_let_pass() {
    let model = r#"<bind nodeset="/data/a" type="string" x:color="red" xmlns:x="https://example.org/x"/>"#;
    assert!(try_compile(&xml("<a/>", model, INPUT)).is_ok());
}

#[test]
fn expressions_are_refused_at_their_own_column() {
    let model = "\n<bind nodeset=\"/data/a\" relevant=\"/data/b = 1 and pulldata('x', 'y')\"/>";
    let error = refusal("<a/><b/>", model, INPUT);
    assert_eq!((error.fault, error.line, error.column), (Fault::Function, 5, 51), "{error}");
    let error = bind(r#"relevant="/data/b = ""#);
    assert_eq!(error.fault, Fault::Expression);
    for (expression, fault) in [
        ("/data/missing = 1", Fault::Path),
        ("../../../x", Fault::Path),
        ("//a", Fault::Path),
        ("/data/*", Fault::Path),
        ("/data/b/preceding-sibling::a", Fault::Path),
        ("instance('none')/root/item", Fault::Path),
        ("random()", Fault::Function),
        ("count(1)", Fault::Function),
        ("selected(/data/b)", Fault::Function),
        ("regex(/data/b, /data/b)", Fault::Function),
        ("regex(/data/b, '(')", Fault::Function),
        ("format-date(today(), '%Q')", Fault::Function),
        ("indexed-repeat(/data/b, /data/a, 1)", Fault::Function),
    ] {
        assert_eq!(bind(&format!(r#"relevant="{expression}""#)).fault, fault, "{expression}");
    }
}

#[test]
fn circles_are_refused_and_named() {
    let model = r#"<bind nodeset="/data/a" calculate="/data/b + 1"/><bind nodeset="/data/b" calculate="/data/c"/>
<bind nodeset="/data/c" relevant="/data/a > 1"/>"#;
    let error = refusal("<a/><b/><c/>", model, "");
    assert_eq!(error.fault, Fault::Cycle);
    for name in ["/a", "/b", "/c"] {
        assert!(error.what.contains(name), "{error}");
    }
    assert_eq!(bind(r#"calculate=". + 1""#).fault, Fault::Cycle);
    assert_eq!(bind(r#"relevant="/data/a = ''""#).fault, Fault::Cycle);
    let model = r#"<bind nodeset="/data/g" relevant="/data/g/x > 0"/>"#;
    assert_eq!(refusal("<g><x/></g>", model, "").fault, Fault::Cycle);
}

#[test]
fn data_outside_the_form_is_refused() {
    let instance = r#"<instance id="towns" src="jr://file-csv/towns.csv"/>"#;
    assert_eq!(refusal("<a/>", instance, INPUT).fault, Fault::ExternalData);
    let body =
        r#"<select1 ref="/data/a"><itemset nodeset="/data/r"><value ref="x"/><label ref="x"/></itemset></select1>"#;
    assert_eq!(refusal("<a/><r><x/></r>", "", body).fault, Fault::ExternalData);
}

#[test]
fn free_text_below_class_v_needs_a_reason() {
    for class in ["A", "B", "C"] {
        let error = bind(&format!(r#"type="string" samanvay:class="{class}""#));
        assert_eq!(error.fault, Fault::FreeText, "{class}");
    }
    for fine in [
        r#"samanvay:class="V""#,
        r#"samanvay:class="M""#,
        "",
        r#"samanvay:class="B" samanvay:waive="names a village, never a person""#,
        r#"samanvay:class="A" type="int""#,
    ] {
        let model = format!(r#"<bind nodeset="/data/a" {fine}/>"#);
        assert!(try_compile(&xml("<a/>", &model, INPUT)).is_ok(), "{fine}");
    }
    assert_eq!(bind(r#"samanvay:class="B" samanvay:waive="ok""#).fault, Fault::Attribute);
}

#[test]
fn a_calculated_value_may_not_fall_below_its_inputs_unless_it_is_a_coarse_fact() {
    let calc = |attributes: &str, expression: &str| {
        let model = format!(
            r#"<bind nodeset="/data/a" type="string" samanvay:class="V"/><bind nodeset="/data/b" calculate="{expression}" {attributes}/>"#
        );
        try_compile(&xml("<a/><b/>", &model, INPUT))
    };
    let leaks = calc(r#"samanvay:class="B""#, "/data/a").unwrap_err();
    assert!(leaks.has(Fault::Leak));
    assert!(calc(r#"samanvay:class="V""#, "/data/a").is_ok());
    assert!(calc(r#"samanvay:class="B" samanvay:coarse="true""#, "if(/data/a = '', 'no', 'yes')").is_ok());
    let open = calc(r#"samanvay:class="B" samanvay:coarse="true""#, "concat(/data/a, '')").unwrap_err();
    assert!(open.has(Fault::Leak), "a coarse fact must come from a closed list");
    assert!(calc(r#"samanvay:coarse="true""#, "if(/data/a = '', 'no', 'yes')").is_err(), "a coarse fact needs a class");
    assert_eq!(bind(r#"samanvay:class="B" samanvay:coarse="true" type="int""#).fault, Fault::Attribute);
    let default = r#"<bind nodeset="/data/a" samanvay:class="V"/><bind nodeset="/data/b" type="int" samanvay:class="A"/>
<setvalue ref="/data/b" event="odk-instance-first-load" value="string-length(/data/a)"/>"#;
    assert_eq!(refusal("<a/><b/>", default, INPUT).fault, Fault::Leak);
}

#[test]
fn broken_structure_is_refused() {
    assert!(try_compile("<html/>").unwrap_err().has(Fault::Structure));
    assert_eq!(refusal("<a/>", r#"<bind nodeset="/data/x"/>"#, "").fault, Fault::Path);
    assert_eq!(refusal("<a/>", r#"<bind nodeset="/data/a"/><bind nodeset="/data/a"/>"#, "").fault, Fault::Structure);
    assert_eq!(refusal("<a/>", "", &format!("{INPUT}{INPUT}")).fault, Fault::Structure);
    assert_eq!(refusal("<a/><a/>", "", "").fault, Fault::Structure);
    assert_eq!(refusal("<a><b/></a>", "", INPUT).fault, Fault::Structure);
    assert_eq!(refusal("<a/>", "", r#"<select1 ref="/data/a"/>"#).fault, Fault::Structure);
    let spaced = r#"<select1 ref="/data/a"><item><label>x</label><value>a b</value></item></select1>"#;
    assert_eq!(refusal("<a/>", "", spaced).fault, Fault::Structure);
    let label = r#"<input ref="/data/a"><label ref="jr:itext('nothing')"/></input>"#;
    assert_eq!(refusal("<a/>", "", label).fault, Fault::Structure);
}

#[test]
fn several_faults_are_reported_at_once_in_the_order_of_the_text() {
    let model = r#"<bind nodeset="/data/a" type="geopoint"/>
<bind nodeset="/data/b" calculate="nonsense()"/>"#;
    let errors = try_compile(&xml("<a/><b/>", model, "<range ref='/data/a'/>")).unwrap_err();
    let faults: Vec<Fault> = errors.all().iter().map(|e| e.fault).collect();
    assert_eq!(faults, [Fault::Type, Fault::Function, Fault::Element]);
    assert_eq!(errors.to_string().lines().count(), 3);
}

// ---- hostile input -------------------------------------------------------------------------------------------------

#[test]
fn hostile_xml_is_refused_without_harm() {
    let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><h:html>&b;</h:html>"#;
    let deep = "<a>".repeat(200_000);
    let deep_closed = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
    let huge = format!("<x>{}</x>", "y".repeat(5 << 20));
    let many = format!("<x>{}</x>", "<y/>".repeat(600_000));
    for (text, fault) in [
        (bomb, Fault::Xml),
        (deep.as_str(), Fault::TooLarge),
        (deep_closed.as_str(), Fault::TooLarge),
        (huge.as_str(), Fault::TooLarge),
        (many.as_str(), Fault::Xml),
        ("", Fault::Xml),
        ("<a><b></a>", Fault::Xml),
        ("\u{0}", Fault::Xml),
        ("<!-- -->", Fault::Xml),
        ("<a b='<'/>", Fault::Xml),
    ] {
        let errors = compile(text, &FieldIds::default()).expect_err("refused");
        assert!(errors.has(fault), "{errors}");
    }
}

#[test]
fn hostile_expressions_are_refused_without_harm() {
    for expression in ["(".repeat(60_000), "not(".repeat(60_000), "-".repeat(60_000) + "1", "a[".repeat(30_000)] {
        let model = format!(r#"<bind nodeset="/data/a" relevant="{expression}"/>"#);
        let result = try_compile(&xml("<a/><b/>", &model, INPUT));
        assert!(result.is_err() || expression.starts_with('-'));
    }
}

#[test]
fn random_damage_to_a_form_never_panics() {
    let good = include_str!("../../records/forms/case_fact.xml");
    let mut seed = 0x2545_F491_4F6C_DD1Du64;
    for _ in 0..150 {
        let mut bytes = good.as_bytes().to_vec();
        for _ in 0..4 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let at = usize::try_from(seed % (bytes.len() as u64)).unwrap();
            bytes[at] = b"<>\"'/& ()[]=ax"[usize::try_from(seed >> 60).unwrap() % 14];
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = try_compile(&text);
    }
}

// ---- the id table --------------------------------------------------------------------------------------------------

#[test]
fn numbers_are_stable_and_new_fields_get_the_next() {
    let list = |codes: &[&str]| {
        let items: String =
            codes.iter().map(|c| format!("<item><label>{c}</label><value>{c}</value></item>")).collect();
        format!(r#"<select1 ref="/data/a">{items}</select1>"#)
    };
    let first = FieldIds::default().assign(&xml("<a/>", "", &list(&["x", "y"]))).unwrap();
    assert_eq!(first.to_tsv(), "path\tid\tkind\tchoices\n/a\t1\tchoice\tx,y\n");
    let grown = xml("<b/><a/>", "", &list(&["z", "y"]));
    assert!(compile(&grown, &first).unwrap_err().has(Fault::FieldId), "strict: nothing is numbered silently");
    let second = first.assign(&grown).unwrap();
    assert_eq!(second.to_tsv(), "path\tid\tkind\tchoices\n/a\t1\tchoice\tx,y,z\n/b\t2\ttext\t\n");
    let form = compile(&grown, &second).unwrap();
    assert_eq!(form.field(1).unwrap().choices, ["x", "y", "z"]);
    assert!(second.extends(&first).is_ok());
    assert!(first.extends(&second).unwrap_err().has(Fault::FieldId));
    assert_eq!(second.assign(&grown).unwrap(), second);
}

#[test]
fn a_changed_kind_is_refused_and_a_retired_number_is_never_given_again() {
    let table = FieldIds::parse("/a\t1\tint\n/gone\t9\ttext\n").unwrap();
    let text = xml("<a/>", "", INPUT);
    assert!(compile(&text, &table).unwrap_err().has(Fault::FieldId));
    assert!(table.assign(&text).unwrap_err().has(Fault::FieldId));
    let number = xml("<a/><new/>", r#"<bind nodeset="/data/a" type="int"/>"#, INPUT);
    let extended = table.assign(&number).unwrap();
    assert!(extended.to_tsv().contains("/new\t10\ttext"));
    assert!(extended.to_tsv().contains("/gone\t9\ttext"));
    let renumbered = FieldIds::parse("/a\t2\tint\n/gone\t9\ttext\n").unwrap();
    assert!(renumbered.extends(&table).is_err());
}
