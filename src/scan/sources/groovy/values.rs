//! What strings and variables of a pipeline come to; nothing is run.

use std::collections::HashMap;

use crate::scan::sources::groovy::tokens::{Kind, Token, is};

/// What a variable holds, where it is given one string and no other; an entry of a map as `map.key`.
pub(super) type Variables<'t> = HashMap<String, Option<&'t str>>;

/// `def x = '…'`, `x = '…'`, and `x = [key: '…']`.
pub(super) fn variables(tokens: &[Token]) -> Variables<'_> {
    let mut variables = Variables::new();
    let mut give = |name: String, at: usize| {
        let given = match &tokens[at].kind {
            // What a sign follows on its line is no more than a part.
            Kind::Text { text, .. } if !goes_on(tokens, at) => Some(text.as_str()),
            Kind::Text { .. } | Kind::Word(_) | Kind::Sign(_) => None,
        };
        let one = variables.entry(name).or_insert(given);
        if *one != given {
            *one = None;
        }
    };
    for at in 0..tokens.len().saturating_sub(2) {
        let (Kind::Word(name), true) = (&tokens[at].kind, is(tokens, at + 1, '=')) else {
            continue;
        };
        match tokens[at + 2].kind {
            Kind::Text { .. } => give(name.clone(), at + 2),
            Kind::Sign('[') => {
                for (key, at) in entries(tokens, at + 2) {
                    give(format!("{name}.{key}"), at);
                }
            }
            Kind::Word(_) | Kind::Sign(_) => {}
        }
    }
    variables
}

/// The keys of the map that starts at `open`, each with the token of its value.
fn entries(tokens: &[Token], open: usize) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    for at in open..tokens.len() {
        match &tokens[at].kind {
            Kind::Sign('(' | '[') => depth += 1,
            Kind::Sign(')' | ']') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            Kind::Word(key) if depth == 1 && is(tokens, at + 1, ':') && at + 2 < tokens.len() => {
                found.push((key.as_str(), at + 2));
            }
            Kind::Word(_) | Kind::Text { .. } | Kind::Sign(_) => {}
        }
    }
    found
}

/// Whether an operator follows a token on its line.
fn goes_on(tokens: &[Token], at: usize) -> bool {
    let next = tokens.get(at + 1);
    next.is_some_and(|next| {
        let is_end = matches!(
            next.kind,
            Kind::Sign(',' | ')' | ']' | '}' | ';') | Kind::Word(_)
        );
        next.line == tokens[at].line && !is_end
    })
}

/// What the expression at `at` comes to, and the token behind it: strings, variables and their sums.
/// Anything else is a placeholder, `${…}`.
fn expression(tokens: &[Token], at: usize, variables: &Variables<'_>) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut at = at;
    loop {
        let (part, next) = term(tokens, at, variables)?;
        text.push_str(&part);
        at = next;
        if !is(tokens, at, '+') {
            break;
        }
        at += 1;
    }
    let is_end = match tokens.get(at).map(|token| &token.kind) {
        Some(Kind::Sign(sign)) => matches!(sign, ',' | ')' | ']' | ';' | '}'),
        Some(Kind::Word(_) | Kind::Text { .. }) | None => true,
    };
    Some(if is_end {
        (text, at)
    } else {
        ("${expression}".to_owned(), at)
    })
}

/// A string, or the variable that holds one; a variable that may hold several is a placeholder.
fn term(tokens: &[Token], at: usize, variables: &Variables<'_>) -> Option<(String, usize)> {
    match &tokens.get(at)?.kind {
        Kind::Text { text, .. } => Some((filled(text, variables), at + 1)),
        Kind::Word(word) => {
            let (mut name, mut at) = (word.clone(), at + 1);
            while let (true, Some(Kind::Word(next))) = (
                is(tokens, at, '.'),
                tokens.get(at + 1).map(|token| &token.kind),
            ) {
                name = format!("{name}.{next}");
                at += 2;
            }
            let given = variables.get(&name).copied().flatten();
            Some((
                given.map_or_else(|| format!("${{{name}}}"), str::to_owned),
                at,
            ))
        }
        Kind::Sign(_) => None,
    }
}

/// `text` with the variables that are known in place of `${x}`.
fn filled(text: &str, variables: &Variables<'_>) -> String {
    if !text.contains('$') {
        return text.to_owned();
    }
    let known = variables
        .iter()
        .filter_map(|(name, value)| Some((name, (*value)?)));
    known.fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("${{{name}}}"), value)
    })
}

/// The path that the call at `index` is given as `name:`, with its line.
pub(super) fn path(
    tokens: &[Token],
    index: usize,
    name: &str,
    variables: &Variables<'_>,
) -> Option<(String, u32)> {
    let at = argument_at(tokens, index, name)?;
    let line = tokens.get(at)?.line;
    Some((expression(tokens, at, variables)?.0, line))
}

/// The first two arguments of the call at `index`, where they have no names.
pub(super) fn positional(
    tokens: &[Token],
    index: usize,
    variables: &Variables<'_>,
) -> [Option<(String, u32)>; 2] {
    let mut at = index + 2;
    [(); 2].map(|()| {
        let line = tokens.get(at)?.line;
        if is(tokens, at + 1, ':') {
            return None;
        }
        let (text, end) = expression(tokens, at, variables)?;
        at = end + 1;
        Some((text, line))
    })
}

/// The token that the call at `index` is given as `name:`.
pub(super) fn argument_at(tokens: &[Token], index: usize, name: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for at in index + 1..tokens.len() {
        match &tokens[at].kind {
            Kind::Sign('(' | '[') => depth += 1,
            Kind::Sign(')' | ']') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return None;
                }
            }
            Kind::Word(word) if depth == 1 && word == name && is(tokens, at + 1, ':') => {
                return Some(at + 2);
            }
            Kind::Word(_) | Kind::Text { .. } | Kind::Sign(_) => {}
        }
    }
    None
}
