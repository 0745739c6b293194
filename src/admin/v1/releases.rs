//! Releases: registered, listed and shown.

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, HeaderValue, Uri, header};
use serde::Deserialize;
use utoipa::ToSchema;

use super::slips::{check_parents, known};
use crate::admin::http::answers::{Json, List, Stored};
use crate::admin::http::caller::Publisher;
use crate::admin::http::fields::{Body, Fields};
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::admin::state::changes::Changes;
use crate::answer::{Answers, Refused, Within};
use crate::clock::now;
use crate::log::{Log, View};
use crate::model::act::Action;
use crate::model::oci::{Digest, Malformed, Repository};
use crate::model::questions;
use crate::model::releases::change::CHANGES_MAX;
use crate::model::releases::{Added, Change, Registration, Release, notes, unseen};
use crate::model::time::Time;
use crate::wire::{self, NewChange};

/// Longest body of a registration: a thousand changes and their notes.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Longest version, revision or name of a parent.
const NAME_CHARS_MAX: usize = 128;
/// Most digests of one registration.
const DIGESTS_MAX: usize = 64;
/// Most parents of one release: an octopus merge has some.
const PARENTS_MAX: usize = 64;
/// Releases on one page, unless told.
const PAGE_DEFAULT: usize = 100;
/// Releases on one page at most.
const PAGE_MAX: usize = 1_000;

/// A release to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRelease {
    /// The image name in the registry's path.
    #[schema(value_type = Repository, required = true, nullable = false)]
    repository: Option<String>,
    /// The top-level digest of its image.
    digest: Option<Digest>,
    /// Further digests: of rebuilds, of other images of the same release.
    #[serde(default)]
    digests: Vec<Digest>,
    /// The version.
    #[schema(required = true, nullable = false, max_length = 128)]
    version: Option<String>,
    /// The commit it was built from.
    revision: Option<String>,
    /// Time when it was made.
    created_at: Option<Time>,
    /// Times of the commits that are new in it: the lead time counts from them.
    #[serde(default)]
    committed_at: Vec<Time>,
    /// The versions or revisions that it was built upon.
    #[serde(default)]
    parents: Vec<String>,
    /// Changes in it.
    #[serde(default)]
    #[schema(value_type = Vec<NewChange>)]
    changes: Vec<Change>,
    /// Release notes in Markdown, which are split into changes.
    notes: Option<String>,
    /// The repository has to be known: by its name, or by the end of it that fits no other. Else it is taken as it is named.
    #[serde(default)]
    known_repository: bool,
    /// Each parent has to be the version or revision of a release. Else it may be registered later.
    #[serde(default)]
    known_parents: bool,
}

/// Registers a release. Doing it again changes nothing; what contradicts it is refused.
#[utoipa::path(post, path = "/releases", tag = "releases", operation_id = "register_release",
    responses((status = 200, description = "It was known"), (status = 404, description = "No repository that is known has this name"),
        (status = 409, description = "It is registered already, and otherwise")))]
pub(super) async fn create(
    State(changes): State<Changes>,
    publisher: Publisher,
    Body(mut wanted): Body<NewRelease, BODY_BYTES_MAX>,
) -> Result<Stored<wire::Release>, Problem> {
    let (known_repository, known_parents) = (wanted.known_repository, wanted.known_parents);
    let committed_at = std::mem::take(&mut wanted.committed_at);
    bounded("committed_at", committed_at.len(), CHANGES_MAX)?;
    let mut registration = registration(wanted)?;
    if known_repository {
        registration.repository = known(&changes.view(), &publisher, &registration.repository)?;
    }
    let decided = changes.decide(&publisher, |view, _| {
        publisher.check(view.directory.admins(), &registration.repository)?;
        if known_parents {
            check_parents(view, &registration)?;
        }
        addition(view, &registration)
    });
    let added = decided.await?;
    changes
        .decide(&publisher, |view, _| Ok::<_, Problem>(dating(view, &registration, &committed_at)))
        .await?;
    let Registration { repository, version, .. } = registration;
    if added != Added::Same {
        tracing::info!(%repository, version, "release registered");
    }
    let view = changes.view();
    let release = view.state.catalogue().line(&repository).and_then(|line| line.with_version(&version));
    let release = release.ok_or_else(Problem::internal)?;
    let shown = if publisher.is_admin() {
        questions::release(&view.state, release, now())
    } else {
        // A publisher does not see where it runs.
        wire::Release::from(release.as_ref())
    };
    Ok(if added == Added::New { Stored::Created(shown) } else { Stored::Known(shown) })
}

