//! Replicas that were heard, or not: who has a change, and who is gone.

use super::*;
use crate::clock;
use crate::model::act::{Action, Actor};

#[tokio::test]
async fn a_replica_that_is_cut_off_is_named_until_it_has_the_change() {
    let ([one_dir, other_dir, edge_dir], servers) = (folders(), Servers::default());
    let (link, edge_link) = (servers.link(), servers.link());
    let (one, other) = (open(one_dir.path(), &servers), open_over(other_dir.path(), &link));
    let edge = open_edge(edge_dir.path(), &edge_link);
    until(async || one.sharing().unwrap().replicas.len() == 3).await;
    one.append(created("production")).await.unwrap();
    assert_eq!(one.still_unconfirmed().await, [""; 0], "all of them heard of it");
    let mut named: Vec<_> = [&other_dir, &edge_dir].map(|dir| dir.path().display().to_string()).into();
    named.sort();
    link.set_down(true);
    edge_link.set_down(true);
    one.append(created("staging")).await.unwrap();
    assert_eq!(one.unconfirmed(), named, "at once, before anybody says how far it is");
    edge_link.set_down(false);
    until(async || one.unconfirmed() == [other_dir.path().display().to_string()]).await;
    assert_eq!(one.still_unconfirmed().await.len(), 1);
    link.set_down(false);
    until(async || one.unconfirmed().is_empty()).await;
    // One that ended goes on from the stream when it starts.
    other.close();
    edge.close();
    one.append(created("testing")).await.unwrap();
    assert_eq!(one.still_unconfirmed().await, [""; 0]);
}

#[tokio::test]
async fn one_that_was_forgotten_is_not_waited_for_until_it_is_heard_again() {
    let ([one_dir, other_dir], servers) = (folders(), Servers::default());
    let link = servers.link();
    let (one, other) = (open(one_dir.path(), &servers), open_over(other_dir.path(), &link));
    let name = other_dir.path().display().to_string();
    one.append(created("production")).await.unwrap();
    have(&[&one, &other], 1).await;
    until(async || one.sharing().unwrap().replicas.len() == 2).await;
    link.set_down(true);
    // Nobody else has these yet.
    record(&other, 0..10).await;
    servers.age(&name, Span::from_mins(5));
    until(async || one.complete_until().is_some()).await;
    let silent = one.sharing().unwrap().replicas.into_iter().find(|peer| peer.name == name).unwrap();
    assert!(silent.is_silent && silent.silence >= Span::from_mins(5));
    let action = Action::ReplicaForgotten { name: name.clone(), seen_at: silent.seen_at };
    one.append(action.by(Actor::default(), clock::now())).await.unwrap();
    let is_alone = |log: &Log| {
        let names: Vec<_> = log.sharing().unwrap().replicas.into_iter().map(|peer| peer.name).collect();
        let health = log.health().sharing.unwrap().replicas.len();
        names == [one_dir.path().display().to_string()] && health == 1
    };
    assert!(is_alone(&one) && one.complete_until().is_none() && one.unconfirmed().is_empty());
    one.close();
    let one = open(one_dir.path(), &servers);
    until(async || is_alone(&one) && one.complete_until().is_none()).await;
    link.set_down(false);
    // It is back, and nothing that it acknowledged is lost.
    have(&[&one, &other], 12).await;
    until(async || one.sharing().unwrap().replicas.len() == 2 && one.complete_until().is_none()).await;
    assert_eq!(history(&one), history(&other));
}
