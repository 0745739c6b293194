//! A text that is no question: the title of a change, or a part of it, as a search box gets it.

use crate::answer::{CANDIDATES_MAX, Moment, Within};
use crate::model::ask::{Asked, Intent};
use crate::model::search::Band;

/// Words that a question or a wish begins with.
const BEGINNINGS: &str = "is are was were am do does did has have had can could should would will may might what which who \
    whose whom when where why how show list give tell find please deploy roll rollback create make generate";

/// `asked`, or where it was not understood and known changes fit the text, the search for those.
pub(super) fn or_search(asked: Asked, text: &str, moment: &Moment<'_>) -> Asked {
    if asked.intent != Intent::Unknown || asked.is_declined {
        return asked;
    }
    // A question may have words of a title by chance: it has to mean that change for certain.
    let fits = match moment.find(text, CANDIDATES_MAX, Within::default()).band {
        Band::Sure => true,
        Band::Perhaps => !is_question(text) && !asked.is_elsewhere,
        Band::No => false,
    };
    if !fits {
        return asked;
    }
    Asked { intent: Intent::Search, description: Some(text.to_owned()), ..asked }
}

fn is_question(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default().to_lowercase();
    text.contains('?') || BEGINNINGS.split_whitespace().any(|word| word == first)
}

#[cfg(test)]
mod tests {
    use super::is_question;

    #[test]
    fn a_title_is_no_question() {
        for title in ["login timeout", "#4511", "CVE-2026-12345", "fix: whatever is said"] {
            assert!(!is_question(title), "{title}");
        }
        for question in ["Why is it slow", "login timeout?", "please sing"] {
            assert!(is_question(question), "{question}");
        }
    }
}