/// The change that registers a release, if it is not known yet, and what it adds.
pub(in crate::admin) fn addition(
    view: &View,
    release: &Registration,
) -> Result<(Option<Action>, Added), Problem> {
    in_no_circle(view, release)?;
    let added = view.state.catalogue().check(release).map_err(|conflict| Problem::differs(&conflict))?;
    let action = (added != Added::Same).then(|| Action::ReleaseAdded(Box::new(release.clone())));
    Ok((action, added))
}

/// The change that tells when the commits of a release were made, if that is new.
fn dating(view: &View, release: &Registration, committed_at: &[Time]) -> (Option<Action>, ()) {
    let line = view.state.catalogue().line(&release.repository);
    let known = line.and_then(|line| line.with_version(&release.version));
    let is_new = !committed_at.is_empty() && known.is_some_and(|known| known.committed_at != committed_at);
    let action = is_new.then(|| Action::ReleaseDated {
        repository: release.repository.clone(),
        version: release.version.clone(),
        committed_at: committed_at.to_vec(),
    });
    (action, ())
}

/// Refuses parents that are built upon the release itself: of two that each contain the other nobody could say which is later.
pub(super) fn in_no_circle(view: &View, told: &Registration) -> Result<(), Problem> {
    let version = &told.version;
    view.state.catalogue().circle(told).map_or(Ok(()), |other| {
        let why = if other == version {
            format!("{version} cannot be built upon itself; leave it out of its parents")
        } else {
            format!(
                "{other} is built upon {version} already, so {version} cannot be built upon it; correct the parents of one \
                 of them (PATCH /api/v1/releases/{{id}} edits a registered one)"
            )
        };
        Err(Problem::invalid("parents", why))
    })
}

fn registration(body: NewRelease) -> Result<Registration, Problem> {
    let missing = |field| Problem::invalid(field, "is missing");
    let repository = body.repository.ok_or_else(|| missing("repository"))?;
    let repository: Repository =
        repository.parse().map_err(|error: Malformed| Problem::invalid("repository", error.to_string()))?;
    let version = name("version", body.version.ok_or_else(|| missing("version"))?)?;
    Ok(Registration {
        repository,
        digests: digests(body.digest.into_iter().chain(body.digests))?,
        revision: body.revision.map(|revision| name("revision", revision)).transpose()?,
        created_at: body.created_at,
        parents: parents(body.parents)?,
        changes: changes(body.changes, body.notes.as_deref(), &version)?,
        version,
    })
}

/// Digests of one release, each once.
pub(super) fn digests(given: impl IntoIterator<Item = Digest>) -> Result<Vec<Digest>, Problem> {
    let mut digests: Vec<Digest> = Vec::new();
    for digest in given {
        if !digests.contains(&digest) {
            digests.push(digest);
        }
    }
    bounded("digests", digests.len(), DIGESTS_MAX).map(|()| digests)
}

/// The releases that a release was built upon.
pub(super) fn parents(given: Vec<String>) -> Result<Vec<String>, Problem> {
    bounded("parents", given.len(), PARENTS_MAX)?;
    given.into_iter().map(|parent| name("parents", parent)).collect()
}

/// The changes of a release: those that were given, and those that its notes have.
pub(super) fn changes(
    mut given: Vec<Change>,
    notes: Option<&str>,
    version: &str,
) -> Result<Vec<Change>, Problem> {
    if let Some(notes) = notes {
        let read =
            notes::read(notes, version).map_err(|error| Problem::invalid("notes", error.to_string()))?;
        given.extend(read.changes);
    }
    bounded("changes", given.len(), CHANGES_MAX)?;
    given.iter().enumerate().try_for_each(|(at, change)| readable(at, change)).map(|()| given)
}

/// Refuses texts with characters that nobody sees: one that turns the direction makes a title look like another.
fn readable(at: usize, change: &Change) -> Result<(), Problem> {
    let texts = [
        ("title", Some(&change.title)),
        ("author", change.author.as_ref()),
        ("commit", change.commit.as_ref()),
    ];
    for (member, text) in texts.into_iter().filter_map(|(member, text)| Some((member, text?))) {
        if let Some(letter) = unseen(text) {
            let field = format!("changes[{at}].{member}");
            return Err(Problem::invalid(&field, has_unseen(letter)));
        }
    }
    Ok(())
}

fn has_unseen(letter: char) -> String {
    format!("has the character U+{:04X}, which nobody sees; send it without that", u32::from(letter))
}

pub(in crate::admin) fn name(field: &str, text: String) -> Result<String, Problem> {
    let text = text.trim();
    if let Some(letter) = unseen(text) {
        return Err(Problem::invalid(field, has_unseen(letter)));
    }
    if !text.is_empty() && text.chars().count() <= NAME_CHARS_MAX {
        Ok(text.to_owned())
    } else {
        Err(Problem::invalid(field, format!("must be 1 to {NAME_CHARS_MAX} characters on one line")))
    }
}

