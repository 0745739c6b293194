//! Two that belong together: places that are compared, one in place of another, and `both` that were spoken of last.

use super::{IT, Said, is_of};
use crate::model::ask::question::{Asked, Intent};

impl Said<'_> {
    /// `the same version as production?` compares it with the place before, `compare them` the two that were spoken of.
    pub(super) fn beside(&self, own: Asked) -> Asked {
        let is_of_both = self.says("compare difference differences differ") && own.environments.is_empty();
        if is_of_both && own.environment.is_none() && self.before.places.len() == 2 {
            let environments = self.before.places.clone();
            let repositories = own.subjects_or(self.before);
            return Asked {
                intent: Intent::Compare,
                environments,
                repositories,
                focus: None,
                description: None,
                ..own
            };
        }
        let texts: Vec<&str> = self.reading.words.iter().map(|word| word.text.as_str()).collect();
        let is_same = self.says("same newer older ahead behind") && self.says("as than like")
            || self.says(IT) && texts.windows(2).any(|pair| pair == ["ahead", "of"]);
        let Some(place) = own.environment.clone().filter(|_| is_same && self.before.names_place()) else {
            return own;
        };
        let first = self.before.environment.clone().or_else(|| self.before.environments.first().cloned());
        let environments = first.into_iter().filter(|first| *first != place).chain([place.clone()]).collect();
        let repositories = own.subjects_or(self.before);
        Asked {
            intent: Intent::Compare,
            environment: None,
            environments,
            repositories,
            focus: None,
            description: None,
            ..own
        }
    }

    /// The question before with one environment in place of another.
    pub(super) fn swapped(&self, own: &Asked) -> Option<Asked> {
        let [first, second] = &own.environments[..] else { return None };
        let texts: Vec<&str> = self.reading.words.iter().map(|word| word.text.as_str()).collect();
        let (new, old) = if texts.windows(2).any(|pair| pair == ["instead", "of"]) {
            (first, second)
        } else if texts.first().is_some_and(|verb| is_of(verb, "swap replace exchange switch")) {
            (second, first)
        } else {
            return None;
        };
        let mut asked = Asked { is_declined: false, ..self.before.clone() };
        let environments = asked.environment.iter_mut().chain(&mut asked.environments);
        environments.filter(|name| *name == old).for_each(|name| name.clone_from(new));
        Some(asked)
    }

    /// `both?`: the two services that were spoken of last; where there were no two, the two places.
    pub(super) fn of_both(&self, mut own: Asked) -> Asked {
        let says_both = self.reading.words.iter().any(|word| word.text == "both");
        let is_of = |word: &str| ["both", "of", "them", "services", "the"].contains(&word);
        let is_described = own.description.as_deref().is_some_and(|said| !said.split(' ').all(is_of));
        if !says_both || is_described || !own.repositories.is_empty() || own.version.is_some() {
            return own;
        }
        own.description = None;
        if self.before.services.len() == 2 {
            own.repositories.clone_from(&self.before.services);
        } else if self.before.places.len() == 2 && !own.names_place() {
            own.environments.clone_from(&self.before.places);
        }
        own
    }
}
