//! Cuts an expression into tokens.
//!
//! Knows: token shapes and the rule that decides whether `*`, `and`, `div` … are names or operators (XPath 1.0 §3.7).
//! Refuses to know: grammar. Invariant: every token carries its byte offset; input is at most [`MAX_LENGTH`] bytes.
//! Start at [`tokens`].

use super::ast::Op;
use super::parse::SyntaxError;

/// Longest expression, in bytes.
pub(super) const MAX_LENGTH: usize = 65_536;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    /// A name, possibly with a prefix (`jr:itext`).
    Name(String),
    Op(Op),
    Star,
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Comma,
    Dot,
    DotDot,
    At,
    Slash,
    SlashSlash,
    Axis,
    Pipe,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    out: Vec<(Token, usize)>,
}

/// Cuts `text` into tokens with their byte offsets.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, SyntaxError> {
    if text.len() > MAX_LENGTH {
        return Err(SyntaxError { at: 0, what: format!("the expression is longer than {MAX_LENGTH} bytes") });
    }
    let mut lexer = Lexer { text, at: 0, out: Vec::new() };
    while let Some(c) = lexer.rest().chars().next() {
        if c.is_whitespace() {
            lexer.at += c.len_utf8();
        } else {
            let at = lexer.at;
            let token = lexer.token(c)?;
            lexer.out.push((token, at));
        }
    }
    Ok(lexer.out)
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn error(&self, what: String) -> SyntaxError {
        SyntaxError { at: self.at, what }
    }

    /// Whether an operator is expected here (XPath 1.0 §3.7): there is a token before, and it ends an operand.
    fn after_operand(&self) -> bool {
        matches!(
            self.out.last(),
            Some((
                Token::Number(_)
                    | Token::Text(_)
                    | Token::Name(_)
                    | Token::Star
                    | Token::Close
                    | Token::CloseBracket
                    | Token::Dot
                    | Token::DotDot,
                _
            ))
        )
    }

    fn token(&mut self, c: char) -> Result<Token, SyntaxError> {
        let rest = self.rest();
        let second = rest.chars().nth(1);
        if c == '"' || c == '\'' {
            return self.quoted(c);
        }
        if c.is_ascii_digit() || (c == '.' && second.is_some_and(|d| d.is_ascii_digit())) {
            return self.number();
        }
        if is_name_start(c) {
            return Ok(self.name());
        }
        let (token, length) = match (c, second) {
            ('.', Some('.')) => (Token::DotDot, 2),
            ('.', _) => (Token::Dot, 1),
            ('/', Some('/')) => (Token::SlashSlash, 2),
            ('/', _) => (Token::Slash, 1),
            (':', Some(':')) => (Token::Axis, 2),
            ('!', Some('=')) => (Token::Op(Op::Ne), 2),
            ('<', Some('=')) => (Token::Op(Op::Le), 2),
            ('>', Some('=')) => (Token::Op(Op::Ge), 2),
            ('=', _) => (Token::Op(Op::Eq), 1),
            ('<', _) => (Token::Op(Op::Lt), 1),
            ('>', _) => (Token::Op(Op::Gt), 1),
            ('+', _) => (Token::Op(Op::Add), 1),
            ('-', _) => (Token::Op(Op::Sub), 1),
            ('*', _) => (if self.after_operand() { Token::Op(Op::Mul) } else { Token::Star }, 1),
            ('(', _) => (Token::Open, 1),
            (')', _) => (Token::Close, 1),
            ('[', _) => (Token::OpenBracket, 1),
            (']', _) => (Token::CloseBracket, 1),
            (',', _) => (Token::Comma, 1),
            ('@', _) => (Token::At, 1),
            ('|', _) => (Token::Pipe, 1),
            _ => return Err(self.error(format!("the sign {c:?} means nothing here"))),
        };
        self.at += length;
        Ok(token)
    }

    fn quoted(&mut self, quote: char) -> Result<Token, SyntaxError> {
        let body = self.rest().strip_prefix(quote).unwrap_or("");
        let Some((text, _)) = body.split_once(quote) else {
            return Err(self.error("a quoted text has no end".to_owned()));
        };
        self.at += text.len() + 2;
        Ok(Token::Text(text.to_owned()))
    }

    fn number(&mut self) -> Result<Token, SyntaxError> {
        let rest = self.rest();
        let mut seen_dot = false;
        let length = rest
            .bytes()
            .take_while(|b| b.is_ascii_digit() || (*b == b'.' && !std::mem::replace(&mut seen_dot, true)))
            .count();
        let number = rest.get(..length).and_then(crate::num::parse_number);
        let number = number.ok_or_else(|| self.error("a number cannot be read".to_owned()))?;
        self.at += length;
        Ok(Token::Number(number))
    }

    fn name(&mut self) -> Token {
        let rest = self.rest();
        let plain = |text: &str| text.chars().take_while(|c| is_name_char(*c)).map(char::len_utf8).sum::<usize>();
        let mut length = plain(rest);
        // A prefix, but not the `::` of an axis.
        if let Some(local) = rest.get(length..).and_then(|r| r.strip_prefix(':'))
            && local.chars().next().is_some_and(is_name_start)
        {
            length += 1 + plain(local);
        }
        let name = rest.get(..length).unwrap_or("");
        let operator = match name {
            "and" => Some(Op::And),
            "or" => Some(Op::Or),
            "div" => Some(Op::Div),
            "mod" => Some(Op::Mod),
            _ => None,
        };
        let token = match operator {
            Some(op) if self.after_operand() => Token::Op(op),
            _ => Token::Name(name.to_owned()),
        };
        self.at += length;
        token
    }
}

/// Wider than XML allows beyond ASCII, so that Devanagari names with vowel signs pass; an odd name just finds no node.
fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || (!c.is_ascii() && !c.is_whitespace() && !c.is_control())
}

fn is_name_char(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit() || matches!(c, '-' | '.')
}
