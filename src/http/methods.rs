//! Which methods each address of the API takes: what `Allow` says beside a 405.

use poem::http::HeaderValue;
use serde_json::Value;

/// The addresses of the OpenAPI document with their methods.
#[derive(Debug, Default)]
pub struct Methods(Vec<(Vec<Segment>, String)>);

#[derive(Debug)]
enum Segment {
    Literal(String),
    Parameter,
}

impl Methods {
    pub fn of(document: &Value) -> Self {
        let paths = document["paths"].as_object().into_iter().flatten();
        Methods(
            paths
                .map(|(path, operations)| {
                    let segments = path.split('/').map(|part| if part.starts_with('{') { Segment::Parameter } else { Segment::Literal(part.to_owned()) });
                    let mut methods: Vec<String> = operations.as_object().into_iter().flatten().map(|(method, _)| method.to_ascii_uppercase()).collect();
                    methods.sort_unstable();
                    (segments.collect(), methods.join(", "))
                })
                .collect(),
        )
    }

    /// For one address. Everything that is not the API is only read.
    pub fn allowed(&self, path: &str) -> HeaderValue {
        let path = path.trim_end_matches('/');
        let fits = |segments: &[Segment]| {
            let mut parts = path.split('/');
            segments.iter().all(|segment| match (segment, parts.next()) {
                (Segment::Literal(text), Some(part)) => text == part,
                (Segment::Parameter, Some(part)) => !part.is_empty(),
                (_, None) => false,
            }) && parts.next().is_none()
        };
        // Where a fixed address stands beside one with a parameter, the fixed one is meant.
        let literals = |segments: &[Segment]| segments.iter().filter(|segment| matches!(segment, Segment::Literal(_))).count();
        let found = self.0.iter().filter(|(segments, _)| fits(segments)).max_by_key(|(segments, _)| literals(segments));
        found.and_then(|(_, methods)| HeaderValue::from_str(methods).ok()).unwrap_or(HeaderValue::from_static("GET, HEAD"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_is_found_by_its_form() {
        let methods = Methods::of(&json!({"paths": {"/api/things": {"get": {}, "post": {}}, "/api/things/{id}": {"patch": {}, "delete": {}, "get": {}}}}));
        assert_eq!(methods.allowed("/api/things"), "GET, POST");
        assert_eq!(methods.allowed("/api/things/7"), "DELETE, GET, PATCH");
        assert_eq!(methods.allowed("/api/things/7/parts"), "GET, HEAD");
        let methods = Methods::of(&json!({"paths": {"/api/things/{id}": {"get": {}}, "/api/things/best": {"post": {}}}}));
        assert_eq!((methods.allowed("/api/things/best"), methods.allowed("/api/things/7")), (HeaderValue::from_static("POST"), HeaderValue::from_static("GET")));
    }
}
