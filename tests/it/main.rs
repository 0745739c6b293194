//! Landfall with real parts around it: a registry, containerd, Docker and skopeo. `tests/run` installs them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and says where")]
#![allow(clippy::type_complexity, reason = "tables of cases name their columns where they are")]
#![allow(unreachable_pub, reason = "one crate of tests, in modules")]

mod access;
mod admin;
mod admin_cli;
mod admin_support;
mod apply;
mod architecture;
mod ask_model;
mod backup;
mod browser;
mod budget;
mod clients;
mod conformance;
mod connections;
mod crash;
mod damage;
mod dashboard;
mod day;
mod demo;
mod deploy;
mod deploys;
mod digests;
mod disk;
mod elsewhere;
mod encoded;
mod events;
mod failing;
mod faults;
mod headers;
mod health;
mod herd;
mod import;
mod incidents;
mod large;
mod learning;
mod life;
mod listeners;
mod mcp;
mod mcp_story;
mod openapi;
mod outbound;
mod parts;
mod passwords;
mod refusals;
mod registries;
mod releases;
mod rig;
mod spliced;
mod story;
mod token_server;
mod transfer;
mod trust;
mod upstream;
mod webhooks;
