//! ODK XForms engine: compile, session, validate.
//!
//! Knows: forms, answers, and the rules between them. Refuses to know: clock, disk, network and randomness; time and
//! random bytes are arguments, texts come in and values go out. Invariant: what [`compile`] accepts runs the same on
//! every phone, and an accepted answer leaves everything that depends on it up to date.
//!
//! ```
//! use samanvay_forms::{Context, FieldIds, FieldRef, Session, compile};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let xml = r#"<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml">
//!   <h:head><h:title>गिनती</h:title><model>
//!     <instance><data id="count"><girls/><boys/><total/></data></instance>
//!     <bind nodeset="/data/girls" type="int"/><bind nodeset="/data/boys" type="int"/>
//!     <bind nodeset="/data/total" type="int" calculate="coalesce(/data/girls, 0) + coalesce(/data/boys, 0)"/>
//!   </model></h:head>
//!   <h:body><input ref="/data/girls"><label>लड़कियाँ</label></input>
//!     <input ref="/data/boys"><label>लड़के</label></input></h:body></h:html>"#;
//! let ids = FieldIds::default().assign(xml)?;
//! let form = std::sync::Arc::new(compile(xml, &ids)?);
//! let context = Context { now_ms: 0, offset_minutes: 330, rng: Box::new(|| [7; 8]) };
//! let mut session = Session::new(form.clone(), context, "hi");
//! let girls = form.field_by_path("girls").ok_or("no such field")?.id;
//! session.answer(&FieldRef::top(girls), "२३")?;
//! assert_eq!(session.values().len(), 2);
//! # Ok(()) }
//! ```
//!
//! Start at [`compile`], then [`Session`].

#![allow(clippy::doc_markdown)] // XPath, XForms and XLSForm are names, not code

mod catalogue;
mod compile;
mod dates;
pub mod errors;
mod eval;
mod form;
mod ids;
mod input;
mod model;
mod num;
mod session;
mod text;
mod tree;
mod value;
pub mod view;
mod xpath;

pub use compile::compile;
pub use errors::AnswerError;
pub use form::{FieldDef, Form};
pub use ids::FieldIds;
pub use session::{Context, Session};
pub use value::{Answer, Class, FieldRef, Kind, RowId, Value};
