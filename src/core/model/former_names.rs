//! Former names of environments: whatever was written down under one of them goes on under the name of today.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::names::EnvironmentName;

/// Each former name, with the name that the environment has today. Cloning is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerNames(Arc<BTreeMap<EnvironmentName, EnvironmentName>>);

impl FormerNames {
    /// The name of today, where `name` is a former one; else `name` itself.
    pub fn today<'a>(&'a self, name: &'a EnvironmentName) -> &'a EnvironmentName {
        self.0.get(name).unwrap_or(name)
    }

    /// The former names of the environment that is called `name` today.
    pub fn of<'a>(&'a self, name: &'a EnvironmentName) -> impl Iterator<Item = &'a EnvironmentName> {
        self.pairs().filter(move |(_, today)| *today == name).map(|(former, _)| former)
    }

    /// Every former name with that of today.
    pub fn pairs(&self) -> impl Iterator<Item = (&EnvironmentName, &EnvironmentName)> {
        self.0.iter()
    }

    /// The environment that is called `from` today is called `to` from now on.
    pub fn rename(&mut self, from: &EnvironmentName, to: &EnvironmentName) {
        let names = Arc::make_mut(&mut self.0);
        names.values_mut().filter(|today| *today == from).for_each(|today| today.clone_from(to));
        names.insert(from.clone(), to.clone());
        names.remove(to);
    }

    /// The environment that is called `name` today is gone: its names are free.
    pub fn forget(&mut self, name: &EnvironmentName) {
        if self.of(name).next().is_some() {
            Arc::make_mut(&mut self.0).retain(|_, today| today != name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_former_name_leads_to_the_name_of_today() {
        let [a, b, c, other] = ["a", "b", "c", "other"].map(|name| name.parse::<EnvironmentName>().unwrap());
        let mut names = FormerNames::default();
        names.rename(&a, &b);
        names.rename(&b, &c);
        assert_eq!([&a, &b, &c, &other].map(|name| names.today(name)), [&c, &c, &c, &other]);
        assert_eq!(names.of(&c).collect::<Vec<_>>(), [&a, &b]);
        names.rename(&c, &a);
        assert_eq!([&a, &b, &c].map(|name| names.today(name)), [&a, &a, &a], "a name may come back");
        names.forget(&a);
        assert_eq!(names, FormerNames::default());
    }
}
