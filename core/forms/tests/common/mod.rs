//! A small workshop for form tests: forms from fragments, sessions with a fixed clock and counted random bytes.
//!
//! Knows: how to wrap fragments into a form. Refuses to know: what a test is about. Invariant: same call, same session.
//! Start at [`form`].
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use samanvay_forms::errors::CompileErrors;
use samanvay_forms::{Context, FieldIds, FieldRef, Form, RowId, Session, Value, compile};
use std::sync::Arc;

/// 2026-11-21 10:30 in India.
pub(crate) const NOW_MS: i64 = 1_795_237_200_000;

/// A clock that stands, and row ids 1, 2, 3, …
pub(crate) fn context() -> Context {
    let mut n = 0u64;
    let rng = move || {
        n += 1;
        n.to_be_bytes()
    };
    Context { now_ms: NOW_MS, offset_minutes: 330, rng: Box::new(rng) }
}

/// A form's XML from the instance's content, the rest of the model, and the body.
pub(crate) fn xml(instance: &str, model: &str, body: &str) -> String {
    format!(
        r#"<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml" xmlns:jr="http://openrosa.org/javarosa" xmlns:orx="http://openrosa.org/xforms" xmlns:odk="http://www.opendatakit.org/xforms" xmlns:samanvay="https://samanvay.app/xforms">
<h:head><h:title>परीक्षण / Test</h:title><model>
<instance><data id="test" version="1">{instance}</data></instance>
{model}
</model></h:head>
<h:body>{body}</h:body></h:html>"#
    )
}

/// Compiles with numbers assigned on the spot.
pub(crate) fn try_compile(xml: &str) -> Result<Form, CompileErrors> {
    compile(xml, &FieldIds::default().assign(xml)?)
}

/// A session over a form made of fragments.
pub(crate) fn session(instance: &str, model: &str, body: &str) -> Session {
    let form = try_compile(&xml(instance, model, body)).unwrap();
    Session::new(Arc::new(form), context(), "hi")
}

/// The address of a field outside repeats.
pub(crate) fn at(session: &Session, path: &str) -> FieldRef {
    FieldRef::top(session.form().field_by_path(path).unwrap_or_else(|| panic!("no field {path}")).id)
}

/// The address of a field in rows.
pub(crate) fn inside(session: &Session, path: &str, rows: &[RowId]) -> FieldRef {
    FieldRef { rows: rows.to_vec(), ..at(session, path) }
}

/// Answers with text.
pub(crate) fn say(session: &mut Session, path: &str, text: &str) {
    let field = at(session, path);
    session.answer(&field, text).unwrap_or_else(|e| panic!("{path}: {e}"));
}

/// A field's value as text; empty when there is none.
pub(crate) fn text(session: &Session, path: &str) -> String {
    session.value(&at(session, path)).map_or(String::new(), Value::to_text)
}

/// The result of an expression that reads `a`, `b` and `c`, which hold the given texts.
pub(crate) fn calc(expression: &str, a: &str, b: &str, c: &str) -> String {
    let escaped = expression.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let model = format!(
        r#"<instance id="town"><root><item kind="big"><name>394</name><label>बैतूल</label></item><item kind="big"><name>396</name><label>भोपाल</label></item></root></instance>
<bind nodeset="/data/out" calculate="{escaped}"/>"#
    );
    let instance = format!("<a>{a}</a><b>{b}</b><c>{c}</c><out/>");
    let session = session(&instance, &model, "");
    text(&session, "out")
}
