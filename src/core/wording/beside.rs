//! Images that run beside a service, in words: another version that is kept, the other half of a repository, a job.

use super::listed::listed;
use super::seen::age;
use super::watched::apart;
use crate::wire::{BesideImage, Comparison, RunningService};

/// "beside", or "ran once" of what was asked for a single time.
pub fn beside_as(image: &BesideImage) -> &'static str {
    if image.ran_once { "ran once" } else { "beside" }
}

/// Name of an image that runs beside a service.
pub fn beside_label(image: &BesideImage) -> String {
    image.version.clone().unwrap_or_else(|| image.digest.short())
}

/// A sentence for each service that is not all that runs from its repository; `quoted` makes names safe for the reader.
pub fn running_beside<'a>(
    services: impl IntoIterator<Item = &'a RunningService>,
    quoted: impl Fn(&str) -> String,
) -> String {
    let told = services.into_iter().filter(|service| !service.beside.is_empty());
    let sentences = told.map(|service| {
        let repository = quoted(service.repository.as_str());
        format!("From {repository} also: {}.", images(&service.beside, &quoted))
    });
    sentences.collect::<Vec<_>>().join(" ")
}

/// The same for both sides of a comparison, with the workloads of a side that run different images.
pub fn compared_beside(comparison: &Comparison, quoted: impl Fn(&str) -> String) -> String {
    let (left, right) = (&comparison.left, &comparison.right);
    let sides = comparison.services.iter().flat_map(|service| {
        let repository = quoted(service.repository.as_str());
        let sides = [
            (left, &service.left_workloads, &service.left_beside),
            (right, &service.right_workloads, &service.right_beside),
        ];
        sides.map(|(env, workloads, beside)| {
            let apart = apart(workloads, &quoted);
            let apart = (!apart.is_empty()).then(|| format!("Of {repository} in {env}, {apart}."));
            let images = images(beside, &quoted);
            let beside = (!beside.is_empty()).then(|| format!("From {repository} {env} also runs {images}."));
            [apart, beside]
        })
    });
    sides.flatten().flatten().collect::<Vec<_>>().join(" ")
}

fn images(beside: &[BesideImage], quoted: impl Fn(&str) -> String) -> String {
    listed(beside.iter().map(|image| {
        let label = quoted(&beside_label(image));
        let once = if image.ran_once { " (ran once)" } else { "" };
        format!("{label}{once}, last seen {}", age(&image.seen))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::oci::Digest;
    use crate::model::time::Time;
    use crate::wire::Seen;

    #[test]
    fn what_runs_beside_is_named_with_its_age() {
        let image = |version: &str, ran_once| BesideImage {
            digest: Digest::of(version.as_bytes()),
            version: Some(version.to_owned()),
            since: Time::from_ms(0),
            seen: Seen {
                last_seen_at: Time::from_ms(7_200_000),
                age_s: 7_200,
                unconfirmed_since: None,
                caveat: None,
            },
            clients: 1,
            ran_once,
        };
        let told = images(&[image("13.14", false), image("migrate-7", true)], str::to_owned);
        assert_eq!(told, "13.14, last seen 2 h ago; migrate-7 (ran once), last seen 2 h ago");
    }
}
