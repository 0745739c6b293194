//! Names in a registration that are checked for slips, where its sender wants that.

use crate::admin::http::caller::Publisher;
use crate::admin::http::problem::Problem;
use crate::answer;
use crate::log::View;
use crate::model::ask::said::{self, Said};
use crate::model::oci::Repository;
use crate::model::releases::Registration;

/// The repository that `named` means: of all that are known, or of those that a publisher may register releases of.
pub(super) fn known(view: &View, publisher: &Publisher, named: &Repository) -> Result<Repository, Problem> {
    let Some(own) = publisher.repositories(view.directory.admins()) else {
        return Ok(answer::repository(&view.state, None, named.as_str())?);
    };
    let names: Vec<&str> = own.iter().map(Repository::as_str).collect();
    match said::repository(named.as_str(), &names) {
        Said::One(one) => one.parse().map_err(|_| Problem::internal()),
        Said::Several(_) | Said::None(_) => Err(Problem::not_published(named)),
    }
}

/// Every parent is the version or revision of a release: one that is a slip would order nothing.
pub(super) fn check_parents(view: &View, told: &Registration) -> Result<(), Problem> {
    let Registration { repository, parents, .. } = told;
    let line = view.state.catalogue().line(repository);
    let is_known = |parent: &&String| line.is_some_and(|line| line.has_name(parent));
    match parents.iter().find(|parent| !is_known(parent)) {
        None => Ok(()),
        Some(unknown) => Err(Problem::invalid(
            "parents",
            format!(
                "no release of {repository} has the version or revision `{unknown}`, so it would order nothing; register \
                 that release first"
            ),
        )),
    }
}
