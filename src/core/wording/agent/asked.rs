//! An answer in plain English, for an agent that passes it on.

use crate::model::quotes::{quoted, quoted_passage};
use crate::wire::Answered;

/// The answer, the conversation to go on with, and what to ask next.
pub fn asked(answered: &Answered) -> String {
    let Answered { text, notice, conversation, follow_ups, .. } = answered;
    let notice = notice.as_ref().map(|notice| format!("{notice}\n")).unwrap_or_default();
    let plan = match answered.data["plan"]["commands"].as_array() {
        Some(commands) => format!(
            "\nNothing was done. `plan.commands` has the {} commands of the plan; deploy_release writes it down.",
            commands.len()
        ),
        None => String::new(),
    };
    let next = match &follow_ups[..] {
        [] => String::new(),
        all => {
            format!("\nWhat to ask next: {}", all.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(", "))
        }
    };
    // Sentences of Landfall's with titles and names of others in them: all of it is passed on as data.
    let text = quoted_passage(text);
    format!("{notice}{text}{plan}\nTo go on from here, ask with conversation {conversation}.{next}")
}
