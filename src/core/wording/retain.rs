//! Images that a registry must keep, in words.

use super::dates::day;
use super::listed::counted;
use crate::wire::{RetainKind, Retained, RetainedImage};

/// The list in two or three sentences: how many images, since when pulls are known, what is missing.
pub fn retained(retained: &Retained) -> String {
    let Some(known_since) = retained.known_since else {
        return "Nothing was pulled yet, so nothing is known of what must be kept.".to_owned();
    };
    let images = counted(retained.digests.len(), "image", "images");
    let mut text = format!(
        "{images} must stay in the registry, by the pulls since {}. Nothing is said of images that were not pulled since then, \
         new ones among them.",
        day(known_since)
    );
    if retained.has_forgotten {
        text += " Not everything is known: more images were pulled within 30 days than are remembered.";
    }
    for gap in &retained.incomplete {
        text += &format!(" Not everything is known of {}: {}.", gap.environment, gap.incomplete.text);
    }
    text
}

/// The reasons to keep an image: `runs in production, staging; can be gone back to in canary`.
pub fn kept_because(image: &RetainedImage) -> String {
    let mut parts: Vec<(&RetainKind, Vec<&str>)> = Vec::new();
    for reason in &image.reasons {
        match parts.last_mut() {
            Some((kind, environments)) if **kind == reason.kind => {
                environments.push(reason.environment.as_str());
            }
            _ => parts.push((&reason.kind, vec![reason.environment.as_str()])),
        }
    }
    // Most images that were pulled lately run: that is reason enough.
    let is_founded = parts.iter().any(|(kind, _)| **kind != RetainKind::PulledRecently);
    parts.retain(|(kind, _)| !is_founded || **kind != RetainKind::PulledRecently);
    let said: Vec<String> =
        parts.iter().map(|(kind, envs)| format!("{} {}", kept_as(kind), envs.join(", "))).collect();
    let with =
        image.kept_with.map(|with| format!("goes with {}; ", short(&with.to_string()))).unwrap_or_default();
    with + &said.join("; ")
}

fn kept_as(kind: &RetainKind) -> &str {
    match kind {
        RetainKind::Running => "runs in",
        RetainKind::Mixed => "runs beside another in",
        RetainKind::RollbackTarget => "can be gone back to in",
        RetainKind::PulledRecently => "pulled within 30 days in",
        RetainKind::Unlisted(word) => word,
    }
}

/// A digest as people tell it: its first twelve digits.
fn short(digest: &str) -> String {
    digest.chars().take("sha256:".len() + 12).collect()
}
