//! The reading tools, for a caller that is no client of the protocol: the model that `ask` can be given.

use http::Extensions;
use serde_json::{Map, Value};

use super::api::Api;
use super::arguments::Arguments;
use super::call::{Said, outcome};
use super::schema;
use super::tools::{TOOLS, named};
use crate::model::quotes::quoted;

/// A tool, as a model is told of it.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Its name.
    pub name: &'static str,
    /// Advice on when to use it.
    pub about: &'static str,
    /// Its arguments: JSON Schema.
    pub input: Value,
}

/// The tools that read, in the table's order.
pub fn offers() -> impl Iterator<Item = Offer> {
    let reading = TOOLS.iter().filter(|tool| tool.effect.is_reading());
    reading.map(|tool| {
        let input = Value::Object(schema::input(tool).as_ref().clone());
        Offer { name: tool.name, about: tool.about, input }
    })
}

/// Calls a tool that reads, as the sender of the request with the extensions `from`. A tool that is none, or that
/// changes something, is refused before anything is asked.
///
/// # Errors
/// The reason why there is no answer: a sentence for the model that called.
pub async fn read(
    api: &impl Api,
    tool: &str,
    arguments: Map<String, Value>,
    from: &Extensions,
) -> Result<Said, String> {
    let Some(tool) = named(tool).filter(|tool| tool.effect.is_reading()) else {
        let known: Vec<&str> = offers().map(|offer| offer.name).collect();
        return Err(format!(
            "Refused: {} is no tool that reads, and nothing was done. There are: {}",
            quoted(tool),
            known.join(", ")
        ));
    };
    let arguments = Arguments::of(tool, arguments)?;
    outcome(api, tool, &arguments, from).await.unwrap_or_else(|error| Err(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use http::Method;

    use super::super::api::{ApiReply, ApiRequest, Unreachable};
    use super::*;
    use crate::model::act::TicketId;
    use crate::model::time::Time;

    /// An API that must not be asked to change anything.
    #[derive(Clone)]
    struct OnlyGets;

    impl Api for OnlyGets {
        fn ask(
            &self,
            ask: ApiRequest,
            _: &Extensions,
        ) -> impl Future<Output = Result<ApiReply, Unreachable>> + Send {
            assert_eq!(ask.method, Method::GET, "{ask:?}");
            ready(Ok(ApiReply { status: http::StatusCode::OK, body: Value::Null }))
        }

        fn use_up(
            &self,
            _: TicketId,
            _: Time,
            _: &Extensions,
        ) -> impl Future<Output = Result<bool, Unreachable>> + Send {
            ready(Ok(false))
        }
    }

    #[tokio::test]
    async fn what_changes_something_is_neither_offered_nor_called() {
        let offered: Vec<&str> = offers().map(|offer| offer.name).collect();
        assert!(offered.contains(&"get_running") && offered.contains(&"verify_change"), "{offered:?}");
        for tool in &TOOLS {
            let arguments = tool.fields.iter().filter(|field| field.is_required);
            let arguments = arguments.map(|field| (field.name.to_owned(), Value::from("x"))).collect();
            let read = read(&OnlyGets, tool.name, arguments, &Extensions::new()).await;
            let is_offered = offered.contains(&tool.name);
            assert_eq!(read.is_ok(), is_offered, "{}: {read:?}", tool.name);
            assert_eq!(
                tool.routes.iter().all(|route| route.method == Method::GET),
                is_offered,
                "{}",
                tool.name
            );
        }
        assert!(read(&OnlyGets, "drop_tables", Map::new(), &Extensions::new()).await.is_err());
    }
}
