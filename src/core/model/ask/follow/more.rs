//! More of the same: the reason, the person, the time, the contents, the one before, everywhere.

use super::{Said, THERE_IT_IS};
use crate::model::ask::question::{Asked, Focus, Intent, Meant, Range};
use crate::model::ask::world::World;

impl Said<'_> {
    /// The reason is asked for, which nothing tells: what is known of it once more.
    pub(super) fn why(&self, own: Asked) -> Asked {
        let mut asked = self.instead(own, false);
        if asked.intent == Intent::Running {
            asked.intent = Intent::History;
        }
        let is_of_what_was = matches!(asked.intent, Intent::History | Intent::Rollbacks | Intent::Changes);
        asked.focus = if is_of_what_was { Some(Focus::Why) } else { asked.focus };
        asked
    }

    /// The content of the release that was spoken of, or its changes.
    pub(super) fn contents(&self, own: Asked) -> Asked {
        let mut asked = self.instead(own, false);
        if asked.intent == Intent::Changes {
            return asked;
        }
        if !asked.has_change() {
            asked.intent = Intent::History;
            return asked;
        }
        (asked.intent, asked.focus, asked.environment) = (Intent::Search, None, None);
        asked.environments.clear();
        if let Some(Meant { repository, version }) = &asked.meant {
            (asked.repositories, asked.version, asked.description) =
                (vec![repository.clone()], Some(version.clone()), None);
        }
        asked
    }

    pub(super) fn who(&self, own: Asked) -> Asked {
        let intent = match self.before.intent {
            Intent::Rollbacks => Intent::Rollbacks,
            _ => Intent::History,
        };
        let mut asked = Asked { intent, focus: Some(Focus::Who), ..self.instead(own, false) };
        if let Some(Meant { repository, .. }) = &asked.meant {
            asked.repositories = vec![repository.clone()];
            (asked.version, asked.description) = (None, None);
        }
        asked
    }

    /// The same for every environment; of a change that was looked for, where it is live.
    pub(super) fn everywhere(&self, own: Asked) -> Asked {
        let mut asked = Asked { environment: None, environments: Vec::new(), ..self.instead(own, false) };
        if asked.intent == Intent::Search && asked.has_change() && self.says(THERE_IT_IS) {
            (asked.intent, asked.focus) = (Intent::Verify, None);
            asked.take_meant();
        }
        asked
    }

    /// The current state of the service that was spoken of, or of the environment.
    pub(super) fn now(&self, own: Asked) -> Asked {
        let mut asked = self.instead(own, false);
        asked.name_the_meant();
        Asked {
            intent: Intent::Running,
            focus: None,
            kind: None,
            version: None,
            description: None,
            range: None,
            at: None,
            meant: None,
            ..asked
        }
    }

    pub(super) fn when(&self, own: Asked) -> Asked {
        let mut asked = self.instead(own, false);
        asked.intent = match asked.intent {
            Intent::Running | Intent::Missing | Intent::Changes | Intent::Compare => Intent::History,
            other => other,
        };
        if asked.intent == Intent::History && asked.environment.is_none() {
            asked.environment = asked.environments.pop();
            asked.environments.clear();
        }
        asked
    }

    pub(super) fn earlier(&self, own: Asked, world: &World<'_>) -> Asked {
        let mut asked = self.instead(own, false);
        if let Some(Range { from, to }) = asked.range {
            asked.range = Some(Range { from: from - to.since(from), to: from });
            return asked;
        }
        if let Some(Meant { repository, version }) = asked.meant.take() {
            (asked.repositories, asked.version, asked.description) = (vec![repository], Some(version), None);
        }
        let versions = world.repositories.iter().find(|it| Some(it.name) == asked.repository());
        let versions = versions.map_or(&[][..], |it| &it.versions);
        let place = versions.iter().position(|version| Some(*version) == asked.version.as_deref());
        let keeps = matches!(asked.intent, Intent::Search | Intent::Deploy | Intent::Verify);
        match place.and_then(|place| place.checked_sub(1)) {
            Some(place) if keeps => {
                (asked.version, asked.focus) = (Some(versions[place].to_owned()), None);
            }
            _ if asked.environment.is_some()
                && asked.intent != Intent::Rollbacks
                && asked.repository().is_some() =>
            {
                (asked.intent, asked.focus) = (Intent::History, Some(Focus::Before));
                (asked.version, asked.description) = (None, None);
            }
            _ if asked.environment.is_some() && asked.intent == Intent::Running => {
                asked.intent = Intent::History;
            }
            _ => {}
        }
        asked
    }
}
