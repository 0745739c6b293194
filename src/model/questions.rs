//! PLACEHOLDER of the fold's questions, only to compile.
#![allow(missing_docs)]
use super::deployments::State;
use super::event::EnvironmentName;
use super::time::Time;
use serde::Serialize;
#[derive(Serialize, Clone)]
pub struct Deployment {
    pub id: String,
}
#[derive(Serialize)]
pub struct Running {
    pub environment: EnvironmentName,
    pub at: Time,
    pub services: Vec<String>,
}
#[derive(Serialize)]
pub struct Timeline {
    pub deployments: Vec<Deployment>,
}
pub fn running(_: &State, env: &EnvironmentName, now: Time) -> Running {
    Running { environment: env.clone(), at: now, services: vec![] }
}
pub fn timeline(_: &State, _: &EnvironmentName, _: Time, _: usize, _: Option<&str>) -> Timeline {
    Timeline { deployments: vec![] }
}
pub fn deployment(_: &State, _: &str, _: Time) -> Option<Deployment> {
    None
}
pub fn evidence(_: &State, _: &str, _: Time) -> Option<Deployment> {
    None
}
pub fn local(_: &State, _: &EnvironmentName) -> Vec<String> {
    vec![]
}
