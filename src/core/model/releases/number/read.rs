//! Reads a version.

use super::words::is_before;
use super::{Number, Scheme, Token};

/// Words of which a version begins, beside those of a component.
const FRONT: [&str; 14] = [
    "v", "ver", "version", "r", "rel", "release", "rev", "revision", "build", "b", "main", "master", "trunk",
    "tag",
];
/// Other writings of words that come before a release, where a number follows directly: `1.2a3`.
const SHORT: [(&str, &str); 4] = [("a", "alpha"), ("b", "beta"), ("c", "rc"), ("m", "milestone")];
/// Words that come after what they stand behind.
const AFTER: [&str; 18] = [
    "hotfix", "fix", "patch", "p", "pl", "post", "r", "rev", "revision", "rel", "build", "b", "bld", "u",
    "update", "sp", "security", "sec",
];
/// Words that say nothing.
const SILENT: [&str; 3] = ["final", "ga", "release"];
/// Letters of a short commit, and of the longest.
const COMMIT_CHARS: std::ops::RangeInclusive<usize> = 7..=64;
/// A lone number of so many digits may as well be a commit without letters.
const DOUBTFUL_DIGITS: [usize; 3] = [7, 8, 40];
const YEARS: std::ops::RangeInclusive<u64> = 1990..=2100;
/// Longest version that is read.
const BYTES_MAX: usize = 128;
/// Marks between the parts of a version.
const MARKS: [char; 7] = ['-', '_', '.', '/', '+', '~', '@'];

/// A piece of a version: digits or letters.
struct Piece<'a> {
    text: &'a str,
    /// The character in front of it; none where it follows the piece before directly.
    mark: Option<char>,
}

impl Piece<'_> {
    fn number(&self) -> Option<u64> {
        self.text.parse().ok()
    }

    fn is_number(&self) -> bool {
        self.text.starts_with(|letter: char| letter.is_ascii_digit())
    }
}

impl Number {
    /// The number in `version`; nothing where it has none, as `latest`, `main`, `pr-191` and a commit have not.
    pub fn parse(version: &str) -> Option<Self> {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || MARKS.contains(&letter);
        if version.len() > BYTES_MAX || !version.chars().all(is_part) {
            return None;
        }
        let version = version.to_ascii_lowercase();
        let (version, commit) = without_commit(&version)?;
        let pieces = pieces(&version);
        let first = pieces.iter().position(Piece::is_number)?;
        let (front, rest) = pieces.split_at(first);
        let Core { scheme, mut numbers, time, used } = core(rest)?;
        if numbers.len() == 1 && !is_counter(front, &rest[0]) {
            return None;
        }
        while numbers.len() > 1 && numbers.last() == Some(&0) {
            numbers.pop();
        }
        let tail = time.map(Token::Count).into_iter().collect();
        let mut number = Self { scheme, core: numbers, series: Vec::new(), tail, commit };
        let words = front.iter().map(|piece| piece.text).filter(|word| !FRONT.contains(word));
        number.series.extend(words.map(str::to_owned));
        for (place, piece) in rest.iter().enumerate().skip(used) {
            number.read(piece, rest.get(place + 1))?;
        }
        Some(number)
    }

    /// Reads a piece of what follows the first numbers.
    fn read(&mut self, piece: &Piece<'_>, next: Option<&Piece<'_>>) -> Option<()> {
        let word = piece.text;
        if piece.is_number() {
            self.tail.push(Token::Count(piece.number()?));
            return Some(());
        }
        if word == "x" && piece.mark == Some('.') {
            return None; // `1.x` moves along
        }
        if SILENT.contains(&word) {
            return Some(());
        }
        let is_counted = next.is_some_and(|next| next.is_number() && next.mark.is_none());
        let short = SHORT.iter().find(|(short, _)| is_counted && *short == word).map(|(_, long)| *long);
        // `1.2b3` is a beta, `1.2-b3` a build.
        let short = short.filter(|_| piece.mark.is_none() || word == "m");
        let word = short.unwrap_or(if matches!(word, "cr" | "candidate") { "rc" } else { word });
        let token = if is_before(word) {
            Token::Before(word.to_owned())
        } else if AFTER.contains(&word) {
            Token::After(word.to_owned())
        } else {
            self.series.push(word.to_owned());
            Token::Beside(word.to_owned())
        };
        self.tail.push(token);
        Some(())
    }
}

