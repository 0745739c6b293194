//! Text → words: what a title or a query is made of, before anybody looks anything up.
//!
//! The same cutting serves titles and queries, so that what is written one way is found another way: identifiers
//! are cut at `_`, `-`, `.`, `/` and at the humps of camelCase, numbers of pull requests are read in any writing,
//! and versions, CVE ids and hashes stay whole.

/// Letters of a word that count; what is longer is data, not language.
const WORD_CHARS_MAX: usize = 40;
/// A commit is named by at least as many hexadecimal digits as git shows.
const COMMIT_CHARS: std::ops::RangeInclusive<usize> = 7..=40;
/// Words after which a bare number is the number of a change: `PR 4511`, `issue no. 12`.
const NUMBER_NOUNS: [&str; 11] =
    ["pr", "prs", "mr", "pull", "pulls", "issue", "issues", "request", "requests", "ticket", "gh"];

/// One piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word in lower case.
    Word(String),
    /// An identifier as a whole, before its parts, and how many these are: `traceid` before `trace` and `id`,
    /// `private_ip` before `private` and `ip`.
    Whole(String, usize),
    /// The number of a pull request or an issue: `#4511`, `PR 4511`, `!87`, `GH-12`, `…/pull/12`.
    Number(u64),
    /// A version without its `v`: `2.3.1`, `3.0.0-rc1`.
    Version(String),
    /// An id that is one word whatever it is made of: `cve-2026-44990`, `ghsa-…`.
    Id(String),
    /// Text that may be a commit: 7 to 40 hexadecimal digits, letters and digits mixed.
    Commit(String),
}

/// Cuts `text` into tokens, in order.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for piece in text.split(|c: char| c.is_whitespace() || "()[]{}<>\"`,;|=“”‘’…".contains(c)) {
        let piece = piece.trim_matches(|c: char| ".:?*'~^&@".contains(c)).trim_end_matches(['!', '-', '/']);
        if piece.is_empty() || is_part_of_a_number_noun(piece, &tokens) {
            continue;
        }
        match special(piece, &tokens) {
            Some(token) => {
                if matches!(token, Token::Number(_)) {
                    drop_number_nouns(&mut tokens);
                }
                tokens.push(token);
            }
            None => cut(piece, &mut tokens),
        }
    }
    tokens
}

/// A version as it is compared: without `v` or `V` in front, in lower case. None if `text` is no version.
pub(in crate::model) fn version(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['=', '~', '>', '^']);
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = numbers.split('.').peekable();
    let first = parts.next().is_some_and(is_number);
    // `3.0.0rc1`: the last part may carry a pre-release without a dash.
    let rest = parts.next().is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        && parts.all(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    (first && rest).then(|| text.to_lowercase())
}

/// The project that a number is said to be of, in lower case: `owner/repository` of `owner/repository#12` and of an address.
pub(super) fn project(piece: &str) -> Option<String> {
    let lower = piece.to_ascii_lowercase();
    number(&lower)?;
    let Some((_, path)) = lower.split_once("://") else {
        let (project, _) = lower.rsplit_once(['#', '!'])?;
        return project.contains('/').then(|| project.to_owned());
    };
    let marks = ["/-/", "/pull/", "/pulls/", "/issues/", "/merge_requests/"];
    let (_, path) = path.split_once('/')?;
    let end = marks.iter().filter_map(|mark| path.find(mark)).min()?;
    Some(path[..end].to_owned())
}

/// Tells whether `project` is the one that the images of `repository` are of: `shop/web`, for `registry.example/shop/web`, too.
pub(super) fn is_of_project(repository: &str, project: &str) -> bool {
    repository.strip_suffix(project).is_some_and(|front| front.is_empty() || front.ends_with('/'))
}

/// The number of a change, if `piece` is one in one of the writings.
pub(super) fn number(piece: &str) -> Option<u64> {
    let lower = piece.to_ascii_lowercase();
    let url = ["pull/", "pulls/", "issues/", "merge_requests/"].iter().find_map(|mark| {
        let (_, tail) = lower.split_once(mark)?;
        Some(tail.split(['/', '#', '?']).next().unwrap_or_default().to_owned())
    });
    let tail = match url {
        Some(tail) => tail,
        None => {
            let noun = lower.trim_end_matches(|c: char| c.is_ascii_digit());
            let marked = ["#", "!", "gh-", "pr", "mr", "pr-", "pr#", "pr:", "pr:#", "mr!", "issue#", "gh#"];
            // `owner/repository#12`
            let known = marked.contains(&noun) || (noun.ends_with(['#', '!']) && noun.contains('/'));
            known.then(|| lower[noun.len()..].to_owned())?
        }
    };
    tail.parse().ok().filter(|&number| number > 0)
}

