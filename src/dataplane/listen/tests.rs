//! Assignment, keeping and eviction of slots.

use std::future::pending;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::*;

const LIMITS: ListenerLimits = ListenerLimits {
    connections_max: 16,
    first_head: Duration::from_secs(30),
    idle: Duration::from_secs(60),
    stall: Duration::from_secs(120),
    drain: Duration::from_secs(30),
};
/// Strangers of one network.
const STRANGERS_MAX: usize = 4;
const AUTHENTICATED_MAX: usize = 14;

/// A connection that sends nothing.
struct Silent {
    slot: Slot,
    task: JoinHandle<()>,
}

impl Silent {
    /// A stranger.
    async fn from(slots: &Arc<Slots>, address: impl Into<IpAddr>) -> Self {
        let slot = slots.acquire(address.into()).await;
        let occupied = slots.occupy(&slot);
        let task = tokio::spawn(async move {
            let occupied = occupied;
            run_connection(&occupied, pending()).await;
        });
        slot.set_task(task.abort_handle());
        Self { slot, task }
    }

    /// A client that has finished an authenticated request.
    async fn authenticated(slots: &Arc<Slots>, address: impl Into<IpAddr>) -> Self {
        let silent = Self::from(slots, address).await;
        let active = silent.slot.begin_request().unwrap();
        silent.slot.mark_authenticated();
        drop(active);
        silent
    }

    async fn has_gone(&self) -> bool {
        // An aborted task ends when it is polled next.
        tokio::task::yield_now().await;
        self.task.is_finished()
    }
}

/// Addresses of nodes, each in its own network.
fn node(number: usize) -> IpAddr {
    IpAddr::from([10, 0, 0, u8::try_from(number).unwrap()])
}

async fn gone(connections: &[Silent]) -> Vec<usize> {
    let mut gone = Vec::new();
    for (index, connection) in connections.iter().enumerate() {
        if connection.has_gone().await {
            gone.push(index);
        }
    }
    gone
}

/// Longer than `NEWCOMER_GRACE`.
const A_WHILE: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn strangers_of_one_network_have_a_share_and_the_oldest_of_them_goes() {
    let slots = Slots::new(LIMITS, TrustedProxies::default());
    let neighbour = Silent::from(&slots, node(1)).await;
    let mut of_one = Vec::new();
    for number in 0..2 * STRANGERS_MAX {
        let address: IpAddr = format!("2001:db8::{number:x}").parse().unwrap();
        of_one.push(Silent::from(&slots, address).await);
        tokio::time::advance(A_WHILE).await;
    }
    assert_eq!(gone(&of_one).await, [0, 1, 2, 3]);
    assert!(!neighbour.has_gone().await, "that was the share of one network");
    let other: IpAddr = "2001:db8:0:1::1".parse().unwrap();
    let _other = Silent::from(&slots, other).await;
    assert_eq!(gone(&of_one).await, [0, 1, 2, 3], "another /64 is another network");
}

#[tokio::test(start_paused = true)]
async fn a_herd_behind_one_address_has_time_to_show_its_tokens_while_there_is_room() {
    let slots = Slots::new(LIMITS, TrustedProxies::default());
    let neighbour = Silent::from(&slots, node(2)).await;
    let mut herd = Vec::new();
    for _ in 0..LIMITS.connections_max - 1 {
        herd.push(Silent::from(&slots, node(1)).await);
    }
    assert_eq!(gone(&herd).await, [0; 0], "there was room");
    herd.push(Silent::from(&slots, node(1)).await);
    assert_eq!(gone(&herd).await, [0], "there is none, and the network makes its own");
    assert!(!neighbour.has_gone().await);
    // The grace of the others is over: the next newcomer brings the network back to its share.
    tokio::time::advance(A_WHILE).await;
    herd.push(Silent::from(&slots, node(1)).await);
    assert_eq!(gone(&herd).await.len(), herd.len() - STRANGERS_MAX);
    assert!(!neighbour.has_gone().await);
}