fn bounded(field: &str, count: usize, max: usize) -> Result<(), Problem> {
    if count <= max {
        Ok(())
    } else {
        Err(Problem::invalid(field, format!("may have {max} entries, not {count}")))
    }
}

/// Lists releases, the latest that was registered first; with `q`, the best match first.
///
/// A `Link` header leads to the next page (RFC 8288).
#[utoipa::path(get, path = "/releases", tag = "releases", operation_id = "list_releases",
    params(
        ("repository" = Option<Repository>, Query, description = "Only of this repository; the end of its name is enough where it fits no other"),
        ("q" = Option<String>, Query, description = "What a change of it is about"),
        ("limit" = Option<u16>, Query, description = "Releases on the page; 100 unless told", minimum = 1, maximum = 1000),
        ("before" = Option<String>, Query, description = "Only those after this release in the list"),
    ),
    responses((status = 404, description = "There is no such repository")))]
pub(super) async fn list(
    State(answers): State<Arc<Answers>>,
    uri: Uri,
) -> Result<(HeaderMap, List<wire::Release>), Problem> {
    let query = Fields::from_query(&uri, &["repository", "q", "limit", "before"])?;
    let named = |text: &str| {
        let checked = text.parse::<Repository>();
        checked.map_err(|error: Malformed| Problem::invalid("repository", error.to_string()))
    };
    let named = query.text("repository")?.map(named).transpose()?;
    let limit = query.count("limit", PAGE_MAX)?.unwrap_or(PAGE_DEFAULT);
    let moment = answers.now();
    let repository = named.map(|named| match moment.repository(named.as_str()) {
        // The list of what nobody has heard of is empty.
        Err(Refused::UnknownRepository { near, .. }) if near.is_empty() => Ok(named),
        found => found,
    });
    let repository = repository.transpose()?;
    let state = moment.state();
    let shown = |release: &Arc<Release>| moment.release(release);
    if let Some(text) = query.text("q")?.map(str::trim).filter(|text| !text.is_empty()) {
        let within = Within(repository.as_ref().map(Repository::as_str));
        let found = moment.find(text, limit, within);
        let mut releases: Vec<&Arc<Release>> = Vec::new();
        for release in found.hits.iter().flat_map(|hit| questions::releases_of(state, hit)) {
            if releases.len() < limit && !releases.iter().any(|known| known.id == release.id) {
                releases.push(release);
            }
        }
        return Ok((HeaderMap::new(), List(releases.into_iter().map(shown).collect())));
    }
    let lines =
        state.catalogue().lines().filter(|(name, _)| repository.as_ref().is_none_or(|it| it == *name));
    let mut releases: Vec<&Arc<Release>> = lines.flat_map(|(_, line)| line.releases().iter().rev()).collect();
    // A stable sort: of releases registered at one moment, the order within a repository stays.
    releases.sort_by_key(|release| std::cmp::Reverse(release.added_at));
    let start = match query.text("before")? {
        None => 0,
        Some(id) => {
            let place = releases.iter().position(|release| release.id == id);
            place.ok_or_else(|| Problem::invalid("before", "must be the id of a listed release"))? + 1
        }
    };
    let end = releases.len().min(start.saturating_add(limit));
    let mut headers = HeaderMap::new();
    if let Some(last) = releases[start..end].last().filter(|_| end < releases.len()) {
        headers.insert(header::LINK, next_page(&query, &last.id, limit));
    }
    Ok((headers, List(releases[start..end].iter().map(|it| shown(it)).collect())))
}

fn next_page(query: &Fields, before: &str, limit: usize) -> HeaderValue {
    let mut next = url::form_urlencoded::Serializer::new(String::new());
    if let Ok(Some(repository)) = query.text("repository") {
        next.append_pair("repository", repository);
    }
    next.append_pair("limit", &limit.to_string()).append_pair("before", before);
    let link = format!("</api/v1/releases?{}>; rel=\"next\"", next.finish());
    HeaderValue::from_str(&link).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Shows a release.
#[utoipa::path(get, path = "/releases/{id}", tag = "releases", operation_id = "show_release")]
pub(super) async fn show(State(log): State<Log>, params: Params) -> Result<Json<wire::Release>, Problem> {
    let view = log.view();
    let id = params.get("id");
    let release = with_id(&view, id)?;
    Ok(Json(questions::release(&view.state, release, now())))
}

/// The release with this identifier.
pub(super) fn with_id<'a>(view: &'a View, id: &str) -> Result<&'a Arc<Release>, Problem> {
    let unknown = || {
        Problem::not_found(format!("there is no release `{id}`; to see all of them: landfall release list"))
    };
    view.state.catalogue().with_id(id).ok_or_else(unknown)
}
