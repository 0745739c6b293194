//! One answer for each environment that a question is about; of many, one in a few words for all of them.

use serde::Serialize;
use serde_json::{Value, json};

use super::answers::{Answering, Reply, room};
use crate::answer::Refused;
use crate::model::ask::Asked;
use crate::wording;

impl Answering<'_> {
    /// The environments that the question names, or all.
    pub(super) fn meant<'q>(&'q self, asked: &'q Asked) -> impl Iterator<Item = &'q str> {
        let is_meant = |name: &&str| match (&asked.environment, &asked.environments[..]) {
            (Some(wanted), _) => wanted == name,
            (None, []) => true,
            (None, several) => several.iter().any(|wanted| wanted == name),
        };
        self.moment.directory().environments().map(|it| it.name.as_str()).filter(is_meant)
    }

    /// Their views.
    pub(super) fn views<V>(
        &self,
        asked: &Asked,
        view: impl Fn(&str) -> Result<V, Refused>,
    ) -> Result<Vec<V>, Refused> {
        self.meant(asked).map(view).collect()
    }

    /// An answer for each in its own sentences, or for all in those of `everywhere` where that is shorter reading; said of the
    /// time where it is past.
    pub(super) fn each<V: Serialize>(
        &self,
        asked: &Asked,
        view: impl Fn(&str) -> Result<V, Refused>,
        text: impl Fn(&V) -> String,
        everywhere: impl Fn(usize, &[V]) -> String,
    ) -> Result<Reply, Refused> {
        let (text, data) = self.each_as_is(asked, view, text, everywhere)?;
        Ok((wording::as_of(self.moment.past(), text), data))
    }

    /// The same, of texts that say their time themselves.
    pub(super) fn each_as_is<V: Serialize>(
        &self,
        asked: &Asked,
        view: impl Fn(&str) -> Result<V, Refused>,
        text: impl Fn(&V) -> String,
        everywhere: impl Fn(usize, &[V]) -> String,
    ) -> Result<Reply, Refused> {
        let views = self.views(asked, view)?;
        Ok(match &views[..] {
            [] => (wording::environments(&[]), Value::Null),
            [one] => (text(one), json!(one)),
            all => {
                let mut texts: Vec<String> = all.iter().map(&text).collect();
                // A text that names no environment is the same for all of them.
                texts.dedup();
                let whole = texts.join(" ");
                let is_long = whole.chars().count() > room(asked);
                (if is_long { everywhere(all.len(), all) } else { whole }, json!(all))
            }
        })
    }
}
