//! Output for people: aligned tables, colour on a terminal only, times as they are spoken.
//!
//! Names, versions and agents come from whoever pulls: everything printed goes through [`clean`], and once more through
//! [`Output::shown`] where a terminal would obey it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};

use super::error::CliError;
use super::terminal::{clean, escaped, printable};
use crate::model::words::{self, Tone};

pub use crate::model::time::ago;

/// Columns are this far apart.
const GAP: &str = "  ";
/// Hexadecimal digits of a digest that people see.
const DIGEST_CHARS: usize = 12;

/// The place that a command prints to, and its manner.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Tells whether the server's answer is printed as it is.
    pub json: bool,
    color: bool,
    is_terminal: bool,
}

/// The look of a text on a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    #[default]
    Plain,
    /// Less important.
    Dim,
    /// More important.
    Bold,
    /// Good.
    Green,
    /// Not certain, or not done.
    Yellow,
    /// Bad, or backwards.
    Red,
}

impl Style {
    /// ECMA-48, Select Graphic Rendition.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Dim => Some("2"),
            Self::Bold => Some("1"),
            Self::Green => Some("32"),
            Self::Yellow => Some("33"),
            Self::Red => Some("31"),
        }
    }

    /// The style of a word of the vocabulary.
    pub fn of_word(word: &str) -> Self {
        match words::word(word).map(|word| word.tone) {
            Some(Tone::Good) => Self::Green,
            Some(Tone::Open) => Self::Yellow,
            Some(Tone::Bad) => Self::Red,
            Some(Tone::Quiet) | None => Self::Plain,
        }
    }
}

impl Output {
    /// The standard output as it is: colour on a terminal only, unless `NO_COLOR` says otherwise (no-color.org).
    pub fn detect(json: bool) -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_terminal = io::stdout().is_terminal();
        Self { json, color: is_terminal && !is_set("NO_COLOR") && !dumb, is_terminal }
    }

    /// `text` as it may be written: to a terminal only what it shows, and the colours of [`Output::paint`]; as it is to
    /// anything else. JSON stays the same JSON.
    pub fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match (self.is_terminal, self.json) {
            (false, _) => text.into(),
            (true, true) => escaped(text),
            (true, false) => printable(text),
        }
    }

    /// Writes `text` to the standard output. A reader that went away (`| head`) is no failure.
    pub fn print(&self, text: &str) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(self.shown(text).as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
            _ => Ok(()),
        }
    }

    /// `text`, cleaned, in this style.
    pub fn paint(&self, text: &str, style: Style) -> String {
        let text = clean(text);
        match style.code().filter(|_| self.color) {
            Some(code) => format!("\x1b[{code}m{text}\x1b[0m"),
            None => text,
        }
    }
}

/// Cells in aligned columns.
#[derive(Debug, Default)]
pub struct Table {
    indent: usize,
    rows: Vec<Vec<(String, Style)>>,
}

impl Table {
    /// A table that starts with these headings.
    pub fn with_headings(headings: &[&str]) -> Self {
        let headings = headings.iter().map(|heading| ((*heading).to_owned(), Style::Dim)).collect();
        Self { indent: 0, rows: vec![headings] }
    }

    /// A table without headings, moved to the right.
    pub fn indented(indent: usize) -> Self {
        Self { indent, rows: Vec::new() }
    }

    /// Adds a row of cells.
    pub fn row<const N: usize>(&mut self, cells: [(String, Style); N]) {
        self.rows.push(cells.map(|(text, style)| (clean(&text), style)).into());
    }

    /// The table as lines of text.
    pub fn render(&self, output: &Output) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(chars).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        let mut text = String::new();
        for row in &self.rows {
            let last = row.iter().rposition(|(cell, _)| !cell.is_empty()).unwrap_or_default();
            text.push_str(&" ".repeat(self.indent));
            for (cell, width) in row.iter().zip(&widths).take(last) {
                let padding = " ".repeat(width - chars(cell));
                let _ = write!(text, "{}{padding}{GAP}", output.paint(&cell.0, cell.1));
            }
            if let Some((cell, style)) = row.get(last) {
                text.push_str(&output.paint(cell, *style));
            }
            text.push('\n');
        }
        text
    }
}

fn chars(cell: &(String, Style)) -> usize {
    cell.0.chars().count()
}

/// A cell without a style of its own.
pub fn plain(text: impl Into<String>) -> (String, Style) {
    (text.into(), Style::Plain)
}

