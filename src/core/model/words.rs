//! The vocabulary of badges: every word that a surface shows for what something is, with its tone and its shape.
//!
//! One place for the dashboard, the commands and coding agents alike. A shape stands beside each word, so that colour is
//! never the only signal.

/// The tone of a word, which its colour shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Not certain, or not done.
    Open,
    /// Bad, or backwards.
    Bad,
    /// Neither.
    Quiet,
}

/// One word.
#[derive(Debug, PartialEq, Eq)]
pub struct Word {
    /// As it stands in JSON.
    pub name: &'static str,
    /// As people read it.
    pub label: &'static str,
    /// Its tone.
    pub tone: Tone,
    /// One character that differs from its neighbours' in form.
    pub shape: &'static str,
    /// Its meaning, in a sentence.
    pub meaning: &'static str,
}

const fn of(
    name: &'static str,
    label: &'static str,
    tone: Tone,
    shape: &'static str,
    meaning: &'static str,
) -> Word {
    Word { name, label, tone, shape, meaning }
}

/// Every word, by what it speaks of: deployments, their states, how sure an answer is, changes that are searched for,
/// comparisons, tokens, kinds of tokens, kinds of changes, and what else is marked.
pub const WORDS: &[Word] = &[
    of("initial", "first deployment", Tone::Good, "+", "The first image of a service."),
    of("upgrade", "upgrade", Tone::Good, "▲", "To a later release."),
    of("rollback", "rollback", Tone::Bad, "▼", "To an earlier release."),
    of("restore", "restore", Tone::Open, "△", "To a later release that ran before."),
    of("rebuild", "rebuild", Tone::Open, "■", "The same version under another digest."),
    of("changed", "changed", Tone::Open, "◆", "To a release that cannot be compared."),
    of("rolling_out", "rolling out", Tone::Open, "◔", "Nodes are still coming to it."),
    of("settled", "settled", Tone::Good, "●", "No new node for the settle time."),
    of("mixed", "mixed", Tone::Open, "◑", "Two images run beside each other."),
    of("aborted", "aborted", Tone::Bad, "✕", "It was given up."),
    of("removed", "removed", Tone::Quiet, "□", "Its workloads do not exist any more."),
    of("scaled_to_zero", "scaled to zero", Tone::Quiet, "◌", "Its workloads exist, and run nothing."),
    of(
        "tentative",
        "tentative",
        Tone::Open,
        "○",
        "A single pull, or a rollout that goes on, is all the evidence.",
    ),
    of("likely", "likely", Tone::Good, "●", "Settled by pulls."),
    of("confirmed", "confirmed", Tone::Good, "✓", "Something that sees what runs says so."),
    of(
        "live",
        "live",
        Tone::Good,
        "●",
        "Every service that carries it has settled on a release that contains it.",
    ),
    of("partly_live", "partly live", Tone::Open, "◑", "Some services have it, or a part of one."),
    of("not_live", "not live", Tone::Quiet, "○", "No service runs a release that contains it."),
    of("rolled_back", "rolled back", Tone::Bad, "▼", "It was live, and what runs now lacks it."),
    of("no_such_change", "no matching change", Tone::Quiet, "?", "No known change fits the description."),
    of("unknown", "unknown", Tone::Quiet, "?", "Nothing certain can be said."),
    of("same", "same", Tone::Good, "=", "Both run the same release."),
    of("left_ahead", "left ahead", Tone::Open, "◀", "The left side runs the later release."),
    of("right_ahead", "right ahead", Tone::Open, "▶", "The right side runs the later release."),
    of("diverged", "diverged", Tone::Bad, "◆", "Neither contains the other."),
    of("left_only", "left only", Tone::Quiet, "◁", "Only the left side runs the service."),
    of("right_only", "right only", Tone::Quiet, "▷", "Only the right side runs the service."),
    of("up_to_date", "up to date", Tone::Good, "✓", "No later release is known."),
    of("ahead", "ahead", Tone::Good, "▲", "The latest release that runs anywhere."),
    of("behind", "behind", Tone::Open, "▽", "A later release is known."),
    of("active", "active", Tone::Good, "●", "It is accepted."),
    of("revoked", "revoked", Tone::Bad, "✕", "It is refused since it was revoked."),
    of("expired", "expired", Tone::Bad, "◇", "Its time is over."),
    of("rotated", "rotated", Tone::Open, "△", "Its successor is in use; it is accepted for a while longer."),
    of("cluster", "cluster", Tone::Quiet, "■", "Its pulls are evidence for deployments."),
    of("local", "local", Tone::Quiet, "◇", "For people's machines: its pulls change nothing above."),
    of(
        "host",
        "host",
        Tone::Quiet,
        "▣",
        "Servers without a cluster: their pulls are evidence for deployments.",
    ),
    of("agent", "agent", Tone::Quiet, "◉", "It reports what runs, and pulls nothing."),
    of("prepull", "prepull", Tone::Quiet, "□", "Images arrive before they run."),
    of("scanner", "scanner", Tone::Quiet, "○", "Scanners and update bots: presence only."),
    of("feature", "feature", Tone::Good, "+", "Something new, or something better."),
    of("fix", "fix", Tone::Good, "✓", "Something that was wrong."),
    of("perf", "perf", Tone::Good, "▲", "The same, faster or in less space."),
    of("security", "security", Tone::Bad, "◆", "Something that could be abused."),
    of("breaking", "breaking", Tone::Bad, "!", "Something that makes users change what they have."),
    of("docs", "docs", Tone::Quiet, "≡", "Words for people."),
    of("other", "other", Tone::Quiet, "·", "Dependencies, chores, tests, and what no rule knows."),
    of("incomplete", "incomplete", Tone::Open, "◌", "Some of what happened in it is not known."),
    of("failing", "failing", Tone::Bad, "✕", "Somebody tries to pull it and cannot."),
    of(
        "unconfirmed",
        "unconfirmed",
        Tone::Quiet,
        "○",
        "No pull has shown it for longer than the settle time.",
    ),
    of(
        "pulled_locally",
        "pulled locally",
        Tone::Quiet,
        "◇",
        "By a person's machine; it changes nothing that runs.",
    ),
    of("taken_back", "reverted", Tone::Bad, "▼", "A release that is no longer live."),
    of("warning", "look", Tone::Open, "!", "Something about its use is out of the ordinary."),
    of("superseded", "superseded", Tone::Quiet, "△", "It was live, and a later release took its place."),
];

const NAMELESS: Word = of("", "", Tone::Quiet, "·", "");

/// The word with this name in JSON.
pub fn word(name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.name == name)
}

/// The word with this name; one without meaning where there is none.
pub fn known(name: &str) -> &'static Word {
    word(name).unwrap_or(&NAMELESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_one_place_and_a_shape() {
        for (place, word) in WORDS.iter().enumerate() {
            let again = WORDS[place + 1..].iter().find(|other| other.name == word.name);
            assert_eq!(again, None, "{}", word.name);
            assert_eq!(word.shape.chars().count(), 1, "{}", word.name);
            assert!(word.meaning.ends_with('.') && !word.label.contains('_'), "{}", word.name);
        }
    }
}
