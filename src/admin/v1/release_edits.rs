//! The catalogue mended: a release is edited, yanked or deleted.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::releases::{BODY_BYTES_MAX, changes, digests, in_no_circle, name, parents, with_id};
use super::slips::check_parents;
use crate::admin::http::answers::{Done, Json};
use crate::admin::http::caller::Admin;
use crate::admin::http::fields::Body;
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::admin::state::changes::Changes;
use crate::clock::now;
use crate::log::View;
use crate::model::act::Action;
use crate::model::oci::Digest;
use crate::model::questions;
use crate::model::releases::{Change, Registration, Release};
use crate::model::time::Time;
use crate::wire::{self, NewChange};

/// Corrections of a release; a field that is not named stays as it is, and a list takes the place of the one before.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseEdit {
    /// Every top-level digest of its images.
    digests: Option<Vec<Digest>>,
    /// The commit it was built from.
    revision: Option<String>,
    /// Time when it was made.
    created_at: Option<Time>,
    /// The versions or revisions that it was built upon.
    parents: Option<Vec<String>>,
    /// Changes in it.
    #[schema(value_type = Option<Vec<NewChange>>)]
    changes: Option<Vec<Change>>,
    /// Release notes in Markdown, which are split into changes.
    notes: Option<String>,
    /// Each parent that is given has to be the version or revision of a release. Else it may be registered later.
    #[serde(default)]
    known_parents: bool,
    /// Withdraws it, or takes that back: it runs where it runs, and is offered no more.
    yanked: Option<bool>,
}

/// Edits a release, or yanks it. Its repository and version stay: they are what it is.
#[utoipa::path(patch, path = "/releases/{id}", tag = "releases", operation_id = "edit_release",
    responses((status = 409, description = "Nobody registered it, or an image of it is another release's")))]
pub(super) async fn edit(
    State(changes): State<Changes>,
    admin: Admin,
    params: Params,
    Body(wanted): Body<ReleaseEdit, BODY_BYTES_MAX>,
) -> Result<Json<wire::Release>, Problem> {
    let id = params.get("id");
    let (yanked, known_parents) = (wanted.yanked, wanted.known_parents && wanted.parents.is_some());
    let told = edited(registered(&changes.view(), id)?, wanted)?;
    let decided = changes.decide(&admin, |view, _| {
        if known_parents {
            check_parents(view, &told)?;
        }
        edition(view, id, &told)
    });
    decided.await?;
    if let Some(is_yanked) = yanked {
        changes.decide(&admin, |view, _| withdrawal(view, id, is_yanked)).await?;
    }
    tracing::info!(release = id, "release edited");
    let view = changes.view();
    Ok(Json(questions::release(&view.state, with_id(&view, id)?, now())))
}

/// Deletes what was told of a release. The labels of images go on telling of it, and so does the audit trail.
#[utoipa::path(delete, path = "/releases/{id}", tag = "releases", operation_id = "delete_release",
    responses((status = 204, description = "It is deleted"), (status = 409, description = "Nobody registered it")))]
pub(super) async fn delete(
    State(changes): State<Changes>,
    admin: Admin,
    params: Params,
) -> Result<Done, Problem> {
    let id = params.get("id");
    let decided = changes.decide(&admin, |view, _| {
        let Registration { repository, version, .. } = registered(view, id)?.told.clone();
        Ok::<_, Problem>((Some(Action::ReleaseDeleted { repository, version }), ()))
    });
    decided.await?;
    tracing::info!(release = id, "release deleted");
    Ok(Done)
}

/// The release with this identifier, if somebody registered it.
fn registered<'a>(view: &'a View, id: &str) -> Result<&'a Arc<Release>, Problem> {
    let release = with_id(view, id)?;
    if release.is_registered {
        return Ok(release);
    }
    Err(Problem::conflict(format!(
        "only the labels of an image tell of {0} {1}; register it first: landfall release add --repository {0} --version {1}",
        release.repository, release.version
    )))
}

/// The release as it is once it is edited.
fn edited(known: &Release, wanted: ReleaseEdit) -> Result<Registration, Problem> {
    let mut told = known.told.clone();
    if let Some(given) = wanted.digests {
        told.digests = digests(given)?;
    }
    if let Some(given) = wanted.revision {
        told.revision = Some(name("revision", given)?);
    }
    told.created_at = wanted.created_at.or(told.created_at);
    if let Some(given) = wanted.parents {
        told.parents = parents(given)?;
    }
    if wanted.changes.is_some() || wanted.notes.is_some() {
        let names_none = wanted.changes.is_none();
        let given = wanted.changes.unwrap_or_default();
        let changes = changes(given, wanted.notes.as_deref(), &told.version)?;
        check_kept(&told, &changes, names_none)?;
        told.changes = changes;
    }
    Ok(told)
}

/// Notes in which no change is found take none away: that has to be asked for.
fn check_kept(told: &Registration, changes: &[Change], names_none: bool) -> Result<(), Problem> {
    if !names_none || !changes.is_empty() || told.changes.is_empty() {
        return Ok(());
    }
    let (count, version) = (told.changes.len(), &told.version);
    Err(Problem::invalid(
        "notes",
        format!(
            "no change was found in them, and nothing was changed: the {count} of {version} would all be gone. A change is an \
             item of a list; to take them all away, give an empty list of changes, too"
        ),
    ))
}

/// The action that edits, where something is another.
fn edition(view: &View, id: &str, told: &Registration) -> Result<(Option<Action>, ()), Problem> {
    let known = registered(view, id)?;
    in_no_circle(view, told)?;
    view.state.catalogue().check_edit(told).map_err(|conflict| Problem::differs(&conflict))?;
    let is_change = known.told != *told;
    Ok((is_change.then(|| Action::ReleaseEdited(Box::new(told.clone()))), ()))
}

/// The action that yanks or takes that back, where it is not done already.
fn withdrawal(view: &View, id: &str, is_yanked: bool) -> Result<(Option<Action>, ()), Problem> {
    let known = registered(view, id)?;
    let Registration { repository, version, .. } = known.told.clone();
    let is_change = known.yanked_at.is_some() != is_yanked;
    Ok((is_change.then_some(Action::ReleaseYanked { repository, version, is_yanked }), ()))
}
