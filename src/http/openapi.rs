//! What the framework leaves out of the OpenAPI document: the workspace's path parameter, the flat addresses, and the types
//! of our own values.

use std::borrow::Cow;

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use serde_json::{Value, json};

use super::front::FLAT;
use crate::clock::Timestamp;

impl Type for Timestamp {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_date-time".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "date-time")))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ToJSON for Timestamp {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.to_string()))
    }
}

impl ParseFromJSON for Timestamp {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        value.as_ref().and_then(Value::as_str).and_then(Timestamp::parse).ok_or_else(|| ParseError::custom("expected a time like 2026-01-31T08:15:00Z"))
    }
}

impl ParseFromParameter for Timestamp {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Timestamp::parse(value).ok_or_else(|| ParseError::custom("expected a time like 2026-01-31T08:15:00Z"))
    }
}

/// Adds to the framework's document what it cannot know.
pub fn complete(document: &mut Value) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    let mut flat = Vec::new();
    for (path, item) in paths.iter_mut() {
        let Some(operations) = item.as_object_mut() else { continue };
        if let Some(rest) = path.strip_prefix("/api/workspaces/{ws}/")
            && FLAT.contains(&rest.split('/').next().unwrap_or_default())
        {
            flat.push((format!("/api/{rest}"), flat_item(operations, !rest.contains('/'))));
        }
        if path.contains("{ws}") {
            for operation in operations.values_mut() {
                add_workspace_parameter(operation);
            }
        }
    }
    paths.extend(flat);
}

fn add_workspace_parameter(operation: &mut Value) {
    let parameter = json!({
        "name": "ws", "in": "path", "required": true, "deprecated": false, "explode": true,
        "description": "The workspace's id.", "schema": {"type": "string"},
    });
    if let Some(operation) = operation.as_object_mut()
        && let Some(parameters) = operation.entry("parameters").or_insert_with(|| json!([])).as_array_mut()
    {
        parameters.insert(0, parameter);
    }
}

/// The same operations under their flat address. The list itself is a bare array there.
fn flat_item(operations: &serde_json::Map<String, Value>, is_collection: bool) -> Value {
    let mut flat = operations.clone();
    for (method, operation) in &mut flat {
        if let Some(id) = operation.get("operationId").and_then(Value::as_str).map(|id| format!("{id}_flat")) {
            operation["operationId"] = Value::String(id);
        }
        if is_collection && method == "get" {
            let content = operation.pointer_mut("/responses/200/content").and_then(Value::as_object_mut);
            for media in content.into_iter().flat_map(|content| content.values_mut()) {
                let item = media.pointer("/schema/$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix("#/components/schemas/Page_")).map(str::to_owned);
                if let Some(item) = item {
                    media["schema"] = json!({"type": "array", "items": {"$ref": format!("#/components/schemas/{item}")}});
                }
            }
        }
    }
    Value::Object(flat)
}
