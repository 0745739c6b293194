//! Kinds of deployments by the names of images: what tells an order, what none.

use super::story::check;

/// Three nodes move from one tag to another, which nobody registered.
fn moved(from: &str, to: &str) -> String {
    format!(
        "0:00 a b c pull old as {from}
        2:00:00 a b c pull new as {to} every 20s"
    )
}

#[track_caller]
fn is_told(from: &str, to: &str, kind: &str) {
    let without = if kind == "rollback" { format!(" without {from}") } else { String::new() };
    let expected = format!("initial {from} settled\n {kind} {to} settled{without}\n now {to} settled");
    check(&moved(from, to), "3:00:00", &expected);
}

#[test]
fn runs_of_digits_are_numbers() {
    for (from, to) in [
        ("1.1.1-rc9", "1.1.1-rc10"),
        ("v1.2.3-9-gabc1234", "v1.2.3-10-gdef5678"),
        ("13.3.0-debian-12-r9", "13.3.0-debian-12-r10"),
        ("1.2.3", "1.2.3-1"),
        ("1.2.3", "1.2.3-hotfix1"),
        ("1.2.3", "1.2.3-r1"),
        ("build9", "build10"),
        ("v1.29.0-eks-99", "v1.29.0-eks-100"),
        ("20260901.1", "20260901.10"),
        ("web-1.2.3", "worker-1.3.0"),
    ] {
        is_told(from, to, "upgrade");
        is_told(to, from, "rollback");
    }
}

#[test]
fn what_is_no_version_has_no_order_and_what_is_new_is_no_rollback() {
    for (from, to) in [
        ("feature-login", "feature-search"),
        ("main", "develop"),
        ("699b052", "421c0de"),
        ("main-699b052", "main-421c0de"),
        ("v1.2.3-9-gabc1234", "v1.2.3-9-gdef5678"),
        ("20260901.3", "20260901"),
        ("2026.3.1", "1.2.3"),
        ("1.2.3-alpine", "1.2.3"),
    ] {
        is_told(from, to, "changed");
        is_told(to, from, "changed");
    }
}

#[test]
fn where_names_tell_no_order_the_way_back_is_told_by_what_ran_first() {
    let there_and_back = format!(
        "{}
        4:00:00 a b c check old as 699b052 every 20s
        6:00:00 a b c check new as 421c0de every 20s",
        moved("699b052", "421c0de")
    );
    check(
        &there_and_back,
        "7:00:00",
        "initial 699b052 settled
        changed 421c0de settled
        rollback 699b052 settled without 421c0de
        restore 421c0de settled
        now 421c0de settled",
    );
}