/// A cell of lesser importance.
pub fn dim(text: impl Into<String>) -> (String, Style) {
    (text.into(), Style::Dim)
}

/// A word of the domain in its style.
pub fn word(text: &str) -> (String, Style) {
    let label = words::word(text).map_or_else(|| text.replace('_', " "), |word| word.label.to_owned());
    (label, Style::of_word(text))
}

/// The first digits of a digest, without its algorithm.
pub fn short(digest: &str) -> String {
    digest.split_once(':').map_or(digest, |(_, hex)| hex).chars().take(DIGEST_CHARS).collect()
}

/// A length for people: `517 KiB`, `1.2 GiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut amount, mut unit) = (bytes as f64, "B");
    for larger in UNITS {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, larger);
    }
    let decimals = usize::from(unit != "B" && amount < 10.0);
    format!("{amount:.decimals$} {unit}")
}

/// Tells a person who waits how far it is: on a terminal only.
#[derive(Debug)]
pub struct Progress {
    word: &'static str,
    is_shown: bool,
    bytes: u64,
    next_bytes: u64,
}

impl Progress {
    /// Progress is told after so many more bytes.
    const STEP_BYTES: u64 = 4 * 1024 * 1024;

    /// Nothing yet; `word` says what happens to the bytes.
    pub fn new(word: &'static str) -> Self {
        let is_shown = io::stderr().is_terminal();
        Self { word, is_shown, bytes: 0, next_bytes: Self::STEP_BYTES }
    }

    /// So many more.
    pub fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if self.is_shown && self.bytes >= self.next_bytes {
            self.next_bytes = self.bytes + Self::STEP_BYTES;
            eprint!("\r{} {} ", size(self.bytes), self.word);
        }
    }

    /// That was all: what was shown goes, for a summary or an error takes its line.
    pub fn end(&self) {
        if self.is_shown && self.bytes >= Self::STEP_BYTES {
            eprint!("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::terminal::is_obeyed;
    use super::*;

    const BARE: Output = Output { json: false, color: false, is_terminal: false };
    const SCREEN: Output = Output { json: false, color: true, is_terminal: true };

    #[test]
    fn columns_are_aligned_and_lines_end_with_their_last_cell() {
        let mut table = Table::with_headings(&["NAME", "PULLS"]);
        table.row([plain("production"), plain("7")]);
        table.row([plain("é"), plain("")]);
        assert_eq!(table.render(&BARE), "NAME        PULLS\nproduction  7\né\n");
    }

    #[test]
    fn colour_does_not_move_columns() {
        let mut table = Table::indented(2);
        table.row([word("rolling_out"), plain("a")]);
        table.row([word("x"), plain("b")]);
        let colored = table.render(&SCREEN);
        assert_eq!(colored, "  \x1b[33mrolling out\x1b[0m  a\n  x            b\n");
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_printed() {
        assert_eq!(clean("a\x1b[2Jb\r\nc\u{9b}d\u{202e}e\u{2066}f"), "a[2Jbcdef");
        assert_eq!(BARE.paint("\x07bell", Style::Red), "bell");
    }

    #[test]
    fn a_terminal_gets_nothing_to_obey_and_everything_else_what_there_is() {
        let odd = "a\x1b]0;title\x07\u{9b}2Jb\x7f\u{202e}c\n";
        assert_eq!(BARE.shown(odd), odd);
        assert_eq!(SCREEN.shown(odd), "a]0;title2Jbc\n");
        let painted = SCREEN.paint("bad\x1b[2J", Style::Red) + "\x1b[31";
        assert_eq!(SCREEN.shown(&painted), "\x1b[31mbad[2J\x1b[0m[31");
        let json = serde_json::to_string(&[odd]).unwrap() + "\n";
        let shown = Output { json: true, ..SCREEN }.shown(&json).into_owned();
        assert!(!shown.trim_end().contains(is_obeyed), "{shown:?}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).unwrap(), [odd]);
        assert_eq!(Output { json: true, ..BARE }.shown(&json), json);
    }

    #[test]
    fn a_length_is_short() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (529_400, "517 KiB"), (1 << 40, "1.0 TiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_digest_is_short() {
        assert_eq!(short("sha256:24d085704ac93832b137"), "24d085704ac9");
        assert_eq!(short("odd"), "odd");
    }
}