fn special(piece: &str, before: &[Token]) -> Option<Token> {
    if let Some(number) = number(piece) {
        return Some(Token::Number(number));
    }
    if piece.bytes().all(|byte| byte.is_ascii_digit())
        && let Some(Token::Word(noun)) = before.last()
        && NUMBER_NOUNS.contains(&noun.as_str())
        && let Ok(number) = piece.parse()
    {
        return Some(Token::Number(number));
    }
    let lower = piece.to_ascii_lowercase();
    if lower.starts_with("cve-") || lower.starts_with("ghsa-") {
        return Some(Token::Id(lower));
    }
    if let Some(version) = version(piece) {
        return Some(Token::Version(version));
    }
    let is_hex = COMMIT_CHARS.contains(&lower.len()) && lower.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mixed =
        lower.bytes().any(|byte| byte.is_ascii_digit()) && lower.bytes().any(|byte| !byte.is_ascii_digit());
    (is_hex && mixed).then_some(Token::Commit(lower))
}

/// `no.`, `nr`, `number` between the noun and its number say nothing of their own.
fn is_part_of_a_number_noun(piece: &str, before: &[Token]) -> bool {
    let after_a_noun =
        matches!(before.last(), Some(Token::Word(noun)) if NUMBER_NOUNS.contains(&noun.as_str()));
    after_a_noun && ["no", "nr", "number", "num", "#", ":"].contains(&piece.to_ascii_lowercase().as_str())
}

/// The words of `pull request 12` are part of the number.
fn drop_number_nouns(tokens: &mut Vec<Token>) {
    while matches!(tokens.last(), Some(Token::Word(noun)) if NUMBER_NOUNS.contains(&noun.as_str())) {
        tokens.pop();
    }
}

/// Cuts what is no special piece at everything that is neither letter nor digit, and at the humps of camelCase.
fn cut(piece: &str, tokens: &mut Vec<Token>) {
    for identifier in piece.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’' && c != '_') {
        let start = tokens.len();
        for part in identifier.split('_') {
            let part: String = part.chars().filter(|c| c.is_alphanumeric()).take(WORD_CHARS_MAX).collect();
            let humps = humps(&part);
            if humps.len() > 1 {
                tokens.push(Token::Whole(part.to_lowercase(), humps.len()));
            }
            let humps = humps.into_iter().filter(|hump| !hump.is_empty());
            tokens.extend(humps.map(|hump| Token::Word(hump.to_lowercase())));
        }
        let whole = identifier.trim_matches('_');
        if whole.contains('_') && whole.len() <= WORD_CHARS_MAX {
            let parts = tokens.len() - start;
            tokens.insert(start, Token::Whole(whole.to_lowercase(), parts));
        }
    }
}

/// The parts of a camelCase identifier; the text itself where a part would be a single letter (`OAuth`, `NaN`) or
/// where a plural hangs on capitals (`URLs`).
fn humps(text: &str) -> Vec<&str> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let mut starts = vec![0];
    for i in 1..chars.len() {
        let (before, here) = (chars[i - 1].1, chars[i].1);
        let next_is_lower = chars.get(i + 1).is_some_and(|(_, next)| next.is_lowercase());
        let begins = here.is_uppercase()
            && (before.is_lowercase() || before.is_ascii_digit() || (before.is_uppercase() && next_is_lower));
        if begins {
            starts.push(chars[i].0);
        }
    }
    let capitals = text.trim_end_matches('s');
    let plural = capitals.len() + 1 == text.len() && capitals.chars().all(|c| !c.is_lowercase());
    starts.push(text.len());
    let parts: Vec<&str> = starts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
    if plural || parts.iter().any(|part| part.chars().count() < 2) { vec![text] } else { parts }
}

/// The first 16 digits of a commit as a number; shorter ones are filled with zeros.
pub(super) fn commit_key(commit: &str) -> Option<u64> {
    let digits: String = commit.chars().take(16).collect();
    let value = u64::from_str_radix(&digits, 16).ok()?;
    Some(value << (4 * (16 - digits.len())))
}

/// The text of a token, unless it is a number.
pub(super) fn word_of(token: &Token) -> Option<String> {
    match token {
        Token::Word(text)
        | Token::Whole(text, _)
        | Token::Version(text)
        | Token::Id(text)
        | Token::Commit(text) => Some(text.clone()),
        Token::Number(_) => None,
    }
}
