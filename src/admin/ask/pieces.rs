//! A model's answer that comes word by word: the chunks of Chat Completions as server-sent events (HTML, section 9.2).

use serde::Deserialize;

use super::chat::{Called, Said, ToolCall};

/// Calls that are put together; an endpoint that names a later one is not believed.
const CALLS_MAX: usize = 64;

/// The pieces that came so far.
#[derive(Default)]
pub(super) struct Pieces {
    content: String,
    calls: Vec<ToolCall>,
    /// The beginning of a line whose end is still to come.
    open: Vec<u8>,
}

/// A piece is none of Chat Completions.
#[derive(Debug)]
pub(super) struct Garbled;

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<ChunkChoice>,
}

#[derive(Deserialize)]
struct ChunkChoice {
    delta: Delta,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
    tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Deserialize)]
struct CallPiece {
    index: usize,
    id: Option<String>,
    function: Option<FunctionPiece>,
}

#[derive(Deserialize)]
struct FunctionPiece {
    name: Option<String>,
    arguments: Option<String>,
}

impl Pieces {
    /// Takes bytes as they came, however they are cut; `hear` gets the words in them.
    pub(super) fn take(&mut self, bytes: &[u8], hear: &impl Fn(&str)) -> Result<(), Garbled> {
        self.open.extend_from_slice(bytes);
        let Some(end) = self.open.iter().rposition(|&byte| byte == b'\n') else { return Ok(()) };
        let rest = self.open.split_off(end + 1);
        let lines = std::mem::replace(&mut self.open, rest);
        let lines = str::from_utf8(&lines).map_err(|_| Garbled)?;
        lines.lines().try_for_each(|line| self.line(line, hear))
    }

    fn line(&mut self, line: &str, hear: &impl Fn(&str)) -> Result<(), Garbled> {
        let Some(data) = line.strip_prefix("data:").map(str::trim) else { return Ok(()) };
        if data == "[DONE]" {
            return Ok(());
        }
        let chunk: Chunk = serde_json::from_str(data).map_err(|_| Garbled)?;
        let Some(ChunkChoice { delta }) = chunk.choices.into_iter().next() else { return Ok(()) };
        if let Some(words) = delta.content.filter(|words| !words.is_empty()) {
            hear(&words);
            self.content += &words;
        }
        delta.tool_calls.into_iter().flatten().try_for_each(|piece| self.call(piece))
    }

    fn call(&mut self, piece: CallPiece) -> Result<(), Garbled> {
        if piece.index == self.calls.len() && piece.index < CALLS_MAX {
            let called = Called { name: String::new(), arguments: String::new() };
            self.calls.push(ToolCall::new(String::new(), called));
        }
        let call = self.calls.get_mut(piece.index).ok_or(Garbled)?;
        call.id += piece.id.as_deref().unwrap_or_default();
        if let Some(function) = piece.function {
            call.function.name += function.name.as_deref().unwrap_or_default();
            call.function.arguments += function.arguments.as_deref().unwrap_or_default();
        }
        Ok(())
    }

    /// The whole text, once all of it has come.
    pub(super) fn whole(self) -> Said {
        Said { content: Some(self.content), tool_calls: self.calls }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const SPOKEN: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n\
        : a comment\r\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"läuft \"}}]}\n\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"v2\"}}]}\n\ndata: {\"choices\":[]}\n\ndata: [DONE]\n\n";

    #[test]
    fn words_are_heard_as_they_come_however_they_are_cut() {
        for length in [1, 2, 7, 1000] {
            let (mut pieces, heard) = (Pieces::default(), RefCell::new(Vec::new()));
            for bytes in SPOKEN.as_bytes().chunks(length) {
                pieces.take(bytes, &|words| heard.borrow_mut().push(words.to_owned())).unwrap();
            }
            assert_eq!(*heard.borrow(), ["läuft ", "v2"], "{length}");
            let said = pieces.whole();
            assert_eq!((said.content.as_deref(), said.tool_calls.len()), (Some("läuft v2"), 0));
        }
    }

    #[test]
    fn calls_are_put_together() {
        let mut pieces = Pieces::default();
        for delta in [
            r#"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"get_running","arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"environment\":"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"\"x\"}"}},{"index":1,"id":"b","function":{"name":"n"}}]}"#,
        ] {
            let line = format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n");
            pieces.take(line.as_bytes(), &|_| panic!("no words")).unwrap();
        }
        let calls = pieces.whole().tool_calls;
        let told: Vec<_> =
            calls.iter().map(|it| (&*it.id, &*it.function.name, &*it.function.arguments)).collect();
        assert_eq!(told, [("a", "get_running", "{\"environment\":\"x\"}"), ("b", "n", "")]);
        for odd in ["data: {", "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":9}]}}]}"] {
            assert!(Pieces::default().take(format!("{odd}\n").as_bytes(), &|_| ()).is_err(), "{odd}");
        }
    }
}
