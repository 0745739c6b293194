//! Sightings in words: the number of containers that run an image, and the workloads that differ.

use super::dates::day;
use super::listed::{counted, listed};
use super::seen::age;
use crate::model::oci::{Digest, Reference};
use crate::wire::{
    BypassImage, CarrierPods, Confidence, Running, RunningService, RunningWorkload, Seen, ServiceStanding,
    WorkloadTrouble,
};

/// The containers of a service that run an image, where a witness told.
fn pods(workloads: &[RunningWorkload], digest: &Digest) -> Option<CarrierPods> {
    let mut pods = CarrierPods { ready: 0, running: 0, of: 0 };
    for image in workloads.iter().filter(|it| serves(it)).flat_map(|workload| &workload.images) {
        pods.of = pods.of.saturating_add(image.running);
        if image.image.digest == *digest {
            pods.running = pods.running.saturating_add(image.running);
            pods.ready = pods.ready.saturating_add(image.ready);
        }
    }
    (pods.of > 0).then_some(pods)
}

/// "2 of 6 pods": those that run something and are ready, of all that run.
pub(super) fn share(pods: &CarrierPods) -> String {
    format!("{} of {}", pods.ready, counted(pods.of as usize, "pod", "pods"))
}

/// "0 of 3 pods are ready", where none is of those that run something.
pub(super) fn not_ready(pods: &CarrierPods) -> Option<String> {
    let count = || counted(pods.running as usize, "pod", "pods");
    (pods.ready == 0 && pods.running > 0).then(|| format!("0 of {} are ready", count()))
}

/// A workload that serves: what a job runs is no part of the service.
fn serves(workload: &RunningWorkload) -> bool {
    !workload.workload.starts_with("job/") && !workload.workload.starts_with("cronjob/")
}

/// " on 14 of 14 pods, seen 8 s ago": what confirms that a service runs an image. Empty where nothing does.
pub fn confirmed(service: &RunningService) -> String {
    if service.confidence != Confidence::Confirmed {
        return String::new();
    }
    let pods = pods(&service.workloads, &service.digest);
    let on = pods.map(|pods| {
        not_ready(&pods).map_or_else(|| format!(" on {}", share(&pods)), |none| format!(", {none}"))
    });
    format!("{}, seen {}", on.unwrap_or_default(), seen(&service.seen))
}

/// "8 s ago", which is more than is said of pulls: a witness is heard of all the time.
fn seen(seen: &Seen) -> String {
    if seen.age_s < 60 { format!("{} s ago", seen.age_s) } else { age(seen) }
}

/// "confirmed: 14 of 14 pods": what confirms the standing of a change in a service. Empty where nothing does.
pub(super) fn confirms(standing: &ServiceStanding) -> Option<String> {
    if standing.confidence != Confidence::Confirmed {
        return None;
    }
    Some(match &standing.pods {
        Some(pods) => format!("confirmed: {}", share(pods)),
        None => "confirmed".to_owned(),
    })
}

/// "deployment/web runs 1.1 (6 pods); deployment/worker runs 1.0 (2 pods)". Empty where all run the same. `quoted` makes names
/// safe for the reader.
pub fn apart(workloads: &[RunningWorkload], quoted: impl Fn(&str) -> String) -> String {
    let mut serving = workloads.iter().filter(|it| serves(it) && !it.images.is_empty());
    let digests = |workload: &RunningWorkload| -> Vec<Digest> {
        workload.images.iter().map(|image| image.image.digest).collect()
    };
    let Some(first) = serving.clone().next().map(digests) else { return String::new() };
    if first.len() == 1 && serving.all(|workload| digests(workload) == first) {
        return String::new();
    }
    let told = workloads.iter().filter(|it| serves(it)).flat_map(|workload| {
        workload.images.iter().map(|image| {
            let count = match counted(image.running as usize, "pod", "pods") {
                running if image.ready == image.running => running,
                running => format!("{} of {running} ready", image.ready),
            };
            format!("{} runs {} ({count})", quoted(&workload.workload), quoted(&image.image.label()))
        })
    });
    listed(told)
}

/// The way in which containers do not run, by the reason: of one, and of several.
fn fails(reason: &str) -> (&'static str, &'static str) {
    let crashes =
        ["CrashLoopBackOff", "OOMKilled", "Error", "Restarting", "StartError", "ContainerCannotRun"];
    let reason = reason.strip_prefix("Init:").unwrap_or(reason);
    if reason.contains("Pull") || reason.contains("Image") {
        ("cannot pull its image", "cannot pull their image")
    } else if crashes.contains(&reason) {
        ("crashes", "crash")
    } else {
        ("does not start", "do not start")
    }
}

