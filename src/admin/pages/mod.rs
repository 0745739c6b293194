//! The dashboard: pages made on the server, which a small script keeps fresh.
//!
//! A form with an admin or viewer token opens a session (`state::sessions`); the pages show the same answers as the API, and
//! everything can be read without the script.

mod activity;
mod ask;
mod attention;
mod card;
mod charts;
mod chrome;
mod compare;
mod deployment;
mod deployment_row;
mod environment;
mod environment_rows;
mod home;
mod insights;
mod lag;
mod login;
mod mention;
mod page;
mod parts;
mod pins;
mod plan;
mod regions;
mod releases;
mod replicas;
mod retain;
mod router;
mod search;
mod sentence;
mod service;
mod settings;
mod tokens;
mod visitor;
mod weeks;

pub(super) use page::no_such_page;
pub(super) use router::router;
