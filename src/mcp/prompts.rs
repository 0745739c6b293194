//! Prompts: the usual questions, ready to be asked.

use rmcp::model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role};
use serde_json::Value;

use super::arguments::filled;
use crate::model::quotes::quoted;

/// A question with its gaps.
struct Ready {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    /// Name, and what it is.
    gaps: &'static [(&'static str, &'static str)],
    text: &'static str,
}

const ENVIRONMENT: (&str, &str) = ("environment", "Name of the environment, e.g. production");

const PROMPTS: [Ready; 3] = [
    Ready {
        name: "is_my_fix_live",
        title: "Is my fix live?",
        about: "Checks whether a change is live, and says what it rests on",
        gaps: &[ENVIRONMENT, ("change", "Words of its title, a pull request or a CVE")],
        text: "Is the change {change} live in {environment}? Use verify_change. Say yes only for the answer `live`; name the release, since when, and the evidence. If it is not certain which change is meant, show the candidates and ask. If it is not live, say which release has it first.",
    },
    Ready {
        name: "prepare_a_rollback",
        title: "Prepare a rollback",
        about: "Plans the way back to what ran before, and says what it loses",
        gaps: &[ENVIRONMENT, ("repository", "The service's repository, e.g. shop/payment-service")],
        text: "Prepare a rollback of {repository} in {environment}. Look with get_running and list_deployments at what ran before, plan it with deploy_release, and show me what is lost, the warnings and the commands. Run nothing before I agree; then follow it with get_deploy.",
    },
    Ready {
        name: "what_changed_this_week",
        title: "What changed this week?",
        about: "Sums up a week of an environment",
        gaps: &[ENVIRONMENT],
        text: "What changed in {environment} in the last seven days? Use what_changed. Sum up the releases and fixes, name every rollback with what it took back, and say what is still rolling out.",
    },
];

/// Every prompt.
pub(super) fn list() -> Vec<Prompt> {
    let prompt = |ready: &Ready| {
        let gaps = ready
            .gaps
            .iter()
            .map(|(name, about)| PromptArgument::new(*name).with_description(*about).with_required(true));
        Prompt::new(ready.name, Some(ready.about), Some(gaps.collect())).with_title(ready.title)
    };
    PROMPTS.iter().map(prompt).collect()
}

/// A prompt with its gaps filled in.
pub(super) fn get(name: &str, arguments: Option<&JsonObject>) -> Result<GetPromptResult, String> {
    let ready = PROMPTS.iter().find(|ready| ready.name == name).ok_or_else(|| {
        let known: Vec<&str> = PROMPTS.iter().map(|ready| ready.name).collect();
        format!("there is no prompt of that name; there are: {}", known.join(", "))
    })?;
    let value = |name: &str| arguments.and_then(|it| it.get(name)).and_then(Value::as_str);
    if let Some((name, about)) = ready.gaps.iter().find(|(name, _)| value(name).is_none()) {
        return Err(format!("`{name}` is missing: {about}"));
    }
    let text = filled(ready.text, |name| quoted(value(name).unwrap_or_default()));
    let messages = vec![PromptMessage::new_text(Role::User, text)];
    Ok(GetPromptResult::new(messages).with_description(ready.about))
}
