//! Turns expressions into resolved ones: every path step becomes a child's position, every function a known one.
//!
//! Knows: definitions and lists. Refuses to know: values. Invariant: a resolved expression names only nodes that exist,
//! and [`Resolved::reads`] lists every form node whose value or rows it can depend on. Start at [`Resolver::resolve`].

use super::functions;
use super::names::Names;
use super::report::Refusal;
use crate::errors::Fault;
use crate::model::{Def, DefId, Doc, Expr, Func, Path, Shape, Start, Step};
use crate::xpath::{self, Ast, Axis, Call, RawPath, RawStep, Test};

const PATH_ADVICE: &str = "Check the path against the names in the instance";

/// A form node an expression reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) def: DefId,
    /// The shallowest node on the way there: reader and read node stand below the same instance of it.
    pub(super) anchor: DefId,
}

/// An expression with resolved references, and what it reads.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) expr: Expr,
    pub(super) reads: Vec<Read>,
    /// Where a path expression ends.
    pub(super) place: Place,
}

/// Where a path has got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Def(DefId),
    /// Somewhere in this secondary instance.
    Doc(u32),
    /// Not a node.
    Value,
}

/// An error inside an expression, with its byte offset in it.
type Step0<T> = Result<T, Refusal>;

/// What an expression is resolved against.
pub(super) struct Resolver<'a> {
    pub(super) defs: &'a [Def],
    pub(super) docs: &'a [Doc],
    pub(super) names: &'a mut Names,
    reads: Vec<Read>,
}

/// The nodes in force at one point of an expression.
#[derive(Clone, Copy)]
struct Scope {
    /// Node the whole expression belongs to.
    owner: DefId,
    context: Place,
    /// Inside a predicate: the shallowest node the outer path touched.
    floor: Option<DefId>,
}

/// A path under way.
struct Walk {
    steps: Vec<Step>,
    place: Place,
    top: Option<DefId>,
    /// Form nodes passed from the root down, and how many steps led there; only for absolute paths.
    trail: Vec<(DefId, usize)>,
}

fn refuse<T>(at: usize, fault: Fault, what: impl Into<String>, advice: &'static str) -> Step0<T> {
    Err(Refusal { offset: at, fault, what: what.into(), advice })
}

impl<'a> Resolver<'a> {
    pub(super) fn new(defs: &'a [Def], docs: &'a [Doc], names: &'a mut Names) -> Self {
        Self { defs, docs, names, reads: Vec::new() }
    }

    /// Resolves `text`, which belongs to `owner` and starts at byte `offset` of the form.
    pub(super) fn resolve(&mut self, text: &str, owner: DefId, offset: usize) -> Result<Resolved, Refusal> {
        self.reads.clear();
        let scope = Scope { owner, context: Place::Def(owner), floor: None };
        let result = xpath::parse(text)
            .or_else(|e| {
                let what = format!("the expression cannot be read: {}", e.what);
                refuse(e.at, Fault::Expression, what, "Correct the expression")
            })
            .and_then(|ast| self.expr(&ast, scope));
        match result {
            Ok((expr, place)) => Ok(Resolved { expr, reads: std::mem::take(&mut self.reads), place }),
            Err(mut refusal) => {
                refusal.offset += offset;
                Err(refusal)
            }
        }
    }

