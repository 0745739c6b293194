//! Plans for what is there already.

use super::*;
use crate::wire::DeployState;

/// A change that is there needs no deploy: whatever its words, no older release that brought it is planned.
#[test]
fn what_is_live_is_said_to_be_and_nothing_is_moved() {
    let mut story = Story::new();
    story.release("shop/payment", "v1.3.0", &["feat: receipts by mail (#4700)"]);
    story.rolls_out("v1.0.0");
    story.rolls_out("v1.1.0");
    let brought_at = story.now - Span::from_mins(30) - Span::from_secs(10);
    story.rolls_out("v1.2.0");
    for query in ["login times out behind a proxy", "#4511", "#4600", "v1.2.0", "payment v1.2.0"] {
        let planned = story.planned(query);
        assert_eq!((planned.version.as_str(), planned.kind), ("v1.2.0", DeployKind::Unchanged), "{query}");
        assert_eq!(planned.digest, Some(digest("v1.2.0")), "{query}");
        assert!(planned.gained.count + planned.lost.count == 0, "{query}");
    }
    let planned = story.planned("#4511");
    assert_eq!(kinds(&planned), [DeployWarningKind::AlreadyLive, DeployWarningKind::WorkloadGuessed]);
    story.act(Action::DeployPlanned(Box::new(planned)));
    let deploy = story.followed();
    let said = format!(
        "“fix: login times out behind a proxy” (#4511) is live in staging since {brought_at}; it runs shop/payment \
         v1.2.0: there is nothing to deploy."
    );
    assert_eq!((deploy.text, deploy.state, deploy.observed_at), (said, DeployState::Settled, None));
    assert_eq!(deploy.age_s, Some(1800), "that is as last seen");
    // A missing change is still brought by the first release that has it, and so is one that was rolled back.
    assert_eq!(story.planned("#4700").version, "v1.3.0");
    story.rolls_out("v1.0.0");
    assert_eq!(story.planned("#4511").version, "v1.1.0");
    assert!(story.followed().text.contains("was live in staging when this was planned"));
}

#[test]
fn a_change_on_its_way_and_a_rebuild_that_runs_are_there_too() {
    let mut story = Story::new();
    story.rolls_out("v1.0.0");
    story.pulled("v1.2.0", 1..=3);
    for query in ["#4511", "#4600"] {
        let planned = story.planned(query);
        assert_eq!((planned.version.as_str(), planned.kind), ("v1.2.0", DeployKind::Unchanged), "{query}");
        assert!(kinds(&planned).contains(&DeployWarningKind::RollingOut), "{query}");
    }
    // A release of several images: the one that runs is it.
    let (repository, digests) =
        ("shop/payment".parse().unwrap(), vec![digest("v1.4.0"), digest("v1.4.0 arm")]);
    let told = Registration { digests, ..Registration::named(repository, "v1.4.0") };
    story.act(Action::ReleaseAdded(Box::new(told)));
    story.now = story.now + Span::from_mins(30);
    story.pulled_as("v1.4.0", "v1.4.0 arm", 1..=3);
    let planned = story.planned("v1.4.0");
    assert_eq!((planned.kind, planned.digest), (DeployKind::Unchanged, Some(digest("v1.4.0 arm"))));
}