#[tokio::test(start_paused = true)]
async fn behind_a_trusted_proxy_the_share_is_the_clients() {
    let slots = Slots::new(LIMITS, TrustedProxies::new(["10.0.0.0/8".parse().unwrap()]));
    let mut clients = Vec::new();
    for _ in 0..2 * STRANGERS_MAX {
        clients.push(Silent::from(&slots, node(1)).await);
    }
    assert_eq!(gone(&clients).await, [0; 0], "it speaks for many");
    tokio::time::advance(A_WHILE).await;
    for client in &clients {
        client.slot.set_client_address([192, 0, 2, 7].into());
    }
    assert_eq!(gone(&clients).await, [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn many_nodes_behind_one_address_have_more_than_a_share() {
    let slots = Slots::new(LIMITS, TrustedProxies::default());
    let mut nodes = Vec::new();
    for _ in 0..AUTHENTICATED_MAX {
        nodes.push(Silent::authenticated(&slots, node(1)).await);
    }
    assert_eq!(gone(&nodes).await, [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn strangers_make_room_first_then_the_longest_idle() {
    let slots = Slots::new(LIMITS, TrustedProxies::default());
    let mut nodes = Vec::new();
    for number in 0..AUTHENTICATED_MAX {
        nodes.push(Silent::authenticated(&slots, node(number)).await);
        tokio::time::advance(A_WHILE).await;
    }
    let strangers = [Silent::from(&slots, node(101)).await, Silent::from(&slots, node(102)).await];
    let newcomer = Silent::from(&slots, node(103)).await;
    assert_eq!(gone(&strangers).await, [0]);
    assert_eq!(gone(&nodes).await, [0; 0]);
    // The first connection was used again, the second is in use.
    drop(nodes[0].slot.begin_request().unwrap());
    let _active = nodes[1].slot.begin_request().unwrap();
    // Another authenticated connection takes the slot of an idle one.
    newcomer.slot.mark_authenticated();
    assert_eq!(gone(&nodes).await, [2]);
    assert_eq!(gone(&strangers).await, [0]);
    let another = Silent::authenticated(&slots, node(104)).await;
    assert_eq!((gone(&nodes).await, gone(&strangers).await), (vec![2, 3], vec![0]));
    assert!(!newcomer.has_gone().await && !another.has_gone().await);
}

#[tokio::test(start_paused = true)]
async fn with_a_request_under_way_nobody_is_cut_and_newcomers_still_get_in() {
    let slots = Slots::new(LIMITS, TrustedProxies::default());
    let mut nodes = Vec::new();
    for number in 0..AUTHENTICATED_MAX {
        let node = Silent::authenticated(&slots, node(number)).await;
        nodes.push((node.slot.begin_request().unwrap(), node));
    }
    let mut newcomers = Vec::new();
    for number in 0..3 * LIMITS.connections_max {
        // Authenticated newcomers cannot evict active connections either, and stay strangers.
        newcomers.push(Silent::authenticated(&slots, node(100 + number)).await);
    }
    let kept = LIMITS.connections_max - AUTHENTICATED_MAX;
    let cut: Vec<usize> = (0..newcomers.len() - kept).collect();
    assert_eq!(gone(&newcomers).await, cut);
    for (_, node) in &nodes {
        assert!(!node.has_gone().await);
    }
    // A client that does not read its answer is not idle.
    let (active, first) = nodes.swap_remove(0);
    first.slot.set_write_blocked(true);
    drop(active);
    tokio::time::advance(A_WHILE).await;
    let last = newcomers.pop().unwrap();
    last.slot.mark_authenticated();
    assert!(!first.has_gone().await);
    first.slot.set_write_blocked(false);
    last.slot.mark_authenticated();
    assert!(!first.has_gone().await, "a client between two requests is not idle");
    tokio::time::advance(A_WHILE).await;
    last.slot.mark_authenticated();
    assert!(first.has_gone().await);
}

#[tokio::test(start_paused = true)]
async fn who_was_cut_begins_nothing() {
    let slots = Slots::new(LIMITS, TrustedProxies::default());
    let silent = Silent::authenticated(&slots, node(1)).await;
    assert!(silent.slot.abort_if_idle());
    assert!(silent.slot.begin_request().is_none());
    let busy = Silent::authenticated(&slots, node(2)).await;
    let active = busy.slot.begin_request().unwrap();
    assert!(!busy.slot.abort_if_idle() && !busy.slot.stop_if_idle());
    assert!(busy.slot.begin_request().is_some());
    drop(active);
    assert!(busy.slot.abort_if_idle());
}

#[tokio::test(start_paused = true)]
async fn silence_has_an_end_before_the_first_request_and_between_two() {
    let slots = Slots::new(LIMITS, TrustedProxies::default());
    let pause = Duration::from_millis(1);
    let mut silent = Silent::from(&slots, node(1)).await;
    // A shutdown notice that is not read makes no difference.
    silent.slot.set_write_blocked(true);
    let started = tokio::time::Instant::now();
    (&mut silent.task).await.unwrap();
    assert!((LIMITS.first_head..LIMITS.first_head + pause).contains(&started.elapsed()));

    let mut node = Silent::authenticated(&slots, node(1)).await;
    let active = node.slot.begin_request().unwrap();
    tokio::time::sleep(10 * LIMITS.idle + LIMITS.idle / 3).await;
    assert!(!node.task.is_finished() && !node.slot.is_closing(), "a request may take as long as it takes");
    drop(active);
    let idle = tokio::time::Instant::now();
    node.slot.closing().await;
    assert!((LIMITS.idle..LIMITS.idle + pause).contains(&idle.elapsed()), "{:?}", idle.elapsed());
    // The connection was asked to close and does nothing within its grace.
    (&mut node.task).await.unwrap();
    assert!(idle.elapsed() > LIMITS.idle);
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_free_again_when_its_connection_ends() {
    let slots = Slots::new(ListenerLimits { connections_max: 1, ..LIMITS }, TrustedProxies::default());
    let only = slots.acquire(node(1)).await;
    let occupied = slots.occupy(&only);
    let _active = only.begin_request().unwrap();
    drop(occupied);
    let next = slots.acquire(node(2)).await;
    assert!(only.begin_request().is_some() && next.begin_request().is_some(), "neither was cut");
}
