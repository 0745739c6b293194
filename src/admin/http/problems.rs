//! The problems that there are, by status. Each says what is wrong and what to do; nothing internal goes in.

use http::StatusCode;

use super::problem::Problem;
use crate::admin::state::changes::NotWritten;
use crate::admin::state::limits::Wait;
use crate::admin::state::random::NoRandomness;
use crate::admin::state::seats::NoSeat;
use crate::answer::Refused;
use crate::cluster::ClusterError;
use crate::model::deploy::NoPlan;
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::releases::Conflict;
use crate::wire::Difference;

impl Problem {
    /// 400: the request cannot be read at all.
    pub(in crate::admin) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-request", "The request cannot be read", detail)
    }

    /// 401, without a hint whether a token was missing, wrong or old.
    pub(in crate::admin) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "An admin or viewer token is needed",
            "send `Authorization: Bearer <token>`; the server wrote its token to admin.token in its data directory, or \
             reads the file named by admin.token_file; `landfall admin-token create` makes others",
        )
    }

    /// 401: a webhook's delivery that nobody signed who knows the secret.
    pub(in crate::admin) fn unsigned() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unsigned",
            "The delivery is not signed as it should be",
            "no webhook of this provider has the secret that the delivery was signed with",
        )
    }

    /// 403: a change that another site's page asked for.
    pub(in crate::admin) fn foreign_origin() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "foreign-origin",
            "Changes from another origin are refused",
            "the Origin header names another host than the Host header",
        )
    }

    /// 403: a form that is not of this session.
    pub(in crate::admin) fn foreign_form() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "foreign-form",
            "The form is not of this session",
            "nothing was changed; open the page again and send its form",
        )
    }

    /// 503: enough of them are open, of everybody or of this caller.
    pub(in crate::admin) fn too_many_streams(why: NoSeat) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-streams",
            "Too many streams, exports or backups are open",
            why.to_string(),
        )
    }

    /// 421: everything that an edge leaves to others.
    pub(in crate::admin) fn edge() -> Self {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "edge",
            "An edge answers no questions and makes no changes",
            "this server is an edge (log.shared.role): it forwards pulls and ships what it sees. It has /healthz, /readyz, /metrics, \
             /status and /api/v1/replicas; ask a full replica of the same log for everything else, one whose role is `full` in \
             `landfall replicas`",
        )
    }

    /// 403: a change by somebody who may only see.
    pub(in crate::admin) fn viewer() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "viewer",
            "A viewer changes nothing",
            "this token is a viewer's; changes need an admin token",
        )
    }

    /// 403: a publisher wants anything else than to register a release.
    pub(in crate::admin) fn publisher() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "publisher",
            "A publisher registers releases, and nothing else",
            "this token is a publisher's: it registers releases (landfall release add, release import) and does nothing else; \
             all else needs a viewer's or an admin's token",
        )
    }

    /// 403: a publisher wants to register a release of a repository that is not named for it.
    pub(in crate::admin) fn not_published(repository: &Repository) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not-published",
            "A publisher registers releases of its repositories",
            format!(
                "this token is for other repositories than {repository}; `landfall admin-token create --name ci --kind publisher \
                 --repository {repository}` makes one for it"
            ),
        )
    }

    /// 403: somebody else than a witness reports what runs.
    pub(in crate::admin) fn no_witness() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "no-witness",
            "A witness reports what runs",
            "reports want a token of kind agent; `landfall token create ENV --name N --kind agent` makes one",
        )
    }

    /// 403: a witness reports for another environment than that of its token.
    pub(in crate::admin) fn not_witnessed(environment: &EnvironmentName) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not-witnessed",
            "A witness reports for the environment of its token",
            format!(
                "this token is for another environment than {environment}; `landfall token create {environment} --name N \
                 --kind agent` makes one for it"
            ),
        )
    }

    /// 404.
    pub(in crate::admin) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    /// 405. axum adds the `Allow` header that RFC 9110 section 15.5.6 demands.
    pub(in crate::admin) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The path does not take this method",
            "the Allow header names the methods that it takes",
        )
    }

    /// 408: the body did not arrive in time.
    pub(in crate::admin) fn body_timeout() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-timeout",
            "The body took too long",
            "the request's body did not arrive in time",
        )
    }

    /// 409: the change does not fit what is there; nothing was changed.
    pub(in crate::admin) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "The change does not fit what is there", detail)
    }

    /// 409: the release is registered already, and otherwise.
    pub(in crate::admin) fn differs(conflict: &Conflict) -> Self {
        let text = format!(
            "{conflict}; nothing was changed. A rebuild of the same version is registered with all of its digests \
             at once; another release needs another version"
        );
        Self::conflict(text).with_differences(conflict.differences.iter().map(Difference::from).collect())
    }

    /// 422, 404, or 409 where somebody has to choose among candidates: there is no plan.
    pub(in crate::admin) fn no_plan(no: &NoPlan) -> Self {
        match no {
            NoPlan::Invalid { field, text } => Self::invalid(field, text),
            NoPlan::Nothing { text } => Self::not_found(text),
            NoPlan::Several { text, candidates } => {
                Self::new(StatusCode::CONFLICT, "several-candidates", "Several releases may be meant", text)
                    .with_candidates(candidates.clone())
            }
        }
    }

    /// 409 where a cluster refuses, 502 where it does not answer as it should.
    pub(in crate::admin) fn cluster(error: &ClusterError, detail: &str) -> Self {
        if error.is_refusal() {
            return Self::new(
                StatusCode::CONFLICT,
                "cluster-refuses",
                "The cluster does not take it",
                detail,
            );
        }
        Self::new(
            StatusCode::BAD_GATEWAY,
            "cluster-unavailable",
            "The cluster does not answer as it should",
            detail,
        )
    }

    /// 413: the body is longer than `bytes_max`.
    pub(in crate::admin) fn too_large(bytes_max: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The body is too large",
            format!("a body may be {bytes_max} bytes long"),
        )
    }

    /// 422: `field` is wrong, missing or unknown.
    pub(in crate::admin) fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-field",
            "A field is not valid",
            format!("{field}: {}", detail.into()),
        )
        .of_field(field)
    }

    /// 421: the request names another server (RFC 9110 section 15.5.20).
    pub(in crate::admin) fn foreign_host(host: &str) -> Self {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "foreign-host",
            "The request names another host",
            format!(
                "`{host}` is no name of this server; if it should be, add it to admin.hosts (--admin-host) and start \
                 the server again"
            ),
        )
    }

    /// 429: the address asks too much, or was wrong about tokens too often.
    pub(in crate::admin) fn too_many(wait: Wait) -> Self {
        let told = "this address sent too many requests, or too many without a good token";
        Self::wait("too-many-requests", "Too many requests", told, wait)
    }

    /// 429: the witnesses of a token report more than the log is to hold.
    pub(in crate::admin) fn too_many_reports(wait: Wait) -> Self {
        let told = "the witnesses of this token reported too much; nothing of this report was taken";
        Self::wait("too-many-reports", "Too many reports", told, wait)
    }

    fn wait(kind: &'static str, title: &'static str, told: &str, wait: Wait) -> Self {
        let seconds = wait.0.as_secs() + u64::from(wait.0.subsec_nanos() > 0);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        let detail = format!("{told}; wait {seconds} s");
        Self::new(StatusCode::TOO_MANY_REQUESTS, kind, title, detail).retry_after(seconds)
    }

    /// 503: the bodies that are being read are as large as all of them may be.
    pub(in crate::admin) fn no_room() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-bodies",
            "Too much is being read",
            "the server is reading as many bodies as it may; nothing was changed; send it again in a second",
        )
        .retry_after(1)
    }

    /// 500: a fault of ours, logged where it happened.
    pub(in crate::admin) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server failed",
            "the server's log says more",
        )
    }

    /// 503: other changes came between the decision about this one and its write, again and again.
    pub(in crate::admin) fn outdated() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "outdated",
            "Other changes came between",
            "nothing was changed, because others change the same things at this moment; try again",
        )
        .retry_after(1)
    }

    /// 503: the log cannot take a change now.
    pub(in crate::admin) fn log_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "log-unavailable",
            "The change could not be made durable",
            "nothing was changed; /status says what is wrong with the log, and the server's log says more",
        )
    }

    /// 503: the log's files were deleted or replaced, so a change would be lost.
    pub(in crate::admin) fn log_astray(what: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "log-astray",
            "The change would not outlive the server",
            format!("nothing was changed; {what}"),
        )
    }

    /// 503: the log cannot be read now.
    pub(in crate::admin) fn log_unreadable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "log-unreadable",
            "The log cannot be read now",
            "/status says what is wrong with the log, and the server's log says more. Where its disk is full, a copy of \
             the data folder is a backup, too, if no landfall runs on it. Where it is damaged, restore the latest whole \
             backup (`landfall restore`), or stop the server and keep what is whole (`landfall salvage`)",
        )
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::UnknownEnvironment { .. }
            | Refused::UnknownRepository { .. }
            | Refused::UnknownDeployment { .. }
            | Refused::NeverPulled { .. } => Self::not_found(text),
            Refused::Several { what, .. } => Self::invalid(what, text),
            Refused::ForeignDeployment { .. } => Self::invalid("before", text),
            Refused::FromAfterUntil => Self::invalid("from", text),
            Refused::Removed { field, .. } => Self::invalid(field, text),
            Refused::Unreadable => Self::internal(),
        }
    }
}

impl From<NotWritten> for Problem {
    fn from(why: NotWritten) -> Self {
        match why {
            NotWritten::Astray(what) => Self::log_astray(&what),
            NotWritten::Outdated => Self::outdated(),
            NotWritten::Unavailable => Self::log_unavailable(),
        }
    }
}

impl From<NoRandomness> for Problem {
    fn from(error: NoRandomness) -> Self {
        tracing::error!(%error, "no secret can be made");
        Self::internal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_what_retention_left_is_refused_with_what_to_do() {
        let before = "2026-03-02T06:00:00Z".parse().unwrap();
        for field in ["at", "left_at"] {
            let problem = Problem::from(Refused::Removed { field, before });
            assert_eq!((problem.status().as_u16(), problem.field()), (422, Some(field)));
            for words in [field, "2026-03-02T06:00:00.000Z", "ask for that time or a later one", "log.keep"] {
                assert!(problem.detail().contains(words), "{problem:?}");
            }
        }
    }
}
