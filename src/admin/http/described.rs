//! Typed handlers: their arguments and answers say what the OpenAPI document says.
//!
//! `route!(handler)` is `routes!(handler)` with the request body and the good answer that the handler's type shows. Its
//! `#[utoipa::path]` names the rest: path, query, refusals of its own, and answers that are no JSON.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, Schema};
use utoipa::openapi::{Content, Ref, RefOr, Required, ResponseBuilder};
use utoipa_axum::router::UtoipaMethodRouter;

use super::answers::{Accepted, Created, Done, Json, List, Revoked, Stored};
use super::caller::{Admin, Caller, Publisher, Reporter};
use super::fields::Body;
use super::params::Params;
use super::problem::Problem;
use crate::wire::Revocation;

const JSON: &str = "application/json";

/// An operation under description, and the schemas that it refers to.
pub(in crate::admin) struct Described<'a> {
    operation: &'a mut Operation,
    schemas: &'a mut Vec<(String, RefOr<Schema>)>,
}

impl Described<'_> {
    /// The schema of `T`, by its name.
    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let name: Cow<'static, str> = T::name();
        self.schemas.push((name.to_string(), T::schema()));
        T::schemas(self.schemas);
        RefOr::Ref(Ref::from_schema_name(name))
    }

    /// Adds an answer; words that are there already stay.
    fn answers(&mut self, status: StatusCode, schema: Option<RefOr<Schema>>) {
        let answers = &mut self.operation.responses.responses;
        let answer = answers.entry(status.as_str().to_owned());
        let answer = answer.or_insert_with(|| ResponseBuilder::new().build().into());
        if let (RefOr::T(answer), Some(schema)) = (answer, schema) {
            answer.content.insert(JSON.to_owned(), Content::new(Some(schema)).into());
        }
    }
}

/// An argument of a handler.
pub(in crate::admin) trait Argument {
    /// Describes what it takes of a request; most take nothing that the handler's attribute does not name.
    fn describe(_: &mut Described<'_>) {}
}

impl<T> Argument for State<T> {}
impl Argument for Admin {}
impl Argument for Caller {}
impl Argument for Publisher {}
impl Argument for Reporter {}
impl Argument for HeaderMap {}
impl Argument for Method {}
impl Argument for Params {}
impl Argument for Uri {}
impl Argument for http::request::Parts {}

impl<T: ToSchema, const BYTES_MAX: usize> Argument for Body<T, BYTES_MAX> {
    fn describe(to: &mut Described<'_>) {
        let body = RequestBodyBuilder::new().content(JSON, Content::new(Some(to.schema::<T>())));
        to.operation.request_body = Some(body.required(Some(Required::True)).build().into());
    }
}

/// A good answer of a handler.
pub(in crate::admin) trait Answer: IntoResponse {
    /// Describes it; one that is no JSON is described by the handler's attribute.
    fn describe(_: &mut Described<'_>) {}
}

impl Answer for Response {}
impl<S> Answer for Sse<S> where Self: IntoResponse {}

/// 200, and this.
impl<T: Serialize + ToSchema> Answer for Json<T> {
    fn describe(to: &mut Described<'_>) {
        let schema = to.schema::<T>();
        to.answers(StatusCode::OK, Some(schema));
    }
}

impl<T: Serialize + ToSchema> Answer for List<T> {
    fn describe(to: &mut Described<'_>) {
        let items = to.schema::<T>();
        to.answers(StatusCode::OK, Some(ArrayBuilder::new().items(items).into()));
    }
}

/// An answer with headers.
impl<A: Answer> Answer for (HeaderMap, A) {
    fn describe(to: &mut Described<'_>) {
        A::describe(to);
    }
}

impl<T: Serialize + ToSchema> Answer for Created<T> {
    fn describe(to: &mut Described<'_>) {
        let schema = to.schema::<T>();
        to.answers(StatusCode::CREATED, Some(schema));
    }
}

impl<T: Serialize + ToSchema> Answer for Stored<T> {
    fn describe(to: &mut Described<'_>) {
        Created::<T>::describe(to);
        Json::<T>::describe(to);
    }
}

impl<T: Serialize + ToSchema> Answer for Accepted<T> {
    fn describe(to: &mut Described<'_>) {
        let schema = to.schema::<T>();
        to.answers(StatusCode::ACCEPTED, Some(schema));
    }
}

impl Answer for Done {
    fn describe(to: &mut Described<'_>) {
        to.answers(StatusCode::NO_CONTENT, None);
    }
}

impl Answer for Revoked {
    fn describe(to: &mut Described<'_>) {
        Json::<Revocation>::describe(to);
        Done::describe(to);
    }
}

/// A handler, whose type describes it.
pub(in crate::admin) trait Handler<Arguments> {
    /// Describes its arguments and its answer.
    fn describe(to: &mut Described<'_>);
}

macro_rules! handlers {
    ($($argument:ident),*) => {
        impl<F, Answering, A, $($argument),*> Handler<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> Answering,
            Answering: Future<Output = Result<A, Problem>>,
            A: Answer,
            $($argument: Argument,)*
        {
            fn describe(to: &mut Described<'_>) {
                $($argument::describe(to);)*
                A::describe(to);
            }
        }
    };
}

handlers!(A1);
handlers!(A1, A2);
handlers!(A1, A2, A3);
handlers!(A1, A2, A3, A4);
handlers!(A1, A2, A3, A4, A5);
handlers!(A1, A2, A3, A4, A5, A6);

/// A route of `routes!`, with what the type of its one handler says.
pub(in crate::admin) fn described<S, Arguments, H: Handler<Arguments>>(
    mut route: UtoipaMethodRouter<S>,
    _: &H,
) -> UtoipaMethodRouter<S> {
    let (schemas, paths, _) = &mut route;
    for item in paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            H::describe(&mut Described { operation, schemas });
        }
    }
    route
}

/// The route of one typed handler.
macro_rules! route {
    ($handler:path) => {
        $crate::admin::http::described::described(utoipa_axum::routes!($handler), &$handler)
    };
}
pub(in crate::admin) use route;