/// The version without the commit that it names, and that commit; nothing where it is nothing else.
fn without_commit(version: &str) -> Option<(String, Option<String>)> {
    let parts: Vec<&str> = version.split_inclusive(MARKS).collect();
    let bare = |part: &str| part.trim_end_matches(MARKS).to_owned();
    let Some(place) = parts.iter().position(|part| is_commit(&bare(part))) else {
        return Some((version.to_owned(), None));
    };
    // Behind a number it says what that was built from; in front of one there is no version.
    let has_number = parts[..place].iter().any(|part| part.contains(|letter: char| letter.is_ascii_digit()));
    let rest = parts[..place].concat() + &parts[place + 1..].concat();
    has_number.then(|| (rest, Some(bare(parts[place]))))
}

/// `abc1234`, and `gabc1234` as `git describe` writes it.
fn is_commit(part: &str) -> bool {
    let is_hash =
        |text: &str| COMMIT_CHARS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_mixed =
        part.bytes().any(|byte| byte.is_ascii_digit()) && part.bytes().any(|byte| byte.is_ascii_alphabetic());
    part.strip_prefix('g').is_some_and(is_hash) || is_mixed && is_hash(part)
}

fn pieces(version: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut rest, mut mark) = (version, None);
    while let Some(first) = rest.chars().next() {
        if MARKS.contains(&first) {
            (rest, mark) = (&rest[1..], Some(first));
            continue;
        }
        let is_same = |letter: char| {
            letter.is_ascii_alphanumeric() && letter.is_ascii_digit() == first.is_ascii_digit()
        };
        let (text, behind) = rest.split_at(rest.find(|letter| !is_same(letter)).unwrap_or(rest.len()));
        pieces.push(Piece { text, mark });
        (rest, mark) = (behind, None);
    }
    pieces
}

/// The first numbers of a version.
struct Core {
    scheme: Scheme,
    numbers: Vec<u64>,
    /// Of a day, the time.
    time: Option<u64>,
    /// The pieces that they take.
    used: usize,
}

fn core(pieces: &[Piece<'_>]) -> Option<Core> {
    if let Some(day) = day(pieces) {
        return Some(day);
    }
    let mut numbers = vec![pieces.first()?.number()?];
    for piece in pieces[1..].iter().take_while(|piece| piece.is_number() && piece.mark == Some('.')) {
        numbers.push(piece.number()?);
    }
    let scheme = if YEARS.contains(&numbers[0]) { Scheme::Calendar } else { Scheme::Plain };
    Some(Core { scheme, used: numbers.len(), numbers, time: None })
}

/// `20260302`, `202603021530`, `2026-03-02`, `2026.03.02`
fn day(pieces: &[Piece<'_>]) -> Option<Core> {
    let first = pieces.first()?.text;
    let (numbers, time, used) = if matches!(first.len(), 8 | 12 | 14) {
        let part = |range: std::ops::Range<usize>| first[range].parse::<u64>().ok();
        (vec![part(0..4)?, part(4..6)?, part(6..8)?], part(8..first.len()), 1)
    } else {
        let [year, month, day, ..] = pieces else { return None };
        let is_written = |piece: &&Piece<'_>| piece.text.len() == 2 && piece.mark.is_some();
        if year.text.len() != 4 || ![month, day].iter().all(is_written) {
            return None;
        }
        (vec![year.number()?, month.number()?, day.number()?], None, 3)
    };
    let is_day =
        YEARS.contains(&numbers[0]) && (1..=12).contains(&numbers[1]) && (1..=31).contains(&numbers[2]);
    is_day.then_some(Core { scheme: Scheme::Day, numbers, time, used })
}

/// Tells whether a lone number counts releases: `v12`, `build-12`; `pr-12` does not, and `1234567` may be a commit.
fn is_counter(front: &[Piece<'_>], number: &Piece<'_>) -> bool {
    front.last().is_none_or(|word| FRONT.contains(&word.text))
        && !DOUBTFUL_DIGITS.contains(&number.text.len())
}
