//! The OpenAPI schemas of the model's basic types, which do not know of OpenAPI.

use std::borrow::Cow;

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::model::names;
use crate::model::oci;
use crate::model::time;

/// A point in time (RFC 3339)
#[derive(ToSchema)]
#[schema(value_type = String, format = DateTime, examples("2026-03-02T06:00:48.032Z"))]
struct Time(#[allow(dead_code, reason = "its schema alone is used")] String);

/// A content digest: `sha256:<64 lower hex>` or `sha512:<128 lower hex>`.
#[derive(ToSchema)]
#[schema(
    value_type = String,
    pattern = "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
    examples("sha256:24d085704ac93832b137db39ec4f3ce435ffd4a4e01b53e1fbec4af60eff0227")
)]
struct Digest(#[allow(dead_code, reason = "its schema alone is used")] String);

/// A repository's name: as it stands in the proxy's path, e.g. `docker/payment-service`, or that of an image at a registry
/// to which no path leads, e.g. `registry.internal:5000/payment-service`.
#[derive(ToSchema)]
#[schema(
    value_type = String,
    max_length = 514,
    pattern = "^([a-z0-9._-]+:[0-9]+/|\\[[0-9a-f:.]+\\]:[0-9]+/)?[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*$",
    examples("docker/payment-service")
)]
struct Repository(#[allow(dead_code, reason = "its schema alone is used")] String);

/// An environment's name: lower-case letters, digits and inner dashes, at most 63.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", examples("production"))]
struct EnvironmentName(#[allow(dead_code, reason = "its schema alone is used")] String);

/// The public identifier of a token, e.g. `tok_f147a6a9931f`. It is no secret.
#[derive(ToSchema)]
#[schema(value_type = String, examples("tok_f147a6a9931f"))]
struct TokenId(#[allow(dead_code, reason = "its schema alone is used")] String);

macro_rules! described {
    ($($kind:ty as $schema:ty),* $(,)?) => {$(
        impl PartialSchema for $kind {
            fn schema() -> RefOr<Schema> {
                <$schema as PartialSchema>::schema()
            }
        }
        impl ToSchema for $kind {
            fn name() -> Cow<'static, str> {
                <$schema as ToSchema>::name()
            }
        }
    )*};
}
described!(
    time::Time as Time,
    oci::Digest as Digest,
    oci::Repository as Repository,
    names::EnvironmentName as EnvironmentName,
    names::TokenId as TokenId,
);
