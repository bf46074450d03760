//! Reads tokens into a syntax tree.
//!
//! Knows: the grammar of XPath 1.0. Refuses to know: what names mean. Invariant: nesting is at most [`MAX_DEPTH`], so
//! neither this code nor whoever walks the tree can run out of stack. Start at [`parse`].

use super::ast::{Ast, Axis, Call, Op, RawPath, RawStep, Start, Test};
use super::lex::{Token, tokens};

/// Deepest nesting of brackets and arguments.
pub(super) const MAX_DEPTH: usize = 100;

/// What is wrong with an expression, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) at: usize,
    pub(crate) what: String,
}

type Parsed<T> = Result<T, SyntaxError>;

struct Parser {
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: usize,
    end: usize,
}

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Parsed<Ast> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0, end: text.len() };
    let ast = parser.expression(1)?;
    match parser.peek() {
        None => Ok(ast),
        Some(_) => Err(parser.error("the expression should end here")),
    }
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(token, _)| token)
    }

    fn peek_second(&self) -> Option<&Token> {
        self.tokens.get(self.next + 1).map(|(token, _)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(_, at)| *at)
    }

    fn error(&self, what: &str) -> SyntaxError {
        SyntaxError { at: self.at(), what: what.to_owned() }
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token, what: &str) -> Parsed<()> {
        if self.take(token) { Ok(()) } else { Err(self.error(what)) }
    }

    /// An expression between brackets of any kind: the only way to nest.
    fn nested(&mut self) -> Parsed<Ast> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("brackets are nested too deeply"));
        }
        let ast = self.expression(1)?;
        self.depth -= 1;
        Ok(ast)
    }

    /// Operators of strength `min` and more.
    fn expression(&mut self, min: u8) -> Parsed<Ast> {
        let mut left = self.unary()?;
        let mut chain: Option<(u8, Vec<(Op, Ast)>)> = None;
        while let Some(Token::Op(op)) = self.peek() {
            let op = *op;
            let strength = op.strength();
            if strength < min {
                break;
            }
            self.next += 1;
            let right = self.expression(strength + 1)?;
            match &mut chain {
                Some((current, rest)) if *current == strength => rest.push((op, right)),
                _ => {
                    left = close(left, chain.take());
                    chain = Some((strength, vec![(op, right)]));
                }
            }
        }
        Ok(close(left, chain))
    }

    fn unary(&mut self) -> Parsed<Ast> {
        let mut negative = false;
        let mut any = false;
        while self.take(&Token::Op(Op::Sub)) {
            negative = !negative;
            any = true;
        }
        let operand = self.union()?;
        Ok(match (any, negative) {
            (true, true) => Ast::Negative(Box::new(operand)),
            // Two signs cancel out but still make a number of it.
            (true, false) => Ast::Negative(Box::new(Ast::Negative(Box::new(operand)))),
            _ => operand,
        })
    }

    fn union(&mut self) -> Parsed<Ast> {
        let first = self.path()?;
        if self.peek() != Some(&Token::Pipe) {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.take(&Token::Pipe) {
            all.push(self.path()?);
        }
        Ok(Ast::Union(all))
    }

    fn path(&mut self) -> Parsed<Ast> {
        let at = self.at();
        if let Some(primary) = self.primary()? {
            let predicates = self.predicates()?;
            let mut steps = Vec::new();
            if matches!(self.peek(), Some(Token::Slash | Token::SlashSlash)) {
                self.following_steps(&mut steps)?;
            }
            if steps.is_empty() && predicates.is_empty() {
                return Ok(primary);
            }
            return Ok(Ast::Path(RawPath { start: Start::Expr(Box::new(primary), predicates), steps, at }));
        }
        let mut steps = Vec::new();
        let start = match self.peek() {
            Some(Token::Slash) => {
                if self.starts_step(self.peek_second()) {
                    self.following_steps(&mut steps)?;
                } else {
                    self.next += 1;
                }
                Start::Root
            }
            Some(Token::SlashSlash) => {
                self.following_steps(&mut steps)?;
                Start::Root
            }
            _ => {
                steps.push(self.step()?);
                self.following_steps(&mut steps)?;
                Start::Context
            }
        };
        Ok(Ast::Path(RawPath { start, steps, at }))
    }

    #[allow(clippy::unused_self)] // reads better beside its callers
    fn starts_step(&self, token: Option<&Token>) -> bool {
        matches!(token, Some(Token::Name(_) | Token::Star | Token::Dot | Token::DotDot | Token::At))
    }

    fn following_steps(&mut self, steps: &mut Vec<RawStep>) -> Parsed<()> {
        loop {
            let at = self.at();
            if self.take(&Token::SlashSlash) {
                steps.push(RawStep { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: Vec::new(), at });
            } else if !self.take(&Token::Slash) {
                return Ok(());
            }
            steps.push(self.step()?);
        }
    }

    fn step(&mut self) -> Parsed<RawStep> {
        let at = self.at();
        let abbreviated = match self.peek() {
            Some(Token::Dot) => Some(Axis::Itself),
            Some(Token::DotDot) => Some(Axis::Parent),
            _ => None,
        };
        if let Some(axis) = abbreviated {
            self.next += 1;
            let predicates = self.predicates()?;
            return Ok(RawStep { axis, test: Test::Node, predicates, at });
        }
        let axis = if self.take(&Token::At) {
            Axis::Attribute
        } else if let (Some(Token::Name(name)), Some(Token::Axis)) = (self.peek(), self.peek_second()) {
            let axis = Axis::from_name(name).ok_or_else(|| self.error("there is no such axis"))?;
            self.next += 2;
            axis
        } else {
            Axis::Child
        };
        let test = self.test()?;
        Ok(RawStep { axis, test, predicates: self.predicates()?, at })
    }

    fn test(&mut self) -> Parsed<Test> {
        let test = match (self.peek(), self.peek_second()) {
            (Some(Token::Star), _) => Test::Any,
            (Some(Token::Name(name)), Some(Token::Open)) if is_node_type(name) => {
                let name = name.clone();
                self.next += 2;
                if name == "processing-instruction" && matches!(self.peek(), Some(Token::Text(_))) {
                    self.next += 1;
                }
                self.expect(&Token::Close, "a node type takes no argument")?;
                return Ok(if name == "node" { Test::Node } else { Test::Type(name) });
            }
            (Some(Token::Name(name)), _) => Test::Name(name.clone()),
            _ => return Err(self.error("a value or a path is missing here")),
        };
        self.next += 1;
        Ok(test)
    }

    fn predicates(&mut self) -> Parsed<Vec<Ast>> {
        let mut all = Vec::new();
        while self.take(&Token::OpenBracket) {
            all.push(self.nested()?);
            self.expect(&Token::CloseBracket, "a ] is missing")?;
        }
        Ok(all)
    }

    /// A number, text, bracket or function call; `None` when a location path starts here.
    fn primary(&mut self) -> Parsed<Option<Ast>> {
        let at = self.at();
        let ast = match (self.peek(), self.peek_second()) {
            (Some(Token::Number(n)), _) => Ast::Number(*n),
            (Some(Token::Text(text)), _) => Ast::Text(text.clone()),
            (Some(Token::Open), _) => {
                self.next += 1;
                let inner = self.nested()?;
                self.expect(&Token::Close, "a ) is missing")?;
                return Ok(Some(inner));
            }
            (Some(Token::Name(name)), Some(Token::Open)) if !is_node_type(name) => {
                let name = name.clone();
                self.next += 2;
                let args = self.arguments()?;
                return Ok(Some(Ast::Call(Call { name, args, at })));
            }
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some(ast))
    }

    fn arguments(&mut self) -> Parsed<Vec<Ast>> {
        let mut args = Vec::new();
        if self.take(&Token::Close) {
            return Ok(args);
        }
        loop {
            args.push(self.nested()?);
            if self.take(&Token::Close) {
                return Ok(args);
            }
            self.expect(&Token::Comma, "a comma or ) is missing")?;
        }
    }
}

