//! What the framework leaves out of the OpenAPI document: the workspace's path parameter, the flat addresses, and the types
//! of our own values.

use std::borrow::Cow;

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value, json};

use super::front::FLAT;
use crate::{clock::Timestamp, error::Result};

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

/// The paths as the framework writes them: the same one again where two floors have operations on it, and `:ws` for the
/// workspace, which stands in a prefix.
#[derive(Default)]
struct Paths(Map<String, Value>);

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Merged;
        impl<'de> Visitor<'de> for Merged {
            type Value = Paths;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("paths")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> std::result::Result<Paths, A::Error> {
                let mut paths = Paths::default();
                while let Some((path, operations)) = access.next_entry::<String, Map<String, Value>>()? {
                    let item = paths.0.entry(path.replace("/:ws/", "/{ws}/")).or_insert_with(|| json!({}));
                    item.as_object_mut().into_iter().for_each(|item| item.extend(operations.clone()));
                }
                Ok(paths)
            }
        }
        deserializer.deserialize_map(Merged)
    }
}

#[derive(Deserialize)]
struct Document {
    paths: Paths,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The whole document: the framework's, and what it cannot know.
///
/// # Errors
/// Where the framework's text is no document.
pub fn complete(text: &str) -> Result<Value> {
    let Document { paths: Paths(paths), rest: mut document } = serde_json::from_str(text)?;
    document.insert("paths".to_owned(), Value::Object(complete_paths(paths)));
    if let Some(schemas) = document.get_mut("components").and_then(|components| components.get_mut("schemas")).and_then(Value::as_object_mut) {
        complete_schemas(schemas);
    }
    Ok(Value::Object(document))
}

fn complete_paths(paths: Map<String, Value>) -> Map<String, Value> {
    let mut paths: Map<String, Value> = paths.into_iter().map(camel_case_parameters).collect();
    let mut flat = Vec::new();
    for (path, item) in paths.iter_mut() {
        let Some(operations) = item.as_object_mut() else { continue };
        operations.values_mut().for_each(add_paging_ranges);
        operations.values_mut().for_each(free_streams);
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
    paths
}

/// The framework names what is in an address as the code does. Clients read camelCase, but for the site-key API with its own
/// contract.
fn camel_case_parameters((path, mut item): (String, Value)) -> (String, Value) {
    if path.starts_with("/api/v1/") {
        return (path, item);
    }
    let operations = item.as_object_mut().into_iter().flat_map(|item| item.values_mut());
    let parameters = operations.filter_map(|operation| operation.get_mut("parameters")?.as_array_mut()).flatten();
    for parameter in parameters.filter(|parameter| parameter["in"] == "path") {
        parameter["name"] = Value::String(camel_case(parameter["name"].as_str().unwrap_or_default()));
    }
    let parts: Vec<String> = path.split('/').map(|part| if part.starts_with('{') { camel_case(part) } else { part.to_owned() }).collect();
    (parts.join("/"), item)
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let mut letters = word.chars();
        letters.next().map_or(text.clone(), |letter| format!("{text}{}{}", letter.to_ascii_uppercase(), letters.as_str()))
    })
}

/// What may be left out of a change and cannot be taken away; see `body::not_null`.
const NOT_NULL: &[(&str, &[&str])] = &[
    (
        "AssistantFields",
        &["name", "instructions", "visibility", "temperature", "maxTokens", "widgetEnabled", "webSearchEnabled", "suggestedQuestions", "widget", "handoff", "retrieval", "budget"],
    ),
    ("ChangeMe", &["name"]),
    ("TicketFields", &["subject", "description", "status", "priority", "tags"]),
    ("UpdateConversation", &["tags"]),
    ("UpdateDocument", &["title"]),
    ("UpdateProject", &["name", "visibility"]),
    ("UpdateWorkspace", &["name", "allowedModels", "settings"]),
    ("WebhookFields", &["url", "events", "active"]),
];

/// A field that may be missing may be null as well, in what is sent and in what is answered.
fn complete_schemas(schemas: &mut Map<String, Value>) {
    for (schema_name, schema) in schemas {
        let not_null = NOT_NULL.iter().find(|(name, _)| name == schema_name).map_or(&[][..], |(_, fields)| *fields);
        let required: Vec<String> = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        let fields = schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
        for (_, field) in fields.filter(|(name, _)| !required.contains(name) && !not_null.contains(&name.as_str())) {
            if field.get("$ref").is_some() {
                *field = json!({"allOf": [field.take()], "nullable": true});
            } else if let Some(field) = field.as_object_mut() {
                field.insert("nullable".to_owned(), Value::Bool(true));
            }
        }
    }
}

/// The ranges that every list has; see `Paging`.
fn add_paging_ranges(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
    for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
        let name = parameter["name"].as_str().unwrap_or_default().to_owned();
        let Some(schema) = parameter.get_mut("schema").and_then(Value::as_object_mut).filter(|schema| schema.get("type") == Some(&json!("integer"))) else { continue };
        if name == "limit" || name == "offset" {
            schema.insert("minimum".to_owned(), json!(if name == "limit" { 1 } else { 0 }));
        }
        if name == "limit" {
            schema.insert("maximum".to_owned(), json!(100));
        }
    }
}

/// A stream of events is no text: what each holds stands in the guide, and this version of OpenAPI cannot say it.
fn free_streams(operation: &mut Value) {
    for response in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flat_map(|responses| responses.values_mut()) {
        if let Some(stream) = response.pointer_mut("/content/text~1event-stream") {
            *stream = json!({"schema": {}});
        }
    }
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
fn flat_item(operations: &Map<String, Value>, is_collection: bool) -> Value {
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
