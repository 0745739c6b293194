//! The table of tools.

use http::Method;
use serde::Deserialize as _;

use super::tool::Effect::{Adds, Applies, Converses, Destroys, Reads, Sets};
use super::tool::Kind::{Changes, Count, Flag, Text, Texts, Time, Word};
use super::tool::Location::{Body, BodyAs, Path, Query};
use super::tool::{APPLY, Field, Tool, may, needed, route, said};
use crate::wire::{Deployment, Evidence};
use crate::wording::agent;

const ENVIRONMENT: Field = needed(
    "environment",
    Text,
    Path,
    "Name of the environment, e.g. production; prod is enough where it fits one; list_environments has them",
);
const AT: Field = may(
    "at",
    Time,
    Query("at"),
    "As of then, by what was known then: RFC 3339, a date, `yesterday`, or how long ago (2h). Default: now",
);
const KINDS: &[&str] = &["cluster", "local", "prepull", "scanner", "host", "agent"];

/// Every tool, in the order in which they are listed.
pub(super) static TOOLS: [Tool; 23] = [
    Tool {
        name: "list_environments",
        title: "List environments",
        about: "Lists the environments (production, staging …) with what was deployed to each last. Use it first, to learn their names.",
        effect: Reads,
        fields: &[],
        routes: &[route("environments", Method::GET, "environments")],
        words: |answer| said(&answer["environments"], |all: &Vec<_>| agent::environments(all)),
    },
    Tool {
        name: "ask",
        title: "Ask in plain English",
        about: "Answers a question in plain English, also one that goes on from the last (“and in staging?”). Changes nothing. The other tools say more where you know what to look up.",
        effect: Converses,
        fields: &[
            needed("question", Text, Body, "The question, on one line"),
            may("conversation", Text, Body, "That of the answer to go on from"),
        ],
        routes: &[route("", Method::POST, "ask")],
        words: |answer| said(answer, agent::asked),
    },
    Tool {
        name: "create_environment",
        title: "Create an environment",
        about: "Makes an environment. Use it when somebody wants a new cluster or stage tracked; make a token for it next with create_token.",
        effect: Adds,
        fields: &[
            needed("name", Text, Body, "Lower-case letters, digits and inner dashes, e.g. staging"),
            may("description", Text, Body, "What it is, for people"),
            may("color", Text, Body, "Colour of its badge, e.g. #16a34a"),
        ],
        routes: &[route("", Method::POST, "environments")],
        words: |answer| said(answer, agent::environment),
    },
    Tool {
        name: "update_environment",
        title: "Change an environment",
        about: "Changes an environment's name, description or colour. Tokens and history go on, and its former names lead to it.",
        effect: Sets,
        fields: &[
            ENVIRONMENT,
            may("new_name", Text, BodyAs("name"), "The name from now on"),
            may("description", Text, Body, "The new description"),
            may("color", Text, Body, "The new colour, e.g. #16a34a"),
        ],
        routes: &[route("", Method::PATCH, "environments/{environment}")],
        words: |answer| said(answer, agent::environment),
    },
    Tool {
        name: "delete_environment",
        title: "Delete an environment",
        about: "Deletes an environment, all its tokens and its deployments. Only when a person asked for exactly that; it cannot be undone.",
        effect: Destroys {
            confirm: "environment",
            what: "Delete the environment {environment}? All its tokens are refused at once, so nodes that use them cannot pull any more; its deployments are forgotten. This cannot be undone.",
        },
        fields: &[ENVIRONMENT],
        routes: &[route("", Method::DELETE, "environments/{environment}?confirm={environment}")],
        words: |answer| said(answer, agent::deleted),
    },
    Tool {
        name: "list_tokens",
        title: "List an environment's tokens",
        about: "Lists an environment's tokens without their secrets: kind, age, last use, warnings. Use it to find a token's id.",
        effect: Reads,
        fields: &[ENVIRONMENT],
        routes: &[route("tokens", Method::GET, "environments/{environment}/tokens")],
        words: |answer| said(&answer["tokens"], |all: &Vec<_>| agent::tokens(all)),
    },
    Tool {
        name: "create_token",
        title: "Create a pull token",
        about: "Makes a token that an environment pulls with, and the kubectl command that stores it. The secret is in this answer and never shown again: hand it on, do not keep it.",
        effect: Adds,
        fields: &[
            ENVIRONMENT,
            needed("name", Text, Body, "What people call it, e.g. cluster-eu-1"),
            may(
                "kind",
                Word(KINDS),
                Body,
                "What it is for; only pulls with a cluster token prove deployments. Default: cluster",
            ),
            may("expires_at", Time, Body, "From when on it is refused. Default: never"),
        ],
        routes: &[route("", Method::POST, "environments/{environment}/tokens")],
        words: |answer| said(answer, agent::new_token),
    },
    Tool {
        name: "rotate_token",
        title: "Rotate a pull token",
        about: "Gives a token a successor; the old one is accepted for a while longer and then refused. The new secret is in this answer and never shown again.",
        effect: Destroys {
            confirm: "id",
            what: "Rotate the token {id} of {environment}? It is refused when the overlap ends (24 hours unless told): what still pulls with it by then fails.",
        },
        fields: &[
            ENVIRONMENT,
            needed("id", Text, Path, "The token's id; list_tokens has it"),
            may(
                "overlap",
                Text,
                Body,
                "How long the old token is accepted beside the new one, e.g. 24h. Default: 24h",
            ),
            may("expires_at", Time, Body, "From when on the new one is refused"),
        ],
        routes: &[route("", Method::POST, "environments/{environment}/tokens/{id}/rotate")],
        words: |answer| said(answer, agent::new_token),
    },
    Tool {
        name: "revoke_token",
        title: "Revoke a pull token",
        about: "Refuses a token from the next request on. Use it when a token leaked or is not needed any more; it cannot be undone.",
        effect: Destroys {
            confirm: "id",
            what: "Revoke the token {id} of {environment}? It is refused from the next request on, and that cannot be undone.",
        },
        fields: &[ENVIRONMENT, needed("id", Text, Path, "The token's id; list_tokens has it")],
        routes: &[route("", Method::DELETE, "environments/{environment}/tokens/{id}")],
        words: |answer| said(answer, agent::revoked),
    },
    Tool {
        name: "get_running",
        title: "What runs",
        about: "Says what runs in an environment: each service's version and digest, since when, and how sure that is; also what cannot be pulled. Answers “what is running in production?”.",
        effect: Reads,
        fields: &[ENVIRONMENT, AT],
        routes: &[route("", Method::GET, "environments/{environment}/running")],
        words: |answer| said(answer, agent::running),
    },
    Tool {
        name: "list_deployments",
        title: "List deployments",
        about: "Lists an environment's deployments, upgrades and rollbacks, newest first. Answers “what was deployed?” and “was anything rolled back?”.",
        effect: Reads,
        fields: &[
            ENVIRONMENT,
            may("limit", Count(200), Query("limit"), "How many at most. Default: 20"),
            may(
                "before",
                Text,
                Query("before"),
                "Only those before the deployment with this id: the `next` of the last page",
            ),
            AT,
        ],
        routes: &[route("", Method::GET, "environments/{environment}/deployments")],
        words: |answer| said(answer, agent::deployments),
    },
    Tool {
        name: "get_deployment",
        title: "Show a deployment",
        about: "Shows one deployment with the pulls that are its evidence. Use it when somebody asks how that is known.",
        effect: Reads,
        fields: &[needed("id", Text, Path, "The deployment's id, e.g. dep_4ac0bbe703ff")],
        routes: &[
            route("deployment", Method::GET, "deployments/{id}"),
            route("evidence", Method::GET, "deployments/{id}/evidence"),
        ],
        words: |answer| {
            let deployment = Deployment::deserialize(&answer["deployment"]).ok()?;
            let evidence = Evidence::deserialize(&answer["evidence"]).ok()?;
            Some(agent::deployment(&deployment, &evidence))
        },
    },
    Tool {
        name: "compare_environments",
        title: "Compare environments",
        about: "Compares two environments service by service, or one with itself at another time: which is ahead, and by which releases. Answers “how does staging differ from production?”.",
        effect: Reads,
        fields: &[
            needed("left", Text, Query("left"), "The one environment"),
            needed("right", Text, Query("right"), "The other environment"),
            may("at", Time, Query("at"), "Both as of then. Default: now"),
            may("left_at", Time, Query("left_at"), "The left one as of then. Default: `at`"),
            may("right_at", Time, Query("right_at"), "The right one as of then. Default: `at`"),
        ],
        routes: &[route("", Method::GET, "compare")],
        words: |answer| said(answer, agent::comparison),
    },
    Tool {
        name: "check_up_to_date",
        title: "Check whether an environment is up to date",
        about: "Says which known releases an environment lacks, and which fixes with them. Answers “is production up to date?” and “was it up to date before the rollback?” (with `at`).",
        effect: Reads,
        fields: &[ENVIRONMENT, AT],
        routes: &[route("", Method::GET, "environments/{environment}/missing")],
        words: |answer| said(answer, agent::missing),
    },
    Tool {
        name: "verify_change",
        title: "Verify whether a change is live",
        about: "Says whether a fix or feature is live in an environment, with the evidence: live, rolling out, partly live, not live, rolled back, or not certain which change is meant. Answers “is the login fix live?” and “was it live yesterday?” (with `at`). Never say yes for `unknown` or `no_such_change`. A yes is as of when it was last seen: say how old it is (`age_s`) and its `caveat`.",
        effect: Reads,
        fields: &[
            needed("environment", Text, Query("environment"), "Name of the environment"),
            needed(
                "query",
                Text,
                Query("q"),
                "What the change is about: words of its title, a pull request (#4511), a CVE",
            ),
            AT,
        ],
        routes: &[route("", Method::GET, "verify")],
        words: |answer| said(answer, agent::verified),
    },
    Tool {
        name: "what_changed",
        title: "What changed",
        about: "Says what changed in an environment in a stretch of time: deployments, releases, fixes, rollbacks. Answers “what changed this week?”.",
        effect: Reads,
        fields: &[
            ENVIRONMENT,
            may("from", Time, Query("from"), "From then on. Default: a week before `until`"),
            may("until", Time, Query("until"), "Up to then. Default: `at`"),
            AT,
        ],
        routes: &[route("", Method::GET, "environments/{environment}/changes")],
        words: |answer| said(answer, agent::changes),
    },
    Tool {
        name: "search_releases",
        title: "Search releases",
        about: "Finds releases by what they changed, described loosely, and where each is live. Use it to find out which release has a fix.",
        effect: Reads,
        fields: &[
            needed(
                "query",
                Text,
                Query("q"),
                "What the change is about: words of its title, a pull request, a CVE",
            ),
            may(
                "repository",
                Text,
                Query("repository"),
                "Only in this repository; web is enough for shop/web",
            ),
            may("limit", Count(200), Query("limit"), "How many matches at most. Default: 20"),
        ],
        routes: &[route("", Method::GET, "search")],
        words: |answer| said(answer, agent::searched),
    },
    Tool {
        name: "get_release",
        title: "Show a release",
        about: "Shows one release: its changes, its digests, and which environments run it.",
        effect: Reads,
        fields: &[needed("id", Text, Path, "The release's id, e.g. rel_4ac0bbe703ff")],
        routes: &[route("", Method::GET, "releases/{id}")],
        words: |answer| said(answer, agent::release),
    },
    Tool {
        name: "add_release",
        title: "Register a release",
        about: "Registers a release with its changes, so that questions about them can be answered. Repeating it with the same content changes nothing; what contradicts a known release is refused.",
        effect: Sets,
        fields: &[
            needed("repository", Text, Body, "The image's name in the registry's path, e.g. shop/web"),
            needed("version", Text, Body, "The version, e.g. v2.3.1"),
            may("digest", Text, Body, "The image's top-level digest, sha256:…"),
            may("digests", Texts, Body, "Further digests: rebuilds of the same release"),
            may("revision", Text, Body, "The commit that it was built from"),
            may("created_at", Time, Body, "When it was made"),
            may("parents", Texts, Body, "The versions or revisions that it was built upon"),
            may("changes", Changes, Body, "What changed with it"),
            may("notes", Text, Body, "Release notes in Markdown, which are split into changes"),
        ],
        routes: &[route("", Method::POST, "releases")],
        words: |answer| said(answer, agent::release),
    },
    Tool {
        name: "edit_release",
        title: "Edit or yank a release",
        about: "Corrects what was told of a release, or yanks it: it runs where it runs, and is offered no more. What is not named stays; a list takes the place of the one before.",
        effect: Sets,
        fields: &[
            needed("id", Text, Path, "The release's id, e.g. rel_4ac0bbe703ff"),
            may("digests", Texts, Body, "Every top-level digest of its images"),
            may("revision", Text, Body, "The commit that it was built from"),
            may("created_at", Time, Body, "When it was made"),
            may("parents", Texts, Body, "The versions or revisions that it was built upon"),
            may("changes", Changes, Body, "What changed with it"),
            may("notes", Text, Body, "Release notes in Markdown, which are split into changes"),
            may("yanked", Flag, Body, "Whether it is withdrawn"),
        ],
        routes: &[route("", Method::PATCH, "releases/{id}")],
        words: |answer| said(answer, agent::release),
    },
    Tool {
        name: "delete_release",
        title: "Delete a release",
        about: "Forgets what was told of a release, its changes with it. Only when a person asked for exactly that.",
        effect: Destroys {
            confirm: "id",
            what: "Delete the release {id}? Its changes are known no more, so questions about them are answered with no.",
        },
        fields: &[needed("id", Text, Path, "The release's id; search_releases has it")],
        routes: &[route("", Method::DELETE, "releases/{id}")],
        words: |_| Some("What was told of the release is forgotten.".to_owned()),
    },
    Tool {
        name: "deploy_release",
        title: "Deploy a release",
        about: "Plans what puts a release into an environment: finds it by its change or version, and answers with the image, the workloads, the exact kubectl commands, what comes and what is lost (a rollback says so), and warnings. It changes no cluster: show the plan to a person. With `apply` the server tells the environment's cluster, once a person agreed to that very plan; name it with `plan` where there is one already. Then follow it with get_deploy.",
        effect: Applies,
        fields: &[
            needed("environment", Text, Body, "Name of the environment"),
            may(
                "query",
                Text,
                Body,
                "What the release changed (`login fix`), or its name (`payment v2.3.1`)",
            ),
            may("repository", Text, Body, "Of which repository"),
            may("version", Text, Body, "Which version"),
            may("namespace", Text, Body, "In which namespace"),
            may("workload", Text, Body, "To which workload, as KIND/NAME:CONTAINER, e.g. deployment/web:app"),
            may(
                "plan",
                Text,
                Body,
                "A plan that was made before, e.g. dpl_4ac0bbe703ff, to be applied as it is: with `environment` and \
                 `apply` and nothing else",
            ),
            may(
                APPLY,
                Flag,
                Body,
                "Whether the server is to tell the cluster, where it has access to one. Only when a person asked for it. \
                 Default: no",
            ),
            may(
                "take_over",
                Flag,
                Body,
                "With `apply`: take over fields of the workloads that another tool manages. Only when a person decided so \
                 after the cluster refused. Default: no",
            ),
        ],
        routes: &[route("", Method::POST, "deploy")],
        words: |answer| said(answer, agent::deploy),
    },
    Tool {
        name: "get_deploy",
        title: "Follow a deploy",
        about: "Says how far a planned deploy is: planned, applied (or interrupted, and where), observed (its first pull came), settled, or not seen, with likely causes.",
        effect: Reads,
        fields: &[needed("id", Text, Path, "The plan's id, e.g. dpl_4ac0bbe703ff")],
        routes: &[route("", Method::GET, "deploys/{id}")],
        words: |answer| said(answer, agent::deploy),
    },
];

/// The tool with this name.
pub(super) fn named(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}
