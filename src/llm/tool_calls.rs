//! Tool calls put together from the pieces in which models stream them.

use serde_json::{Value, json};

use super::{Event, Failure, ToolCall};

/// More than any answer calls for; a model that repeats itself for ever stops here.
const CALLS: usize = 64;
const ARGUMENT_BYTES: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct ToolCalls(Vec<Partial>);

#[derive(Debug)]
struct Partial {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl ToolCalls {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The call that a piece belongs to: the one of its index, unless the piece brings another id (servers exist that
    /// give every call the index 0); without an index, the one of its id, else the last; else a new one.
    pub(super) fn add(&mut self, index: Option<u64>, id: &str, name: &str, arguments: &str) -> Result<(), Failure> {
        let same_id = |call: &Partial| id.is_empty() || call.id.is_empty() || call.id == id;
        let found = self.0.iter().rposition(|call| same_id(call) && (index.is_none() || call.index == index));
        let at = match found {
            Some(at) => at,
            None if self.0.len() >= CALLS => return Err(Failure::Invalid("more tool calls than can be meant")),
            None => {
                self.0.push(Partial { index, id: String::new(), name: String::new(), arguments: String::new() });
                self.0.len() - 1
            }
        };
        let call = &mut self.0[at];
        if call.id.is_empty() {
            call.id.push_str(id);
        }
        // Some send the name with every piece, none sends it in pieces.
        if call.name.is_empty() {
            call.name.push_str(name);
        }
        if call.arguments.len() + arguments.len() > ARGUMENT_BYTES {
            return Err(Failure::Invalid("tool arguments that are too long"));
        }
        call.arguments.push_str(arguments);
        Ok(())
    }

    /// All calls, in the order in which they began. A call without an id gets one of its place.
    pub(super) fn finish(&mut self) -> impl Iterator<Item = Event> {
        std::mem::take(&mut self.0).into_iter().enumerate().map(|(place, call)| {
            let id = if call.id.is_empty() { format!("call_{place}") } else { call.id };
            let arguments = match call.arguments.trim() {
                "" => json!({}),
                text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
            };
            Event::ToolCall(ToolCall { id, name: call.name, arguments })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(pieces: &[(Option<u64>, &str, &str, &str)]) -> Vec<(String, String, Value)> {
        let mut calls = ToolCalls::default();
        for (index, id, name, arguments) in pieces {
            calls.add(*index, id, name, arguments).unwrap();
        }
        let of = |event| match event {
            Event::ToolCall(call) => (call.id, call.name, call.arguments),
            other => panic!("{other:?}"),
        };
        calls.finish().map(of).collect()
    }

    #[test]
    fn joins_the_pieces_of_each_call() {
        let expected =
            vec![("a".to_owned(), "find".to_owned(), json!({"q": 1})), ("b".to_owned(), "open".to_owned(), json!({}))];
        let indexed = [
            (Some(0), "a", "find", ""),
            (Some(1), "b", "open", ""),
            (Some(0), "", "", "{\"q\":"),
            (Some(0), "", "", "1}"),
        ];
        assert_eq!(calls(&indexed), expected);
        let every_index_is_0 = [(Some(0), "a", "find", "{\"q\":1}"), (Some(0), "b", "open", "{}")];
        assert_eq!(calls(&every_index_is_0), expected);
        let no_index = [(None, "a", "find", "{\"q\":"), (None, "", "", "1}"), (None, "b", "open", "")];
        assert_eq!(calls(&no_index), expected);
    }

    #[test]
    fn keeps_arguments_that_are_not_json_as_words() {
        assert_eq!(calls(&[(Some(0), "", "find", "{q: ")]), [("call_0".into(), "find".into(), json!("{q:"))]);
    }

    #[test]
    fn is_bounded() {
        let mut calls = ToolCalls::default();
        let result: Result<Vec<()>, _> = (0..100).map(|i| calls.add(Some(i), &i.to_string(), "x", "")).collect();
        assert!(result.is_err());
        assert!(ToolCalls::default().add(None, "", "", &"x".repeat(ARGUMENT_BYTES + 1)).is_err());
    }
}