fn close(left: Ast, chain: Option<(u8, Vec<(Op, Ast)>)>) -> Ast {
    match chain {
        Some((_, rest)) => Ast::Chain(Box::new(left), rest),
        None => left,
    }
}

fn is_node_type(name: &str) -> bool {
    matches!(name, "node" | "text" | "comment" | "processing-instruction")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Ast {
        let step = RawStep { axis: Axis::Child, test: Test::Name(text.to_owned()), predicates: Vec::new(), at: 0 };
        Ast::Path(RawPath { start: Start::Context, steps: vec![step], at: 0 })
    }

    #[test]
    fn operators_bind_as_xpath_says() {
        let ast = parse("1 + 2 * 3 = 7 and 4 - 1 - 1 = 2").expect("reads");
        let Ast::Chain(left, rest) = ast else { panic!("an and") };
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].0, Op::And);
        let Ast::Chain(sum, eq) = *left else { panic!("an equation") };
        assert_eq!(eq[0], (Op::Eq, Ast::Number(7.0)));
        assert!(matches!(*sum, Ast::Chain(_, ref rest) if rest[0].0 == Op::Add));
    }

    #[test]
    fn names_that_look_like_operators_are_names_where_a_name_is_due() {
        assert_eq!(parse("div").expect("reads"), name("div"));
        let Ast::Chain(_, rest) = parse("div div mod").expect("reads") else { panic!("a division") };
        assert_eq!(rest[0].0, Op::Div);
        assert!(matches!(parse("* * *"), Ok(Ast::Chain(_, ref rest)) if rest[0].0 == Op::Mul));
        assert!(matches!(parse("decimal-date-time(a-b)"), Ok(Ast::Call(_))));
    }

    #[test]
    fn paths_filters_and_predicates_are_read() {
        for text in [
            "/data/a",
            "../a",
            ".",
            "..",
            "/",
            "//a/b",
            "@x",
            "instance('d')/root/item[name = current()/../x][2]/label",
            "current()/../a",
            "child::a/parent::node()",
            "(a | b)[1]",
            "/data/नाम",
            "a[position() = 1]",
            "-(-3)",
            "text()",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn broken_expressions_are_refused_with_their_place() {
        for (text, at) in [
            ("", 0),
            ("1 +", 3),
            ("a b", 2),
            ("f(a", 3),
            ("'open", 0),
            ("a[1", 3),
            ("a//", 3),
            ("#", 0),
            ("1 2", 2),
            ("wrong::a", 0),
        ] {
            assert_eq!(parse(text).expect_err(text).at, at, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_long_chains_are_not() {
        let deep = format!("{}1{}", "(".repeat(100_000 / 2), ")".repeat(10));
        assert!(parse(&deep).is_err());
        let long = vec!["selected(/d/a, 'x')"; 1500].join(" or ");
        assert!(matches!(parse(&long), Ok(Ast::Chain(_, rest)) if rest.len() == 1499));
        assert!(parse(&"a".repeat(70_000)).is_err());
    }
}
