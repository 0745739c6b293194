//! The dashboard: pages made on the server, which a small script keeps fresh.
//!
//! A form with an admin or viewer token opens a session (`state::sessions`); the pages show the same answers as the API, and
//! everything can be read without the script.

mod activity;
mod ask;
mod charts;
mod compare;
mod deployment;
mod deployment_row;
mod environment;
mod home;
mod insights;
mod login;
mod page;
mod parts;
mod regions;
mod releases;
mod router;
mod search;
mod settings;
mod tokens;
mod visitor;

pub(super) use router::router;
