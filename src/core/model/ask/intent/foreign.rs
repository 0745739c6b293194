//! Matters of other tools: what monitoring, a test run or a shop knows, and pulls do not tell.

use super::cues::Cues;
use crate::model::ask::names::is_plain;
use crate::model::ask::words::{Word, is_frame};

/// Measures and records of other tools.
const MEASURES: &str = "cpu memory ram disk storage heap bandwidth capacity quota pods replicas latency latencies throughput traffic uptime \
    downtime availability usage utilization utilisation consumption load logs logfile logfiles metric metrics rate rates requests qps rps tps \
    slow slower sla slo slas slos p50 p90 p95 p99 percentile percentiles exceptions exception stacktrace stacktraces traces 5xx 4xx 500s 404s \
    incidents incident pager oncall on-call postmortem visitors sessions revenue sales cost costs coverage test tests pipeline pipelines jobs job \
    connections threads cron temperature url ip port hostname owner owners maintainer maintainers";
/// Words behind a noun that something is said or asked of.
const BEHIND: &str = "of for from in on at by is are was were has have had did does do per over during since right now today yesterday and or so \
    look looks failed failing fail fails broke passed running high low up down like";
/// Words that speak of a change, or of what runs.
const OF_CHANGES: &str = "fix fixed fixes fixing patch patched feature change changed changes release released version versions live deployed \
    shipped landed commit pr";
/// Things that are counted here.
const COUNTED: &str = "release releases version versions change changes fix fixes feature features bug bugs bugfixes commit commits pr prs \
    mrs request requests patches hotfixes vulnerabilities cves service services image images repository repositories repos app apps environment \
    environments env envs deployment deployments deploys rollout rollouts rollback rollbacks reverts token tokens credentials time times \
    day days hour hours week weeks month months minutes update updates upgrades pulls clients laptops things";
/// Words of a group that counts nothing: `how many of those`.
const UNCOUNTED: &str = "of more others else longer newer older ahead behind did do does is are was were has have will would can in on at to it";
/// Words that say nothing of what is asked, in a question for what runs.
const EXPLAINED: &str = "doing uses use served serve serves serving seeing sees tag tags exist exists existing name names called quick check \
    fully soon cluster clusters kubernetes k8s namespace namespaces docker helm chart workload workloads stack setup loaded using hosted hosting sitting \
    artifact artifacts registry repo repos repository repositories app apps application applications microservice microservices \
    component components system systems each single individual exact specific precise tell fetch read answer info information never there \
    hash sha revision semver label labels set sets up-to-date updates updating installed online offline bit people person folks guys machine \
    machines server servers host hosts box boxes moved ended";

impl Cues<'_> {
    /// Matters that monitoring knows and pulls do not tell.
    pub(super) fn asks_for_measures(&self) -> bool {
        let is_head = |at: usize| {
            let is_of_code = at.checked_sub(1).is_some_and(|at| is_of(&self.words[at], "pull merge"));
            self.words[at].is_any(MEASURES)
                && !is_of_code
                && self.words.get(at + 1).is_none_or(|next| next.taken || is_of(next, BEHIND))
        };
        let of_a_change = self.says(OF_CHANGES) || self.is_yes_or_no() && !self.begins("is are");
        let measures = !of_a_change && (0..self.words.len()).any(is_head) && !self.asks_what_is_broken();
        measures || self.counts_something_else()
    }

    /// `how many errors did web throw`: of all that can be counted this knows a few things.
    fn counts_something_else(&self) -> bool {
        let asked = self.words.windows(2).position(|pair| {
            let is = |at: usize, list: &str| is_of(&pair[at], list);
            is(0, "how") && is(1, "many much") || is(0, "number count amount") && is(1, "of")
        });
        let Some(behind) = asked.map(|at| at + 2) else { return false };
        let is_of_the_group = |word: &&Word| !word.taken && !is_of(word, UNCOUNTED);
        let group = self.words[behind..].iter().take_while(is_of_the_group);
        let is_counted = |word: &Word| word.is_any(COUNTED);
        group.clone().next().is_some() && !self.words[behind..].iter().take(group.count()).any(is_counted)
    }

    /// `what is the revenue of web in production`: a word that nothing explains is what is asked for.
    pub(super) fn asks_for_another_thing(&self) -> bool {
        let is_of_what_runs = self.says(
            "running runs run ran deployed installed live version versions release releases image images tag digest build status state",
        );
        // A name that nobody knows is asked back, unless all that has a name is known.
        let is_asked_back = self.found.environments.is_empty() || !self.found.names_service();
        let is_explained = |word: &Word| {
            word.taken
                || word.is_named && !self.found.is_unclear(word)
                || is_frame(&word.text)
                || is_plain(word)
                || word.is_any(EXPLAINED)
                || is_asked_back && self.found.is_unclear(word)
        };
        !is_of_what_runs && !self.words.iter().all(is_explained)
    }
}

fn is_of(word: &Word, list: &str) -> bool {
    !word.taken && list.split_whitespace().any(|listed| listed == word.text)
}