    fn def(&self, id: DefId) -> Option<&'a Def> {
        self.defs.get(id.ix())
    }

    fn shallower(&self, a: Option<DefId>, b: Option<DefId>) -> Option<DefId> {
        let depth = |id: DefId| self.def(id).map_or(0, |d| d.depth);
        match (a, b) {
            (Some(a), Some(b)) => Some(if depth(b) < depth(a) { b } else { a }),
            (a, b) => a.or(b),
        }
    }

    fn value(&mut self, ast: &Ast, scope: Scope) -> Step0<Expr> {
        self.expr(ast, scope).map(|(expr, _)| expr)
    }

    fn values(&mut self, asts: &[Ast], scope: Scope) -> Step0<Vec<Expr>> {
        asts.iter().map(|ast| self.value(ast, scope)).collect()
    }

    fn expr(&mut self, ast: &Ast, scope: Scope) -> Step0<(Expr, Place)> {
        let expr = match ast {
            Ast::Number(n) => Expr::Number(*n),
            Ast::Text(text) => Expr::Text(text.clone()),
            Ast::Negative(inner) => Expr::Negative(Box::new(self.value(inner, scope)?)),
            Ast::Chain(first, rest) => {
                let first = Box::new(self.value(first, scope)?);
                let rest = rest.iter().map(|(op, ast)| Ok((*op, self.value(ast, scope)?)));
                Expr::Chain(first, rest.collect::<Step0<_>>()?)
            }
            Ast::Union(parts) => Expr::Union(self.values(parts, scope)?),
            Ast::Path(raw) => return self.path(raw, scope),
            Ast::Call(call) => return self.call(call, scope),
        };
        Ok((expr, Place::Value))
    }

    // ---- paths -------------------------------------------------------------------------------------------------

    fn path(&mut self, raw: &RawPath, scope: Scope) -> Step0<(Expr, Place)> {
        let mut steps = raw.steps.as_slice();
        let mut walk = Walk { steps: Vec::new(), place: scope.context, top: None, trail: Vec::new() };
        let mut start = match &raw.start {
            xpath::Start::Context => Start::Context,
            xpath::Start::Root => {
                steps = self.root_step(raw, &mut walk)?;
                Start::Root
            }
            xpath::Start::Expr(inner, predicates) => {
                let start = self.start_expr(inner, scope, &mut walk)?;
                self.predicates(predicates, scope, &mut walk)?;
                start
            }
        };
        if let Place::Def(def) = walk.place {
            walk.top = Some(def);
        }
        for step in steps {
            self.step(step, scope, &mut walk)?;
        }
        if matches!(raw.start, xpath::Start::Root) {
            self.same_rows(scope.owner, &mut walk, &mut start);
        }
        if let Place::Def(def) = walk.place {
            // Who looks at a row may ask for its position, which changes with its siblings.
            let row = self.def(def).filter(|d| matches!(d.shape, Shape::Repeat { .. })).and_then(|d| d.parent);
            let top = self.shallower(walk.top, row);
            let anchor = self.shallower(top, scope.floor).unwrap_or(DefId::ROOT);
            self.reads.push(Read { def, anchor });
        }
        let target = if let Place::Def(def) = walk.place { Some(def) } else { None };
        Ok((Expr::Path(Path { start, steps: walk.steps, target }), walk.place))
    }

    /// The first step of an absolute path must be the root element.
    fn root_step<'r>(&self, raw: &'r RawPath, walk: &mut Walk) -> Step0<&'r [RawStep]> {
        let root = self.def(DefId::ROOT).map_or("", |d| d.name.as_str());
        match raw.steps.split_first() {
            Some((first, rest))
                if first.axis == Axis::Child && test_matches(&first.test, root) && first.predicates.is_empty() =>
            {
                walk.place = Place::Def(DefId::ROOT);
                walk.trail.push((DefId::ROOT, 0));
                Ok(rest)
            }
            _ => refuse(raw.at, Fault::Path, format!("an absolute path must start with /{root}"), PATH_ADVICE),
        }
    }

    fn start_expr(&mut self, inner: &Ast, scope: Scope, walk: &mut Walk) -> Step0<Start> {
        let (expr, place) = self.expr(inner, scope)?;
        walk.place = place;
        Ok(match expr {
            Expr::Path(Path { start, steps, .. }) if steps.is_empty() => start,
            expr => Start::Expr(Box::new(expr)),
        })
    }

    fn step(&mut self, raw: &RawStep, scope: Scope, walk: &mut Walk) -> Step0<()> {
        match walk.place {
            Place::Def(def) => self.form_step(raw, def, walk)?,
            Place::Doc(doc) => self.doc_step(raw, doc, walk)?,
            Place::Value => {
                return refuse(raw.at, Fault::Path, "a path cannot go on from a value", PATH_ADVICE);
            }
        }
        self.predicates(&raw.predicates, scope, walk)
    }

    fn form_step(&mut self, raw: &RawStep, at: DefId, walk: &mut Walk) -> Step0<()> {
        let def = self.def(at);
        match (raw.axis, &raw.test) {
            (Axis::Itself, Test::Node) => {}
            (Axis::Parent, test) => match def.and_then(|d| d.parent) {
                Some(parent)
                    if *test == Test::Node || self.def(parent).is_some_and(|p| test_matches(test, &p.name)) =>
                {
                    walk.steps.push(Step::Parent);
                    walk.place = Place::Def(parent);
                    walk.top = self.shallower(walk.top, Some(parent));
                    walk.trail.clear();
                }
                _ => {
                    return refuse(raw.at, Fault::Path, "this path leads above the form's root", PATH_ADVICE);
                }
            },
            (Axis::Child, Test::Name(name)) => {
                let children = def.map_or(&[][..], |d| d.children.as_slice());
                let child = children.iter().find(|c| self.def(**c).is_some_and(|d| test_matches(&raw.test, &d.name)));
                let Some(child) = child else {
                    let parent = def.map_or("", |d| if d.path.is_empty() { "/" } else { d.path.as_str() });
                    return refuse(raw.at, Fault::Path, format!("there is no node {name} in {parent}"), PATH_ADVICE);
                };
                walk.steps.push(Step::Slot(self.def(*child).map_or(0, |d| d.slot)));
                walk.place = Place::Def(*child);
                if walk.trail.last().is_some_and(|(last, _)| *last == at) {
                    walk.trail.push((*child, walk.steps.len()));
                }
            }
            _ => {
                let what = "this kind of step is not supported on form nodes";
                return refuse(
                    raw.at,
                    Fault::Path,
                    what,
                    "Name the nodes one by one: child/grandchild, or .. for the parent",
                );
            }
        }
        Ok(())
    }

    fn doc_step(&mut self, raw: &RawStep, _doc: u32, walk: &mut Walk) -> Step0<()> {
        let step = match (raw.axis, &raw.test) {
            (Axis::Itself, Test::Node) => return Ok(()),
            (Axis::Parent, Test::Node) => Step::Parent,
            (Axis::Child, Test::Name(name)) => Step::Named(self.names.intern(local(name))),
            (Axis::Child, Test::Any) => Step::Any,
            (Axis::Attribute, Test::Name(name)) => Step::Attribute(self.names.intern(local(name))),
            _ => {
                let what = "this kind of step is not supported in a list";
                return refuse(raw.at, Fault::Path, what, "Name the elements one by one");
            }
        };
        walk.steps.push(step);
        Ok(())
    }

    fn predicates(&mut self, predicates: &[Ast], scope: Scope, walk: &mut Walk) -> Step0<()> {
        for predicate in predicates {
            let floor = self.shallower(walk.top, scope.floor);
            let inner = Scope { owner: scope.owner, context: walk.place, floor };
            let filter = Step::Filter(self.value(predicate, inner)?);
            walk.steps.push(filter);
            // Steps before a predicate may still be shared with the owner's rows, the filtered one may not.
            walk.trail.pop();
        }
        Ok(())
    }

    /// An absolute path into a repeat around the owner means the owner's own row.
    /// Source: ODK XForms specification, "Absolute paths inside repeats". The last step stays free: it may ask for all rows.
    fn same_rows(&self, owner: DefId, walk: &mut Walk, start: &mut Start) {
        let last = walk.steps.len();
        let is_repeat = |id: DefId| self.def(id).is_some_and(|d| matches!(d.shape, Shape::Repeat { .. }));
        let around = |id: DefId| self.def(id).is_some_and(|d| (id.0..d.end).contains(&owner.0));
        let shared: Vec<(DefId, usize)> = walk
            .trail
            .iter()
            .copied()
            .take_while(|(id, taken)| around(*id) && !(*taken == last && is_repeat(*id)))
            .collect();
        let Some((common, taken)) = shared.last().copied().filter(|_| shared.iter().any(|(id, _)| is_repeat(*id)))
        else {
            return;
        };
        let depth = |id: DefId| self.def(id).map_or(0, |d| d.depth);
        let ups = depth(owner).saturating_sub(depth(common));
        let rest = walk.steps.split_off(taken);
        walk.steps = (0..ups).map(|_| Step::Parent).chain(rest).collect();
        walk.top = Some(common);
        *start = Start::Current;
    }

    // ---- functions ---------------------------------------------------------------------------------------------

    fn call(&mut self, call: &Call, scope: Scope) -> Step0<(Expr, Place)> {
        let node = |start, place| Ok((Expr::Path(Path { start, steps: Vec::new(), target: None }), place));
        let expr = match (call.name.as_str(), call.args.as_slice()) {
            ("instance", [Ast::Text(id)]) => {
                let Some(at) = self.docs.iter().position(|d| d.id == *id) else {
                    let what = format!("there is no secondary instance {id}");
                    return refuse(call.at, Fault::Path, what, "Add the instance to the model");
                };
                let at = crate::num::index(at);
                return node(Start::Doc(at), Place::Doc(at));
            }
            ("current", []) => return node(Start::Current, Place::Def(scope.owner)),
            ("once", [value]) => Expr::Once(Box::new(self.value(value, scope)?)),
            ("jr:itext", [id]) => Expr::Itext(Box::new(self.value(id, scope)?)),
            ("jr:choice-name" | "choice-name", [value, Ast::Text(path)]) => {
                self.choice_name(call, value, path, scope)?
            }
            ("regex", [value, Ast::Text(pattern)]) => self.regex(call, value, pattern, scope)?,
            ("regex", [_, _]) => {
                let what = "the pattern of regex() is not a plain text";
                return refuse(call.at, Fault::Function, what, "Write the pattern in quotes");
            }
            ("indexed-repeat", args) if args.len() >= 3 && args.len() % 2 == 1 => {
                return self.indexed(call, scope);
            }
            ("format-date" | "format-date-time", [value, Ast::Text(pattern)]) => {
                check_pattern(call, pattern)?;
                Expr::Call(Func::FormatDate, vec![self.value(value, scope)?, Expr::Text(pattern.clone())])
            }
            (name, args) => {
                let func = known(call, name, args.len())?;
                let args = self.values(args, scope)?;
                check_nodes(call, func, &args)?;
                Expr::Call(func, args)
            }
        };
        Ok((expr, Place::Value))
    }

    fn regex(&mut self, call: &Call, value: &Ast, pattern: &str, scope: Scope) -> Step0<Expr> {
        let built = regex_lite::RegexBuilder::new(pattern).size_limit(1 << 18).build();
        let Ok(regex) = built else {
            let what = "the pattern of regex() cannot be used";
            return refuse(
                call.at,
                Fault::Function,
                what,
                "Use a short pattern without look-around and back-references",
            );
        };
        Ok(Expr::Regex(Box::new(self.value(value, scope)?), regex))
    }

    fn choice_name(&mut self, call: &Call, value: &Ast, path: &str, scope: Scope) -> Step0<Expr> {
        let value = self.value(value, scope)?;
        let mark = self.reads.len();
        let place = match xpath::parse(path) {
            Ok(Ast::Path(raw)) => self.path(&raw, scope)?.1,
            _ => Place::Value,
        };
        // The list is read, not the field's value.
        self.reads.truncate(mark);
        match place {
            Place::Def(def) => Ok(Expr::ChoiceName(Box::new(value), def)),
            _ => refuse(call.at, Fault::Function, "the second argument of jr:choice-name() is no field", PATH_ADVICE),
        }
    }

    /// `indexed-repeat(field, repeat, n, …)`: the field's path with the n-th row at each named repeat.
    fn indexed(&mut self, call: &Call, scope: Scope) -> Step0<(Expr, Place)> {
        let mut places = Vec::new();
        let mut args = call.args.iter();
        let target = self.form_place(args.next(), call, scope)?;
        while let (Some(repeat), Some(n)) = (args.next(), args.next()) {
            places.push((self.form_place(Some(repeat), call, scope)?, self.value(n, scope)?));
        }
        let mut chain = vec![target];
        while let Some(parent) = chain.last().and_then(|id| self.def(*id)).and_then(|d| d.parent) {
            chain.push(parent);
        }
        chain.reverse();
        let mut steps = Vec::new();
        for id in chain.iter().skip(1) {
            steps.push(Step::Slot(self.def(*id).map_or(0, |d| d.slot)));
            if let Some(at) = places.iter().position(|(repeat, _)| repeat == id) {
                steps.push(Step::Nth(places.swap_remove(at).1));
            }
        }
        if !places.is_empty() {
            let what = "indexed-repeat() names a repeat that is not around the field";
            return refuse(call.at, Fault::Function, what, "Name the repeats around the field, outermost first");
        }
        self.reads.push(Read { def: target, anchor: DefId::ROOT });
        Ok((Expr::Path(Path { start: Start::Root, steps, target: Some(target) }), Place::Def(target)))
    }

    /// Resolves an argument that must be a path to a form node; the read it makes is dropped.
    fn form_place(&mut self, ast: Option<&Ast>, call: &Call, scope: Scope) -> Step0<DefId> {
        let mark = self.reads.len();
        let place = match ast {
            Some(Ast::Path(raw)) => self.path(raw, scope)?.1,
            _ => Place::Value,
        };
        self.reads.truncate(mark);
        match place {
            Place::Def(def) => Ok(def),
            _ => {
                refuse(call.at, Fault::Function, format!("an argument of {}() is no form node", call.name), PATH_ADVICE)
            }
        }
    }
}

