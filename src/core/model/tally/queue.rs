//! Reports on their way to the hub: numbered, in order, each until it was taken. Their number has a bound.

use std::collections::VecDeque;

use crate::model::report::Statement;
use crate::model::time::Span;

/// Most statements of one report.
const BATCH_MAX: usize = 500;
/// Most statements that wait.
const WAITING_MAX: usize = 16_384;

/// Reports that wait until the hub takes them.
#[derive(Debug)]
pub struct Queue {
    waiting: VecDeque<Batch>,
    /// The number of the next report.
    next: u64,
    /// The first one was sent, and may have been taken: it does not change any more.
    is_sent: bool,
    /// The number of statements that wait.
    statements: usize,
}

/// A report.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Its place among those of the witness.
    pub sequence: u64,
    /// Its text.
    pub statements: Vec<Statement>,
}

impl Queue {
    /// An empty one whose first report has this number. A witness that starts again needs a greater one than before.
    pub fn new(first: u64) -> Self {
        Self { waiting: VecDeque::new(), next: first, is_sent: false, statements: 0 }
    }

    /// Adds what is to be told. Returns false where there is no room: then all that waits is given up, and the witness has to
    /// begin anew.
    pub fn push(&mut self, statements: Vec<Statement>) -> bool {
        if self.statements + statements.len() > WAITING_MAX && self.statements > 0 {
            self.clear();
            return false;
        }
        statements.into_iter().for_each(|statement| self.add(statement));
        true
    }

    fn add(&mut self, statement: Statement) {
        let (is_only, is_sent) = (self.waiting.len() == 1, self.is_sent);
        let open = self.waiting.back_mut().filter(|_| !(is_only && is_sent));
        match open {
            Some(batch) if is_later_sign(batch.statements.last(), &statement) => {
                batch.statements.pop();
                batch.statements.push(statement);
            }
            Some(batch) if batch.statements.len() < BATCH_MAX => {
                batch.statements.push(statement);
                self.statements += 1;
            }
            _ => {
                self.waiting.push_back(Batch { sequence: self.next, statements: vec![statement] });
                self.next += 1;
                self.statements += 1;
            }
        }
    }

    /// The report that is sent next, or again.
    pub fn send(&mut self) -> Option<&Batch> {
        let first = self.waiting.front()?;
        self.is_sent = true;
        Some(first)
    }

    /// The hub took all reports until this one. Returns false where it had taken more than was sent to it: another life of
    /// this witness had come further, so what was sent now was nothing new there, and the witness has to begin anew.
    pub fn accepted(&mut self, until: u64) -> bool {
        let sent = self.waiting.front().filter(|_| self.is_sent).map(|first| first.sequence);
        let was_sent = sent.is_some_and(|sent| until <= sent);
        while self.waiting.front().is_some_and(|first| first.sequence <= until) {
            self.drop_first();
        }
        if !was_sent {
            self.clear();
            self.next = self.next.max(until.saturating_add(1));
        }
        was_sent
    }

    /// Gives the first report up, because the hub will never take it.
    pub fn drop_first(&mut self) {
        self.statements -= self.waiting.pop_front().map_or(0, |first| first.statements.len());
        self.is_sent = false;
    }

    fn clear(&mut self) {
        self.waiting.clear();
        (self.statements, self.is_sent) = (0, false);
    }

    /// Tells whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// Tells whether a sign of life says more than the one before it: the same stretch, and longer. The second one of a stretch
/// stays, because all that there is stands between the first and it.
fn is_later_sign(before: Option<&Statement>, statement: &Statement) -> bool {
    match (before, statement) {
        (Some(Statement::Alive { at, since }), Statement::Alive { at: later, since: same }) => {
            since == same && at > since && later >= at
        }
        _ => false,
    }
}

/// The pause before the hub is asked again, after so many failures; `chance` is between 0 and 1, and spreads many witnesses
/// that lost one hub.
pub fn pause(failures: u32, chance: f64) -> Span {
    const FIRST_MS: f64 = 1_000.0;
    const LONGEST_MS: f64 = 30_000.0;
    let whole = (FIRST_MS * 2_f64.powi(failures.saturating_sub(1).min(16) as i32)).min(LONGEST_MS);
    Span::from_ms((whole * (0.5 + chance.clamp(0.0, 1.0) / 2.0)) as i64)
}
