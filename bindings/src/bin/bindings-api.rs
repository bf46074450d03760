//! Lists what the built library exports, as text, for `bindings/api.txt`: one line for each thing that foreign code can name.
//!
//! Knows the library's own metadata, so the list is what every generated language shows. Invariant: two libraries with the
//! same exports give the same text. Start at [`Listing::text`]; `tests/checks/api` compares.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::ExitCode;

use uniffi_meta::{FieldMetadata, FnParamMetadata, Metadata, ObjectImpl, Type};

fn main() -> ExitCode {
    let Some(library) = std::env::args().nth(1) else {
        let _ = writeln!(std::io::stderr(), "usage: bindings-api LIBRARY");
        return ExitCode::from(2);
    };
    match uniffi_bindgen::macro_metadata::extract_from_library(library.as_str().into()) {
        Ok(items) => {
            let text = items.into_iter().fold(Listing::default(), Listing::with).text();
            let written = std::io::stdout().write_all(text.as_bytes());
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{library}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Everything exported, by crate and name: a head line, and the lines below it.
#[derive(Default)]
struct Listing {
    types: BTreeMap<(String, String), Entry>,
}

#[derive(Default)]
struct Entry {
    head: String,
    /// In the order of the source: fields and variants.
    parts: Vec<String>,
    /// By name: constructors and methods.
    calls: BTreeSet<String>,
}

impl Listing {
    fn with(mut self, item: Metadata) -> Self {
        let owner = uniffi_meta::crate_name(item.module_path()).to_owned();
        match item {
            Metadata::Func(f) => {
                let call = call("fn", &f.name, f.is_async, &f.inputs, f.return_type.as_ref(), f.throws.as_ref());
                self.entry(owner, f.name).head = call;
            }
            Metadata::Object(o) => {
                let kind = match o.imp {
                    ObjectImpl::Struct => "object",
                    ObjectImpl::Trait(_) => "foreign trait",
                };
                self.entry(owner, o.name.clone()).head = format!("{kind} {}", o.name);
            }
            Metadata::CallbackInterface(c) => {
                self.entry(owner, c.name.clone()).head = format!("foreign trait {}", c.name);
            }
            Metadata::Constructor(c) => {
                let call = call("constructor", &c.name, c.is_async, &c.inputs, None, c.throws.as_ref());
                self.entry(owner, c.self_name).calls.insert(call);
            }
            Metadata::Method(m) => {
                let call = call("fn", &m.name, m.is_async, &m.inputs, m.return_type.as_ref(), m.throws.as_ref());
                self.entry(owner, m.self_name).calls.insert(call);
            }
            Metadata::TraitMethod(m) => {
                let call = call("fn", &m.name, m.is_async, &m.inputs, m.return_type.as_ref(), m.throws.as_ref());
                self.entry(owner, m.trait_name).calls.insert(call);
            }
            Metadata::Record(r) => {
                let entry = self.entry(owner, r.name.clone());
                entry.head = format!("record {}", r.name);
                entry.parts = fields(&r.fields);
            }
            Metadata::Enum(e) => {
                let entry = self.entry(owner, e.name.clone());
                entry.head = format!("{} {}", if e.shape.is_error() { "error" } else { "enum" }, e.name);
                entry.parts = e.variants.iter().map(|v| variant(&v.name, &v.fields)).collect();
            }
            // Nothing of these kinds is exported but the namespaces, which every library has.
            other @ (Metadata::CustomType(_) | Metadata::UniffiTrait(_) | Metadata::ObjectTraitImpl(_)) => {
                self.entry(owner, format!("{other:?}")).head = format!("{other:?}");
            }
            Metadata::Namespace(_) | Metadata::UdlFile(_) => {}
        }
        self
    }

    fn entry(&mut self, owner: String, name: String) -> &mut Entry {
        self.types.entry((owner, name)).or_default()
    }

    fn text(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut last = "";
        for ((owner, _), entry) in &self.types {
            if owner != last {
                lines.push(owner.clone());
                last = owner;
            }
            lines.push(format!("  {}", entry.head));
            lines.extend(entry.parts.iter().chain(&entry.calls).map(|line| format!("    {line}")));
        }
        lines.join("\n") + "\n"
    }
}

fn call(
    word: &str,
    name: &str,
    is_async: bool,
    inputs: &[FnParamMetadata],
    gives: Option<&Type>,
    throws: Option<&Type>,
) -> String {
    let inputs: Vec<String> = inputs
        .iter()
        .map(|input| {
            let default = if input.default.is_some() { " = default" } else { "" };
            format!("{}: {}{default}", input.name, shown(&input.ty))
        })
        .collect();
    let gives = gives.map(|ty| format!(" -> {}", shown(ty))).unwrap_or_default();
    let throws = throws.map(|ty| format!(" throws {}", shown(ty))).unwrap_or_default();
    format!("{}{word} {name}({}){gives}{throws}", if is_async { "async " } else { "" }, inputs.join(", "))
}

fn fields(fields: &[FieldMetadata]) -> Vec<String> {
    fields.iter().map(|field| format!("{}: {}", field.name, shown(&field.ty))).collect()
}

fn variant(name: &str, inner: &[FieldMetadata]) -> String {
    if inner.is_empty() { name.to_owned() } else { format!("{name} {{ {} }}", fields(inner).join(", ")) }
}

fn shown(ty: &Type) -> String {
    match ty {
        Type::Optional { inner_type } => format!("{}?", shown(inner_type)),
        Type::Sequence { inner_type } => format!("[{}]", shown(inner_type)),
        Type::Set { inner_type } => format!("{{{}}}", shown(inner_type)),
        Type::Map { key_type, value_type } => format!("{{{}: {}}}", shown(key_type), shown(value_type)),
        Type::Box { inner_type } => shown(inner_type),
        named => named.name().map_or_else(|| format!("{named:?}").to_lowercase(), str::to_owned),
    }
}
