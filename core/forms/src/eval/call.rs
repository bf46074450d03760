//! The functions.
//!
//! Knows: what each function does with its values. Sources: XPath 1.0 §4; ODK XForms specification, "XPath functions".
//! Refuses to know: argument counts (checked at compile time). Invariant: total for any arguments. Start at [`Env::call`].

use super::{Env, Focus, MAX_TEXT, Val, XNode};
use crate::dates::{self, Moment};
use crate::model::{Expr, Func};
use crate::num;

/// Arguments of a call, not yet evaluated.
struct Args<'e> {
    list: &'e [Expr],
    focus: Focus,
}

static BLANK: Expr = Expr::Text(String::new());

impl<'e> Args<'e> {
    fn get(&self, at: usize) -> &'e Expr {
        self.list.get(at).unwrap_or(&BLANK)
    }
}

impl Env<'_> {
    pub(super) fn call(&mut self, func: Func, list: &[Expr], focus: Focus) -> Val {
        let args = Args { list, focus };
        match func {
            Func::If => {
                let chosen = if self.truth_at(args.get(0), focus) { 1 } else { 2 };
                self.eval(args.get(chosen), focus)
            }
            Func::True => Val::Bool(true),
            Func::False => Val::Bool(false),
            Func::Not => Val::Bool(!self.truth_at(args.get(0), focus)),
            Func::Boolean => Val::Bool(self.truth_at(args.get(0), focus)),
            Func::BooleanFromString => Val::Bool(matches!(self.string_of(args.get(0), focus).as_str(), "1" | "true")),
            Func::Last => Val::Number(num::count(focus.size)),
            Func::Position if list.is_empty() => Val::Number(num::count(focus.position)),
            Func::Position | Func::Count | Func::CountNonEmpty | Func::Sum => self.over_nodes(func, &args),
            Func::Min | Func::Max | Func::Coalesce | Func::Concat | Func::Join | Func::Checklist => {
                self.over_many(func, &args)
            }
            Func::Abs
            | Func::Floor
            | Func::Ceiling
            | Func::Int
            | Func::Round
            | Func::Sqrt
            | Func::Pow
            | Func::Number => self.numeric(func, &args),
            Func::Today
            | Func::Now
            | Func::Date
            | Func::DateTime
            | Func::DecimalDateTime
            | Func::DecimalTime
            | Func::FormatDate => self.dated(func, &args),
            Func::Uuid => Val::Text(uuid(self.rng)),
            _ => self.textual(func, &args),
        }
    }

    fn string_arg(&mut self, args: &Args<'_>, at: usize) -> String {
        self.string_of(args.get(at), args.focus)
    }

    /// The first argument, or the context node when there is none.
    fn own_or_context(&mut self, args: &Args<'_>) -> Val {
        match args.list.first() {
            Some(expr) => self.eval(expr, args.focus),
            None => Val::Nodes(vec![args.focus.context]),
        }
    }

    fn over_nodes(&mut self, func: Func, args: &Args<'_>) -> Val {
        let Val::Nodes(nodes) = self.eval(args.get(0), args.focus) else { return Val::Number(f64::NAN) };
        let texts = || nodes.iter().map(|n| self.node_text(*n)).filter(|t| !t.is_empty());
        Val::Number(match func {
            Func::Count => num::count(nodes.len()),
            Func::CountNonEmpty => num::count(texts().count()),
            Func::Sum => texts().map(|t| self.number(&Val::Text(t))).sum(),
            _ => nodes.first().map_or(f64::NAN, |n| num::count(self.position_of(*n))),
        })
    }

    /// Every argument as texts, node-sets one text a node.
    fn flat(&mut self, list: &[Expr], focus: Focus) -> Vec<String> {
        let mut texts = Vec::new();
        for expr in list {
            match self.eval(expr, focus) {
                Val::Nodes(nodes) => texts.extend(nodes.iter().map(|n| self.node_text(*n))),
                other => texts.push(self.text(&other)),
            }
        }
        texts
    }

    fn over_many(&mut self, func: Func, args: &Args<'_>) -> Val {
        match func {
            Func::Coalesce => {
                for expr in args.list {
                    let value = self.eval(expr, args.focus);
                    let blank = matches!(value, Val::Number(n) if n.is_nan());
                    let text = self.text(&value);
                    if !text.is_empty() && !blank {
                        return Val::Text(text);
                    }
                }
                Val::Text(String::new())
            }
            Func::Concat => {
                let texts = self.flat(args.list, args.focus);
                Val::Text(self.limited(texts.concat()))
            }
            Func::Join => {
                let separator = self.string_arg(args, 0);
                let texts = self.flat(args.list.get(1..).unwrap_or(&[]), args.focus);
                Val::Text(self.limited(texts.join(&separator)))
            }
            Func::Checklist => {
                let (least, most) = (self.number_of(args.get(0), args.focus), self.number_of(args.get(1), args.focus));
                let rest = args.list.get(2..).unwrap_or(&[]);
                let ticked = num::count(rest.iter().filter(|e| self.truth_at(e, args.focus)).count());
                Val::Bool((least < 0.0 || ticked >= least) && (most < 0.0 || ticked <= most))
            }
            _ => {
                let texts = self.flat(args.list, args.focus);
                let numbers = texts.into_iter().filter(|t| !t.is_empty()).map(|t| self.number(&Val::Text(t)));
                let best = numbers.reduce(|a, b| match func {
                    _ if a.is_nan() || b.is_nan() => f64::NAN,
                    Func::Min => a.min(b),
                    _ => a.max(b),
                });
                Val::Number(best.unwrap_or(f64::NAN))
            }
        }
    }

    /// A built text within the limit, so that no chain of calls can grow without bound.
    fn limited(&mut self, text: String) -> String {
        if text.len() > MAX_TEXT || !self.spend(text.len() / 64) {
            self.exhausted = true;
            return String::new();
        }
        text
    }

    fn numeric(&mut self, func: Func, args: &Args<'_>) -> Val {
        let first = self.own_or_context(args);
        let n = self.number(&first);
        Val::Number(match func {
            Func::Abs => n.abs(),
            Func::Floor => n.floor(),
            Func::Ceiling => n.ceil(),
            Func::Int => n.trunc(),
            Func::Sqrt => n.sqrt(),
            Func::Pow => n.powf(self.number_of(args.get(1), args.focus)),
            Func::Round => {
                let places = args.list.get(1).map(|e| self.number_of(e, args.focus)).and_then(num::whole);
                num::round_places(n, places.unwrap_or(0))
            }
            _ => n,
        })
    }

    // ---- dates -------------------------------------------------------------------------------------------------

    /// A value as a moment: a text, or a number of days since 1970-01-01T00:00Z. Local midnight counts as a bare date.
    fn moment_of(&self, value: &Val) -> Option<Moment> {
        let offset = self.now.offset_minutes;
        let text = self.text(value);
        if let Some(days) = num::parse_number(&text) {
            let moment = Moment::from_days(days, offset)?;
            return Some(Moment { date_only: moment.local_time_ms() == 0, ..moment });
        }
        let moment = dates::parse_moment(&text, offset)?;
        Some(Moment { offset_minutes: offset, ..moment })
    }

    fn dated(&mut self, func: Func, args: &Args<'_>) -> Val {
        if func == Func::Today {
            return Val::Text(dates::date_text(self.now.local_day()));
        }
        if func == Func::Now {
            return Val::Text(self.now.text());
        }
        let first = self.eval(args.get(0), args.focus);
        let moment = self.moment_of(&first);
        match func {
            Func::DecimalDateTime => Val::Number(moment.map_or(f64::NAN, Moment::days)),
            Func::DecimalTime => {
                let clock = dates::parse_clock_ms(&self.text(&first), self.now.offset_minutes);
                let ms = clock.or_else(|| moment.map(Moment::local_time_ms));
                Val::Number(ms.map_or(f64::NAN, |ms| num::float(ms) / num::float(dates::DAY_MS)))
            }
            Func::FormatDate => {
                let pattern = self.string_arg(args, 1);
                let shown = moment.and_then(|m| dates::format(m, &pattern, self.lang.months(), self.lang.days()));
                Val::Text(shown.unwrap_or_default())
            }
            _ => Val::Text(moment.map_or(String::new(), Moment::text)),
        }
    }

    // ---- texts -------------------------------------------------------------------------------------------------

    fn textual(&mut self, func: Func, args: &Args<'_>) -> Val {
        let first = self.own_or_context(args);
        let text = self.text(&first);
        if !self.spend(text.len() / 64) {
            return Val::Text(String::new());
        }
        match func {
            Func::StringLength => Val::Number(num::count(text.chars().count())),
            Func::NormalizeSpace => Val::Text(text.split_whitespace().collect::<Vec<_>>().join(" ")),
            Func::CountSelected => Val::Number(num::count(text.split_whitespace().count())),
            Func::Selected => {
                let wanted = self.string_arg(args, 1);
                Val::Bool(text.split_whitespace().any(|t| t == wanted.trim()))
            }
            Func::SelectedAt => {
                let at = num::whole(self.number_of(args.get(1), args.focus)).and_then(|n| usize::try_from(n).ok());
                Val::Text(at.and_then(|at| text.split_whitespace().nth(at)).unwrap_or("").to_owned())
            }
            Func::Substr => {
                let (from, to) =
                    (self.number_of(args.get(1), args.focus), args.list.get(2).map(|e| self.number_of(e, args.focus)));
                Val::Text(substr(&text, from, to))
            }
            Func::Substring => {
                let (from, length) =
                    (self.number_of(args.get(1), args.focus), args.list.get(2).map(|e| self.number_of(e, args.focus)));
                Val::Text(substring(&text, from, length))
            }
            Func::Translate => {
                let (from, to) = (self.string_arg(args, 1), self.string_arg(args, 2));
                Val::Text(translate(&text, &from, &to))
            }
            Func::String => Val::Text(text),
            _ => {
                let other = self.string_arg(args, 1);
                match func {
                    Func::Contains => Val::Bool(text.contains(&other)),
                    Func::StartsWith => Val::Bool(text.starts_with(&other)),
                    Func::EndsWith => Val::Bool(text.ends_with(&other)),
                    Func::SubstringBefore => {
                        Val::Text(text.split_once(&other).map_or("", |(before, _)| before).to_owned())
                    }
                    _ => Val::Text(text.split_once(&other).map_or("", |(_, after)| after).to_owned()),
                }
            }
        }
    }

    /// Texts of all nodes of a value, for lists.
    pub(crate) fn doc_nodes(&mut self, expr: &Expr, focus: Focus) -> Vec<u32> {
        let Val::Nodes(nodes) = self.eval(expr, focus) else {
            return Vec::new();
        };
        nodes.into_iter().filter_map(|n| if let XNode::Doc(_, at) = n { Some(at) } else { None }).collect()
    }
}

