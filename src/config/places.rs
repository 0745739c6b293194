//! `[[cluster]]`: where the workloads of an environment are.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ConfigError;
use crate::model::deploy::{BadWorkload, Place, is_namespace};
use crate::model::event::{BadEnvironmentName, EnvironmentName};
use crate::model::oci::{Malformed, Repository};

/// One `[[cluster]]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClusterTable {
    environment: Option<String>,
    context: Option<String>,
    namespace: Option<String>,
    workloads: BTreeMap<String, Vec<String>>,
}

/// The places of environments; each environment has one at most.
pub(super) fn places(tables: Vec<ClusterTable>) -> Result<BTreeMap<EnvironmentName, Place>, ConfigError> {
    let mut places = BTreeMap::new();
    for (index, table) in tables.into_iter().enumerate() {
        let key = |name: &str| format!("cluster[{index}].{name}");
        let wrong = |name: &str, problem: String| ConfigError::value(key(name), problem);
        let name = table.environment.ok_or_else(|| {
            wrong("environment", "missing: name the environment whose workloads these are".into())
        })?;
        let environment: EnvironmentName =
            name.parse().map_err(|error: BadEnvironmentName| wrong("environment", error.to_string()))?;
        if let Some(namespace) = table.namespace.as_deref().filter(|text| !is_namespace(text)) {
            return Err(wrong("namespace", format!("`{namespace}` is no name of a namespace; e.g. shop")));
        }
        let mut workloads = BTreeMap::new();
        for (repository, names) in table.workloads {
            let named: Result<Vec<_>, BadWorkload> = names.iter().map(|name| name.parse()).collect();
            let named = named.map_err(|error| wrong("workloads", error.to_string()))?;
            let repository: Repository =
                repository.parse().map_err(|error: Malformed| wrong("workloads", error.to_string()))?;
            workloads.insert(repository, named);
        }
        let place = Place { context: table.context, namespace: table.namespace, workloads };
        if places.insert(environment, place).is_some() {
            return Err(wrong(
                "environment",
                format!("`{name}` is there twice; each environment has one place"),
            ));
        }
    }
    Ok(places)
}
