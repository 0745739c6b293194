//! Age of an answer in words: when what it rests on was last seen, and what silence since then would hide. Ages are counted
//! from the time that the answer is about.

use super::absence::gone;
use super::listed::names;
use crate::model::time::{Span, Time, ago};
use crate::wire::{Deploy, Seen};

/// "5 min ago": the age of a sighting when the answer was given.
pub fn age(seen: &Seen) -> String {
    aged(seen.last_seen_at, seen.age_s)
}

fn aged(seen_at: Time, age_s: i64) -> String {
    ago(seen_at + Span::from_secs(age_s), seen_at)
}

/// "As last seen 5 min ago; a rollback to an image that the nodes still have would not show.": a sentence for all services
/// that share a caveat, with the age of the one that was silent for longest. Empty where nothing runs, or where something
/// that sees what runs confirms it.
pub fn as_last_seen<'a>(services: impl IntoIterator<Item = (String, &'a Seen)>) -> String {
    let mut told: Vec<(&str, Vec<String>, &Seen)> = Vec::new();
    for (service, seen) in services {
        let Some(caveat) = seen.caveat.as_deref() else { continue };
        match told.iter_mut().find(|(other, ..)| *other == caveat) {
            Some((_, services, oldest)) => {
                if !services.contains(&service) {
                    services.push(service);
                }
                *oldest = if seen.age_s > oldest.age_s { seen } else { oldest };
            }
            None => told.push((caveat, vec![service], seen)),
        }
    }
    let is_one = told.len() == 1;
    let sentences = told.into_iter().map(|(caveat, services, oldest)| {
        let up_to = if services.len() > 1 { "up to " } else { "" };
        let of = if is_one { "As".to_owned() } else { format!("{}: as", names(services.into_iter())) };
        format!("{of} last seen {up_to}{}; {caveat}.", age(oldest))
    });
    sentences.collect::<Vec<_>>().join(" ")
}

/// Nodes of a service that are refused, since a time as the surface writes times.
pub fn refused(since: impl std::fmt::Display) -> String {
    format!("its nodes are refused since {since}: their token has ended")
}

/// The support of a deploy by pulls: its age, or the image that was seen after it. Empty before it was seen.
pub fn deploy_seen(deploy: &Deploy) -> String {
    if let Some(other) = &deploy.seen_after {
        let name = other.image.label();
        return format!("It does not stand: {name} of the same service was seen after it, at {}.", other.at);
    }
    if let Some(absence) = &deploy.absent {
        return format!("Nothing of {} runs there: {}.", deploy.release.repository, gone(absence));
    }
    match (deploy.last_seen_at, deploy.age_s, &deploy.caveat) {
        (Some(at), Some(age_s), Some(caveat)) => format!("As last seen {}; {caveat}.", aged(at, age_s)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(age_s: i64, caveat: Option<&'static str>) -> Seen {
        let last_seen_at = Time::from_ms(1_772_431_248_000);
        Seen { last_seen_at, age_s, unconfirmed_since: None, caveat: caveat.map(Into::into) }
    }

    #[test]
    fn what_shares_a_caveat_shares_a_sentence_with_the_age_of_the_oldest() {
        let (hidden, heard) = (Some("a rollback would not show"), Some("a rollback would show"));
        let told = |services: &[(&str, &Seen)]| {
            as_last_seen(services.iter().map(|(name, seen)| ((*name).to_owned(), *seen)))
        };
        assert_eq!(told(&[]), "");
        assert_eq!(told(&[("web", &seen(7, None))]), "", "something confirms it");
        let (young, old) = (seen(285, hidden), seen(7300, hidden));
        assert_eq!(told(&[("web", &young)]), "As last seen 4 min ago; a rollback would not show.");
        let both = [("web", &young), ("pay", &old)];
        assert_eq!(told(&both), "As last seen up to 2 h ago; a rollback would not show.");
        assert_eq!(
            told(&[both[0], ("api", &seen(60, heard)), both[1]]),
            "web, pay: as last seen up to 2 h ago; a rollback would not show. api: as last seen 1 min ago; a rollback would show."
        );
    }
}