fn known(call: &Call, name: &str, given: usize) -> Step0<Func> {
    match functions::find(name) {
        None => {
            let what = format!("function {name}() is not supported");
            refuse(call.at, Fault::Function, what, functions::advice(name))
        }
        Some((_, min, max)) if given < min || given > max => {
            let what = format!("function {name}() cannot take {given} arguments");
            refuse(call.at, Fault::Function, what, "Give the arguments the function needs")
        }
        Some((func, _, _)) => Ok(func),
    }
}

/// Functions that count nodes cannot count anything else.
fn check_nodes(call: &Call, func: Func, args: &[Expr]) -> Step0<()> {
    let counts = matches!(func, Func::Count | Func::CountNonEmpty | Func::Sum | Func::Position);
    match args.first() {
        Some(arg) if counts && !matches!(arg, Expr::Path(_) | Expr::Union(_)) => {
            let what = format!("function {}() is given something that is no path", call.name);
            refuse(call.at, Fault::Function, what, "Give it a path to nodes")
        }
        _ => Ok(()),
    }
}

fn check_pattern(call: &Call, pattern: &str) -> Step0<()> {
    let names = [""; 12];
    let moment = crate::dates::Moment::at(0, 0);
    if crate::dates::format(moment, pattern, &names, &[""; 7]).is_some() {
        return Ok(());
    }
    let what = "the date pattern has an unknown letter";
    refuse(call.at, Fault::Function, what, "Use %Y %y %m %n %b %d %e %H %h %M %S %3 %a only")
}

/// Local part of a name; a form's own nodes are matched by it.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn test_matches(test: &Test, name: &str) -> bool {
    matches!(test, Test::Name(wanted) if local(wanted) == name)
}
