//! `/api/docs`: the OpenAPI document as a page that needs no script and nothing from elsewhere.

use std::sync::OnceLock;

use poem::{Endpoint, Request, Response};
use serde_json::{Map, Value};

use super::html::{escape, layout, respond};
use crate::error::Result;

/// The endpoint; the page is made at the first request.
pub struct ApiDocs {
    openapi: fn() -> Result<Value>,
    page: OnceLock<String>,
}

impl ApiDocs {
    /// `openapi` makes the document.
    pub fn new(openapi: fn() -> Result<Value>) -> Self {
        ApiDocs { openapi, page: OnceLock::new() }
    }
}

impl Endpoint for ApiDocs {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let html = match self.page.get() {
            Some(html) => html,
            None => {
                let html = render(&(self.openapi)()?);
                self.page.get_or_init(|| html)
            }
        };
        Ok(respond(&request, html.clone()))
    }
}

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Operations under their tags, in the document's order, then every schema.
fn render(document: &Value) -> String {
    let mut groups: Vec<(String, String)> = Vec::new();
    for (path, item) in entries(&document["paths"]) {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            // The flat addresses are the same operations; the introduction says so.
            if operation["operationId"].as_str().is_some_and(|id| id.ends_with("_flat")) {
                continue;
            }
            let tag = operation["tags"][0].as_str().unwrap_or("Other").to_owned();
            let html = render_operation(path, method, operation);
            match groups.iter_mut().find(|(name, _)| *name == tag) {
                Some((_, body)) => body.push_str(&html),
                None => groups.push((tag, html)),
            }
        }
    }
    let mut side = String::from("<ul>");
    let mut body = format!(
        "<h1>API</h1><p class=\"lead\">{}</p><p>The machine-readable document is <a href=\"/api/openapi.json\"><code>/api/openapi.json</code></a>. \
         Send a token as <code>Authorization: Bearer ic_…</code>; make one in the dashboard or with <code>illumichat token create</code>. \
         An error has the shape <code>{{\"error\":\"…\",\"code\":\"type:context\"}}</code>, and every operation may answer one.</p>",
        prose(document["info"]["description"].as_str().unwrap_or_default()),
    );
    for (tag, operations) in &groups {
        let (tag, id) = (escape(tag), escape(&tag.replace(' ', "-")));
        side.push_str(&format!("<li><a href=\"#{id}\">{tag}</a></li>"));
        body.push_str(&format!("<h2 id=\"{id}\">{tag}</h2>{operations}"));
    }
    side.push_str("<li><a href=\"#schemas\">Schemas</a></li></ul>");
    body.push_str("<h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        body.push_str(&render_schema(name, schema));
    }
    layout("API", "Every operation of the IllumiChat API.", &side, &body)
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// A text of the document: escaped, with its `code` marked.
fn prose(text: &str) -> String {
    escape(text).split('`').enumerate().map(|(place, part)| if place % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

fn render_operation(path: &str, method: &str, operation: &Value) -> String {
    let mut inner = String::new();
    if let Some(description) = operation["description"].as_str() {
        inner.push_str(&format!("<p>{}</p>", prose(description)));
    }
    let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        let rows = parameters.iter().map(|parameter| {
            format!(
                "<tr><td><code>{}</code></td><td>{}{}</td><td>{}</td><td>{}</td></tr>",
                escape(parameter["name"].as_str().unwrap_or_default()),
                escape(parameter["in"].as_str().unwrap_or_default()),
                if parameter["required"] == true { ", required" } else { "" },
                type_of(&parameter["schema"]),
                prose(parameter["description"].as_str().unwrap_or_default()),
            )
        });
        inner.push_str(&table("Parameters", &rows.collect::<String>()));
    }
    let bodies = entries(&operation["requestBody"]["content"]).map(|(kind, media)| format!("<tr><td><code>{}</code></td><td>{}</td></tr>", escape(kind), type_of(&media["schema"])));
    let bodies: String = bodies.collect();
    if !bodies.is_empty() {
        inner.push_str(&table("Body", &bodies));
    }
    // The errors are the same everywhere: the introduction has their shape.
    let answers = entries(&operation["responses"]).filter(|(status, _)| status.starts_with(['1', '2', '3'])).map(|(status, response)| {
        let shapes: Vec<String> = entries(&response["content"]).map(|(kind, media)| format!("<code>{}</code> {}", escape(kind), type_of(&media["schema"]))).collect();
        format!("<tr><td>{}</td><td>{}</td><td>{}</td></tr>", escape(status), prose(response["description"].as_str().unwrap_or_default()), shapes.join("<br>"))
    });
    inner.push_str(&table("Answers", &answers.collect::<String>()));
    format!(
        "<details class=\"operation\" id=\"{}\"><summary><span class=\"method method-{method}\">{}</span><code>{}</code><small>{}</small></summary><div>{inner}</div></details>",
        escape(operation["operationId"].as_str().unwrap_or_default()),
        method.to_uppercase(),
        escape(path),
        prose(operation["summary"].as_str().unwrap_or_default()),
    )
}

fn table(title: &str, rows: &str) -> String {
    format!("<h4>{title}</h4><div class=\"scroll\" tabindex=\"0\"><table>{rows}</table></div>")
}

/// A schema in a few words, with links to those that have a name.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escape(name));
    }
    for key in ["allOf", "oneOf", "anyOf"] {
        if let Some(parts) = schema[key].as_array() {
            return parts.iter().map(type_of).collect::<Vec<_>>().join(if key == "allOf" { " and " } else { " or " });
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|value| format!("<code>{}</code>", escape(&value.to_string()))).collect::<Vec<_>>().join(" ");
    }
    let name = match schema["type"].as_str().unwrap_or("any value") {
        "array" => format!("list of {}", type_of(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => format!("object of {}", type_of(&schema["additionalProperties"])),
        other => escape(other),
    };
    match schema["format"].as_str() {
        Some(format) => format!("{name} ({})", escape(format)),
        None => name,
    }
}

fn render_schema(name: &str, schema: &Value) -> String {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut rows: String = entries(&schema["properties"])
        .map(|(field, value)| {
            format!(
                "<tr><td><code>{}</code></td><td>{}{}</td><td>{}</td></tr>",
                escape(field),
                type_of(value),
                if required.contains(&field.as_str()) { "" } else { ", optional" },
                prose(value["description"].as_str().unwrap_or_default()),
            )
        })
        .collect();
    if rows.is_empty() {
        rows = format!("<tr><td>{}</td></tr>", type_of(schema));
    }
    let description = schema["description"].as_str().map(|text| format!("<p>{}</p>", prose(text))).unwrap_or_default();
    let name = escape(name);
    format!("<h3 id=\"schema-{name}\">{name}</h3>{description}<div class=\"scroll\" tabindex=\"0\"><table>{rows}</table></div>")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::render;

    #[test]
    fn what_the_document_says_is_text_and_not_markup() {
        let html = render(&json!({
            "info": {"description": "Says `hello` & <b>more</b>."},
            "paths": {"/api/things/{id}": {"get": {
                "tags": ["Things"], "operationId": "get_thing", "summary": "One thing.",
                "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
                "responses": {"200": {"description": "It.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}, "404": {"description": "Never shown."}}
            }}},
            "components": {"schemas": {"Thing": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "description": "<script>"}}}}}
        }));
        assert!(html.contains("Says <code>hello</code> &amp; &lt;b&gt;more&lt;/b&gt;."), "{html}");
        assert!(html.contains("href=\"#schema-Thing\"") && html.contains("id=\"schema-Thing\""), "{html}");
        assert!(!html.contains("<script") && !html.contains("Never shown"), "{html}");
    }
}