/// "3 of 5 pods crash: CrashLoopBackOff": the containers of a workload that do not run although they should. Empty where there
/// are none.
fn troubles(troubles: &[WorkloadTrouble]) -> String {
    let mut ways: Vec<_> = troubles.iter().map(|trouble| fails(&trouble.reason)).collect();
    ways.sort_unstable();
    ways.dedup();
    let told = ways.into_iter().map(|way| {
        let these: Vec<_> = troubles.iter().filter(|trouble| fails(&trouble.reason) == way).collect();
        let count: u64 = these.iter().map(|trouble| trouble.count).sum();
        let of = these.iter().map(|trouble| trouble.of).max().unwrap_or(count);
        let mut reasons: Vec<&str> = these.iter().map(|trouble| &*trouble.reason).collect();
        reasons.sort_unstable();
        reasons.dedup();
        let does = if count == 1 { way.0 } else { way.1 };
        format!("{count} of {} {does}: {}", counted(of as usize, "pod", "pods"), reasons.join(", "))
    });
    told.collect::<Vec<_>>().join("; ")
}

/// "deployment/web: 3 of 5 pods crash: CrashLoopBackOff", with the version where all of these name one. `quoted` makes names
/// safe for the reader.
pub fn stuck(workload: &RunningWorkload, quoted: impl Fn(&str) -> String) -> String {
    let mut references = workload.troubles.iter().map(|trouble| trouble.reference.as_ref());
    let first = references.next().flatten();
    let version = first.filter(|first| references.all(|other| other == Some(first)));
    let version = version.map(|version| match version {
        Reference::Tag(tag) => format!(", {}", quoted(tag.as_str())),
        Reference::Digest(digest) => format!(", {}", digest.short()),
    });
    let version = version.unwrap_or_default();
    format!("{}{version}: {}", quoted(&workload.workload), troubles(&workload.troubles))
}

/// "Of docker/app, deployment/web: 3 of 5 pods crash: CrashLoopBackOff." for each service of which containers do not run; of
/// `repository` alone, where one is named. `quoted` makes names safe for the reader. Empty where there is none.
pub fn all_stuck(running: &Running, repository: Option<&str>, quoted: impl Fn(&str) -> String) -> String {
    let services = running.services.iter().map(|it| (&it.repository, &it.workloads));
    let all = services.chain(running.unstarted.iter().map(|it| (&it.repository, &it.workloads)));
    let meant = all.filter(|(name, _)| repository.is_none_or(|repository| name.as_str() == repository));
    let told = meant.filter_map(|(name, workloads)| {
        let stuck = workloads.iter().filter(|workload| !workload.troubles.is_empty());
        let stuck: Vec<String> = stuck.map(|workload| self::stuck(workload, &quoted)).collect();
        (!stuck.is_empty()).then(|| format!("Of {}, {}.", quoted(name.as_str()), stuck.join("; ")))
    });
    told.collect::<Vec<_>>().join(" ")
}

/// "14 of 14 pods" or "0 of 3 pods are ready", or, where they differ, what each workload runs. Empty where no witness that is alive tells.
pub fn told(service: &RunningService) -> String {
    let apart = apart(&service.workloads, str::to_owned);
    if service.confidence != Confidence::Confirmed || !apart.is_empty() {
        return apart;
    }
    let pods = pods(&service.workloads, &service.digest);
    pods.map(|pods| not_ready(&pods).unwrap_or_else(|| share(&pods))).unwrap_or_default()
}

/// "1.2 was pulled by 3 nodes since 2026-03-02 04:00 UTC, and no pod runs it": where pulls and witnesses contradict each other.
/// `quoted` makes names safe for the reader. Empty where they do not.
pub fn contradicted<'a>(
    services: impl IntoIterator<Item = &'a RunningService>,
    quoted: impl Fn(&str) -> String,
) -> String {
    let told = services.into_iter().filter_map(|service| {
        let pulled = service.pulled.iter().filter(|image| image.runs_nowhere);
        let images: Vec<String> = pulled
            .map(|pulled| {
                let label = quoted(&pulled.image.label());
                let nodes = counted(pulled.clients as usize, "node", "nodes");
                format!("{label} was pulled by {nodes} since {}, and no pod runs it", day(pulled.first_at))
            })
            .collect();
        let repository = quoted(service.repository.as_str());
        (!images.is_empty()).then(|| format!("Of {repository}, {}.", listed(images.into_iter())))
    });
    let told: Vec<String> = told.collect();
    told.join(" ")
}

/// "Not pulled through this proxy, and running: quay.io/app (shop/deployment/web)." Empty where there is none. `quoted` makes
/// names safe for the reader.
pub fn bypasses(bypass: &[BypassImage], quoted: impl Fn(&str) -> String) -> String {
    if bypass.is_empty() {
        return String::new();
    }
    let named = listed(bypass.iter().map(|image| {
        let workloads: Vec<String> = image.workloads.iter().map(|workload| quoted(workload)).collect();
        format!("{} ({})", quoted(&image.image), workloads.join(", "))
    }));
    format!("Not pulled through this proxy, and running: {named}.")
}