/// A random UUID, version 4 (RFC 9562 §5.4).
pub(crate) fn uuid(rng: &mut dyn FnMut() -> [u8; 8]) -> String {
    let high = u64::from_be_bytes(rng());
    let low = u64::from_be_bytes(rng());
    let (high, low) = ((high & !0xF000) | 0x4000, (low & !(0b11 << 62)) | (0b10 << 62));
    let hex = format!("{high:016x}{low:016x}");
    let mut out = String::new();
    for (at, c) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        out.push(c);
    }
    out
}

/// `substr(text, from, to)`: from 0, end excluded, negative counts from the end.
fn substr(text: &str, from: f64, to: Option<f64>) -> String {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let place = |n: f64| num::whole(n).map_or(0, |n| if n < 0 { (length + n).max(0) } else { n.min(length) });
    let (from, to) = (place(from), to.map_or(length, place));
    let size = |n: i64| usize::try_from(n).unwrap_or(0);
    text.chars().skip(size(from)).take(size(to - from)).collect()
}

/// `substring(text, from, length)` as XPath rounds it: characters whose position p has round(from) ≤ p < round(from) + round(length).
fn substring(text: &str, from: f64, length: Option<f64>) -> String {
    let from = num::round(from);
    let end = length.map_or(f64::INFINITY, |n| from + num::round(n));
    let inside = |at: usize| num::count(at + 1) >= from && num::count(at + 1) < end;
    text.chars().enumerate().filter(|(at, _)| inside(*at)).map(|(_, c)| c).collect()
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let to: Vec<char> = to.chars().collect();
    text.chars()
        .filter_map(|c| match from.chars().position(|f| f == c) {
            None => Some(c),
            Some(at) => to.get(at).copied(),
        })
        .collect()
}
